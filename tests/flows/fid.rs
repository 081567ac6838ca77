//! `slidestream fid` as a user runs it, with the encoder of a toy run.

use super::finetune::{run, said, toy};
use image::{Rgb, RgbImage};
use std::path::Path;
use std::process::{Command, Output};

fn fid(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.current_dir(folder).arg("fid").args(arguments).args(["--device", "cpu", "--threads", "1"]).output().unwrap()
}

/// Images whose texture depends on the number; from 50 on they are also brighter.
fn save(folder: &Path, numbers: std::ops::Range<u32>) {
    std::fs::create_dir_all(folder).unwrap();
    for n in numbers {
        let (mean, swing) = if n < 50 { (128.0, 100.0) } else { (215.0, 30.0) };
        let value =
            |x: u32, y: u32, c: u32| (mean + swing * ((x * (n + 1) + y * (c + 2) * 3) as f64 * 0.13).sin()) as u8;
        let image = RgbImage::from_fn(32, 32, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c))));
        image.save(folder.join(format!("{n:03}.png"))).unwrap();
    }
}

#[test]
fn a_set_is_near_itself_far_from_another_and_its_copies_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    toy(folder);
    assert!(run(folder, &["--out", "first", "--epochs", "1"]).status.success());
    save(&folder.join("real"), 0..20);
    save(&folder.join("new"), 60..70);
    save(&folder.join("copies"), 0..3);
    save(&folder.join("copies"), 63..70);
    let report = |drawn: &str| -> serde_json::Value {
        let output = fid(folder, &[drawn, "real", "--encoder", "first", "--nearest", "near.png", "--json"]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let number = |report: &serde_json::Value, at: &str| report.pointer(at).unwrap().as_f64().unwrap();
    let (same, new, copies) = (report("real"), report("new"), report("copies"));
    assert!(number(&same, "/fid") < 1e-6 && number(&new, "/fid") > number(&copies, "/fid"));
    assert_eq!(number(&new, "/copies/suspicious"), 0.0);
    assert_eq!(number(&copies, "/copies/suspicious"), 3.0);
    assert_eq!(copies.pointer("/copies/pairs/0/0"), copies.pointer("/copies/pairs/0/1"), "its own file name");
    assert_eq!(number(&new, "/kid/size"), 5.0, "half the smaller folder");
    assert!(image::open(folder.join("near.png")).unwrap().width() > 500);

    let output = fid(folder, &["new", "real", "--encoder", "first"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("never with published FID") && text.contains("slidestream encoder"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_named_with_the_cure() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    save(&folder.join("real"), 0..4);
    save(&folder.join("one"), 0..1);
    std::fs::write(folder.join("net.pt"), b"PK\x03\x04").unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["one", "real", "--features", "net.pt", "--trust-model"], "net.pt"),
        (&["real", "real", "--features", "net.pt"], "--trust-model"),
        (&["real", "real"], "--encoder"),
        (&["real", "real", "--features", "net.pt", "--range", "1,1"], "lower first"),
    ];
    for (arguments, wanted) in cases {
        let output = fid(folder, arguments);
        assert!(!output.status.success() && said(&output).contains(wanted), "{wanted}: {}", said(&output));
    }
}
