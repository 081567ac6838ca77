//! The threads that compute with the model, one a lane.

use super::reader::Read;
use super::stats::Work;
use super::supervise::{Supervisor, catch};
use crate::budget::{Budget, Permit};
use crate::error::{Error, Result};
use crate::tile::{Prediction, ProbabilityMaps, Tile, TileSpec};
use flume::{Receiver, Sender};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;

/// Class probabilities for each tile, in the tiles' order.
pub type Forward<'a> = &'a mut (dyn FnMut(&[Tile]) -> Result<Vec<ProbabilityMaps>> + Send);

/// A tile with the model's answer, or without because it failed.
#[derive(Debug)]
pub(super) enum Answer {
    Tile(Tile, Prediction),
    Lost(TileSpec),
}

impl Answer {
    pub fn spec(&self) -> &TileSpec {
        match self {
            Self::Tile(tile, _) => &tile.spec,
            Self::Lost(spec) => spec,
        }
    }
}

/// The model of one lane and what its thread needs beside it.
pub(super) struct ModelThread<'a> {
    pub forward: Forward<'a>,
    /// Bytes of one prediction.
    pub bytes: u64,
    pub budget: Budget,
    /// To wait for permits; this thread belongs to no runtime.
    pub runtime: Handle,
    pub common: &'a Common,
    pub supervisor: &'a Supervisor,
}

/// What the lanes have in common.
#[derive(Debug)]
pub(super) struct Common {
    /// Held while a lane takes its next batch and room for the answers: room goes to batches in plan order, so that a
    /// batch never holds room that an earlier one needs.
    turn: Mutex<()>,
    /// Whoever has the turn waits for room.
    crowded: AtomicBool,
    /// Tiles a forward pass; halved when the device runs out of memory.
    limit: AtomicUsize,
}

impl Common {
    pub fn new(batch: usize) -> Self {
        Self { turn: Mutex::new(()), crowded: AtomicBool::new(false), limit: AtomicUsize::new(batch) }
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }
}

impl ModelThread<'_> {
    /// Answers batches until there are none left, nobody wants the answers, or the run is stopped.
    pub fn run(mut self, batches: Receiver<Vec<Read>>, answers: Sender<Answer>) {
        let stats = &self.supervisor.stats;
        while let Some(batch) = self.next(&batches) {
            if self.supervisor.stopped() {
                break;
            }
            let answered = match batch.and_then(|(batch, permits)| self.answer(batch, permits)) {
                Ok(answered) => answered,
                Err(error) => {
                    self.supervisor.fail(error);
                    break;
                }
            };
            let all_wanted =
                stats.time(Work::WaitingForRoom, || answered.into_iter().all(|answer| answers.send(answer).is_ok()));
            if !all_wanted {
                break;
            }
        }
    }

    /// The next batch with room for its answers; nothing if there is none left.
    fn next(&self, batches: &Receiver<Vec<Read>>) -> Option<Result<(Vec<Read>, Vec<Permit>)>> {
        let Common { turn, crowded, .. } = self.common;
        let stats = &self.supervisor.stats;
        let waiting = if crowded.load(Ordering::Acquire) { Work::WaitingForRoom } else { Work::WaitingForTiles };
        let _turn = stats.time(waiting, || turn.lock().unwrap_or_else(PoisonError::into_inner));
        let batch = stats.time(Work::WaitingForTiles, || batches.recv()).ok()?;
        crowded.store(true, Ordering::Release);
        let permits = self.permits(batch.iter().filter(|read| matches!(read, Read::Tile(_))).count());
        crowded.store(false, Ordering::Release);
        Some(permits.map(|permits| (batch, permits)))
    }

    /// The answers to one batch, in plan order. An error is one that ends the run.
    fn answer(&mut self, batch: Vec<Read>, permits: Vec<Permit>) -> Result<Vec<Answer>> {
        let (mut tiles, mut done) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for read in batch {
            match read {
                Read::Tile(tile) => tiles.push(tile),
                Read::Lost(spec) => done.push(Answer::Lost(spec)),
            }
        }
        let mut permits = permits.into_iter();
        while !tiles.is_empty() {
            let count = self.common.limit().min(tiles.len());
            let maps = self.forward(&tiles[..count]);
            match maps {
                Ok(maps) => {
                    for ((tile, maps), permit) in tiles.drain(..count).zip(maps).zip(permits.by_ref()) {
                        let prediction = Prediction { spec: tile.spec, maps, permit };
                        done.push(Answer::Tile(tile, prediction));
                    }
                }
                Err(Error::OutOfDeviceMemory { device, .. }) if count > 1 => {
                    let half = count / 2;
                    // Of lanes that run out of memory at the same time one speaks.
                    if self.common.limit.fetch_min(half, Ordering::AcqRel) > half {
                        self.supervisor.warn(format!(
                            "device `{device}` ran out of memory with a batch of {count}; went on with {half}"
                        ));
                    }
                }
                // One of them is to blame: find out which.
                Err(_) if count > 1 => {
                    for tile in tiles.drain(..count) {
                        if self.supervisor.stopped() {
                            break;
                        }
                        let alone = self.forward(std::slice::from_ref(&tile)).map(|mut maps| maps.remove(0));
                        done.push(self.settle(tile, alone, permits.by_ref()));
                    }
                }
                Err(error) => {
                    let tile = tiles.remove(0);
                    done.push(self.settle(tile, Err(error), permits.by_ref()));
                }
            }
            if self.supervisor.stopped() {
                return Err(Error::Cancelled);
            }
        }
        done.sort_by_key(|answer| answer.spec().index);
        Ok(done)
    }

    /// What became of a tile that was computed alone.
    fn settle(&self, tile: Tile, maps: Result<ProbabilityMaps>, mut permits: impl Iterator<Item = Permit>) -> Answer {
        let spec = tile.spec;
        match (maps, permits.next()) {
            (Ok(maps), Some(permit)) => Answer::Tile(tile, Prediction { spec, maps, permit }),
            (Ok(_), None) => unreachable!("one permit was taken for each tile"),
            (Err(error), _) => {
                self.supervisor.tile_failed("model", &spec, error);
                Answer::Lost(spec)
            }
        }
    }

    /// Room for `count` predictions, taken before they are computed.
    fn permits(&self, count: usize) -> Result<Vec<Permit>> {
        let start = Instant::now();
        let permits = (0..count).map(|_| self.runtime.block_on(self.budget.take(self.bytes))).collect();
        self.supervisor.stats.add(Work::WaitingForRoom, start.elapsed());
        permits
    }

    /// One forward pass, with its answer's shape checked.
    fn forward(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>> {
        let maps = self.supervisor.stats.time(Work::Forward, || catch(|| (self.forward)(tiles)))?;
        let fits = |(tile, maps): (&Tile, &ProbabilityMaps)| {
            let size = tile.spec.tile.size();
            (maps.width, maps.height) == (size.width, size.height)
                && maps.values.len() as u64 == size.area() * maps.classes as u64
        };
        if maps.len() != tiles.len() || !tiles.iter().zip(&maps).all(fits) {
            return Err(Error::Internal(format!(
                "the model gave {} misfit answers to {} tiles",
                maps.len(),
                tiles.len()
            )));
        }
        self.supervisor.stats.note_answer();
        Ok(maps)
    }
}
