//! What goes wrong, on either side.

use super::*;
use crate::pipeline::wait_until;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{signal} to {pid}");
}

/// Does it run? A zombie does not.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:") && !status.contains("State:\tZ")
}

/// An engine whose program is a shell script.
fn scripted(script: &str, change: impl FnOnce(&mut EngineOptions)) -> Bench {
    Bench::with(|options| {
        let path = options.logs.with_file_name("engine.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        options.program = path;
        change(options);
    })
}

fn start_failure(bench: &Bench) -> String {
    failed(bench.engine.ask(Order::Devices), FailureKind::Engine)
}

#[test]
fn an_engine_that_is_killed_or_crashes_is_an_error_with_its_status_and_the_next_job_gets_a_fresh_one() {
    let bench = Bench::new();
    let mut before = 0;
    for (kind, told) in [("-KILL", "SIGKILL"), ("-ABRT", "SIGABRT"), ("-SEGV", "SIGSEGV")] {
        let job = bench.engine.begin(bench.long_order()).unwrap();
        until_it_works(&job);
        let pid = bench.engine.pid().expect("an engine");
        assert_ne!(pid, before, "a fresh one");
        before = pid;
        signal(pid, kind);
        if kind == "-SEGV" {
            // Rust's own handler lets the first one pass, so that the faulting instruction runs into the next. Two that
            // are sent at once may arrive as one.
            wait_until("the engine has crashed", || {
                // SAFETY: the call touches no memory. The process may end between the question and the signal.
                unsafe { libc::kill(pid as i32, libc::SIGSEGV) };
                !runs(pid)
            });
        }
        let message = failed(follow(&job).1, FailureKind::Engine);
        let log = bench.engine.log().expect("a log");
        assert!(message.contains(told) && message.contains(&log.display().to_string()), "{message}");
        wait_until("the engine is reaped", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
    assert!(bench.engine.ask(Order::Devices).is_ok());
}

#[test]
fn an_engine_that_hangs_is_killed_and_those_who_wait_are_told() {
    let bench = Bench::with(|options| options.silence = Duration::from_millis(1500));
    let job = bench.engine.begin(bench.long_order()).unwrap();
    until_it_works(&job);
    signal(bench.engine.pid().expect("an engine"), "-STOP");
    // More than the pipe holds: whoever sends must not wait for ever either.
    for _ in 0..20_000 {
        job.cancel();
    }
    let message = failed(follow(&job).1, FailureKind::Engine);
    assert!(message.contains("did not answer for 1.5 s"), "{message}");
    assert!(bench.engine.ask(Order::Devices).is_ok());
}

#[test]
fn a_busy_engine_is_not_taken_for_a_hung_one() {
    let bench = Bench::with(|options| options.silence = Duration::from_millis(1500));
    let job = bench.engine.begin(bench.long_order()).unwrap();
    let pid = bench.engine.pid();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert!(!matches!(job.next(Duration::from_millis(100)).unwrap(), Some(Event::Ended(Err(_)))));
    }
    assert_eq!(bench.engine.pid(), pid);
}

#[test]
fn a_start_that_fails_is_an_error_at_once_that_quotes_what_the_program_wrote() {
    let begun = Instant::now();
    let missing = Bench::with(|options| options.program = "/nowhere/slidestream".into());
    assert!(start_failure(&missing).contains("cannot start the engine /nowhere/slidestream: No such file"));

    let program = env!("CARGO_BIN_EXE_slidestream-torch");
    // The system's loader finds a damaged libtorch first.
    let damaged = tempfile::tempdir().expect("a folder");
    std::fs::write(damaged.path().join("libtorch_cpu.so"), "").expect("written");
    let script = format!("LD_LIBRARY_PATH={} exec {program} \"$@\"", damaged.path().display());
    let message = start_failure(&scripted(&script, |_| {}));
    assert!(message.contains("libtorch_cpu.so: file too short") && message.contains("exit code 127"), "{message}");
    let talkative = start_failure(&scripted("echo hello from elsewhere", |_| {}));
    assert!(talkative.contains("no slidestream engine: `hello fr` is no greeting"), "{talkative}");
    let echo = start_failure(&scripted("exec cat", |_| {}));
    assert!(echo.contains("is no greeting"), "{echo}");
    let mute = scripted("exec sleep 60", |options| options.start_within = Duration::from_millis(300));
    assert!(start_failure(&mute).contains("no greeting within 0.3 s"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_the_host_has_open_does_not_stay_open_in_the_engine_and_strays_go_to_its_log() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let socket = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).expect("open");
    // As Java opens its sockets.
    // SAFETY: the descriptor is open; the call touches no memory.
    assert_eq!(unsafe { libc::fcntl(listener.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    let bench = Bench::new();
    bench.engine.ask(Order::Devices).unwrap();
    let pid = bench.engine.pid().expect("an engine");
    // Not by binding the port again: programs that other tests start at this moment have inherited it too.
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).expect("an engine") {
        let held = std::fs::read_link(entry.expect("readable").path()).unwrap_or_default();
        assert_ne!(held, socket, "the engine holds the host's port");
    }
    drop(listener);
    let open = |fd: u32| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("open");
    assert_eq!(open(0), Path::new("/dev/null"));
    assert_eq!((open(1), open(2)), (bench.engine.log().unwrap(), bench.engine.log().unwrap()));
}

#[test]
fn an_idle_engine_ends_and_gives_back_its_memory() {
    let bench = Bench::with(|options| options.idle = Duration::from_millis(400));
    bench.engine.ask(Order::Model(choice(&nuclei()))).unwrap();
    let pid = bench.engine.pid().expect("an engine");
    wait_until("the engine has ended", || !runs(pid) && bench.engine.pid().is_none());
    assert!(bench.engine.ask(Order::Devices).is_ok());
    assert_ne!(bench.engine.pid(), Some(pid));
}

#[test]
fn engines_that_end_leave_no_thread_and_no_open_file() {
    let _alone = crate::pipeline::alone();
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).expect("Linux").count();
    let bench = Bench::new();
    let round = || {
        bench.engine.ask(Order::Devices).unwrap();
        bench.engine.shutdown();
    };
    round();
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("slidestream-")).count()
    };
    let (files, busy) = (count("fd"), threads());
    for _ in 0..5 {
        round();
    }
    // Other tests of this binary open files and engines as well, but not five of each that stay.
    wait_until("threads and files are back", || count("fd") < files + 5 && threads() < busy + 4);
}

/// Not a test: the host that another test kills.
#[test]
#[ignore = "is started by `the_engine_dies_with_its_host`"]
fn as_a_host() {
    let bench = Bench::new();
    let job = bench.engine.begin(bench.long_order()).unwrap();
    until_it_works(&job);
    println!("\nengine {}", bench.engine.pid().expect("an engine"));
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_engine_dies_with_its_host_even_if_it_hangs() {
    for hangs in [false, true] {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "engine::faults::as_a_host", "--ignored", "--nocapture"]);
        let mut host = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a host");
        let lines = BufReader::new(host.stdout.take().expect("piped")).lines();
        let mut pids = lines.filter_map(|line| line.ok()?.strip_prefix("engine ")?.parse::<u32>().ok());
        let pid = pids.next().expect("a host that works");
        if hangs {
            signal(pid, "-STOP");
        }
        host.kill().expect("killed");
        host.wait().expect("gone");
        wait_until("the engine is gone too", || !runs(pid));
    }
}
