//! Slides through `run::segment` with an engine that needs no network: what is written, and what is left when a run
//! goes wrong.

use crate::pipeline::{alone, pipeline_threads, wait_until};
use slidestream::Error;
use slidestream::config::{Area, ModelPackage, Output, SegmentConfig, StreamConfig, Task};
use slidestream::error::Result;
use slidestream::geometry::{Level, Rect, Size};
use slidestream::infer::EngineOptions;
use slidestream::infer::fake::{FakeSegmenter, Faults};
use slidestream::infer::lanes::Lanes;
use slidestream::run::manifest::Status;
use slidestream::run::segment::{Done, Observer, Run, with_tiles};
use slidestream::slide::synthetic::SyntheticSlide;
use slidestream::slide::{LevelInfo, Mpp, SlideInfo, SlideSource};
use slidestream::stream::CancellationToken;
use slidestream::stream::stats::Stats;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub const MPP: f64 = 0.5;

/// Remembers notes, and stops the run after some tiles if told to.
#[derive(Default)]
pub struct Watcher {
    notes: Mutex<Vec<String>>,
    stop_after: Option<(u32, CancellationToken)>,
}

impl Observer for Watcher {
    fn begun(&self, _: &Path, _: u32) {}

    fn tile(&self, stats: &Stats) {
        if let Some((tiles, cancel)) = &self.stop_after
            && stats.tiles_done() == *tiles
        {
            cancel.cancel();
        }
    }

    fn note(&self, _: &Path, text: &str) {
        self.notes.lock().expect("no panic").push(text.to_owned());
    }
}

pub fn config() -> SegmentConfig {
    let stream = StreamConfig { batch: 4, readers: 3, vectorizers: 2, ..Default::default() };
    SegmentConfig { area: Area::WholeSlide, overlay_px: 256, stream, ..Default::default() }
}

fn slide() -> Arc<dyn SlideSource> {
    Arc::new(SyntheticSlide::new(Size::new(2500, 2100), MPP, 7))
}

/// One run over one slide.
pub struct Job {
    pub slide: Arc<dyn SlideSource>,
    pub model: ModelPackage,
    pub config: SegmentConfig,
    pub faults: Faults,
    pub force: bool,
    pub watcher: Watcher,
    pub lanes: usize,
}

impl Default for Job {
    fn default() -> Self {
        let model = FakeSegmenter::package(MPP, 256, 48);
        let (faults, watcher) = (Faults::default(), Watcher::default());
        Self { slide: slide(), model, config: config(), faults, force: false, watcher, lanes: 2 }
    }
}

impl Job {
    pub fn run(&self, place: &Path) -> Result<Done> {
        let mut segmenter = FakeSegmenter::with(self.faults.clone());
        if self.model.task == Task::Regions {
            segmenter = segmenter.of_regions();
        }
        let cancel = self.watcher.stop_after.as_ref().map(|(_, cancel)| cancel.clone()).unwrap_or_default();
        let model = with_tiles(self.model.clone(), &self.config)?;
        let (config, force) = (self.config.clone(), self.force);
        let options = EngineOptions { lanes: self.lanes, ..EngineOptions::default() };
        let mut lanes = Lanes::new(Box::new(segmenter), &options)?;
        Run { model, lanes: &mut lanes, config, force, cancel, observer: &self.watcher }
            .slide(self.slide.clone(), place)
    }
}

pub fn written(done: Result<Done>) -> slidestream::run::manifest::Manifest {
    match done.expect("runs") {
        Done::Written(manifest) => *manifest,
        Done::Skipped(why) => panic!("skipped: {why}"),
    }
}

pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_slide_s_result_has_every_file_and_a_manifest_that_tells_how_it_came_about() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    let manifest = written(Job::default().run(&place));
    assert_eq!(
        names_in(&place),
        ["classes.tif", "manifest.json", "measurements.csv", "objects.geojson", "overlay.png"]
    );
    let on_disk = json(&place.join("manifest.json"));
    assert_eq!(on_disk["status"], "complete");
    assert_eq!(on_disk["input"]["size"]["width"], 2500);
    assert_eq!(on_disk["input"]["quickhash"], "synthetic:7");
    assert_eq!(on_disk["model"]["name"], "fake");
    assert_eq!(on_disk["engine"]["engine"], "fake");
    assert_eq!(on_disk["config"]["stream"]["batch"], 4);
    assert_eq!(on_disk["tiles"]["total"], 16 * 14);
    assert!(on_disk["timings"]["reading_s"].as_f64() > Some(0.0));
    let objects = json(&place.join("objects.geojson"))["features"].as_array().expect("a list").len() as u64;
    assert_eq!(objects, manifest.counts.objects);
    for file in on_disk["files"].as_array().expect("a list") {
        let size = std::fs::metadata(place.join(file["name"].as_str().expect("a name"))).expect("is there").len();
        assert_eq!(file["bytes"], size, "{file}");
    }
}

#[test]
fn nearly_every_nucleus_is_found_once() {
    let _alone = alone();
    let synthetic = SyntheticSlide::new(Size::new(2500, 2100), MPP, 7);
    let truth = synthetic.nuclei(Rect::new(0, 0, 2500, 2100)).len() as f64;
    let out = tempfile::tempdir().unwrap();
    let found = written(Job::default().run(&out.path().join("slide"))).counts.objects as f64;
    assert!(truth > 1000.0 && (found / truth - 1.0).abs() < 0.02, "{found} of {truth} nuclei");
}

#[test]
fn threads_batches_and_budgets_do_not_change_a_byte_of_the_result() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let variants = [
        StreamConfig { batch: 1, readers: 1, vectorizers: 1, ..Default::default() },
        StreamConfig { batch: 7, readers: 5, vectorizers: 4, ..Default::default() },
        StreamConfig {
            batch: 2,
            pixel_budget: 2 * 256 * 256 * 3,
            prediction_budget: 2 * 256 * 256 * 3,
            ..config().stream
        },
    ];
    let results = variants.map(|stream| {
        let place = out.path().join(format!("batch-{}", stream.batch));
        written(Job { config: SegmentConfig { stream, ..config() }, ..Default::default() }.run(&place));
        ["objects.geojson", "classes.tif", "measurements.csv", "overlay.png"]
            .map(|name| std::fs::read(place.join(name)).expect("written"))
    });
    assert!(results[0] == results[1] && results[1] == results[2]);
}

#[test]
fn a_finished_result_is_skipped_and_force_replaces_it() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    let first = written(Job::default().run(&place));
    let Ok(Done::Skipped(why)) = Job::default().run(&place) else { panic!("must be skipped") };
    assert!(why.contains("has its result by fake 1; --force replaces it"), "{why}");
    std::fs::write(place.join("overlay.png"), "damaged").unwrap();
    let again = written(Job { force: true, ..Default::default() }.run(&place));
    assert_eq!(again.files, first.files);
    assert_eq!(names_in(out.path()), ["slide"]);
}

#[test]
fn a_forced_run_that_fails_leaves_the_old_result_as_it_was() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    written(Job::default().run(&place));
    let before = std::fs::read(place.join("manifest.json")).unwrap();
    let faults = Faults { broken_tiles: vec![9], ..Default::default() };
    let error = Job { force: true, faults, ..Default::default() }.run(&place).expect_err("a tile fails");
    assert!(
        error.to_string().starts_with("model failed for tile 9 (column 9, row 0) of synthetic-2500x2100-7"),
        "{error}"
    );
    assert_eq!(std::fs::read(place.join("manifest.json")).unwrap(), before);
    assert_eq!(names_in(out.path()), ["slide"]);
}

#[test]
fn another_slide_s_result_is_neither_skipped_nor_replaced_unasked() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    written(Job::default().run(&place));
    let other = || Arc::new(SyntheticSlide::new(Size::new(600, 500), MPP, 8));
    let error = Job { slide: other(), ..Default::default() }.run(&place).expect_err("another slide").to_string();
    assert!(error.contains("holds the result of another slide, synthetic-2500x2100-7"), "{error}");
    written(Job { slide: other(), force: true, ..Default::default() }.run(&place));
}

#[test]
fn tolerated_failures_make_a_partial_result_that_lists_them() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let stream = StreamConfig { max_failed_tiles: 0.01, ..config().stream };
    let faults = Faults { broken_tiles: vec![100, 101], ..Default::default() };
    let job = Job { config: SegmentConfig { stream, ..config() }, faults, ..Default::default() };
    let manifest = written(job.run(&out.path().join("slide")));
    assert_eq!(manifest.status, Status::Partial);
    assert_eq!(manifest.tiles.failed.iter().map(|tile| tile.tile).collect::<Vec<_>>(), [100, 101]);
}

#[test]
fn a_full_device_is_a_warning_in_the_manifest() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let job = Job { faults: Faults { most_tiles: Some(3), ..Default::default() }, ..Default::default() };
    let manifest = written(job.run(&out.path().join("slide")));
    assert_eq!(manifest.tiles.batch, 2);
    assert!(manifest.warnings[0].contains("ran out of memory with a batch of 4; went on with 2"));
    assert!(job.watcher.notes.lock().unwrap()[0].contains("out of memory"));
}

#[test]
fn a_stopped_run_leaves_neither_files_nor_threads() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    for tiles in [1, 20, 200] {
        let watcher = Watcher { stop_after: Some((tiles, CancellationToken::new())), ..Default::default() };
        let end = Job { watcher, ..Default::default() }.run(&out.path().join("slide"));
        assert!(matches!(end, Err(Error::Cancelled)), "{end:?}");
        assert_eq!(names_in(out.path()), Vec::<String>::new());
        wait_until("the threads are gone", || pipeline_threads().is_empty());
    }
}

/// A slide of one colour.
struct Plain(SlideInfo);

impl Plain {
    fn glass(mpp: Mpp) -> Arc<Self> {
        let info = SlideInfo {
            vendor: "plain".into(),
            reader: "plain".into(),
            levels: vec![LevelInfo { size: Size::new(1500, 1500), downsample: 1.0 }],
            mpp,
            properties: [("synthetic.seed".to_owned(), "0".to_owned())].into(),
            associated: Vec::new(),
        };
        Arc::new(Self(info))
    }
}

impl SlideSource for Plain {
    fn path(&self) -> &Path {
        Path::new("plain")
    }

    fn info(&self) -> &SlideInfo {
        &self.0
    }

    fn read(&self, _: u32, region: Rect<Level>) -> Result<image::RgbImage> {
        Ok(image::RgbImage::from_pixel(region.width, region.height, image::Rgb([243, 242, 244])))
    }

    fn read_associated(&self, name: &str) -> Result<image::RgbImage> {
        Err(Error::bad_file("plain", format!("no image {name}")))
    }
}

#[test]
fn a_slide_of_glass_gives_an_empty_result_with_a_note() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("plain");
    let config = SegmentConfig { area: SegmentConfig::default().area, ..config() };
    let job = Job { slide: Plain::glass(Mpp::Known(MPP, MPP)), config, ..Default::default() };
    let manifest = written(job.run(&place));
    assert_eq!((manifest.status, manifest.tiles.total, manifest.counts.objects), (Status::Complete, 0, 0));
    assert_eq!(manifest.counts.by_class["Nucleus"], 0);
    assert!(manifest.notes.iter().any(|note| note.contains("no tissue was found")), "{:?}", manifest.notes);
    assert_eq!(json(&place.join("objects.geojson"))["features"].as_array().map(Vec::len), Some(0));
    assert_eq!(names_in(&place).len(), 5);
}

#[test]
fn a_slide_without_a_resolution_needs_one_from_the_user() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let unknown = || Plain::glass(Mpp::Unusable { property: "openslide.mpp-x".into(), value: "`0,5`".into() });
    let error =
        Job { slide: unknown(), ..Default::default() }.run(&out.path().join("x")).expect_err("no mpp").to_string();
    assert!(error.contains("openslide.mpp-x") && error.contains("--mpp"), "{error}");
    let config = SegmentConfig { mpp: Some(0.5), ..config() };
    assert!(written(Job { slide: unknown(), config, ..Default::default() }.run(&out.path().join("x"))).input.mpp_given);
}

#[test]
fn a_budget_below_one_batch_is_refused_before_anything_is_written() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let stream = StreamConfig { pixel_budget: 500_000, ..config().stream };
    let job = Job { config: SegmentConfig { stream, ..config() }, ..Default::default() };
    let error = job.run(&out.path().join("slide")).expect_err("too small").to_string();
    assert!(error.starts_with("`--pixel-budget` is 488.3 KiB: a batch of 4 tiles needs 768 KiB"), "{error}");
    assert_eq!(names_in(out.path()), Vec::<String>::new());
}

#[test]
fn only_the_files_asked_for_are_written() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("out");
    let config = SegmentConfig { outputs: vec![Output::Classes], ..config() };
    written(Job { config, ..Job::default() }.run(&place));
    assert_eq!(names_in(&place), ["classes.tif", "manifest.json"]);
    let twice = SegmentConfig { outputs: vec![Output::Objects, Output::Objects], ..SegmentConfig::default() };
    assert!(twice.validate().expect_err("refused").to_string().contains("named twice"));
}
