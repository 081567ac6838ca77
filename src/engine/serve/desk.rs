//! What all jobs of an engine share: the line to the host, the ring, the models, and who is to stop.

use super::models::Models;
use super::pixels::Pixels;
use super::slots::Slots;
use crate::engine::frame;
use crate::engine::protocol::{FromEngine, JobId};
use crate::engine::ring::{PIXEL_SLOTS, RESULT_SLOTS, Ring};
use crate::error::{Error, Result};
use crate::stream::CancellationToken;
use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Segmentations and trainings at once; others wait. Each of them has its share of the ring's slots, so that a host that is
/// slow with one cannot hold up the others.
const MOST_JOBS: usize = 4;
/// Time between two looks at an order to stop while waiting.
pub(super) const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Desk {
    output: Mutex<File>,
    pub ring: Ring,
    pub results: Slots,
    pub pixels: Pixels,
    pub models: Models,
    jobs: Mutex<HashMap<JobId, Stop>>,
    turns: Mutex<usize>,
    freed: Condvar,
}

/// The order to stop one job, for both kinds of loops.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    pub token: CancellationToken,
    pub flag: Arc<AtomicBool>,
}

impl Stop {
    pub fn check(&self) -> Result<()> {
        if self.token.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// The right to work; comes free when dropped.
pub(super) struct Turn<'a>(&'a Desk);

impl Desk {
    pub fn new(output: File, ring: Ring) -> Self {
        Self {
            output: Mutex::new(output),
            ring,
            results: Slots::new(RESULT_SLOTS, RESULT_SLOTS as usize / MOST_JOBS),
            pixels: Pixels::new(PIXEL_SLOTS, PIXEL_SLOTS as usize / MOST_JOBS),
            models: Models::default(),
            jobs: Mutex::default(),
            turns: Mutex::new(MOST_JOBS),
            freed: Condvar::new(),
        }
    }

    /// Tells the host. If it is gone, the end of the input says so to the reader.
    pub fn send(&self, message: &FromEngine) {
        if let Err(error) = frame::send(&mut *lock(&self.output), message) {
            eprintln!("cannot tell the host: {error}");
            self.stop_all();
        }
    }

    pub fn note(&self, job: JobId, text: impl Into<String>) {
        let text = text.into();
        eprintln!("job {job}: {text}");
        self.send(&FromEngine::Note(job, text));
    }

    pub fn enter(&self, job: JobId) -> Stop {
        let stop = Stop::default();
        lock(&self.jobs).insert(job, stop.clone());
        stop
    }

    /// Forgets a job; when the last one leaves, the memory that it used goes back to the system.
    pub fn leave(&self, job: JobId) {
        let mut jobs = lock(&self.jobs);
        jobs.remove(&job);
        if jobs.is_empty() {
            // SAFETY: it only gives free pages of this process's heap back.
            #[cfg(target_env = "gnu")]
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }

    pub fn jobs(&self) -> usize {
        lock(&self.jobs).len()
    }

    pub fn stop(&self, job: JobId) {
        if let Some(stop) = lock(&self.jobs).get(&job) {
            stop.token.cancel();
            stop.flag.store(true, Ordering::Relaxed);
        }
    }

    pub fn stop_all(&self) {
        let jobs: Vec<JobId> = lock(&self.jobs).keys().copied().collect();
        jobs.into_iter().for_each(|job| self.stop(job));
    }

    /// Waits until fewer than [`MOST_JOBS`] large jobs run.
    pub fn turn(&self, job: JobId, stop: &Stop) -> Result<Turn<'_>> {
        let mut turns = lock(&self.turns);
        let mut told = false;
        while *turns == 0 {
            stop.check()?;
            if !told {
                told = true;
                drop(turns);
                self.note(job, format!("waits until one of {MOST_JOBS} other jobs is done"));
                turns = lock(&self.turns);
                continue;
            }
            turns = self.freed.wait_timeout(turns, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *turns -= 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.turns) += 1;
        self.0.freed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
