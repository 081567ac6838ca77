//! The line to one engine: what is sent, who waits for what, and whether it still lives.

use super::frame;
use super::inbox::{Inbox, Item, Part};
use super::process::FAREWELL;
use super::protocol::{Failure, FromEngine, JobId, Order, ToEngine, Want};
use super::ring::{Ring, Slot};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Shared by the threads that talk to the engine.
#[derive(Debug)]
pub(super) struct Link {
    pub pid: u32,
    pub log: PathBuf,
    /// None once the engine is told to end.
    to_engine: Mutex<Option<ChildStdin>>,
    pub ring: Ring,
    jobs: Mutex<Jobs>,
    /// Messages heard so far.
    heard: AtomicU64,
    death: OnceLock<Failure>,
    /// Told to end.
    dismissed: AtomicBool,
}

#[derive(Debug)]
struct Jobs {
    last: JobId,
    running: HashMap<JobId, Arc<Inbox>>,
    idle_since: Instant,
}

impl Link {
    pub fn new(pid: u32, log: PathBuf, to_engine: ChildStdin, ring: Ring) -> Self {
        let jobs = Jobs { last: 0, running: HashMap::new(), idle_since: Instant::now() };
        Self {
            pid,
            log,
            to_engine: Mutex::new(Some(to_engine)),
            ring,
            jobs: Mutex::new(jobs),
            heard: AtomicU64::new(0),
            death: OnceLock::new(),
            dismissed: AtomicBool::new(false),
        }
    }

    /// Why the engine is dead, if it is.
    pub fn death(&self) -> Option<&Failure> {
        self.death.get()
    }

    /// Has it been told to end?
    pub fn dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Acquire)
    }

    /// Messages heard so far.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Jobs that have not ended.
    pub fn jobs(&self) -> usize {
        lock(&self.jobs).running.len()
    }

    /// Has there been no job for so long?
    pub fn rests(&self, idle: Duration) -> bool {
        let jobs = lock(&self.jobs);
        jobs.running.is_empty() && jobs.idle_since.elapsed() >= idle
    }

    /// Sends an order.
    pub fn begin(&self, order: Order) -> Result<(JobId, Arc<Inbox>), Failure> {
        let inbox = Arc::new(Inbox::default());
        let job = {
            let mut jobs = lock(&self.jobs);
            jobs.last += 1;
            let job = jobs.last;
            jobs.running.insert(job, inbox.clone());
            job
        };
        match self.send(&ToEngine::Begin(job, order)) {
            Ok(()) => Ok((job, inbox)),
            Err(failure) => {
                self.forget(job);
                Err(failure)
            }
        }
    }

    /// The engine is gone: tells everyone why.
    pub fn bury(&self, failure: Failure) {
        let failure = self.death.get_or_init(|| failure).clone();
        // Senders that waited for room in its pipe have failed by now: its end of the pipe is closed.
        lock(&self.to_engine).take();
        let orphans: Vec<_> = lock(&self.jobs).running.drain().collect();
        for (_, inbox) in orphans {
            inbox.put(Item::Ended(Err(failure.clone())));
        }
    }

    /// Sends a message. If the engine hangs, this ends when its watcher has killed it.
    pub fn send(&self, message: &ToEngine) -> Result<(), Failure> {
        let mut to_engine = lock(&self.to_engine);
        let gone = || Failure::engine("the engine has been told to end");
        let pipe = to_engine.as_mut().ok_or_else(|| self.death.get().cloned().unwrap_or_else(gone))?;
        let sent = frame::send(pipe, message);
        drop(to_engine);
        sent.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Failure::engine(format!("cannot send to the engine: {error}")),
            // Its supervisor is about to know why.
            _ => self.wait_for_death(),
        })
    }

    /// Answers a wanted region.
    pub fn answer(&self, want: Want, pixels: Result<&[u8], String>) -> Result<(), Failure> {
        let written = pixels.and_then(|pixels| {
            if pixels.len() != want.bytes() {
                return Err(format!("{} bytes instead of {} for a region", pixels.len(), want.bytes()));
            }
            self.ring.write(Slot::Pixels(want.slot), pixels).map_err(|error| error.to_string())
        });
        self.send(&ToEngine::Pixels(want.slot, written))
    }

    /// Gives back what nobody will take.
    pub fn refuse(&self, want: Option<Want>, part: Option<Part>) {
        // If the engine is dead, there is nobody to give it back to.
        if let Some(want) = want {
            let _ = self.answer(want, Err("the host has closed this job".into()));
        }
        if let Some(part) = part {
            let _ = self.send(&ToEngine::Release(part.slot));
        }
    }

    fn forget(&self, job: JobId) {
        let mut jobs = lock(&self.jobs);
        jobs.running.remove(&job);
        jobs.idle_since = Instant::now();
    }

    /// No more messages; the engine ends by this or by the end of its input.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
        if let Some(mut pipe) = lock(&self.to_engine).take() {
            // An engine that is gone needs no order.
            let _ = frame::send(&mut pipe, &ToEngine::Shutdown);
        }
    }

    /// As [`Link::dismiss`], for its watcher, which must not wait: while somebody sends, it is not idle.
    pub fn send_off(&self) {
        if let Ok(mut pipe) = self.to_engine.try_lock() {
            self.dismissed.store(true, Ordering::Release);
            // Closing its input is an order too.
            drop(pipe.take());
        }
    }

    fn wait_for_death(&self) -> Failure {
        let until = Instant::now() + 2 * FAREWELL;
        while Instant::now() < until {
            if let Some(failure) = self.death.get() {
                return failure.clone();
            }
            thread::sleep(Duration::from_millis(1));
        }
        Failure::engine(format!("the engine no longer listens; its log is {}", self.log.display()))
    }

    /// Takes a message of the engine.
    pub fn deliver(&self, message: FromEngine) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let (job, item) = match message {
            FromEngine::Pong => return,
            FromEngine::Progress(job, progress) => (job, Item::Progress(progress)),
            FromEngine::Note(job, note) => (job, Item::Note(note)),
            FromEngine::Objects { job, slot, bytes, last } => (job, Item::Part(Part { slot, bytes, last })),
            FromEngine::Want(job, want) => (job, Item::Want(want)),
            FromEngine::Ended(job, end) => {
                let inbox = lock(&self.jobs).running.get(&job).cloned();
                self.forget(job);
                inbox.map(|inbox| inbox.put(Item::Ended(end)));
                return;
            }
        };
        let inbox = lock(&self.jobs).running.get(&job).cloned();
        let back = match inbox {
            Some(inbox) => inbox.put(item),
            None => Some(item),
        };
        // A job that nobody knows, or one that its owner has closed.
        back.into_iter().for_each(|item| self.give_back(item));
    }

    fn give_back(&self, item: Item) {
        match item {
            Item::Want(want) => self.refuse(Some(want), None),
            Item::Part(part) => self.refuse(None, Some(part)),
            _ => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
