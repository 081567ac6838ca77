//! A segmentation's run, told to the host.

use super::desk::{Desk, Stop};
use super::pack::pack;
use crate::engine::protocol::{FromEngine, JobId, Progress};
use crate::engine::ring::{RESULT_BYTES, Slot};
use crate::error::{Error, Result};
use crate::run::segment::Observer;
use crate::stream::stats::Stats;
use crate::tile::Object;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Objects of one batch at most, so that the host sees them early.
const MOST_OBJECTS: usize = 4096;
/// Time between two messages about progress.
const TELL_EVERY: Duration = Duration::from_millis(100);

pub(super) struct ToHost<'a> {
    desk: &'a Desk,
    job: JobId,
    stop: &'a Stop,
    pace: Mutex<Pace>,
}

struct Pace {
    tiles: u32,
    begun: Instant,
    told: Instant,
}

impl<'a> ToHost<'a> {
    pub fn new(desk: &'a Desk, job: JobId, stop: &'a Stop) -> Self {
        let now = Instant::now();
        Self { desk, job, stop, pace: Mutex::new(Pace { tiles: 0, begun: now, told: now }) }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, done: u32, pace: &Pace) {
        let per_s = f64::from(done) / pace.begun.elapsed().as_secs_f64().max(1e-3);
        let left = f64::from(pace.tiles.saturating_sub(done));
        let seconds_left = if done == 0 { f64::INFINITY } else { left / per_s };
        let (done, total) = (done.into(), pace.tiles.into());
        let progress = Progress { done, total, per_s, seconds_left, text: String::new() };
        self.desk.send(&FromEngine::Progress(self.job, progress));
    }

    /// Sends one packed batch through as many slots as it takes.
    fn send(&self, packed: &[u8]) -> Result<()> {
        let parts = packed.chunks(RESULT_BYTES);
        let count = parts.len();
        for (number, part) in parts.enumerate() {
            let slot = self.desk.results.take(self.job, self.stop)?;
            self.desk.ring.write(Slot::Result(slot), part).map_err(Error::compute("handing objects over"))?;
            let (bytes, last) = (part.len() as u32, number + 1 == count);
            self.desk.send(&FromEngine::Objects { job: self.job, slot, bytes, last });
        }
        Ok(())
    }
}

impl Observer for ToHost<'_> {
    fn begun(&self, _: &Path, tiles: u32) {
        let now = Instant::now();
        let mut pace = self.pace();
        *pace = Pace { tiles, begun: now, told: now };
        self.tell(0, &pace);
    }

    fn tile(&self, stats: &Stats) {
        let mut pace = self.pace();
        let done = stats.tiles_done();
        if done == pace.tiles || pace.told.elapsed() >= TELL_EVERY {
            pace.told = Instant::now();
            self.tell(done, &pace);
        }
    }

    fn note(&self, _: &Path, text: &str) {
        self.desk.note(self.job, text);
    }

    fn objects(&self, objects: &[Object]) -> Result<()> {
        objects.chunks(MOST_OBJECTS).try_for_each(|some| self.send(&pack(some)))
    }
}
