//! The ring's result slots: who has how many, and waiting for a free one.

use super::desk::{LOOK, Stop};
use crate::engine::protocol::JobId;
use crate::error::Result;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Slots, each with the job that has it.
#[derive(Debug)]
pub(super) struct Slots {
    owners: Mutex<Vec<Option<JobId>>>,
    freed: Condvar,
    /// Slots that one job may have.
    share: usize,
}

impl Slots {
    pub fn new(count: u32, share: usize) -> Self {
        Self { owners: Mutex::new(vec![None; count as usize]), freed: Condvar::new(), share }
    }

    /// Waits for a slot: the host's reading sets the pace.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] once the job is stopped.
    pub fn take(&self, job: JobId, stop: &Stop) -> Result<u32> {
        let mut owners = self.owners();
        loop {
            stop.check()?;
            let held = owners.iter().filter(|owner| **owner == Some(job)).count();
            if held < self.share
                && let Some(free) = owners.iter().position(Option::is_none)
            {
                owners[free] = Some(job);
                return Ok(free as u32);
            }
            owners = self.freed.wait_timeout(owners, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The host has read a slot. A number that is none changes nothing.
    pub fn give(&self, slot: u32) {
        if let Some(owner) = self.owners().get_mut(slot as usize) {
            *owner = None;
        }
        self.freed.notify_all();
    }

    fn owners(&self) -> MutexGuard<'_, Vec<Option<JobId>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_job_has_its_share_and_waits_for_more_until_it_is_stopped() {
        let (slots, stop) = (Slots::new(4, 2), Stop::default());
        let [a, b] = [0; 2].map(|_| slots.take(1, &stop).unwrap());
        assert_ne!(a, b);
        slots.take(2, &stop).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.take(1, &stop));
            std::thread::sleep(LOOK);
            assert!(!waiting.is_finished(), "one of four is free, but two are its share");
            slots.give(a);
            assert_ne!(waiting.join().unwrap().unwrap(), b);
            let waiting = scope.spawn(|| slots.take(1, &stop));
            stop.token.cancel();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled)));
        });
    }
}
