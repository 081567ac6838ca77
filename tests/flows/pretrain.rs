//! `slidestream pretrain` and `slidestream sample` as a user runs them: on toy images and a slide, stopped and resumed.

use image::{Rgb, RgbImage};
use slidestream::train::Pretrained;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
    seed = 5
    name = "toy"
    [input]
    mpp = 1.0
    [network]
    dim = 8
    multipliers = [1, 2]
    [pretext]
    kind = "diffusion"
    steps = 100
    schedule = { kind = "cosine", offset = 0.008 }
    [optimizer]
    rate = 2e-2
    clip_norm = 1.0
    [training]
    epochs = 6
    steps_per_epoch = 12
    batch = 4
    crop_px = 16
    ema = 0.9
    val_share = 0.25
    val_crops = 6
    val_levels = 2
    sheet_every = 3
    [[source]]
    kind = "folder"
    path = "images"
    group = { pattern = '^(P\d+)-' }
"#;

/// Eight images of four patients, and the configuration beside them.
fn toy(folder: &Path) {
    std::fs::create_dir(folder.join("images")).unwrap();
    for i in 0..8_u32 {
        let nucleus = |x: u32, y: u32| (x % 12).abs_diff(6).pow(2) + (y % 12).abs_diff(5 + i % 3).pow(2) <= 9;
        let colour = |x, y| if nucleus(x, y) { Rgb([95, 45, 140]) } else { Rgb([235, 200, 220]) };
        RgbImage::from_fn(40, 36, colour).save(folder.join(format!("images/P{}-{i}.png", i / 2))).unwrap();
    }
    std::fs::write(folder.join("toy.toml"), CONFIG).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.current_dir(folder).args(arguments).args(["--device", "cpu", "--threads", "1"]);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The lines of `metrics.csv` without what is measured by the clock.
fn figures(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("metrics.csv")).unwrap();
    text.lines().map(|line| line.rsplitn(3, ',').last().unwrap().to_owned()).collect()
}

#[test]
fn a_run_learns_leaves_what_is_promised_and_draws() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "out"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("4 groups, 6 images or slides to train on, 2 held out"), "{}", said(&output));
    assert!(said(&output).contains("waiting for crops ("), "{}", said(&output));
    let out = dir.path().join("out");
    for file in ["config.toml", "split.csv", "last.safetensors", "best.safetensors", "sheet-0003.png"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    for file in ["crops.png", "plot.png", "sheet.png"] {
        image::open(out.join(file)).unwrap();
    }
    let text = std::fs::read_to_string(out.join("metrics.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[4].parse().unwrap()).collect();
    // With this schedule and P2 weights, a network that knows nothing scores 0.5.
    assert!(losses.len() == 6 && losses[5] < 0.4, "{losses:?}");

    let pretrained = Pretrained::read(&out).unwrap();
    assert_eq!((pretrained.info.network.dim, pretrained.info.input.range), (8, [-1.0, 1.0]));
    assert!(pretrained.info.data[0].contains("8 images"), "{:?}", pretrained.info.data);

    let images = |folder: &str| -> Vec<RgbImage> {
        (0..5).map(|i| image::open(dir.path().join(format!("{folder}/{i:05}.png"))).unwrap().into_rgb8()).collect()
    };
    let draw = |folder: &str, more: &[&str]| {
        let arguments = [&["sample", "out", "--out", folder, "--count", "5", "--seed", "3"], more].concat();
        let output = run(dir.path(), &arguments);
        assert!(output.status.success(), "{}", said(&output));
    };
    draw("one", &["--steps", "8", "--batch", "5"]);
    draw("two", &["--steps", "8", "--batch", "2", "--grid", "0"]);
    for (a, b) in images("one").iter().zip(&images("two")) {
        assert!(a.as_raw().iter().zip(b.as_raw()).all(|(a, b)| a.abs_diff(*b) <= 1), "whatever the batch");
    }
    assert!(dir.path().join("one/grid.png").exists() && !dir.path().join("two/grid.png").exists());
    let record = std::fs::read_to_string(dir.path().join("one/sample.json")).unwrap();
    assert!(record.contains("\"method\": \"dpm-solver\"") && record.contains("\"steps\": 8"), "{record}");
    draw("wide", &["--method", "ddim", "--eta", "0.5", "--steps", "5", "--size", "24"]);
    assert_eq!(images("wide")[0].dimensions(), (24, 24));
    draw("slow", &["--method", "ancestral"]);

    for (arguments, wanted) in [
        (vec!["--out", "one"], "not empty"),
        (vec!["--out", "x", "--size", "15"], "--size"),
        (vec!["--out", "x", "--eta", "0.5"], "--eta"),
        (vec!["--out", "y", "--steps", "500"], "--steps"),
    ] {
        let output = run(dir.path(), &[&["sample", "out"], &arguments[..]].concat());
        assert!(output.status.code() == Some(1) && said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
    let again = run(dir.path(), &["pretrain", "toy.toml", "--out", "out"]);
    assert!(!again.status.success() && said(&again).contains("--resume"), "{}", said(&again));
}

#[test]
fn a_run_stopped_by_ctrl_c_resumes_to_the_figures_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    assert!(run(dir.path(), &["pretrain", "toy.toml", "--out", "whole"]).status.success());
    let mut child = command(dir.path(), &["pretrain", "toy.toml", "--out", "parts", "--loader-threads", "2"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (metrics, started) = (dir.path().join("parts/metrics.csv"), Instant::now());
    while !metrics.exists() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let resumed = run(dir.path(), &["pretrain", "toy.toml", "--out", "parts", "--resume"]);
    assert!(resumed.status.success(), "{}", said(&resumed));
    assert_eq!(figures(&dir.path().join("whole")), figures(&dir.path().join("parts")));
    let weights = |out: &str| Pretrained::read(&dir.path().join(out)).unwrap().tensors;
    let (whole, parts) = (weights("whole"), weights("parts"));
    assert!(whole.iter().all(|(name, tensor)| tensor.equal(&parts[name])), "bit for bit");
    let other = run(dir.path(), &["pretrain", "toy.toml", "--out", "parts", "--resume", "--seed", "6"]);
    assert!(said(&other).contains("`seed`") || said(&other).contains("another split"), "{}", said(&other));
}

#[test]
fn a_denoising_network_is_trained_and_refuses_to_draw_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let text = CONFIG
        .replace(
            "kind = \"diffusion\"\n    steps = 100\n    schedule = { kind = \"cosine\", offset = 0.008 }",
            "kind = \"denoising\"\n    sigma = 0.4",
        )
        .replace("dim = 8", "dim = 8\n    time_embedding = false")
        .replace("val_levels = 2", "val_levels = 1")
        .replace("epochs = 6", "epochs = 2");
    std::fs::write(dir.path().join("toy.toml"), text).unwrap();
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "out"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = run(dir.path(), &["sample", "out", "--out", "drawn"]);
    assert!(said(&output).contains("`denoising`") && !dir.path().join("drawn").exists(), "{}", said(&output));
}

#[test]
fn slides_and_folders_are_mixed_and_read_while_training() {
    let Some(slide) = crate::common::data("slides/real/CMU-1-Small-Region.svs") else { return };
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let text = CONFIG
        .replace("epochs = 6", "epochs = 2")
        .replace("group = { pattern", "weight = 1.0\n    group = { pattern")
        + &format!(
            "\n    [[source]]\n    kind = \"slides\"\n    paths = [{slide:?}]\n    weight = 3.0\n    group = \"source\"\n"
        )
        + "    [augment]\n    scale = [0.8, 1.25]\n";
    std::fs::write(dir.path().join("toy.toml"), text).unwrap();
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "out"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 slides with") && said(&output).contains("mm² of tissue"), "{}", said(&output));
    let files: Vec<_> = std::fs::read_dir(dir.path().join("out")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains("tile")), "no crops on the disk: {files:?}");
}

#[test]
fn bad_runs_name_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    let cases = [
        (CONFIG.replace("epochs = 6", "epoch = 6"), "epoch"),
        (CONFIG.replace(r"^(P\d+)-", r"^(Q\d+)-"), "its name gives no group"),
        (CONFIG.replace("path = \"images\"", "path = \"pictures\""), "pictures"),
        (CONFIG.replace("crop_px = 16", "crop_px = 15"), "`training.crop_px` is 15"),
        (CONFIG.replace("steps = 100", "steps = 1"), "pretext.steps"),
        (CONFIG.replace("crop_px = 16", "crop_px = 2048\n    memory_mb = 64"), "training.memory_mb"),
        (
            CONFIG.replace(
                "kind = \"folder\"\n    path = \"images\"",
                "kind = \"slides\"\n    paths = [\"images/P0-0.png\"]",
            ),
            "mpp",
        ),
    ];
    for (text, wanted) in cases {
        std::fs::write(dir.path().join("toy.toml"), text).unwrap();
        let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "bad"]);
        assert_eq!(output.status.code(), Some(1), "{wanted}");
        assert!(said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
    std::fs::write(dir.path().join("toy.toml"), CONFIG).unwrap();
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "bad", "--data", "elsewhere"]);
    assert!(output.status.code() == Some(1) && said(&output).contains("elsewhere"), "{}", said(&output));
    std::fs::write(dir.path().join("images/P3-7.png"), b"torn").unwrap();
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "bad"]);
    assert!(said(&output).contains("P3-7.png"), "{}", said(&output));
}

#[test]
fn published_validation_draws_anew_and_is_the_same_when_a_run_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    toy(dir.path());
    // Weights that hardly move: what moves the loss is the draw.
    let still = CONFIG
        .replace("rate = 2e-2", "rate = 1e-12")
        .replace("epochs = 6", "epochs = 3")
        .replace("ema = 0.9", "ema = 0.0");
    let losses = |name: &str, text: &str| -> Vec<f64> {
        std::fs::write(dir.path().join("toy.toml"), text).unwrap();
        let output = run(dir.path(), &["pretrain", "toy.toml", "--out", name]);
        assert!(output.status.success(), "{}", said(&output));
        let mut rows = csv::Reader::from_path(dir.path().join(name).join("metrics.csv")).unwrap();
        rows.records().map(|row| row.unwrap()[4].parse().unwrap()).collect()
    };
    let fixed = losses("fixed", &still);
    assert!(fixed.iter().all(|loss| (loss - fixed[0]).abs() < 1e-4), "{fixed:?}");
    let anew = still.replace("val_levels = 2", "val_noise = \"fresh\"");
    let fresh = losses("fresh", &anew);
    assert!((fresh[0] - fresh[1]).abs() > 1e-3 && (fresh[1] - fresh[2]).abs() > 1e-3, "{fresh:?}");
    assert_eq!(fresh, losses("again", &anew));
    std::fs::write(
        dir.path().join("toy.toml"),
        CONFIG.replace("multipliers = [1, 2]", "multipliers = [1, 2]\n    step = 4"),
    )
    .unwrap();
    let output = run(dir.path(), &["pretrain", "toy.toml", "--out", "idle"]);
    assert!(said(&output).contains("`network.step` is 4: would do nothing"), "{}", said(&output));
}
