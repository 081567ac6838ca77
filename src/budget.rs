//! Bytes in flight: a budget hands out permits, and a permit rides with the data that it pays for.
//!
//! A reader takes the permit before it decodes, never after it has received work: a permit taken after receive
//! deadlocks once every permit is held by tiles that wait behind the taker.

use crate::error::{Error, Result};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes a permit unit stands for; semaphores count in `u32` units.
const UNIT: u64 = 1024;

/// A bounded number of bytes that may be alive at once between two stages of one job.
#[derive(Debug, Clone)]
pub struct Budget {
    name: &'static str,
    total: u64,
    units: Arc<Semaphore>,
}

/// The right to hold some bytes; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    _units: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `bytes`, named as the option that sets it.
    pub fn bytes(name: &'static str, bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { name, total: bytes, units: Arc::new(Semaphore::new(units)) }
    }

    /// Waits until `bytes` are free and takes them.
    ///
    /// # Errors
    /// [`Error::Config`] if the whole budget is smaller than `bytes`; [`Error::Cancelled`] after [`Budget::close`].
    pub async fn take(&self, bytes: u64) -> Result<Permit> {
        let units = bytes.div_ceil(UNIT);
        if units > self.total / UNIT || units > u64::from(u32::MAX) {
            let reason = format!("one piece of work needs {bytes} bytes, so the job could never go on; raise it");
            return Err(Error::config(self.name, self.total, reason));
        }
        let taken = self.units.clone().acquire_many_owned(units as u32).await;
        taken.map(|units| Permit { _units: units }).map_err(|_| Error::Cancelled)
    }

    /// Wakes every waiter with [`Error::Cancelled`].
    pub fn close(&self) {
        self.units.close();
    }
}
