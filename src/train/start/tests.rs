//! What is taken over, what is not, and what is refused.

use super::*;
use crate::config::Normalisation;
use crate::nn::{Init, UNet};
use crate::train::State;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

fn network(spec: &NetworkSpec, planes: i64) -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
    UNet::new(&vs.root(), spec, planes, Init::Default).unwrap();
    vs
}

fn small() -> NetworkSpec {
    NetworkSpec { dim: 8, multipliers: vec![1, 2], ..NetworkSpec::default() }
}

fn source(network: &NetworkSpec, tensors: Tensors) -> Source {
    Source {
        path: "pre.safetensors".into(),
        kind: "a test".into(),
        sha256: "00".into(),
        network: network.clone(),
        range: [-1.0, 1.0],
        mpp: 0.5,
        process: None,
        tensors,
    }
}

fn config(network: &NetworkSpec) -> FinetuneConfig {
    let text = r#"
        [model]
        name = "toy"
        version = "0.1.0"
        title = "A toy"
        license = "CC0-1.0"
        object = "Gland"
        [data]
        root = "data"
        labels = "binary"
        group = "look_alike"
        [start]
        from = "pre.safetensors"
        [input]
        mpp = 0.5
        tile_px = 64
        halo_px = 16
        range = [-1.0, 1.0]
        [training]
        crop_px = 32
    "#;
    let mut config: FinetuneConfig = toml::from_str(text).unwrap();
    (config.network, config.network_given) = (network.clone(), true);
    config
}

#[test]
fn at_the_published_width_all_but_the_heads_74307_numbers_are_taken() {
    let spec = NetworkSpec::default();
    let (pretrained, vs) = (network(&spec, 3), network(&spec, 2));
    let before: BTreeMap<String, Tensor> = vs.variables().into_iter().map(|(n, t)| (n, t.detach().copy())).collect();
    let source = source(&spec, pretrained.variables().into_iter().collect());
    let transfer = source.transfer(&vs, Parts::All).unwrap();
    assert_eq!(transfer.total(Fate::Taken), (246, 31_192_776));
    assert_eq!(transfer.total(Fate::Skipped), (10, 74_307));
    assert_eq!(transfer.total(Fate::New).1, 31_267_018 - 31_192_776);
    for (name, now) in vs.variables() {
        let from = if name.starts_with(place::HEAD) { &before[&name] } else { &source.tensors[&name] };
        assert!(now.equal(from), "{name}");
    }
    let table = transfer.table();
    for part in ["31,192,776", "74,307", "init_conv", "final_conv"] {
        assert!(table.contains(part), "{table}");
    }
    assert_eq!(table.lines().count(), 1 + 13 + 1, "a line for each module: {table}");
}

#[test]
fn the_encoder_alone_leaves_the_decoder_as_drawn() {
    let spec = small();
    let (pretrained, vs) = (network(&spec, 3), network(&spec, 2));
    let tensors: Tensors = pretrained.variables().into_iter().collect();
    let fresh = vs.variables()["net.ups.0.0.block1.proj.weight"].detach().copy();
    let transfer = source(&spec, tensors).transfer(&vs, Parts::Encoder).unwrap();
    let now = vs.variables();
    assert!(now["net.ups.0.0.block1.proj.weight"].equal(&fresh));
    assert!(
        now["net.mid_block2.block2.proj.weight"].equal(&pretrained.variables()["net.mid_block2.block2.proj.weight"])
    );
    let row = transfer.rows.iter().find(|row| row.module == "ups.0" && row.fate == Fate::Skipped).unwrap();
    assert!(row.reason.contains("start.parts"), "{row:?}");
    let taken = now.iter().filter(|(name, _)| place::is_encoder(name)).count();
    assert_eq!(transfer.total(Fate::Taken).0, taken);
}

#[test]
fn a_missing_tensor_stops_the_transfer_before_anything_is_copied() {
    let spec = small();
    let vs = network(&spec, 2);
    let mut tensors: Tensors = network(&spec, 3).variables().into_iter().collect();
    tensors.remove("net.downs.1.0.block1.proj.weight");
    let before = vs.variables()["net.init_conv.weight"].detach().copy();
    let error = source(&spec, tensors).transfer(&vs, Parts::All).unwrap_err().to_string();
    assert!(error.contains("net.downs.1.0.block1.proj.weight"), "{error}");
    assert!(vs.variables()["net.init_conv.weight"].equal(&before));
}

#[test]
fn a_network_left_out_is_the_sources_and_keeps_the_runs_step() {
    let theirs = NetworkSpec { attention: false, ..small() };
    let mut config = config(&NetworkSpec::default());
    (config.network_given, config.start.step) = (false, 40);
    source(&theirs, Tensors::new()).settle(&mut config).unwrap();
    assert_eq!(config.network, NetworkSpec { step: 40, ..theirs });
    assert_eq!(config.start.sha256.as_deref(), Some("00"));
}

#[test]
fn another_network_or_range_is_refused_with_both_values_and_the_cure() {
    let refused =
        |config: &mut FinetuneConfig| source(&small(), Tensors::new()).settle(config).unwrap_err().to_string();
    let mut other = config(&NetworkSpec { multipliers: vec![1, 2, 4], ..small() });
    let error = refused(&mut other);
    assert!(error.contains("`network.multipliers` is [1,2,4]") && error.contains("[1,2] in pre"), "{error}");
    let mut other = config(&NetworkSpec { normalisation: Normalisation::Batch, ..small() });
    assert!(refused(&mut other).contains("`network.normalisation` is \"batch\""));

    let mut unlike = config(&small());
    unlike.input.range = [0.0, 1.0];
    let error = refused(&mut unlike);
    for part in ["`input.range` is [0.0, 1.0]", "[-1.0, 1.0]", "range_mismatch = true"] {
        assert!(error.contains(part), "{error}");
    }
    unlike.start.range_mismatch = true;
    let notes = source(&small(), Tensors::new()).settle(&mut unlike).unwrap();
    assert!(notes[0].contains("now see [0.0, 1.0]"), "{notes:?}");
    // What only the new head sees may differ.
    let mut skip = config(&NetworkSpec { full_resolution_skip: true, ..small() });
    source(&small(), Tensors::new()).settle(&mut skip).unwrap();
}

#[test]
fn a_pixel_size_more_than_twofold_apart_is_noted_and_a_lesser_one_is_not() {
    for (mpp, noted) in [(0.5, false), (1.0, false), (1.01, true), (0.2, true)] {
        let mut config = config(&small());
        config.input.mpp = mpp;
        let notes = source(&small(), Tensors::new()).settle(&mut config).unwrap();
        assert_eq!(notes.len(), usize::from(noted), "{mpp}: {notes:?}");
    }
}

#[test]
fn noise_needs_a_process_and_takes_the_sources() {
    let mut config = config(&small());
    config.start.noise = true;
    let unknown = source(&small(), Tensors::new()).settle(&mut config.clone()).unwrap_err().to_string();
    assert!(unknown.contains("start.process"), "{unknown}");
    let process = NoiseProcess { steps: 30, schedule: crate::config::NoiseSchedule::REFERENCE };
    let knowing = Source { process: Some(process.clone()), ..source(&small(), Tensors::new()) };
    knowing.settle(&mut config).unwrap();
    assert_eq!(config.start.process, Some(process));
    (config.start.step, config.network.step, config.start.process) = (30, 30, None);
    let beyond = knowing.settle(&mut config).unwrap_err().to_string();
    assert!(beyond.contains("`start.step` is 30") && beyond.contains("30 steps"), "{beyond}");
}

#[test]
fn a_pre_training_gives_its_network_its_process_and_its_weights() {
    use crate::config::{DiffusionConfig, PretrainConfig};
    use crate::train::PretrainedInfo;
    let text = "name = 'pre'\n[input]\nmpp = 2.0\n[network]\ndim = 8\nmultipliers = [1, 2]\n[[source]]\nkind = 'folder'\npath = 'x'";
    let mut pre: PretrainConfig = toml::from_str(text).unwrap();
    let process = NoiseProcess { steps: 77, schedule: crate::config::NoiseSchedule::Cosine { offset: 0.008 } };
    let NoiseProcess { steps, schedule } = process;
    pre.pretext = PretextConfig::Diffusion(DiffusionConfig { steps, schedule, ..DiffusionConfig::default() });
    let dir = tempfile::tempdir().unwrap();
    let tensors: Tensors = network(&pre.network, 3).variables().into_iter().collect();
    let info = PretrainedInfo::of(&pre, &[], Vec::new());
    Pretrained { info, tensors: tensors.iter().map(shallow).collect() }.write(&dir.path().join(PRETRAINED)).unwrap();
    let start = StartConfig { noise: true, step: 76, ..config(&small()).start };
    for from in [dir.path().to_owned(), dir.path().join(PRETRAINED)] {
        let source = Source::read(&from, &start).unwrap();
        assert_eq!((&source.network, source.mpp, source.process.as_ref()), (&small(), 2.0, Some(&process)));
        let vs = network(&small(), 2);
        source.transfer(&vs, Parts::All).unwrap();
        assert!(vs.variables()["net.time_mlp.1.weight"].equal(&tensors["net.time_mlp.1.weight"]));
    }
    let raw = StartConfig { averaged: false, ..start };
    let error = Source::read(&dir.path().join(PRETRAINED), &raw).unwrap_err().to_string();
    assert!(error.contains("best.safetensors"), "{error}");
}

#[test]
fn a_runs_folder_gives_averaged_or_last_weights_and_another_folder_says_what_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&small());
    let tensors = ["shadow.net.a", "live.net.a"].into_iter().zip([1.0, 2.0]);
    let tensors = tensors.map(|(n, v)| (n.to_owned(), Tensor::full([1], v, (Kind::Float, Device::Cpu)))).collect();
    Checkpoint { state: State::new(&config), tensors }.write(&dir.path().join(BEST)).unwrap();
    for (averaged, want) in [(true, 1.0), (false, 2.0)] {
        let start = StartConfig { averaged, ..config.start.clone() };
        let source = Source::read(dir.path(), &start).unwrap();
        assert_eq!(source.tensors["net.a"].double_value(&[0]), want);
        assert_eq!((source.network, source.mpp), (small(), 0.5));
    }
    let other = StartConfig { sha256: Some("ab".into()), ..config.start.clone() };
    assert!(Source::read(dir.path(), &other).unwrap_err().to_string().contains("`start.sha256` is ab"));
    std::fs::remove_file(dir.path().join(BEST)).unwrap();
    let error = Source::read(dir.path(), &config.start).unwrap_err().to_string();
    assert!(error.contains("best.safetensors") && error.contains("model.toml"), "{error}");
    assert!(Source::read(Path::new("no/such/run"), &config.start).unwrap_err().to_string().contains("is not there"));
    std::fs::write(dir.path().join("net.pth"), b"\x80\x02}q\x00.").unwrap();
    let error = Source::read(&dir.path().join("net.pth"), &config.start).unwrap_err().to_string();
    assert!(error.contains("pickle"), "{error}");
}
