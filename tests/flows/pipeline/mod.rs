//! The pipeline of `stream` with stages that count, stall and fail.

mod back_pressure;
mod cancel;
mod faults;

use slidestream::config::{StreamConfig, TileBytes};
use slidestream::error::{Error, Result};
use slidestream::geometry::Rect;
use slidestream::stream::{CancellationToken, Flow, Forward, Outcome, Stages, run};
use slidestream::tile::{ProbabilityMaps, Tile, TileSpec};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const TILE_PX: u32 = 4;
/// One tile is one unit in both budgets.
const BYTES: TileBytes = TileBytes { pixels: 48, reading: 48, prediction: 16 };

/// Pipelines of this binary run one at a time: some tests count its threads.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names of the pipeline's threads that are alive.
pub fn pipeline_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    let ours = |name: &String| {
        ["stitch", "write", "read"].contains(&name.trim()) || name.contains("vectoriz") || name.starts_with("model-")
    };
    names.filter(ours).collect()
}

/// Waits until `holds`, or fails with `what` after a time that no healthy machine needs.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..4000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain until {what}");
}

fn flow(tiles: u32, config: StreamConfig) -> Flow {
    let spec = |index| {
        let rect = Rect::new(i64::from(index * TILE_PX), 0, TILE_PX, TILE_PX);
        TileSpec { index, column: index, row: 0, tile: rect, core: rect }
    };
    Flow { slide: "slide.svs".into(), tiles: (0..tiles).map(spec).collect(), bytes: BYTES, config }
}

fn config() -> StreamConfig {
    StreamConfig { batch: 2, readers: 3, vectorizers: 2, ..Default::default() }
}

type BatchHook = Box<dyn Fn(&[u32]) -> Result<()> + Send + Sync>;

/// Stages that pass a tile's number through and record it; every hook may fail or stall.
struct Probe {
    begun: Arc<AtomicU32>,
    lanes: usize,
    read: Box<dyn Fn(u32) -> Result<()> + Send + Sync>,
    forward: BatchHook,
    vectorize: Box<dyn Fn(u32) -> Result<()> + Send + Sync>,
    stitch: Box<dyn FnMut(u32) -> Result<()> + Send>,
    write: Box<dyn FnMut(u32) -> Result<()> + Send>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            begun: Arc::default(),
            lanes: 1,
            read: Box::new(|_| Ok(())),
            forward: Box::new(|_| Ok(())),
            vectorize: Box::new(|_| Ok(())),
            stitch: Box::new(|_| Ok(())),
            write: Box::new(|_| Ok(())),
        }
    }
}

impl Probe {
    /// Runs all tiles; returns the run's end and the tiles that were written, with whether they had a result.
    fn run(self, flow: &Flow, cancel: &CancellationToken) -> (Result<Outcome>, Vec<(u32, bool)>) {
        let Self { begun, lanes, read, forward, vectorize, mut stitch, mut write } = self;
        let mut written = Vec::new();
        let read = move |spec: &TileSpec| {
            begun.fetch_add(1, Ordering::AcqRel);
            read(spec.index).map(|()| image::RgbImage::new(TILE_PX, TILE_PX))
        };
        let predict = |tiles: &[Tile]| {
            let numbers: Vec<u32> = tiles.iter().map(|tile| tile.spec.index).collect();
            forward(&numbers)?;
            let map = |_| ProbabilityMaps { classes: 1, width: TILE_PX, height: TILE_PX, values: vec![0; 16] };
            Ok(numbers.into_iter().map(map).collect())
        };
        let mut lanes = vec![&predict; lanes];
        let find = |tile: &Tile, _: &ProbabilityMaps| vectorize(tile.spec.index).map(|()| tile.spec.index);
        let mut join = |spec: &TileSpec, found: Option<u32>| {
            assert!(found.is_none_or(|found| found == spec.index), "another tile's finding");
            stitch(spec.index).map(|()| (spec.index, found.is_some()))
        };
        let mut put = |(number, found): (u32, bool)| {
            write(number)?;
            written.push((number, found));
            Ok(())
        };
        let stages = Stages {
            read: Arc::new(read),
            forward: lanes.iter_mut().map(|lane| lane as Forward<'_>).collect(),
            vectorize: &find,
            stitch: &mut join,
            write: &mut put,
            progress: &|_| {},
        };
        (run(flow, stages, cancel), written)
    }
}

fn failure(text: &str) -> Error {
    Error::Internal(text.into())
}

#[test]
fn every_tile_is_written_once_in_plan_order_with_any_number_of_threads() {
    let _alone = alone();
    for (batch, readers, lanes, vectorizers) in [(1, 1, 1, 1), (2, 3, 3, 2), (7, 5, 2, 4), (40, 2, 4, 1), (1, 4, 8, 2)]
    {
        let config = StreamConfig { batch, readers, vectorizers, ..config() };
        // Later tiles are read faster, so that they overtake.
        let slow = |tile: u32| std::thread::sleep(Duration::from_micros(u64::from(300 - 80 * (tile % 4))));
        let probe = Probe {
            lanes,
            read: Box::new(move |tile| {
                slow(tile);
                Ok(())
            }),
            ..Default::default()
        };
        let (end, written) = probe.run(&flow(33, config), &CancellationToken::new());
        assert_eq!(end.expect("runs").failed, []);
        assert_eq!(written, (0..33).map(|tile| (tile, true)).collect::<Vec<_>>());
    }
}

#[test]
fn the_smallest_budgets_that_are_allowed_are_enough() {
    let _alone = alone();
    let config = StreamConfig { batch: 3, pixel_budget: 3 * 48, prediction_budget: 3 * 16, ..config() };
    let (end, written) = Probe::default().run(&flow(50, config.clone()), &CancellationToken::new());
    assert!(end.is_ok() && written.len() == 50);
    let less = StreamConfig { prediction_budget: 3 * 16 - 1, ..config };
    let (end, written) = Probe::default().run(&flow(50, less), &CancellationToken::new());
    assert!(end.expect_err("too small").to_string().starts_with("`--prediction-budget` is 47 bytes"));
    assert_eq!(written, []);
}

#[test]
fn lanes_compute_different_batches_at_the_same_time() {
    let _alone = alone();
    let together = Arc::new(Barrier::new(3));
    let probe = Probe {
        lanes: 3,
        forward: Box::new(move |_| {
            together.wait(); // passes when three batches are in the model
            Ok(())
        }),
        ..Default::default()
    };
    let (end, written) = probe.run(&flow(18, config()), &CancellationToken::new());
    assert!(end.is_ok() && written.len() == 18);
}

#[test]
fn lanes_that_have_room_for_one_batch_take_turns() {
    let _alone = alone();
    let config = StreamConfig { batch: 2, pixel_budget: 8 * 48, prediction_budget: 2 * 16, ..config() };
    let (inside, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (now, highest) = (inside.clone(), most.clone());
    let probe = Probe {
        lanes: 4,
        forward: Box::new(move |_| {
            highest.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
            std::thread::sleep(Duration::from_millis(1));
            now.fetch_sub(1, Ordering::AcqRel);
            Ok(())
        }),
        ..Default::default()
    };
    let (end, written) = probe.run(&flow(60, config), &CancellationToken::new());
    assert!(end.is_ok());
    assert_eq!(written, (0..60).map(|tile| (tile, true)).collect::<Vec<_>>());
    assert_eq!(most.load(Ordering::Acquire), 1, "batches in the model at once");
}

#[test]
fn a_plan_without_tiles_ends_at_once() {
    let _alone = alone();
    let (end, written) = Probe::default().run(&flow(0, config()), &CancellationToken::new());
    assert!(end.is_ok() && written.is_empty());
}

#[test]
fn batches_do_not_depend_on_which_reader_is_faster() {
    let _alone = alone();
    let seen: Arc<Mutex<BTreeSet<Vec<u32>>>> = Arc::default();
    for fast in 0..3 {
        let seen = seen.clone();
        let probe = Probe {
            read: Box::new(move |tile| {
                std::thread::sleep(Duration::from_micros(if tile % 3 == fast { 10 } else { 400 }));
                Ok(())
            }),
            forward: Box::new(move |tiles| {
                seen.lock().expect("no panic").insert(tiles.to_vec());
                Ok(())
            }),
            ..Default::default()
        };
        probe.run(&flow(9, config()), &CancellationToken::new()).0.expect("runs");
    }
    let seen: Vec<_> = seen.lock().expect("no panic").iter().cloned().collect();
    assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7], vec![8]]);
}
