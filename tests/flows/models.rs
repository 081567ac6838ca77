//! `slidestream models` on a small network with random weights.

use image::{Rgb, RgbImage};
use slidestream::config::{ModelPackage, NetworkSpec, Normalisation, WeightsSpec};
use slidestream::infer::fake::FakeSegmenter;
use slidestream::infer::golden::Golden;
use slidestream::infer::package::Package;
use slidestream::infer::{self, EngineOptions};
use slidestream::nn::{Init, UNet, weights};
use slidestream::tile::ProbabilityMaps;
use std::fs;
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind, nn};

/// Writes the package `folder` with the answer that the network itself gives.
pub fn write_package(folder: &Path) -> Package {
    let network = NetworkSpec {
        dim: 8,
        multipliers: vec![1, 2],
        normalisation: Normalisation::Batch,
        attention: false,
        full_resolution_skip: true,
        time_embedding: false,
        ..NetworkSpec::default()
    };
    let vs = nn::VarStore::new(Device::Cpu);
    UNet::new(&vs.root(), &network, 3, Init::Default).expect("a sound network");
    let weights = weights::encode(&vs, Kind::BFloat16).expect("weights");
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let config = ModelPackage {
        name,
        network,
        weights: WeightsSpec { file: "weights.safetensors".into(), sha256: String::new(), external: None },
        ..FakeSegmenter::package(0.5, 64, 16)
    };
    let input = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, (x * y) as u8]));
    let unknown = ProbabilityMaps { classes: 3, width: 64, height: 64, values: vec![0; 3 * 64 * 64] };
    let draft = folder.with_file_name("draft");
    let draft = Package::write(&draft, config.clone(), &weights, "", &Golden { input: input.clone(), output: unknown });
    let draft = draft.expect("a draft");
    let exact = EngineOptions { device: "cpu".into(), precision: "f32".into(), ..EngineOptions::default() };
    let output = infer::load(&draft, &exact).expect("an engine").single().predict_image(&input).expect("an answer");
    fs::remove_dir_all(draft.folder()).expect("removed");
    Package::write(folder, config, &weights, "# A card\n", &Golden { input, output }).expect("a package")
}

/// Exit status and all that was printed.
fn models(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.arg("models").args(arguments).env("SLIDESTREAM_MODELS", folder).env("XDG_DATA_HOME", folder);
    let output = command.output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn a_sound_model_is_listed_shown_and_passes_its_check() {
    let folder = tempfile::tempdir().expect("a folder");
    write_package(&folder.path().join("tiny"));
    let (status, text) = models(folder.path(), &["list"]);
    assert!(status == Some(0) && text.contains("tiny") && text.contains("0.5 µm"), "{text}");
    let (status, text) = models(folder.path(), &["show", "tiny"]);
    assert!(
        status == Some(0) && text.contains("normalisation = \"batch\"") && text.contains("network's view"),
        "{text}"
    );
    let (status, text) = models(folder.path(), &["check", "tiny"]);
    assert!(status == Some(0) && text.contains("as expected") && text.contains(" in f32"), "{text}");
}

#[test]
fn a_wrong_answer_fails_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = write_package(&folder.path().join("tiny"));
    let path = package.folder().join("golden/output.png");
    let mut planes = image::open(&path).expect("an image").into_luma8();
    planes.iter_mut().for_each(|value| *value = 255 - *value);
    planes.save(&path).expect("saved");
    let (status, text) = models(folder.path(), &["check", "tiny", "--device", "cpu"]);
    assert!(status == Some(1) && text.contains("WRONG"), "{text}");
}

#[test]
fn replaced_weights_fail_the_check_and_are_never_computed() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = write_package(&folder.path().join("tiny"));
    let path = package.folder().join("weights.safetensors");
    let mut bytes = fs::read(&path).expect("weights");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&path, bytes).expect("written");
    let (status, text) = models(folder.path(), &["check", "tiny"]);
    assert!(status == Some(1) && text.contains("sha256") && !text.contains("answer"), "{text}");
}

#[test]
fn an_unknown_model_is_answered_with_those_that_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    write_package(&folder.path().join("tiny"));
    let (status, text) = models(folder.path(), &["show", "huge"]);
    assert!(
        status == Some(1) && text.contains("huge") && text.contains("available:") && text.contains("tiny"),
        "{text}"
    );
}
