//! `slidestream finetune --from`: weights of an earlier run, and what is refused.

use super::finetune::{run, said, toy};
use std::path::Path;

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// The configuration of the toy without its network.
fn without_network(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("toy.toml")).unwrap();
    let (before, rest) = text.split_once("[network]").unwrap();
    let after = &rest[rest.find("[input]").unwrap()..];
    std::fs::write(folder.join("toy.toml"), format!("{before}{after}")).unwrap();
}

fn val_loss(out: &Path, epoch: usize) -> f64 {
    let text = std::fs::read_to_string(out.join("metrics.csv")).unwrap();
    text.lines().nth(epoch).unwrap().split(',').nth(4).unwrap().parse().unwrap()
}

#[test]
fn a_run_takes_over_an_earlier_ones_weights_accounts_for_them_and_resumes_without_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    toy(folder);
    ok(folder, &["--out", "first", "--epochs", "4"]);
    without_network(folder);
    let second = ["--out", "second", "--epochs", "1", "--from", "first", "--loss", "ss+focal", "--lambda", "0.5"];
    let told = ok(folder, &second);
    assert!(told.contains("took over") && told.contains("segmentation run `toy-nuclei`"), "{told}");
    let out = folder.join("second");
    let rows = std::fs::read_to_string(out.join("transfer.csv")).unwrap();
    assert!(rows.contains("net.init_conv.weight,init_conv,") && rows.contains(",taken,"), "{rows}");
    assert!(rows.lines().any(|row| row.starts_with("net.final_conv.1.weight") && row.contains(",new,")));
    let config: slidestream::config::FinetuneConfig =
        toml::from_str(&std::fs::read_to_string(out.join("config.toml")).unwrap()).unwrap();
    assert_eq!(
        (config.network.dim, config.loss.ss, config.loss.focal),
        (8, 1.0, 0.5),
        "what was taken over is written"
    );
    assert_eq!(config.start.sha256.as_ref().map(String::len), Some(64));
    let card = std::fs::read_to_string(out.join("toy-nuclei/README.md")).unwrap();
    for part in ["all but the head of first", "0.5 x focal", "--from first --loss ss+focal --lambda 0.5"] {
        assert!(card.contains(part), "{part}: {card}");
    }
    // From a model package too, and only the encoder.
    let config = std::fs::read_to_string(folder.join("toy.toml")).unwrap();
    std::fs::write(
        folder.join("toy.toml"),
        format!("{config}\n[start]\nparts = \"encoder\"\nfreeze = [\"encoder\"]\n"),
    )
    .unwrap();
    ok(folder, &["--out", "third", "--epochs", "1", "--from", "first/toy-nuclei"]);
    let rows = std::fs::read_to_string(folder.join("third/transfer.csv")).unwrap();
    assert!(rows.contains("the decoder is new"), "{rows}");
    std::fs::write(folder.join("toy.toml"), config).unwrap();

    let lead = val_loss(&out, 1);
    ok(
        folder,
        &[
            "--out", "scratch", "--epochs", "1", "--from", "first", "--loss", "ss+focal", "--lambda", "0.5", "--seed",
            "5",
        ],
    );
    assert!((val_loss(&folder.join("scratch"), 1) - lead).abs() < 1e-6, "the same start and seed give the same run");

    std::fs::rename(folder.join("first"), folder.join("gone")).unwrap();
    let again: Vec<&str> = second.iter().copied().chain(["--resume"]).collect();
    ok(folder, &again);
    let other: Vec<&str> = again.iter().map(|&a| if a == "first" { "third" } else { a }).collect();
    let told = refused(folder, &other);
    assert!(told.contains("`start.from` is third") && told.contains("first"), "{told}");
    let none: Vec<&str> = again.iter().copied().filter(|a| *a != "--from" && *a != "first").collect();
    assert!(refused(folder, &none).contains("started from first"));
}

#[test]
fn starts_that_do_not_fit_name_both_sides_and_the_cure() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    toy(folder);
    ok(folder, &["--out", "first", "--epochs", "1"]);
    let config = std::fs::read_to_string(folder.join("toy.toml")).unwrap();
    let cases = [
        (config.replace("range = [-1.0, 1.0]", "range = [0.0, 1.0]"), "first", "range_mismatch = true"),
        (config.replace("dim = 8", "dim = 16"), "first", "`network.dim` is 16: is 8 in"),
        (format!("{config}\n[start]\nfreeze = [\"backbone\"]\n"), "first", "`start.freeze` is backbone"),
        (config.clone(), "runs/nowhere", "runs/nowhere"),
        (config.clone(), "data/image/0.png", "0.png"),
    ];
    for (text, from, wanted) in cases {
        std::fs::write(folder.join("toy.toml"), text).unwrap();
        let told = refused(folder, &["--out", "bad", "--from", from]);
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    std::fs::write(folder.join("toy.toml"), &config).unwrap();
    let told = refused(folder, &["--out", "bad", "--loss", "ss+hinge"]);
    assert!(told.contains("`hinge` is no term"), "{told}");
}
