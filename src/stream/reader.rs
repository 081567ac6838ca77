//! From the plan to tiles with pixels: one task admits, several read.

use super::resample::{self, Reduction};
use super::stats::Work;
use super::supervise::{Supervisor, catch};
use crate::budget::{Budget, Permit};
use crate::config::TileBytes;
use crate::error::Result;
use crate::grid::TilePlan;
use crate::slide::SlideSource;
use crate::tile::{Tile, TileSpec};
use flume::{Receiver, Sender};
use image::RgbImage;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Reads the pixels of one tile: `tile.width x tile.height` RGB8 at the model's mpp, white outside the slide.
pub type ReadTile = Arc<dyn Fn(&TileSpec) -> Result<RgbImage> + Send + Sync>;

/// Reads one tile of `plan`: `tile.width x tile.height` RGB8 pixels at the model's mpp, white outside the slide.
///
/// A pixel has the same value (within one grey level of rounding) in every tile that shows it. Where a level has the
/// model's own resolution its pixels are copied.
///
/// # Errors
/// [`Error::Read`](crate::Error::Read) if the slide's pixels cannot be read.
pub fn read_tile(slide: &dyn SlideSource, plan: &TilePlan, spec: &TileSpec) -> Result<RgbImage> {
    resample::read(slide, &reduction(plan), spec.tile)
}

/// Bytes of one tile of `plan` for a model of `classes` planes, at most.
pub fn tile_bytes(plan: &TilePlan, tile_px: u32, classes: usize) -> TileBytes {
    let area = u64::from(tile_px) * u64::from(tile_px);
    let reading = reduction(plan).most_bytes(tile_px);
    TileBytes { pixels: area * 3, reading, prediction: area * classes as u64 }
}

/// Tells the slide how `plan` will be read.
pub fn expect_rows(slide: &dyn SlideSource, plan: &TilePlan) {
    if let Some(spec) = plan.tiles.first() {
        slide.expect_rows(plan.level, reduction(plan).region(spec.tile).height);
    }
}

fn reduction(plan: &TilePlan) -> Reduction {
    Reduction { level: plan.level, ratio: plan.scale.base_px() / plan.level_scale.base_px() }
}

/// A tile of the plan with its pixels, or without because it failed.
#[derive(Debug)]
pub(super) enum Read {
    Tile(Tile),
    Lost(TileSpec),
}

impl Read {
    pub fn spec(&self) -> &TileSpec {
        match self {
            Self::Tile(tile) => &tile.spec,
            Self::Lost(spec) => spec,
        }
    }
}

/// Takes the permits of all tiles, in plan order, and hands the tiles out. Ends when the plan does, when the run is
/// stopped or when nobody reads any more.
pub(super) async fn admit(
    plan: Arc<[TileSpec]>,
    bytes: TileBytes,
    budget: Budget,
    work: Sender<(TileSpec, Permit)>,
    supervisor: Arc<Supervisor>,
) {
    for spec in plan.iter() {
        if supervisor.stopped() {
            break;
        }
        match budget.take(bytes.reading).await {
            Ok(permit) => {
                if work.send_async((*spec, permit)).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                supervisor.fail(error);
                break;
            }
        }
    }
}

/// Reads tiles until there are none left or nobody wants them. Run one copy for each reader.
pub(super) async fn read_tiles(
    work: Receiver<(TileSpec, Permit)>,
    read: ReadTile,
    bytes: TileBytes,
    tiles: Sender<Read>,
    supervisor: Arc<Supervisor>,
) {
    while let Ok((spec, mut permit)) = work.recv_async().await {
        if supervisor.stopped() {
            break;
        }
        let (read, job) = (read.clone(), supervisor.clone());
        let pixels = spawn_blocking(move || {
            job.stats.count_read();
            job.stats.time(Work::Reading, || catch(|| read(&spec)))
        });
        let tile = match pixels.await {
            Ok(Ok(rgb)) => {
                permit.shrink_to(bytes.pixels);
                Read::Tile(Tile { spec, rgb, permit })
            }
            Ok(Err(error)) => {
                supervisor.tile_failed("reading", &spec, error);
                Read::Lost(spec)
            }
            Err(_) => break, // the runtime is shutting down
        };
        if tiles.send_async(tile).await.is_err() {
            break;
        }
    }
}
