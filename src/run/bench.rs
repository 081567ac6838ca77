//! How fast a slide is read, computed and segmented, on the same tiles in the same process.

use super::segment::{Planned, Run, reading};
use super::stains;
use crate::budget::{Budget, Permit};
use crate::data::stain::Stains;
use crate::error::{Error, Result};
use crate::infer::Segmenter;
use crate::sink::commit::Attempt;
use crate::slide::SlideSource;
use crate::stream::{self, panicked, stats::peak_rss_mb};
use crate::tile::{Tile, TileSpec};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Times that each measurement is taken.
const TURNS: usize = 3;
/// Bytes of pixels that are kept for computing alone; a plan with more tiles computes these again and again.
const KEPT_BYTES: u64 = 512 << 20;

/// What was measured; times are medians in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Tiles of each measurement.
    pub tiles: u32,
    /// Reading all tiles, with the run's readers, and nothing else.
    pub reading_s: f64,
    /// Computing all tiles, from pixels in memory, and nothing else.
    pub forward_s: f64,
    /// Reading, computing, vectorizing, stitching, and writing complete files.
    pub wall_s: f64,
    /// `wall_s` by the larger one of `reading_s` and `forward_s`.
    pub overhead: f64,
    /// `tiles` by `wall_s`.
    pub tiles_per_s: f64,
    /// Largest resident memory of the process, MiB; the pixels kept for computing alone are part of it.
    pub peak_rss_mb: Option<f64>,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// `f32`, `bf16`.
    pub precision: String,
    /// Threads that compute on a CPU, of all lanes together.
    pub threads: usize,
    /// Forward passes at once.
    pub lanes: usize,
    /// Tiles a forward pass.
    pub batch: usize,
    /// Tiles read at once.
    pub readers: usize,
    /// Finding tissue, planning, and a first batch to warm up; not part of the above.
    pub startup_s: f64,
    /// Every measurement of `reading_s`, `forward_s` and `wall_s`, in the order taken.
    pub turns: Vec<[f64; 3]>,
}

/// Keeps `count` tiles that follow each other, from the middle of the plan.
pub fn middle_tiles(planned: &mut Planned, count: usize) {
    let plan = Arc::make_mut(&mut planned.plan);
    let surplus = plan.tiles.len().saturating_sub(count);
    plan.tiles.drain(..surplus / 2);
    plan.tiles.truncate(count);
}

/// Measures `run` on the tiles of `planned`; files go to a folder inside `scratch` that is removed.
///
/// # Errors
/// [`Error::Config`] if there is no tile; the first error of any stage.
pub fn measure(
    run: &mut Run<'_>,
    slide: &Arc<dyn SlideSource>,
    planned: &Planned,
    scratch: &Path,
    planning_s: f64,
) -> Result<Figures> {
    let plan = &planned.plan;
    if plan.tiles.is_empty() {
        return Err(Error::config("SLIDE", slide.path().display(), "has no tile to measure; try --whole-slide"));
    }
    let flow = run.flow(slide.path(), plan);
    flow.config.validate(flow.bytes)?;
    let read = reading(slide, plan);
    let startup = Instant::now();
    let kept = keep(&plan.tiles, &flow, &read)?;
    let seen = planned.stains.as_ref();
    forward(run, &kept, seen, flow.config.batch.min(kept.len()))?;
    let startup_s = planning_s + startup.elapsed().as_secs_f64();

    let mut turns = Vec::with_capacity(TURNS);
    for _ in 0..TURNS {
        let reading_s = stream::read_only(&flow, read.clone(), &run.cancel)?.wall_s;
        let forward_s = forward(run, &kept, seen, plan.tiles.len())?;
        let attempt = Attempt::begin(&scratch.join("bench"), false)?;
        let worked = run.work(slide, planned, Some(&attempt))?;
        turns.push([reading_s, forward_s, worked.outcome.timings.wall_s + worked.finishing_s]);
    }
    let [reading_s, forward_s, wall_s] = [0, 1, 2].map(|kind| median(turns.iter().map(|turn| turn[kind]).collect()));
    let (engine, tiles) = (run.lanes.engine(), plan.tiles.len() as u32);
    Ok(Figures {
        tiles,
        reading_s,
        forward_s,
        wall_s,
        overhead: wall_s / reading_s.max(forward_s),
        tiles_per_s: f64::from(tiles) / wall_s,
        peak_rss_mb: peak_rss_mb(),
        device: engine.device.clone(),
        precision: engine.precision.clone(),
        threads: engine.threads,
        lanes: engine.lanes,
        batch: flow.config.batch,
        readers: flow.config.readers,
        startup_s,
        turns,
    })
}

/// The first tiles with their pixels, up to [`KEPT_BYTES`] but at least one batch.
fn keep(specs: &[TileSpec], flow: &stream::Flow, read: &stream::ReadTile) -> Result<Vec<Tile>> {
    let fit = (KEPT_BYTES / flow.bytes.pixels.max(1)) as usize;
    let count = fit.max(flow.config.batch).min(specs.len());
    let budget = Budget::bytes("bench", count as u64 * flow.bytes.pixels);
    let permit = || -> Result<Permit> { at_once(budget.take(flow.bytes.pixels)) };
    specs[..count].iter().map(|spec| Ok(Tile { spec: *spec, rgb: read(spec)?, permit: permit()? })).collect()
}

/// A permit of a budget that has room for all: it is there at once.
fn at_once<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => Err(Error::Internal("a budget made to measure has no room".into())),
    }
}

/// Seconds that it takes to compute `count` tiles, in the run's batches.
fn forward(run: &mut Run<'_>, kept: &[Tile], seen: Option<&Stains>, count: usize) -> Result<f64> {
    let (batch, cancel) = (run.config.stream.batch, &run.cancel);
    let lanes = run.lanes.for_batches(count.div_ceil(batch));
    let next = AtomicUsize::new(0);
    let compute = |lane: &mut dyn Segmenter| -> Result<()> {
        loop {
            let begun = next.fetch_add(batch, Ordering::AcqRel);
            if begun >= count {
                return Ok(());
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let from = begun % kept.len();
            stains::predict(lane, seen, &kept[from..kept.len().min(from + batch.min(count - begun))])?;
        }
    };
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(|| compute(lane.as_mut()))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| Err(panicked(panic))))
    })?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_of_three() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
