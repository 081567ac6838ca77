//! One engine process, from its start to the exit status of its end.

use super::frame::{self, Side};
use super::inbox::Inbox;
use super::link::Link;
use super::log;
use super::protocol::{Failure, JobId, Order, ToEngine};
use super::ring::Ring;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

/// How an engine is started and watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// The program `slidestream`.
    pub program: PathBuf,
    /// Folder for the engine's log.
    pub logs: PathBuf,
    /// An engine that has not greeted by then is killed.
    pub start_within: Duration,
    /// An engine that answers nothing for so long is killed. Time in which the host itself stood still does not count.
    pub silence: Duration,
    /// An engine without a job for so long is ended, and with it goes all memory that its models hold.
    pub idle: Duration,
}

impl EngineOptions {
    /// The usual ones for a program: a minute to start, 30 s of silence, five idle minutes.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            logs: log::usual_folder(),
            start_within: Duration::from_secs(60),
            silence: Duration::from_secs(30),
            idle: Duration::from_secs(300),
        }
    }
}

/// Time between two looks at the engine.
const TICK: Duration = Duration::from_millis(100);
/// Time that an engine gets to end by itself, once told to or once its pipe is closed.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);

/// A running engine. Dropping it ends the engine.
#[derive(Debug)]
pub struct Process {
    link: Arc<Link>,
    supervisor: Option<thread::JoinHandle<()>>,
}

impl Process {
    /// Starts an engine and waits for its greeting.
    ///
    /// # Errors
    /// [`Failure`] of the kind `Engine` that quotes what the engine wrote before it ended.
    pub fn start(options: &EngineOptions) -> Result<Self, Failure> {
        let (answer, started) = mpsc::channel();
        let options = options.clone();
        // The engine is a child of this thread, which lives as long as it: on Linux the order to die with its parent
        // means the thread, not the process.
        let supervisor = Builder::new()
            .name("slidestream-engine".into())
            .spawn(move || match begin(&options) {
                Ok((link, child, output)) => {
                    let link = Arc::new(link);
                    // The receiver waits without an end.
                    let _ = answer.send(Ok(link.clone()));
                    supervise(&link, child, output, &options);
                }
                Err(failure) => drop(answer.send(Err(failure))),
            })
            .map_err(|error| Failure::engine(format!("cannot start a thread for the engine: {error}")))?;
        match started.recv() {
            Ok(Ok(link)) => Ok(Self { link, supervisor: Some(supervisor) }),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::engine("the thread that starts the engine panicked")),
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.link.pid
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.link.log
    }

    /// Why it is dead, if it is.
    pub fn death(&self) -> Option<&Failure> {
        self.link.death()
    }

    /// Can it take a job? Not if it is dead or told to end.
    pub fn takes_jobs(&self) -> bool {
        self.death().is_none() && !self.link.dismissed()
    }

    /// Jobs that have not ended.
    pub fn jobs(&self) -> usize {
        self.link.jobs()
    }

    pub(super) fn begin(&self, order: Order) -> Result<(JobId, Arc<Inbox>, Arc<Link>), Failure> {
        let (job, inbox) = self.link.begin(order)?;
        Ok((job, inbox, self.link.clone()))
    }

    /// Tells the engine to stop its jobs and end, and waits until it has.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.link.dismiss();
        if let Some(supervisor) = self.supervisor.take() {
            // It cannot panic but by a defect, and then there is nothing left to wait for.
            let _ = supervisor.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts the program and exchanges greetings.
fn begin(options: &EngineOptions) -> Result<(Link, Child, ChildStdout), Failure> {
    let program = options.program.display();
    let (log, file) = log::create(&options.logs).map_err(|error| Failure::engine(error.with_causes()))?;
    let ring = Ring::create().map_err(|error| {
        let bytes = super::ring::RING_BYTES >> 20;
        Failure::engine(format!("cannot make {bytes} MiB of shared memory for the engine: {error}"))
    })?;
    let mut command = Command::new(&options.program);
    command.arg("engine").arg("--host").arg(std::process::id().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::from(file));
    if std::env::var_os("OMP_WAIT_POLICY").is_none() {
        // libtorch's threads must not spin while they wait: the host wants the cores too.
        command.env("OMP_WAIT_POLICY", "PASSIVE");
    }
    // Ctrl-C goes to a whole group: the engine must outlive what the host does at its end.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        let _ = std::fs::remove_file(&log);
        Failure::engine(format!("cannot start the engine {program}: {error}"))
    })?;
    let (Some(mut to_engine), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::engine("an engine without pipes"));
    };
    let asked = frame::greet(&mut to_engine, Side::Host, &ring.path());
    let (answer, greeted) = mpsc::channel();
    let reader = Builder::new().name("slidestream-greeting".into()).spawn(move || {
        let mut output = output;
        let greeting = frame::greeted(&mut output, Side::Engine);
        // Nobody waits if the start took too long.
        let _ = answer.send((greeting, output));
    });
    let fail = |mut child: Child, reason: String| {
        let _ = child.kill();
        let status = child.wait().map_or_else(|error| error.to_string(), describe);
        let said = log::end(&log);
        let said = if said.is_empty() { String::new() } else { format!("; it wrote: {said}") };
        Failure::engine(format!(
            "the engine {program} did not start: {reason}; it {status}{said} (log: {})",
            log.display()
        ))
    };
    if let Err(error) = reader {
        return Err(fail(child, format!("no thread for it: {error}")));
    }
    let (greeting, output) = match greeted.recv_timeout(options.start_within) {
        Ok(got) => got,
        Err(_) => {
            let seconds = options.start_within.as_secs_f64();
            return Err(fail(child, format!("no greeting within {seconds} s")));
        }
    };
    let greeting = match (greeting, asked) {
        (Ok(greeting), _) => greeting,
        (Err(error), _) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(fail(child, format!("it is no slidestream engine: {error}")));
        }
        (Err(_), _) => {
            // It ended by itself, or is about to: its status tells more than the kill that would follow.
            await_end(&mut child, FAREWELL);
            return Err(fail(child, "it ended before its greeting".into()));
        }
    };
    match greeting.body::<Result<(), String>>() {
        Ok(Ok(())) => {}
        Ok(Err(reason)) | Err(reason) => return Err(fail(child, reason)),
    }
    let link = Link::new(child.id(), log, to_engine, ring);
    Ok((link, child, output))
}

/// Watches the engine until it is gone, and then tells every job why.
fn supervise(link: &Arc<Link>, mut child: Child, output: ChildStdout, options: &EngineOptions) {
    let (ended, end) = mpsc::channel();
    let reading = {
        let link = link.clone();
        Builder::new().name("slidestream-reader".into()).spawn(move || read(&link, output, &ended))
    };
    let pinging = {
        let link = link.clone();
        let every = (options.silence / 4).min(Duration::from_secs(1));
        Builder::new().name("slidestream-ping".into()).spawn(move || ping(&link, every))
    };
    let mut cause = None;
    if reading.is_err() || pinging.is_err() {
        cause = Some("no threads could be started for it".to_owned());
    }
    let mut silence = Silence::new(options.silence);
    let mut told_to_end = None;
    while cause.is_none() {
        match end.recv_timeout(TICK) {
            Ok(reason) => {
                // The end of its output comes before the system knows its exit status.
                await_end(&mut child, FAREWELL);
                cause = Some(reason);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => cause = Some("its reader failed".into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if silence.lasts(link.heard()) {
                    cause = Some(format!("it did not answer for {} s and was killed", options.silence.as_secs_f64()));
                } else if link.dismissed() {
                    if told_to_end.get_or_insert_with(Instant::now).elapsed() >= 2 * FAREWELL {
                        cause = Some("it did not end when told to and was killed".into());
                    }
                } else if link.rests(options.idle) {
                    link.send_off();
                }
            }
        }
    }
    let _ = child.kill();
    let status = child.wait();
    let status = status.map_or_else(|error| error.to_string(), describe);
    let cause = cause.unwrap_or_default();
    let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
    let failure = Failure::engine(format!("the engine {status}{cause}; its log is {}", link.log.display()));
    link.bury(failure);
    for thread in [reading, pinging].into_iter().flatten() {
        // A panic in one of them has been noticed as the end of its channel.
        let _ = thread.join();
    }
}

fn read(link: &Link, mut output: ChildStdout, ended: &mpsc::Sender<String>) {
    let reason = loop {
        match frame::receive(&mut output) {
            Ok(Some(message)) => link.deliver(message),
            Ok(None) => break String::new(),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break String::new(),
            Err(error) => break format!("what it sent could not be understood ({error})"),
        }
    };
    // The supervisor is gone only if it saw the end first.
    let _ = ended.send(reason);
}

fn ping(link: &Link, every: Duration) {
    while link.death().is_none() {
        if link.send(&ToEngine::Ping).is_err() {
            return;
        }
        let until = Instant::now() + every;
        while Instant::now() < until && link.death().is_none() {
            thread::sleep(TICK.min(every));
        }
    }
}

/// How long nothing was heard, in the time that this process itself was awake.
struct Silence {
    most: Duration,
    heard: u64,
    lasted: Duration,
    looked: Instant,
}

impl Silence {
    fn new(most: Duration) -> Self {
        Self { most, heard: 0, lasted: Duration::ZERO, looked: Instant::now() }
    }

    fn lasts(&mut self, heard: u64) -> bool {
        let step = self.looked.elapsed().min(2 * TICK);
        self.looked = Instant::now();
        if heard != self.heard {
            (self.heard, self.lasted) = (heard, Duration::ZERO);
        } else {
            self.lasted += step;
        }
        self.lasted >= self.most
    }
}

/// Waits until the child has ended, but not for ever.
fn await_end(child: &mut Child, most: Duration) {
    let until = Instant::now() + most;
    while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// `ended with exit code 1`, `was killed by signal 9`.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal} ({})", signal_name(signal)),
        (None, None) => format!("ended: {status}"),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => "SIGKILL: by hand, by its watcher, or for want of memory",
        libc::SIGSEGV => "SIGSEGV: a crash",
        libc::SIGABRT => "SIGABRT: a crash",
        libc::SIGBUS => "SIGBUS: a crash",
        libc::SIGILL => "SIGILL: this processor lacks an instruction",
        libc::SIGTERM => "SIGTERM",
        _ => "see signal(7)",
    }
}
