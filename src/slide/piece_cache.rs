//! A bounded memory of decoded tiles and strips, the least recently used ones leaving first.

use image::RgbImage;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Level and number of a piece.
pub(super) type Key = (u32, u32);

/// Decoded pieces of one slide, shared by its readers.
pub(super) struct PieceCache {
    most_bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pieces: HashMap<Key, (u64, Arc<RgbImage>)>,
    bytes: u64,
    clock: u64,
}

impl PieceCache {
    /// Keeps at most `most_bytes`, but always the last piece, however large.
    pub fn new(most_bytes: u64) -> Self {
        Self { most_bytes, state: Mutex::default() }
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
        while state.bytes > self.most_bytes && state.pieces.len() > 1 {
            let oldest = state.pieces.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let Some((_, gone)) = oldest.and_then(|key| state.pieces.remove(&key)) else { break };
            state.bytes -= gone.len() as u64;
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
    }

    #[test]
    fn one_piece_over_the_bound_is_kept() {
        let cache = PieceCache::new(1);
        cache.get((0, 1), || Ok::<_, ()>(RgbImage::new(2, 2))).unwrap();
        cache.get((0, 1), || -> Result<_, ()> { panic!("decoded again") }).unwrap();
    }
}
