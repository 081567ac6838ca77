//! Where the time of a run went.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a thread of the pipeline may be busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Reading and reducing pixels; summed over all readers.
    Reading,
    /// The model's threads wait for tiles: reading is too slow. Summed over all lanes.
    WaitingForTiles,
    /// The model's threads wait for room among the predictions: what follows is too slow. Summed over all lanes.
    WaitingForRoom,
    /// The model computes; summed over all lanes.
    Forward,
    /// From predictions to objects; summed over all threads that do it.
    Vectorizing,
    /// One answer for every pixel and object.
    Stitching,
    /// Output files.
    Writing,
}

const KINDS: usize = 7;

/// Live counters of a run; every thread adds to them.
#[derive(Debug)]
pub struct Stats {
    begun: Instant,
    nanoseconds: [AtomicU64; KINDS],
    read: AtomicU32,
    done: AtomicU32,
    first_answer: OnceLock<Duration>,
}

/// Where the time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Timings {
    /// From the first tile's admission to the last one's results.
    pub wall_s: f64,
    /// Reading and reducing pixels, summed over all readers.
    pub reading_s: f64,
    /// From the first tile's admission to the model's first answer, if there was one.
    pub first_answer_s: Option<f64>,
    /// The model's threads waited for tiles, summed over all lanes.
    pub waiting_for_tiles_s: f64,
    /// The model's threads waited for the stages behind them, summed over all lanes.
    pub waiting_for_room_s: f64,
    /// The model computed, summed over all lanes.
    pub forward_s: f64,
    /// From predictions to objects, summed over all threads that do it.
    pub vectorizing_s: f64,
    /// One answer for every pixel and object.
    pub stitching_s: f64,
    /// Output files.
    pub writing_s: f64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            nanoseconds: Default::default(),
            read: AtomicU32::new(0),
            done: AtomicU32::new(0),
            first_answer: OnceLock::new(),
        }
    }
}

impl Stats {
    /// Does `work` and counts its time.
    pub fn time<T>(&self, kind: Work, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(kind, start.elapsed());
        result
    }

    /// Counts time.
    pub fn add(&self, kind: Work, time: Duration) {
        self.nanoseconds[kind as usize].fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Seconds of one kind so far.
    pub fn seconds(&self, kind: Work) -> f64 {
        self.nanoseconds[kind as usize].load(Ordering::Relaxed) as f64 / 1e9
    }

    /// Tiles whose pixels have been asked for.
    pub fn tiles_read(&self) -> u32 {
        self.read.load(Ordering::Acquire)
    }

    /// Tiles whose results are written.
    pub fn tiles_done(&self) -> u32 {
        self.done.load(Ordering::Acquire)
    }

    pub(super) fn count_read(&self) {
        self.read.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn count_done(&self) -> u32 {
        self.done.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The model has answered; the first time counts.
    pub(super) fn note_answer(&self) {
        self.first_answer.get_or_init(|| self.begun.elapsed());
    }

    /// Where the time has gone so far.
    pub fn timings(&self) -> Timings {
        Timings {
            wall_s: self.begun.elapsed().as_secs_f64(),
            reading_s: self.seconds(Work::Reading),
            first_answer_s: self.first_answer.get().map(Duration::as_secs_f64),
            waiting_for_tiles_s: self.seconds(Work::WaitingForTiles),
            waiting_for_room_s: self.seconds(Work::WaitingForRoom),
            forward_s: self.seconds(Work::Forward),
            vectorizing_s: self.seconds(Work::Vectorizing),
            stitching_s: self.seconds(Work::Stitching),
            writing_s: self.seconds(Work::Writing),
        }
    }
}

/// The largest resident memory that this process has had, in MiB, where the system tells.
pub fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Seconds since this process was started (within 0.02 s), where the system tells.
pub fn process_age_s() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; the 20th value behind it is the start, in ticks since the system's.
    let started: f64 = status.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let now: f64 = std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    // SAFETY: asks for a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    (ticks > 0).then(|| (now - started / ticks as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_added_up_by_kind() {
        let stats = Stats::default();
        stats.add(Work::Reading, Duration::from_millis(1500));
        stats.add(Work::Reading, Duration::from_millis(500));
        stats.add(Work::Writing, Duration::from_millis(250));
        let timings = stats.timings();
        assert_eq!((timings.reading_s, timings.writing_s, timings.forward_s), (2.0, 0.25, 0.0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_is_known_on_linux() {
        assert!(peak_rss_mb().expect("VmHWM") > 1.0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_gets_older_by_the_clock() {
        let (clock, age) = (Instant::now(), process_age_s().expect("/proc/self/stat"));
        std::thread::sleep(Duration::from_millis(300));
        let (passed, aged) = (clock.elapsed().as_secs_f64(), process_age_s().expect("/proc/self/stat") - age);
        assert!((aged - passed).abs() < 0.1 && age < 86_400.0, "{aged} s in {passed} s");
    }

    #[test]
    fn the_first_answer_counts() {
        let stats = Stats::default();
        assert_eq!(stats.timings().first_answer_s, None);
        stats.note_answer();
        let first = stats.timings().first_answer_s;
        std::thread::sleep(Duration::from_millis(2));
        stats.note_answer();
        assert!(first.is_some() && stats.timings().first_answer_s == first);
    }
}
