//! Properties of inference that the seams of a slide depend on.

use super::*;
use crate::config::{ModelPackage, NetworkSpec, Normalisation, WeightsSpec};
use crate::infer::fake::FakeSegmenter;
use crate::infer::golden::Golden;
use image::Rgb;
use image::imageops::crop_imm;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// A small network whose result at a pixel depends on its neighbourhood alone.
fn local() -> NetworkSpec {
    NetworkSpec {
        dim: 8,
        multipliers: vec![1, 2],
        normalisation: Normalisation::Batch,
        attention: false,
        full_resolution_skip: true,
        time_embedding: false,
        ..NetworkSpec::default()
    }
}

/// A package with random weights that give far from even answers.
fn package(parent: &Path, network: NetworkSpec) -> Package {
    let vs = nn::VarStore::new(Device::Cpu);
    UNet::new(&vs.root(), &network, 3, Init::Default).unwrap();
    let _guard = tch::no_grad_guard();
    // Drawn here and by name: libtorch's generator is shared with whatever other test runs at the time.
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut variables: Vec<_> = vs.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, mut tensor) in variables {
        let size = tensor.size();
        let fan_in = size.iter().skip(1).product::<i64>() as f32;
        let mut drawn = |_| {
            let u = rng.random_range(-1.0..1.0f32);
            match name.rsplit('.').next() {
                Some("running_var") => 0.125 + 0.075 * u,
                Some("running_mean") => 0.0,
                Some("weight") if size.len() == 1 => 1.5,
                _ => 3.0 * u / fan_in.sqrt(),
            }
        };
        let values: Vec<f32> = (0..tensor.numel()).map(&mut drawn).collect();
        tensor.copy_(&tch::Tensor::from_slice(&values).view(size.as_slice()));
    }
    let weights = weights::encode(&vs, Kind::Float).unwrap();
    let config = ModelPackage {
        network,
        weights: WeightsSpec { file: "weights.safetensors".into(), sha256: String::new(), external: None },
        ..FakeSegmenter::package(0.5, 64, 16)
    };
    let output = ProbabilityMaps { classes: 3, width: 8, height: 8, values: vec![0; 3 * 64] };
    let golden = Golden { input: RgbImage::new(8, 8), output };
    Package::write(&parent.join("model"), config, &weights, "", &golden).unwrap()
}

fn segmenter(network: NetworkSpec, precision: &str) -> TorchSegmenter {
    let parent = tempfile::tempdir().unwrap();
    let options = EngineOptions { device: "cpu".into(), precision: precision.into(), ..EngineOptions::default() };
    TorchSegmenter::load(&package(parent.path(), network), &options).unwrap()
}

fn texture(width: u32, height: u32, seed: u32) -> RgbImage {
    let value = |x: u32, y: u32, c: u32| {
        let mut h =
            x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ (c + 3 * seed).wrapping_mul(0xC2B2_AE3D);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        (h >> 24) as u8
    };
    RgbImage::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c))))
}

fn farthest(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn answers_are_probabilities_that_differ_between_pixels_and_classes() {
    let maps = segmenter(local(), "f32").predict_images(&[&texture(32, 24, 1)]).unwrap().remove(0);
    assert_eq!((maps.classes, maps.width, maps.height), (3, 32, 24));
    for pixel in 0..32 * 24 {
        let sum: i32 = (0..3).map(|class| i32::from(maps.plane(class)[pixel])).sum();
        assert!((254..=256).contains(&sum), "{sum}");
    }
    let plane = maps.plane(1);
    assert!(plane.iter().max().unwrap() - plane.iter().min().unwrap() > 20, "the texture is seen");
}

#[test]
fn a_tiles_result_does_not_depend_on_the_batch_that_it_comes_in() {
    for (network, precision) in [(local(), "f32"), (NetworkSpec { dim: 8, ..NetworkSpec::default() }, "f32")] {
        let mut segmenter = segmenter(network, precision);
        let tiles: Vec<RgbImage> = (0..3).map(|seed| texture(32, 32, seed)).collect();
        let alone = segmenter.predict_images(&[&tiles[1]]).unwrap();
        let together = segmenter.predict_images(&[&tiles[0], &tiles[1], &tiles[2]]).unwrap();
        let other = segmenter.predict_images(&[&tiles[2], &tiles[1], &tiles[0]]).unwrap();
        assert_eq!(together[1], other[1], "the same batch size with other companions");
        // Another batch size may take another order of summation: a rounding step of the byte at most.
        assert!(farthest(&alone[0].values, &together[1].values) <= 1);
        assert_ne!(together[0], together[1]);
    }
}

#[test]
fn beyond_the_receptive_radius_it_does_not_matter_where_a_tile_ends() {
    let network = local();
    let radius = network.receptive_radius_px().expect("a local network");
    let (stride, core) = (network.stride_px(), 16);
    let mut segmenter = segmenter(network, "f32");
    let at = radius.next_multiple_of(stride);
    let wide = texture(2 * at + core + 32, 2 * at + core + 32, 5);
    let whole = segmenter.predict_images(&[&wide]).unwrap().remove(0);
    let pixel = |maps: &ProbabilityMaps, class: usize, x: u32, y: u32| maps.plane(class)[(y * maps.width + x) as usize];
    let mut worst = |halo: u32| {
        let tile = crop_imm(&wide, 16, 16, 2 * halo + core, 2 * halo + core).to_image();
        let maps = segmenter.predict_images(&[&tile]).unwrap().remove(0);
        let compare = |class, x, y| {
            pixel(&maps, class, halo + x, halo + y).abs_diff(pixel(&whole, class, 16 + halo + x, 16 + halo + y))
        };
        let places = (0..core * core).map(|i| (i % core, i / core));
        places.flat_map(|(x, y)| (0..3).map(move |c| compare(c, x, y))).max().unwrap()
    };
    assert!(worst(at) <= 1, "with a halo of the radius, {radius} px, rounded up");
    assert!(worst(0) > 1, "without a halo the rim shows");
}

#[test]
fn the_radius_is_the_distance_at_which_influence_ends() {
    let network = local();
    let radius = i64::from(network.receptive_radius_px().unwrap());
    let vs = nn::VarStore::new(Device::Cpu);
    let net = UNet::new(&vs.root(), &network, 1, Init::Default).unwrap();
    let edge = 2 * radius + 16;
    let mut farthest = 0;
    for phase in 0..i64::from(network.stride_px()) {
        let at = (radius + 4) / 2 * 2 + phase;
        let x = Tensor::rand([1, 3, edge, edge], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let plane = net.forward(&x, None, Mode::eval(Kind::Float)).unwrap();
        plane.select(3, at).select(2, at).sum(Kind::Float).backward();
        let seen = x.grad().abs().sum_dim_intlist([0i64, 1, 2].as_slice(), false, Kind::Float);
        let seen = Vec::<f32>::try_from(seen).unwrap();
        let reach = (0..edge).filter(|&i| seen[i as usize] != 0.0).map(|i| (i - at).abs()).max().unwrap();
        farthest = farthest.max(reach);
    }
    assert_eq!(farthest, radius);
}

#[test]
fn a_size_that_the_network_cannot_halve_is_refused_with_the_next_one_that_it_can() {
    let error = segmenter(local(), "f32").predict_images(&[&texture(31, 24, 0)]).unwrap_err();
    assert!(matches!(error, Error::Shape { want: [1, 3, 24, 32], got: [1, 3, 24, 31], .. }), "{error}");
}

#[test]
fn tiles_of_two_sizes_in_one_batch_are_refused() {
    let error = segmenter(local(), "f32").predict_images(&[&texture(32, 32, 0), &texture(16, 16, 0)]).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn a_torchscript_model_is_not_run_without_trust() {
    let parent = tempfile::tempdir().unwrap();
    let mut package = package(parent.path(), local());
    package.config.weights.file = "model.pt".into();
    let error = TorchSegmenter::load(&package, &EngineOptions::default()).err().unwrap().to_string();
    assert!(error.contains("--trust-model"), "{error}");
}

#[test]
fn a_trusted_torchscript_model_segments() {
    let parent = tempfile::tempdir().unwrap();
    let package = package(parent.path(), local());
    // A program that takes the three colours for the logits of three classes.
    let mut program = |x: &[Tensor]| vec![x[0].g_mul_scalar(10.0)];
    let example = Tensor::zeros([1, 3, 8, 8], (Kind::Float, Device::Cpu));
    let module = tch::CModule::create_by_tracing("Program", "forward", &[example], &mut program).unwrap();
    let path = package.folder().join("model.pt");
    module.save(&path).unwrap();
    let mut config = package.config.clone();
    config.weights.file = "model.pt".into();
    config.network = NetworkSpec { kind: "torchscript".into(), ..NetworkSpec::default() };
    let golden = package.golden().unwrap().unwrap();
    let package =
        Package::write(&parent.path().join("script"), config, &std::fs::read(path).unwrap(), "", &golden).unwrap();
    let options = EngineOptions { device: "cpu".into(), trust_model: true, ..EngineOptions::default() };
    let mut segmenter = TorchSegmenter::load(&package, &options).unwrap();
    assert_eq!(segmenter.engine.precision, "f32");
    let image = RgbImage::from_pixel(8, 8, Rgb([0, 255, 0]));
    let maps = segmenter.predict_images(&[&image]).unwrap().remove(0);
    assert_eq!([0, 1, 2].map(|class| maps.plane(class)[0]), [0, 255, 0]);
}

#[test]
fn only_memory_errors_ask_for_a_smaller_batch() {
    let segmenter = segmenter(local(), "f32");
    let memory = TchError::Torch("CUDA out of memory. Tried to allocate 20.00 MiB.".into());
    assert!(matches!(segmenter.explain(memory, 4), Error::OutOfDeviceMemory { batch: 4, .. }));
    let other = TchError::Torch("CUDA error: an illegal memory access".into());
    assert!(matches!(segmenter.explain(other, 4), Error::Compute { .. }));
}

#[test]
fn several_devices_are_several_gpus() {
    let parent = tempfile::tempdir().unwrap();
    let package = package(parent.path(), local());
    let refusal = |device: &str, engine: &str| {
        let options = EngineOptions { device: device.into(), engine: engine.into(), ..EngineOptions::default() };
        crate::infer::load(&package, &options).err().unwrap().to_string()
    };
    assert!(refusal("cuda:0,cpu", "auto").contains("cuda:0,cuda:1"));
    assert!(refusal("cuda:1, cuda:1", "auto").contains("cuda:1 twice"));
    assert!(refusal("cuda:0,cuda:1", "openvino").contains("one device"));
    assert!(refusal("cuda:77,cuda:78", "auto").contains("cuda:77"), "there are not so many");
}
