//! The engine process as a host sees it: what it answers, and that neither side can hurt the other.

mod faults;
mod fed;

use crate::models::write_package;
use slidestream::config::SegmentConfig;
use slidestream::engine::batch::Batch;
use slidestream::engine::client::{Engine, Event, Job};
use slidestream::engine::process::EngineOptions;
use slidestream::engine::protocol::{
    Ending, Failure, FailureKind, Image, ModelChoice, Order, SegmentOrder, Segmented, TrainOrder,
};
use slidestream::geometry::{Level, Rect, Size};
use slidestream::slide::SlideSource;
use slidestream::slide::synthetic::SyntheticSlide;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// A folder with a model of random weights, and an engine to be started.
struct Bench {
    folder: tempfile::TempDir,
    engine: Engine,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = EngineOptions::new(env!("CARGO_BIN_EXE_slidestream-torch"));
        options.logs = folder.path().join("logs");
        change(&mut options);
        Self { folder, engine: Engine::new(options) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An image of tissue as a file.
    fn tissue(&self, size: Size) -> PathBuf {
        let path = self.path("tissue.png");
        pixels(size).save(&path).expect("written");
        path
    }

    /// A job that takes some seconds if nobody stops it.
    fn long_order(&self) -> Order {
        let package = self.path("tiny");
        if !package.exists() {
            write_package(&package);
        }
        let path = self.path("large.png");
        if !path.exists() {
            image::RgbImage::from_pixel(6000, 6000, image::Rgb([200, 150, 190])).save(&path).expect("written");
        }
        Order::Segment(Box::new(SegmentOrder { out: Some(self.path("out")), ..order(&package, Image::File(path)) }))
    }
}

fn pixels(size: Size) -> image::RgbImage {
    SyntheticSlide::new(size, 0.5, 7).read(0, Rect::<Level>::whole(size)).expect("pixels")
}

fn order(model: &Path, image: Image) -> SegmentOrder {
    let config = SegmentConfig { mpp: Some(0.5), ..SegmentConfig::default() };
    let config = SegmentConfig { area: slidestream::config::Area::WholeSlide, ..config };
    SegmentOrder { image, model: choice(model), batch: None, config, out: None, force: false }
}

fn choice(model: &Path) -> ModelChoice {
    let (device, precision) = ("cpu".into(), "f32".into());
    ModelChoice { model: model.display().to_string(), device, precision, threads: 1, trust_model: false }
}

fn nuclei() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/he-nuclei")
}

/// All that a job says until its end.
fn follow(job: &Job) -> (Vec<Event>, Result<Ending, Failure>) {
    let mut events = Vec::new();
    loop {
        match job.next(SOON).expect("an engine by the rules").expect("something within half a minute") {
            Event::Ended(end) => return (events, end),
            event => events.push(event),
        }
    }
}

fn batches(events: &[Event]) -> Vec<&Batch> {
    let mut batches = Vec::new();
    for event in events {
        if let Event::Objects(batch) = event {
            batches.push(batch);
        }
    }
    batches
}

/// Waits until a long job computes.
fn until_it_works(job: &Job) {
    loop {
        if let Event::Progress(progress) = job.next(SOON).expect("rules").expect("progress")
            && progress.done > 0
        {
            return;
        }
    }
}

fn segmented(end: Result<Ending, Failure>) -> Segmented {
    match end.expect("a result") {
        Ending::Segmented(segmented) => segmented,
        other => panic!("{other:?}"),
    }
}

fn failed(end: Result<Ending, Failure>, kind: FailureKind) -> String {
    let failure = end.expect_err("a failure");
    assert_eq!(failure.kind, kind, "{failure}");
    failure.message
}

#[test]
fn one_engine_answers_questions_and_bad_ones_with_the_reason() {
    let bench = Bench::new();
    assert_eq!(bench.engine.pid(), None, "nothing is started before the first job");
    let Ending::Devices(devices) = bench.engine.ask(Order::Devices).unwrap() else { panic!("devices") };
    assert!(devices.iter().any(|device| device.name == "cpu" && device.available && !device.reason.is_empty()));
    let pid = bench.engine.pid();
    let path = bench.tissue(Size::new(300, 200));
    let Ending::Slide(slide) = bench.engine.ask(Order::Slide { path }).unwrap() else { panic!("a slide") };
    assert_eq!((slide.levels[0], slide.mpp, slide.reader.as_str()), (Size::new(300, 200), None, "png"));
    let Ending::Model(model) = bench.engine.ask(Order::Model(choice(&nuclei()))).unwrap() else { panic!("a model") };
    assert_eq!((model.classes[1].name.as_str(), model.instances), ("Nucleus", true));
    assert_eq!(model.measurements[0], "Area µm^2");

    let missing = bench.engine.ask(Order::Slide { path: bench.path("none.svs") });
    assert!(failed(missing, FailureKind::Io).contains("none.svs"));
    let unknown = bench.engine.ask(Order::Model(choice(Path::new("no-such-model"))));
    assert!(failed(unknown, FailureKind::Model).contains("no-such-model"));
    let device = ModelChoice { device: "cuda:99".into(), ..choice(&nuclei()) };
    assert!(failed(bench.engine.ask(Order::Model(device)), FailureKind::Device).contains("cuda:99"));
    assert_eq!(bench.engine.pid(), pid, "one engine for all of it");
}

#[test]
fn the_objects_that_are_streamed_are_those_of_the_file() {
    let bench = Bench::new();
    let path = bench.tissue(Size::new(900, 700));
    let out = bench.path("out");
    let order = SegmentOrder { out: Some(out.clone()), ..order(&nuclei(), Image::File(path)) };
    let job = bench.engine.begin(Order::Segment(Box::new(order.clone()))).unwrap();
    let (events, end) = follow(&job);
    let result = segmented(end);
    let text = std::fs::read_to_string(out.join("objects.geojson")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let features = file["features"].as_array().unwrap();
    let mut streamed = 0;
    for batch in batches(&events) {
        for i in 0..batch.len() {
            let feature = &features[streamed];
            assert_eq!(feature["id"], uuid::Uuid::from_u128(batch.id(i)).to_string());
            let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
            assert_eq!(ring.len(), batch.rings(i)[0].len() + 1);
            assert_eq!(ring[0], serde_json::json!(batch.rings(i)[0][0].map(|v| v as i64)));
            let area = feature["properties"]["measurements"]["Area µm^2"].as_f64().unwrap();
            assert!((area - batch.measurements(i)[0]).abs() < 1e-3);
            streamed += 1;
        }
    }
    assert!(streamed > 50 && streamed == features.len() && streamed as u64 == result.objects, "{streamed} objects");
    let manifest: serde_json::Value = serde_json::from_str(&result.manifest.unwrap()).unwrap();
    assert_eq!(manifest["counts"]["objects"], streamed);
    let last = events.iter().rev().find_map(|event| match event {
        Event::Progress(progress) => Some(progress),
        _ => None,
    });
    let last = last.expect("progress");
    assert_eq!((last.done, last.seconds_left), (last.total, 0.0));

    // Once more: it is there already, and the engine says so instead of doing it again.
    let (events, end) = follow(&bench.engine.begin(Order::Segment(Box::new(order))).unwrap());
    assert!(segmented(end).skipped.expect("skipped").contains("has its result"));
    assert!(batches(&events).is_empty());
}

#[test]
fn a_cancelled_job_ends_soon_leaves_nothing_and_the_engine_goes_on() {
    let bench = Bench::new();
    let job = bench.engine.begin(bench.long_order()).unwrap();
    let pid = bench.engine.pid();
    until_it_works(&job);
    job.cancel();
    failed(follow(&job).1, FailureKind::Cancelled);
    assert!(matches!(job.next(Duration::ZERO), Ok(Some(Event::Ended(Err(_))))), "the end can be asked for again");
    let left: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("out")), "{left:?}");
    // A job that is dropped stops too, so that this one does not wait for it.
    drop(bench.engine.begin(bench.long_order()).unwrap());
    assert!(bench.engine.ask(Order::Devices).is_ok());
    assert_eq!(bench.engine.pid(), pid);
}

#[test]
fn a_host_that_reads_no_results_holds_up_its_own_job_only() {
    let bench = Bench::new();
    let path = bench.tissue(Size::new(900, 700));
    let job = bench.engine.begin(Order::Segment(Box::new(order(&nuclei(), Image::File(path))))).unwrap();
    assert!(bench.engine.ask(Order::Devices).is_ok());
    assert!(bench.engine.ask(Order::Model(choice(Path::new("none")))).is_err());
    let (events, end) = follow(&job);
    assert_eq!(batches(&events).iter().map(|batch| batch.len() as u64).sum::<u64>(), segmented(end).objects);
}

#[test]
fn a_training_run_tells_its_steps_stops_and_goes_on() {
    let bench = Bench::new();
    crate::finetune::toy(bench.folder.path());
    let order = |resume, epochs| TrainOrder {
        config: bench.path("toy.toml"),
        out: bench.path("run"),
        resume,
        device: "cpu".into(),
        threads: 1,
        epochs: Some(epochs),
        seed: None,
        from: None,
        data: None,
    };
    let job = bench.engine.begin(Order::Finetune(order(false, 50))).unwrap();
    until_it_works(&job);
    job.cancel();
    failed(follow(&job).1, FailureKind::Cancelled);
    let job = bench.engine.begin(Order::Finetune(order(true, 50))).unwrap();
    until_it_works(&job);
    drop(job);
    let (events, end) = follow(
        &bench.engine.begin(Order::Finetune(TrainOrder { out: bench.path("short"), ..order(false, 1) })).unwrap(),
    );
    assert_eq!(end.unwrap(), Ending::Trained { out: bench.path("short") });
    let noted = |text: &str| events.iter().any(|event| matches!(event, Event::Note(note) if note.contains(text)));
    assert!(noted("epoch 1/1  loss") && noted("model package"), "{events:?}");
    assert!(bench.path("short/toy-nuclei/model.toml").exists());
    let odd = TrainOrder { from: Some("a".into()), ..order(false, 1) };
    assert!(failed(bench.engine.ask(Order::Pretrain(odd)), FailureKind::Config).contains("`from`"));
}
