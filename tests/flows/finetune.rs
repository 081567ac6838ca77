//! `slidestream finetune` as a user runs it: on a folder of toy nuclei, stopped and resumed, and on bad input.

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
    seed = 5
    [model]
    name = "toy-nuclei"
    version = "0.1.0"
    title = "Discs that stand for nuclei"
    license = "CC0-1.0"
    object = "Nucleus"
    [data]
    root = "data"
    masks = "label"
    labels = "instances"
    index = "index.csv"
    group = "patient"
    style = "stain"
    val_share = 0.25
    test_share = 0.25
    [network]
    dim = 8
    multipliers = [1, 2]
    normalisation = "batch"
    attention = false
    time_embedding = false
    full_resolution_skip = true
    [input]
    mpp = 0.5
    tile_px = 64
    halo_px = 16
    range = [-1.0, 1.0]
    [optimizer]
    kind = "adamw"
    rate = 1e-2
    schedule = "cosine"
    [training]
    epochs = 8
    steps_per_epoch = 10
    batch = 4
    crop_px = 48
    ema = 0.9
    balance = "style"
    sheet_every = 4
    [postprocessing]
    min_area_um2 = 2.0
"#;

/// Eight images of two stains and four patients a stain, each with touching nuclei, and the configuration beside them.
pub(super) fn toy(folder: &Path) {
    for part in ["data/image", "data/label"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut index = "file,patient,stain\n".to_owned();
    for i in 0..8_i32 {
        let centres = [(16 + i, 16), (30 + i, 16), (20, 44 - i), (46, 40)];
        let label = |x: u32, y: u32| {
            let inside = |&(cx, cy): &(i32, i32)| (x as i32 - cx).pow(2) + (y as i32 - cy).pow(2) <= 49;
            centres.iter().position(inside).map_or(0, |at| at as u16 * 300 + 7)
        };
        let paper = if i % 2 == 0 { Rgb([235, 215, 228]) } else { Rgb([200, 185, 225]) };
        let image = RgbImage::from_fn(64, 60, |x, y| if label(x, y) > 0 { Rgb([95, 45, 140]) } else { paper });
        image.save(folder.join(format!("data/image/{i}.png"))).unwrap();
        let labels = ImageBuffer::from_fn(64, 60, |x, y| Luma([label(x, y)]));
        labels.save(folder.join(format!("data/label/{i}.png"))).unwrap();
        index += &format!("{i}.png,P{i},{}\n", if i % 2 == 0 { "pink" } else { "violet" });
    }
    std::fs::write(folder.join("data/index.csv"), index).unwrap();
    std::fs::write(folder.join("toy.toml"), CONFIG).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.current_dir(folder).args(["finetune", "toy.toml", "--device", "cpu", "--threads", "1"]).args(arguments);
    command
}

pub(super) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The lines of `metrics.csv` without the seconds, which differ from run to run.
fn figures(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("metrics.csv")).unwrap();
    text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
}

#[test]
fn a_run_learns_the_toy_and_leaves_a_package_that_checks() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let output = run(dir.path(), &["--out", "out"]);
    assert!(output.status.success(), "{}", said(&output));
    let out = dir.path().join("out");
    for file in [
        "config.toml",
        "split.csv",
        "last.safetensors",
        "best.safetensors",
        "plot.png",
        "sheet.png",
        "scores.csv",
        "sheet-0004.png",
        "sheet-0008.png",
    ] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    assert_eq!(figures(&out).len(), 9, "a header and eight epochs");
    let splits: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("metrics.json")).unwrap()).unwrap();
    let test = splits.as_array().unwrap().iter().find(|split| split["split"] == "test").unwrap();
    assert!(test["dice"].as_f64().unwrap() > 0.8, "{test}");
    let card = std::fs::read_to_string(out.join("toy-nuclei/README.md")).unwrap();
    assert!(card.contains("| test | 2 |") && card.contains("slidestream finetune toy.toml"), "{card}");
    let check = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"))
        .args(["models", "check"])
        .arg(out.join("toy-nuclei"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", said(&check));

    let again = run(dir.path(), &["--out", "out"]);
    assert!(!again.status.success() && said(&again).contains("--resume"), "{}", said(&again));
}

#[test]
fn a_run_stopped_by_ctrl_c_resumes_to_the_figures_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    assert!(run(dir.path(), &["--out", "whole"]).status.success());

    let mut child = command(dir.path(), &["--out", "parts"]).stderr(Stdio::null()).spawn().unwrap();
    let (metrics, started) = (dir.path().join("parts/metrics.csv"), Instant::now());
    while !metrics.exists() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let resumed = run(dir.path(), &["--out", "parts", "--resume"]);
    assert!(resumed.status.success(), "{}", said(&resumed));

    let (whole, parts) = (figures(&dir.path().join("whole")), figures(&dir.path().join("parts")));
    assert_eq!(whole, parts);
    let other = run(dir.path(), &["--out", "parts", "--resume", "--seed", "6"]);
    assert!(said(&other).contains("`seed`") || said(&other).contains("another split"), "{}", said(&other));
}

#[test]
fn published_validation_looks_at_changed_crops_drawn_anew() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    // Weights that hardly move: what moves the loss is the draw.
    let still = CONFIG
        .replace("rate = 1e-2", "rate = 1e-12")
        .replace("epochs = 8", "epochs = 3")
        .replace("ema = 0.9", "ema = 0.0");
    let still = still.replace("steps_per_epoch = 10", "steps_per_epoch = 1");
    let losses = |name: &str, text: &str| -> Vec<f64> {
        std::fs::write(dir.path().join("toy.toml"), text).unwrap();
        let output = run(dir.path(), &["--out", name]);
        assert!(output.status.success(), "{}", said(&output));
        let mut rows = csv::Reader::from_path(dir.path().join(name).join("metrics.csv")).unwrap();
        let at = rows.headers().unwrap().iter().position(|name| name == "val_loss").unwrap();
        rows.records().map(|row| row.unwrap()[at].parse().unwrap()).collect()
    };
    // Group normalisation keeps no statistics, so nothing at all changes but by rounding.
    let still = still.replace("normalisation = \"batch\"", "normalisation = \"group\"");
    let images = losses("images", &still);
    assert!(images.iter().all(|loss| (loss - images[0]).abs() < 1e-4), "{images:?}");
    let anew = still.replace("balance = \"style\"", "balance = \"style\"\n    validate_on = \"crops\"");
    let crops = losses("crops", &anew);
    assert!((crops[0] - crops[1]).abs() > 1e-4 && (crops[1] - crops[2]).abs() > 1e-4, "{crops:?}");
    assert_eq!(crops, losses("again", &anew));
}

#[test]
fn the_data_of_the_nuclei_model_divide_by_look_as_documented() {
    let Some(root) = crate::common::data("nuclei_dsb2018") else { return };
    use slidestream::config::FinetuneConfig;
    use slidestream::data::{Dataset, Split, SplitTable};
    let mut config =
        FinetuneConfig::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/he-nuclei.toml")).unwrap();
    config.data.root = root;
    let data = Dataset::open(&config.data, config.input.mpp).unwrap();
    let table = SplitTable::make(&data, &config.data, config.seed).unwrap();
    assert_eq!(table.files.len(), 107);
    let groups: std::collections::BTreeSet<&String> = table.groups.iter().collect();
    assert_eq!(groups.len(), 8);
    // The only fields with eosin are of one slide, whoever looks at them.
    let pink = ["4193474b2f1c72f7", "8f27ebc74164eddf", "87ea72f894f6534b", "57bd029b19c1b382"];
    let of = |stem: &str| table.files.iter().position(|file| file.starts_with(&stem[..6])).unwrap();
    assert!(pink.iter().all(|stem| table.groups[of(stem)] == table.groups[of(pink[0])]));
    for split in Split::ALL {
        assert!(table.of(split).len() >= 8, "{split:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (now, shipped) = (dir.path().join("split.csv"), "models/he-nuclei/split.csv");
    table.write(&now).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped);
    assert_eq!(
        std::fs::read(now).unwrap(),
        std::fs::read(shipped).unwrap(),
        "the split that the card's figures are of"
    );
}

#[test]
fn the_shipped_configurations_are_valid() {
    use slidestream::config::{FinetuneConfig, SplitBy};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let read = |name: &str| FinetuneConfig::read(&folder.join(name)).unwrap();
    assert!(!read("he-nuclei.toml").network_open() && read("glands.toml").start.from.is_none());
    let parity = read("finetune-parity.toml");
    assert!(parity.data.split_by == SplitBy::Patch && parity.start.range_mismatch);
    assert_eq!((parity.optimizer.betas, parity.input.range), ([0.5, 0.999], [0.0, 1.0]));
    assert!(parity.start.from.unwrap().ends_with("runs/pretrain-parity"));
}

#[test]
fn bad_runs_name_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let config = std::fs::read_to_string(dir.path().join("toy.toml")).unwrap();
    let cases = [
        (config.replace("epochs = 8", "epoch = 8"), "epoch"),
        (config.replace("patient", "surgeon"), "no column `surgeon`"),
        (config.replace("\"label\"", "\"labels\""), "labels"),
        (config.replace("crop_px = 48", "crop_px = 47"), "`training.crop_px` is 47"),
        (config.replace("val_share = 0.25", "val_share = 0.0"), "no image is left for val"),
    ];
    for (text, wanted) in cases {
        std::fs::write(dir.path().join("toy.toml"), text).unwrap();
        let output = run(dir.path(), &["--out", "bad"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
    std::fs::write(dir.path().join("toy.toml"), &config).unwrap();
    std::fs::remove_file(dir.path().join("data/label/3.png")).unwrap();
    let output = run(dir.path(), &["--out", "bad"]);
    assert!(said(&output).contains("3.png: has no mask"), "{}", said(&output));
}
