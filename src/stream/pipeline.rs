//! The wiring: which stage runs where, and what lies between them.

use super::batcher::batch_tiles;
use super::model::{Common, Forward, ModelThread};
use super::order::InOrder;
use super::reader::{ReadTile, admit, read_tiles};
use super::results::{self, Progress, Stitch, Vectorize, Write};
use super::stats::Timings;
use super::supervise::{FailedTile, Supervisor};
use crate::budget::Budget;
use crate::config::{StreamConfig, TileBytes};
use crate::error::{Error, Result};
use crate::tile::TileSpec;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Findings and blocks that may wait for the next stage. They are small and hold permits besides. Room for one would make
/// the stages take turns: a stitcher gives out many tiles at once after it has held some back.
const SMALL: usize = 16;

/// What each stage does with a tile; `F` is a tile's finding and `B` what has become final after it.
pub struct Stages<'a, F, B> {
    /// Reads pixels, from several threads.
    pub read: ReadTile,
    /// Computes; one thread for each, one or more.
    pub forward: Vec<Forward<'a>>,
    /// Makes findings, on several threads.
    pub vectorize: Vectorize<'a, F>,
    /// Joins findings in plan order, on one thread.
    pub stitch: Stitch<'a, F, B>,
    /// Writes, on one thread.
    pub write: Write<'a, B>,
    /// Told about each tile that is done.
    pub progress: Progress<'a>,
}

/// Which tiles flow and how much room they have.
#[derive(Debug, Clone)]
pub struct Flow {
    /// For messages.
    pub slide: PathBuf,
    /// Ascending by tile number, all of one size.
    pub tiles: Arc<[TileSpec]>,
    /// Of one tile.
    pub bytes: TileBytes,
    /// Batch, threads, budgets.
    pub config: StreamConfig,
}

/// How a run went that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where the time went.
    pub timings: Timings,
    /// Tiles without a result, not more than the configuration allows.
    pub failed: Vec<FailedTile>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Tiles a forward pass took in the end; smaller than configured if the device ran out of memory.
    pub batch: usize,
}

/// Runs all tiles through all stages. Whatever the end, every thread has been joined when this returns.
///
/// ```text
/// admit -> N readers => batcher => lanes of the model => vectorizers => stitch => write
///   ^ pixel permits, in plan order    ^ prediction permits           ^ given back
/// ```
/// Tiles hold their share of the pixel budget until they are vectorized, and of the prediction budget until their
/// results are written. So a stage that stalls stops all that come before it.
///
/// # Errors
/// The first error of any stage, as [`Error::Tile`]; [`Error::TooManyFailedTiles`]; [`Error::Config`] if a budget is
/// smaller than a batch; [`Error::Cancelled`] after `cancel`.
pub fn run<F: Send, B: Send>(flow: &Flow, stages: Stages<'_, F, B>, cancel: &CancellationToken) -> Result<Outcome> {
    let Flow { slide, tiles, bytes, config } = flow;
    config.validate(*bytes)?;
    let supervisor = Arc::new(Supervisor::new(slide.clone(), tiles.len() as u32, config.max_failed_tiles, cancel));
    let runtime = runtime(config.readers)?;
    let pixels = Budget::bytes("--pixel-budget", config.pixel_budget);
    let predictions = Budget::bytes("--prediction-budget", config.prediction_budget);

    let (read, to_batch) = flume::bounded(1);
    let (batches, to_model) = flume::bounded(1);
    let (answers, to_vectorize) = flume::bounded(2 * config.batch);
    let (findings, to_stitch) = flume::bounded(SMALL);
    let (blocks, to_write) = flume::bounded(SMALL);

    // An order to stop must also reach those who wait for permits.
    let (stop, budgets) = (supervisor.stop_token().clone(), [pixels.clone(), predictions.clone()]);
    runtime.spawn(async move {
        stop.cancelled().await;
        budgets.iter().for_each(Budget::close);
    });
    spawn_readers(&runtime, flow, pixels, stages.read, read, &supervisor);
    runtime.spawn(batch_tiles(to_batch, InOrder::new(tiles.clone()), config.batch, batches));

    let watch = &*supervisor;
    let common = Common::new(config.batch);
    let lane = |forward| ModelThread {
        forward,
        bytes: bytes.prediction,
        budget: predictions.clone(),
        runtime: runtime.handle().clone(),
        common: &common,
        supervisor: watch,
    };
    let (vectorize, order, progress) = (stages.vectorize, InOrder::new(tiles.clone()), stages.progress);
    let started = std::thread::scope(|scope| {
        // Each closure owns its ends of the channels, so that a stage that cannot start or ends early ends the others.
        for (number, forward) in stages.forward.into_iter().enumerate() {
            let (model, batches, answers) = (lane(forward), to_model.clone(), answers.clone());
            thread(scope, &format!("model-{number}"), watch, move || model.run(batches, answers))?;
        }
        drop((to_model, answers));
        for number in 0..config.vectorizers {
            let (answers, findings) = (to_vectorize.clone(), findings.clone());
            let name = format!("vectorize-{number}");
            thread(scope, &name, watch, move || results::vectorize(answers, vectorize, findings, watch))?;
        }
        drop((to_vectorize, findings));
        thread(scope, "stitch", watch, move || results::stitch(to_stitch, order, stages.stitch, blocks, watch))?;
        thread(scope, "write", watch, move || results::write(to_write, stages.write, progress, watch))?;
        Ok(())
    });
    let timings = supervisor.stats.timings();
    let (end, failed, warnings) = supervisor.verdict();
    supervisor.stop_token().cancel();
    drop(runtime); // joins its threads
    started.and(end)?;
    Ok(Outcome { timings, failed, warnings, batch: common.limit() })
}

/// Reads all tiles and drops them: the time that reading takes alone, with the same readers and budget.
///
/// # Errors
/// As [`run`].
pub fn read_only(flow: &Flow, read: ReadTile, cancel: &CancellationToken) -> Result<Timings> {
    let Flow { slide, tiles, bytes, config } = flow;
    config.validate(*bytes)?;
    let supervisor = Arc::new(Supervisor::new(slide.clone(), tiles.len() as u32, config.max_failed_tiles, cancel));
    let runtime = runtime(config.readers)?;
    let pixels = Budget::bytes("--pixel-budget", config.pixel_budget);
    let (send, receive) = flume::bounded(1);
    spawn_readers(&runtime, flow, pixels, read, send, &supervisor);
    for _tile in receive {
        supervisor.stats.count_done();
    }
    let timings = supervisor.stats.timings();
    supervisor.verdict().0.map(|()| timings)
}

fn runtime(readers: usize) -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(readers).thread_name("read").enable_time();
    builder.build().map_err(Error::compute("starting the readers' threads"))
}

fn spawn_readers(
    runtime: &Runtime,
    flow: &Flow,
    pixels: Budget,
    read: ReadTile,
    out: flume::Sender<super::reader::Read>,
    supervisor: &Arc<Supervisor>,
) {
    // A rendezvous: a tile is handed out only to a reader that is free.
    let (work, to_read) = flume::bounded(0);
    runtime.spawn(admit(flow.tiles.clone(), flow.bytes, pixels, work, supervisor.clone()));
    for _ in 0..flow.config.readers {
        runtime.spawn(read_tiles(to_read.clone(), read.clone(), flow.bytes, out.clone(), supervisor.clone()));
    }
}

/// Starts a named thread of the pipeline; if that fails the run is stopped.
fn thread<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    supervisor: &'env Supervisor,
    body: impl FnOnce() + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, ()>> {
    let started = Builder::new().name(name.into()).spawn_scoped(scope, move || supervisor.stage(body));
    started.map_err(|source| {
        supervisor.stop_token().cancel();
        Error::Compute { what: format!("starting thread `{name}`"), source: source.into() }
    })
}
