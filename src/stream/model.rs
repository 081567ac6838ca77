//! The one thread that computes with the model.

use super::reader::Read;
use super::stats::Work;
use super::supervise::{Supervisor, catch};
use crate::budget::{Budget, Permit};
use crate::error::{Error, Result};
use crate::tile::{Prediction, ProbabilityMaps, Tile, TileSpec};
use flume::{Receiver, Sender};
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

/// The model and what its thread needs beside it.
pub(super) struct ModelThread<'a> {
    pub forward: Forward<'a>,
    /// Bytes of one prediction.
    pub bytes: u64,
    pub budget: Budget,
    /// To wait for permits; this thread belongs to no runtime.
    pub runtime: Handle,
    /// Tiles a forward pass; halved when the device runs out of memory.
    pub limit: usize,
    pub supervisor: &'a Supervisor,
}

impl ModelThread<'_> {
    /// Answers batches until there are none left, nobody wants the answers, or the run is stopped. Returns the number
    /// of tiles that a forward pass took in the end.
    pub fn run(mut self, batches: Receiver<Vec<Read>>, answers: Sender<Answer>) -> usize {
        let stats = &self.supervisor.stats;
        while let Ok(batch) = stats.time(Work::WaitingForTiles, || batches.recv()) {
            if self.supervisor.stopped() {
                break;
            }
            let answered = match self.answer(batch) {
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
        self.limit
    }

    /// The answers to one batch, in plan order. An error is one that ends the run.
    fn answer(&mut self, batch: Vec<Read>) -> Result<Vec<Answer>> {
        let (mut tiles, mut done) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for read in batch {
            match read {
                Read::Tile(tile) => tiles.push(tile),
                Read::Lost(spec) => done.push(Answer::Lost(spec)),
            }
        }
        let mut permits = self.permits(tiles.len())?.into_iter();
        while !tiles.is_empty() {
            let count = self.limit.min(tiles.len());
            let maps = self.forward(&tiles[..count]);
            match maps {
                Ok(maps) => {
                    for ((tile, maps), permit) in tiles.drain(..count).zip(maps).zip(permits.by_ref()) {
                        let prediction = Prediction { spec: tile.spec, maps, permit };
                        done.push(Answer::Tile(tile, prediction));
                    }
                }
                Err(Error::OutOfDeviceMemory { device, .. }) if count > 1 => {
                    self.limit = count / 2;
                    self.supervisor.warn(format!(
                        "device `{device}` ran out of memory with a batch of {count}; went on with {}",
                        self.limit
                    ));
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
        Ok(maps)
    }
}
