//! A network that others trained: SHELL's, as ONNX, which sees stains instead of colours.

use crate::common::data;
use image::RgbImage;
use serde::Deserialize;
use slidestream::data::stain::Stains;
use slidestream::infer::package::Package;
use slidestream::infer::{self, EngineOptions, openvino_library};
use std::path::{Path, PathBuf};
use std::slice::from_ref;

/// What SHELL finds in a tile; `tests/golden/stains.py` wrote it.
#[derive(Debug, Deserialize)]
struct Golden {
    tile: String,
    light: f64,
    eosin: [f64; 3],
    hematoxylin: [f64; 3],
    eho: Vec<[u8; 3]>,
}

fn degrees(a: [f64; 3], b: [f64; 3]) -> f64 {
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos().to_degrees()
}

fn open(path: &Path) -> RgbImage {
    image::open(path).expect("a tile").into_rgb8()
}

#[test]
fn stains_are_those_that_shell_finds() {
    let Some(folder) = data("glands_ebhi/image") else { return };
    let golden: Vec<Golden> = serde_json::from_str(include_str!("../golden/stains.json")).expect("golden values");
    assert_eq!(golden.len(), 8);
    for want in golden {
        let image = open(&folder.join(&want.tile));
        let stains = Stains::of(from_ref(&image));
        let off = [degrees(stains.eosin, want.eosin), degrees(stains.hematoxylin, want.hematoxylin)];
        let eho = stains.separated(&image);
        let places = (0..image.height()).step_by(32).flat_map(|y| (0..image.width()).step_by(32).map(move |x| (x, y)));
        let differences = places.zip(&want.eho).flat_map(|((x, y), want)| {
            eho.get_pixel(x, y).0.into_iter().zip(*want).map(|(a, b)| f64::from(a.abs_diff(b))).collect::<Vec<_>>()
        });
        let mean = differences.sum::<f64>() / (3 * want.eho.len()) as f64;
        println!("{}: light {:.0} and {:.0}, {off:.1?} degrees, {mean:.1} of 255", want.tile, stains.light, want.light);
        assert!(off.iter().all(|&angle| angle < 12.0) && mean < 8.0, "{}: {off:?} degrees, {mean} of 255", want.tile);
    }
}

/// The package around SHELL's network, or nothing, with a printed reason, without data or OpenVINO.
fn shell(folder: &Path) -> Option<Package> {
    let file = data("models/shell_v1/model_v1.onnx")?;
    if let Err(reason) = openvino_library::load() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
        println!("skipped: {reason}");
        return None;
    }
    Some(Package::import(&file, &description(), &folder.join("shell"), |_| Ok(())).expect("a package"))
}

fn description() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/shell-v1.toml")
}

#[test]
fn shell_finds_glands_in_tiles() {
    let Some(tiles) = data("glands_ebhi") else { return };
    let parent = tempfile::tempdir().expect("a folder");
    let Some(package) = shell(parent.path()) else { return };
    let options = EngineOptions { device: "cpu".into(), ..EngineOptions::default() };
    let mut engine = infer::load(&package, &options).expect("an engine");
    assert!(engine.engine().engine.starts_with("OpenVINO"));
    let golden: Vec<Golden> = serde_json::from_str(include_str!("../golden/stains.json")).expect("golden values");
    let mut dices = Vec::new();
    for Golden { tile, .. } in golden {
        let image = open(&tiles.join("image").join(&tile));
        // 224 pixels and a rim of mirrored ones: a multiple of the network's stride.
        let edge = |at: u32| if at < 224 { at } else { 447 - at };
        let padded = RgbImage::from_fn(256, 256, |x, y| *image.get_pixel(edge(x), edge(y)));
        let seen = Stains::of(from_ref(&image)).separated(&padded);
        let maps = engine.single().predict_image(&seen).expect("an answer");
        let truth = image::open(tiles.join("mask").join(&tile)).expect("a mask").into_luma8();
        let [mut both, mut found, mut there] = [0.0; 3];
        for (x, y, truth) in truth.enumerate_pixels() {
            let at = (y * 256 + x) as usize;
            let gland = maps.plane(2)[at] < 128;
            both += f64::from(u8::from(gland && truth.0[0] > 0));
            found += f64::from(u8::from(gland));
            there += f64::from(u8::from(truth.0[0] > 0));
        }
        dices.push(2.0 * both / (found + there));
    }
    let mean = dices.iter().sum::<f64>() / dices.len() as f64;
    println!("Dice {mean:.3} of {dices:.3?}");
    assert!(mean > 0.7, "Dice {mean} of {dices:?}");
}

#[test]
fn libtorch_says_that_a_graph_needs_openvino() {
    let parent = tempfile::tempdir().expect("a folder");
    let Some(package) = shell(parent.path()) else { return };
    let options = EngineOptions { engine: "libtorch".into(), ..EngineOptions::default() };
    let error = infer::load(&package, &options).err().expect("refused").to_string();
    assert!(error.contains("engine") && error.contains("onnx"), "{error}");
}

#[test]
fn a_second_file_that_was_changed_or_is_not_named_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let Some(package) = shell(parent.path()) else { return };
    let options = EngineOptions { device: "cpu".into(), ..EngineOptions::default() };
    let refusal = || {
        let package = Package::load(package.folder()).expect("a package");
        infer::load(&package, &options).err().expect("refused").to_string()
    };
    let second = package.folder().join("model_v1.onnx.data");
    let bytes = std::fs::read(&second).expect("the second file");
    std::fs::write(&second, [&bytes[..], b"!"].concat()).expect("changed");
    assert!(refusal().contains("model_v1.onnx.data") && refusal().contains("sha256"), "{}", refusal());
    let toml = package.folder().join("model.toml");
    let text = std::fs::read_to_string(&toml).expect("the description");
    let (rest, _) = text.split_once("[weights.external]").expect("a second file");
    std::fs::write(&toml, rest).expect("changed");
    assert!(refusal().contains("[weights.external]"), "{}", refusal());
}

#[test]
fn a_failed_import_leaves_nothing_and_says_what_is_wrong() {
    let parent = tempfile::tempdir().expect("a folder");
    let file = parent.path().join("network.onnx");
    std::fs::write(&file, b"no graph").expect("a file");
    let folder = parent.path().join("package");
    let import = |file: &Path, description: &Path| {
        Package::import(file, description, &folder, |_| Ok(())).expect_err("refused").to_string()
    };
    assert!(import(&file, &description()).contains("is not an ONNX file"));
    assert!(import(&parent.path().join("none.onnx"), &description()).contains("none.onnx"));
    let weights = parent.path().join("network.pt");
    std::fs::write(&weights, b"PK").expect("a file");
    assert!(import(&weights, &description()).contains("network.kind"), "an `onnx` description of a *.pt file");
    let doubled = parent.path().join("model.toml");
    let text = std::fs::read_to_string(description()).expect("the example");
    std::fs::write(&doubled, text + "\n[weights]\nfile = \"x\"\nsha256 = \"\"\n").expect("a file");
    assert!(import(&weights, &doubled).contains("[weights]"));
    assert_eq!(std::fs::read_dir(parent.path()).expect("listed").count(), 3, "no draft stays behind");
}
