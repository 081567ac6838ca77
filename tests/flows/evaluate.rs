//! `slidestream evaluate` as a user runs it: figures of a model whose answer is known, and bad input.

use super::common;
use image::{ImageBuffer, Luma, Rgb, RgbImage};
use slidestream::Error;
use slidestream::config::{EvaluateConfig, MaskKind, ModelPackage};
use slidestream::infer::fake::FakeSegmenter;
use slidestream::run::evaluate::{EvaluateOptions, Figure, Folders, Progress, evaluate};
use slidestream::stream::CancellationToken;
use std::path::Path;

const GLASS: Rgb<u8> = Rgb([244, 243, 245]);
const STROMA: Rgb<u8> = Rgb([226, 164, 198]);
const NUCLEUS: Rgb<u8> = Rgb([96, 62, 140]);

/// Number of the disc that a pixel lies in, of three of radius 9; 0 for none.
fn disc(x: u32, y: u32) -> u16 {
    let inside = |&(cx, cy): &(i32, i32)| (x as i32 - cx).pow(2) + (y as i32 - cy).pow(2) <= 81;
    [(20, 20), (60, 25), (40, 60)].iter().position(inside).map_or(0, |at| at as u16 * 400 + 3)
}

fn save_mask(folder: &Path, name: &str, size: [u32; 2], level: impl Fn(u32, u32) -> u16) {
    let mask = ImageBuffer::from_fn(size[0], size[1], |x, y| Luma([level(x, y)]));
    mask.save(folder.join("mask").join(name)).unwrap();
}

/// Four images of two patients with nuclei at their masks' places; in `d.png` the mask has a nucleus more than the image.
fn nuclei() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for part in ["image", "mask"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
    }
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        let dark = |x, y| match disc(x, y) {
            803 => name != "d.png",
            label => label > 0,
        };
        let image = RgbImage::from_fn(90, 80, |x, y| if dark(x, y) { NUCLEUS } else { GLASS });
        image.save(dir.path().join("image").join(name)).unwrap();
        save_mask(dir.path(), name, [90, 80], disc);
    }
    let index = "image,patient,split,mpp\na.png,P1,val,0.5\nb.png,P1,val,0.5\nc.png,P2,val,0.5\nd.png,P2,val,0.5\n";
    std::fs::write(dir.path().join("index.csv"), index).unwrap();
    dir
}

fn options(folder: &Path) -> EvaluateOptions {
    EvaluateOptions {
        folders: Folders { dataset: Some(folder.to_owned()), split: Some("val".into()), ..Folders::default() },
        config: EvaluateConfig { resamples: 200, ..EvaluateConfig::default() },
        out: folder.join("out"),
        force: false,
        batch: 2,
        threads: 2,
    }
}

fn run(options: &EvaluateOptions) -> Result<Vec<Figure>, Error> {
    run_with(options, &FakeSegmenter::package(0.5, 64, 16), FakeSegmenter::new())
}

fn run_with(options: &EvaluateOptions, model: &ModelPackage, mut fake: FakeSegmenter) -> Result<Vec<Figure>, Error> {
    evaluate(options, model, &mut fake, &CancellationToken::new(), &mut |_| {})
}

fn mean(figures: &[Figure], name: &str) -> f64 {
    figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.mean).expect(name)
}

/// The cells of a column of `metrics.csv`.
fn column(out: &Path, name: &str) -> Vec<String> {
    let mut csv = csv::Reader::from_path(out.join("metrics.csv")).unwrap();
    let at = csv.headers().unwrap().iter().position(|header| header == name).expect(name);
    csv.records().map(|record| record.unwrap()[at].to_owned()).collect()
}

#[test]
fn a_missing_nucleus_costs_what_it_must_and_the_report_shows_it() {
    let dir = nuclei();
    let options = options(dir.path());
    let figures = run(&options).unwrap();
    assert_eq!(column(&options.out, "group"), ["P1", "P1", "P2", "P2"]);
    assert_eq!(column(&options.out, "found"), ["3", "3", "3", "2"]);
    assert_eq!(column(&options.out, "pq"), ["1.000000", "1.000000", "1.000000", "0.800000"]);
    assert_eq!(column(&options.out, "f1_90")[3], "0.800000");
    // The lost disc's farthest pixel is 18 and more pixels below the next one; in micrometres half of it.
    assert!(column(&options.out, "hd_um")[3].parse::<f64>().unwrap() > 9.0);
    assert_eq!(column(&options.out, "hd_um")[..3], ["0.000000"; 3]);
    assert!((mean(&figures, "pq") - 0.95).abs() < 1e-12);
    let pq = figures.iter().find(|figure| figure.name == "pq").unwrap();
    let interval = pq.interval.expect("two patients");
    assert!((interval.low - 0.9).abs() < 1e-12 && (interval.high - 1.0).abs() < 1e-12, "{interval:?}");

    let page = std::fs::read_to_string(options.out.join("report.html")).unwrap();
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 12, "three pictures of each of four images");
    assert!(page.find("d.png (P2): pq 0.800, 3 objects in truth, 2 found") < page.find("a.png (P1): pq 1.000"));
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(options.out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(
        (&summary["images"], &summary["groups"], &summary["objects"], &summary["found"]),
        (&4.into(), &2.into(), &12.into(), &11.into())
    );
    let discs = (0..80 * 90).filter(|i| disc(i % 90, i / 90) > 0).count() as u64;
    assert_eq!(summary["confusion"]["pixels"][1][0], discs / 3, "the pixels of one disc");
    assert_eq!(summary["confusion"]["pixels"][0][1], 0);

    let again = run(&options).unwrap_err().to_string();
    assert!(again.contains("--force"), "{again}");
    assert_eq!(run(&EvaluateOptions { force: true, ..options }).unwrap(), figures, "the same seed, the same intervals");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let dir = nuclei();
    // Many images of several sizes, so that they end in another order than they begin.
    let mut index = "file,patient,split,mpp\n".to_owned();
    for i in 0..14_u32 {
        let (name, edge) = (format!("n{i:02}.png"), 250 - 16 * i);
        let dark = |x: u32, y: u32| disc(x % 90, y % 80) > 0 && !(x + y).is_multiple_of(i + 2);
        let image = RgbImage::from_fn(edge, edge, |x, y| if dark(x, y) { NUCLEUS } else { GLASS });
        image.save(dir.path().join("image").join(&name)).unwrap();
        save_mask(dir.path(), &name, [edge, edge], |x, y| disc(x % 90, y % 80));
        index += &format!("{name},P{},val,0.5\n", i % 5);
    }
    std::fs::write(dir.path().join("index.csv"), index).unwrap();
    let files = |threads| {
        let out = dir.path().join(format!("out{threads}"));
        let options = EvaluateOptions { threads, out: out.clone(), ..options(dir.path()) };
        run(&options).unwrap();
        ["metrics.csv", "report.html", "summary.json"].map(|name| std::fs::read(out.join(name)).unwrap())
    };
    let one = files(1);
    assert!(one[0].iter().filter(|byte| **byte == b'\n').count() == 15);
    assert!(files(4) == one, "not the same bytes");
}

#[test]
fn images_at_half_the_resolution_score_alike_after_resampling() {
    let dir = nuclei();
    let index = "file,mpp\na.png,1.0\nb.png,0.5\n";
    std::fs::write(dir.path().join("index.csv"), index).unwrap();
    let mut options = options(dir.path());
    options.folders.split = None;
    run(&options).unwrap();
    assert_eq!(column(&options.out, "width_px"), ["180", "90"], "pixels at the model's resolution");
    assert!(column(&options.out, "pq")[0].parse::<f64>().unwrap() > 0.9);
}

#[test]
fn classes_are_scored_one_by_one_and_an_absent_one_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    for part in ["image", "mask"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
    }
    // Nuclei on the left, stroma on the right; the second image has no stroma.
    for (name, stroma) in [("a.png", true), ("b.png", false)] {
        let class = move |x: u32, _: u32| match x {
            10..100 => 1,
            150..280 if stroma => 2,
            _ => 0,
        };
        let image = RgbImage::from_fn(300, 260, |x, y| [GLASS, NUCLEUS, STROMA][usize::from(class(x, y))]);
        image.save(dir.path().join("image").join(name)).unwrap();
        save_mask(dir.path(), name, [300, 260], class);
    }
    let mut options = options(dir.path());
    options.folders =
        Folders { images: Some(dir.path().join("image")), masks: Some(dir.path().join("mask")), ..Folders::default() };
    options.config.mpp = Some(0.5);
    options.config.compat = true;
    let (model, fake) = (FakeSegmenter::region_package(0.5, 64, 16), FakeSegmenter::new().of_regions());
    let figures = run_with(&options, &model, fake.clone()).unwrap();
    assert_eq!(column(&options.out, "dice.Stroma"), ["1.000000", ""]);
    assert_eq!(column(&options.out, "hd_um.Stroma"), ["0.000000", ""]);
    assert_eq!(column(&options.out, "compat_iou"), ["1.000000", "1.000000"], "where the absent class counts as right");
    assert_eq!((mean(&figures, "dice"), mean(&figures, "ece") < 0.01), (1.0, true));

    save_mask(dir.path(), "b.png", [300, 260], |x, _| if x == 7 { 3 } else { 0 });
    let error = run_with(&EvaluateOptions { force: true, ..options }, &model, fake).unwrap_err().to_string();
    assert!(error.contains("mask/b.png") && error.contains("grey level 3") && error.contains("0 to 2"), "{error}");
}

#[test]
fn bad_input_is_named_before_the_model_works() {
    let message = |spoil: &dyn Fn(&Path, &mut EvaluateOptions)| {
        let dir = nuclei();
        let mut options = options(dir.path());
        spoil(dir.path(), &mut options);
        let mut stages = Vec::new();
        let mut tell = |progress| match progress {
            Progress::Images { stage, .. } => stages.push(stage),
            Progress::Note(_) => {}
        };
        let model = FakeSegmenter::package(0.5, 64, 16);
        let ended = evaluate(&options, &model, &mut FakeSegmenter::new(), &CancellationToken::new(), &mut tell);
        assert!(!stages.contains(&"scoring"), "the model worked");
        assert!(!options.out.join("metrics.csv").exists());
        ended.unwrap_err().to_string()
    };
    let expect = |says: &[&str], spoil: &dyn Fn(&Path, &mut EvaluateOptions)| {
        let message = message(spoil);
        assert!(says.iter().all(|part| message.contains(part)), "{message}");
    };
    expect(&["image/c.png", "has no mask"], &|dir, _| std::fs::remove_file(dir.join("mask/c.png")).unwrap());
    expect(&["mask/b.png: is 90 x 81 pixels", "90 x 80"], &|dir, _| save_mask(dir, "b.png", [90, 81], |_, _| 1));
    expect(&["image/d.png"], &|dir, _| {
        let whole = std::fs::read(dir.join("image/d.png")).unwrap();
        std::fs::write(dir.join("image/d.png"), &whole[..whole.len() / 2]).unwrap();
    });
    expect(&["--labels binary"], &|dir, _| {
        for name in ["a.png", "b.png", "c.png", "d.png"] {
            save_mask(dir, name, [90, 80], |x, y| if disc(x, y) > 0 { 255 } else { 0 });
        }
    });
    expect(&["no mask holds an object"], &|dir, _| {
        for name in ["a.png", "b.png", "c.png", "d.png"] {
            save_mask(dir, name, [90, 80], |_, _| 0);
        }
    });
    expect(&["--split", "is test", "it has: val"], &|_, options| options.folders.split = Some("test".into()));
    expect(&["--mpp", "column `mpp` already"], &|_, options| options.config.mpp = Some(0.25));
    expect(&["--mpp` is missing", "--object-diameter"], &|dir, _| {
        std::fs::write(dir.join("index.csv"), "file,split\na.png,val\n").unwrap();
    });
    expect(&["image/a.png", "4 times as coarse"], &|dir, _| {
        std::fs::write(dir.join("index.csv"), "file,split,mpp\na.png,val,2.5\n").unwrap();
    });
    expect(&["--group", "is ward", "image, patient"], &|_, options| options.folders.group = Some("ward".into()));
    expect(&["has none of the folders mask"], &|dir, _| std::fs::rename(dir.join("mask"), dir.join("truth")).unwrap());
    expect(&["--compat", "256 x 256"], &|_, options| options.config.compat = true);
    expect(&["--labels", "classes"], &|_, options| options.config.labels = Some(MaskKind::Classes));
    expect(&["index.csv is not there"], &|dir, _| std::fs::remove_file(dir.join("index.csv")).unwrap());
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let dir = nuclei();
    let options = options(dir.path());
    let cancel = CancellationToken::new();
    let mut tell = |progress| {
        if matches!(progress, Progress::Images { stage: "scoring", done: 2, .. }) {
            cancel.cancel();
        }
    };
    let model = FakeSegmenter::package(0.5, 64, 16);
    let ended = evaluate(&options, &model, &mut FakeSegmenter::new(), &cancel, &mut tell);
    assert!(matches!(ended, Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(&options.out).unwrap().count(), 0);
}

#[cfg(feature = "torch")]
#[test]
fn the_shipped_model_scores_as_its_package_says() {
    let Some(data) = common::data("nuclei_dsb2018") else { return };
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/he-nuclei");
    let out = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.args(["evaluate", "--split", "test", "--object-diameter", "7.5", "--precision", "f32", "--device", "cpu"]);
    command.arg("--images").arg(data.join("image")).arg("--masks").arg(data.join("label"));
    command.arg("--index").arg(package.join("split.csv")).arg("--model").arg(&package).arg("--out").arg(out.path());
    let ended = command.args(["--threads", "1"]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.path().join("summary.json")).unwrap()).unwrap();
    let stated: toml::Table = std::fs::read_to_string(package.join("model.toml")).unwrap().parse().unwrap();
    for (ours, theirs) in [("dice", "dice"), ("aji", "aji"), ("aji_plus", "aji_plus"), ("pq", "pq"), ("f1_50", "f1")] {
        let (ours, theirs) = (&summary["metrics"][ours]["mean"], &stated["metrics"][&format!("test.{theirs}")]);
        let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_float().unwrap());
        assert!((ours - theirs).abs() < 2e-3, "{ours} instead of {theirs}");
    }
}
