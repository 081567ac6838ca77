//! `slidestream study` as a user runs it: a small grid with a pre-training, gone on with, and changed under its feet.

use super::finetune::{said, toy};
use std::path::Path;
use std::process::{Command, Output};

const STUDY: &str = r#"
    base = "toy.toml"
    shares = [0.5, 1.0]
    seeds = [1]
    [[start]]
    name = "scratch"
    [[start]]
    name = "denoising"
    pretrain = "pre.toml"
    [[loss]]
    name = "ss+focal"
    terms = { ss = 1.0, focal = 1.0 }
"#;
const PRETRAINING: &str = r#"
    seed = 1
    name = "pre"
    [input]
    mpp = 0.5
    [pretext]
    kind = "denoising"
    sigma = 0.3
    [network]
    dim = 8
    multipliers = [1, 2]
    normalisation = "batch"
    attention = false
    time_embedding = false
    full_resolution_skip = true
    [training]
    epochs = 1
    steps_per_epoch = 4
    batch = 4
    crop_px = 32
    val_crops = 4
    val_levels = 1
    [[source]]
    kind = "folder"
    path = "data/image"
    mpp = 0.5
    group = "file"
"#;

fn study(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.current_dir(folder).args(["study", "study.toml", "--out", "out", "--device", "cpu", "--threads", "1"]);
    command.args(arguments).output().unwrap()
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_grid_is_run_once_compared_over_patients_and_may_grow_but_not_change() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    toy(folder);
    let base = std::fs::read_to_string(folder.join("toy.toml")).unwrap();
    std::fs::write(folder.join("toy.toml"), base.replace("epochs = 8", "epochs = 2")).unwrap();
    std::fs::write(folder.join("study.toml"), STUDY).unwrap();
    std::fs::write(folder.join("pre.toml"), PRETRAINING).unwrap();

    let output = study(folder, &[]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("run 1/5: pre-training of denoising") && told.contains("run 5/5: denoising"), "{told}");
    let out = folder.join("out");
    let runs = lines(&out.join("runs.csv"));
    assert_eq!(runs.len(), 5, "a header and 2 starts x 2 shares: {runs:?}");
    let arms = lines(&out.join("arms.csv"));
    let field = |row: &str, name: &str| {
        let place = arms[0].split(',').position(|header| header == name).unwrap();
        row.split(',').nth(place).unwrap().to_owned()
    };
    for row in &arms[1..] {
        let [low, dice, high] = ["dice_low", "dice", "dice_high"].map(|name| field(row, name).parse::<f64>().unwrap());
        assert!((0.0..=1.0).contains(&dice) && low <= dice && dice <= high, "{row}");
        assert_eq!(field(row, "gain").is_empty(), field(row, "start") == "scratch", "{row}");
    }
    assert!(lines(&out.join("table.md"))[0].starts_with("4 of 4 runs"));
    assert!(image::open(out.join("plot.png")).unwrap().width() > 100);
    let cell = out.join("runs/denoising/ss+focal/share-0.5/seed-1");
    assert!(
        lines(&cell.join("transfer.csv")).iter().any(|row| row.contains(",taken,")),
        "it started from what was learnt"
    );
    assert!(
        lines(&cell.join("split.csv")).iter().any(|row| row.ends_with(",unused")),
        "half of the groups are left out"
    );
    assert!(!cell.join("last.safetensors").exists() && cell.join("toy-nuclei/model.toml").exists());

    let refused = study(folder, &[]);
    assert!(!refused.status.success() && said(&refused).contains("--resume"), "{}", said(&refused));
    // One more seed: what is done stays as it is.
    std::fs::write(folder.join("study.toml"), STUDY.replace("seeds = [1]", "seeds = [1, 2]")).unwrap();
    let before = std::fs::metadata(cell.join("done")).unwrap().modified().unwrap();
    let grown = study(folder, &["--resume"]);
    assert!(grown.status.success(), "{}", said(&grown));
    assert_eq!(lines(&out.join("runs.csv")).len(), 9);
    assert_eq!(std::fs::metadata(cell.join("done")).unwrap().modified().unwrap(), before);
    // Another loss by the old name would mix two experiments.
    std::fs::write(folder.join("study.toml"), STUDY.replace("focal = 1.0", "focal = 0.5")).unwrap();
    let mixed = study(folder, &["--resume"]);
    assert!(!mixed.status.success() && said(&mixed).contains("loss ss+focal"), "{}", said(&mixed));
}
