//! What is kept in memory of what was read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values by number, as many as fit into a number of bytes; what does not fit is not kept.
#[derive(Debug)]
pub(super) struct Cache<T> {
    most: u64,
    kept: Mutex<(u64, BTreeMap<usize, Arc<T>>)>,
}

impl<T> Cache<T> {
    pub fn new(most: u64) -> Self {
        Self { most, kept: Mutex::new((0, BTreeMap::new())) }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = (0, BTreeMap::new());
    }

    pub fn get(&self, index: usize) -> Option<Arc<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.get(&index).cloned()
    }

    /// Keeps a value of so many bytes if there is room.
    pub fn offer(&self, index: usize, bytes: u64, value: &Arc<T>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 + bytes <= self.most && !kept.1.contains_key(&index) {
            kept.0 += bytes;
            kept.1.insert(index, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_not() {
        let cache = Cache::new(10);
        for (index, bytes) in [(0, 6), (1, 6), (2, 4)] {
            cache.offer(index, bytes, &Arc::new(index));
        }
        assert_eq!([0, 1, 2].map(|i| cache.get(i).map(|v| *v)), [Some(0), None, Some(2)]);
        cache.clear();
        assert!(cache.get(0).is_none());
    }
}
