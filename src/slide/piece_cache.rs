//! A bounded memory of decoded tiles and strips, the least recently used ones leaving first.

use image::RgbImage;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Level and number of a piece.
pub(super) type Key = (u32, u32);

/// Decoded pieces of one slide, shared by its readers.
pub(super) struct PieceCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    most_bytes: u64,
    pieces: HashMap<Key, (u64, Arc<RgbImage>)>,
    bytes: u64,
    clock: u64,
}

impl PieceCache {
    /// Keeps at most `most_bytes`, but always the last piece, however large.
    pub fn new(most_bytes: u64) -> Self {
        Self { state: Mutex::new(State { most_bytes, ..State::default() }) }
    }

    /// From now on at most `most_bytes` are kept.
    pub fn resize(&self, most_bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.most_bytes = most_bytes;
        state.shrink();
    }

    /// The piece if it is kept, else what `decode` gives. No lock is held while decoding; two threads may then decode
    /// the same piece, which costs time and nothing else.
    pub fn get<E>(&self, key: Key, decode: impl FnOnce() -> Result<RgbImage, E>) -> Result<Arc<RgbImage>, E> {
        if let Some(piece) = self.lookup(key) {
            return Ok(piece);
        }
        let piece = Arc::new(decode()?);
        self.insert(key, piece.clone());
        Ok(piece)
    }

    fn lookup(&self, key: Key) -> Option<Arc<RgbImage>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let (used, piece) = state.pieces.get_mut(&key)?;
        *used = now;
        Some(piece.clone())
    }

    fn insert(&self, key: Key, piece: Arc<RgbImage>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        state.bytes += piece.len() as u64;
        if let Some((_, replaced)) = state.pieces.insert(key, (now, piece)) {
            state.bytes -= replaced.len() as u64;
        }
        state.shrink();
    }
}

impl State {
    fn shrink(&mut self) {
        while self.bytes > self.most_bytes && self.pieces.len() > 1 {
            let oldest = self.pieces.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let Some((_, gone)) = oldest.and_then(|key| self.pieces.remove(&key)) else { break };
            self.bytes -= gone.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_piece_leaves_first() {
        let cache = PieceCache::new(2 * 12);
        let piece = || Ok::<_, ()>(RgbImage::new(2, 2));
        let unwanted = || -> Result<RgbImage, ()> { panic!("decoded again") };
        cache.get((0, 1), piece).unwrap();
        cache.get((0, 2), piece).unwrap();
        cache.get((0, 1), unwanted).unwrap();
        cache.get((0, 3), piece).unwrap();
        cache.get((0, 1), unwanted).unwrap();
        assert!(cache.get((0, 2), || Err(())).is_err(), "piece 2 should have left");
        cache.resize(12);
        cache.get((0, 1), unwanted).unwrap();
        assert!(cache.get((0, 3), || Err(())).is_err(), "room for one");
    }

    #[test]
    fn one_piece_over_the_bound_is_kept() {
        let cache = PieceCache::new(1);
        cache.get((0, 1), || Ok::<_, ()>(RgbImage::new(2, 2))).unwrap();
        cache.get((0, 1), || -> Result<_, ()> { panic!("decoded again") }).unwrap();
    }
}
