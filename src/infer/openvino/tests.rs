//! Against libtorch: each kind of layer, whole networks, and the packages that ship.

use super::*;
use crate::infer::torch::TorchSegmenter;
use crate::nn::onnx::samples::{Sample, samples};
use openvino::{ElementType, Shape, Tensor};
use std::path::Path;

/// False, with a printed reason, where OpenVINO is not installed; CI must have it.
fn has_openvino() -> bool {
    match library::load() {
        Ok(_) => true,
        Err(reason) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
            eprintln!("skipped: {reason}");
            false
        }
    }
}

fn answer(sample: &Sample) -> Vec<f32> {
    let mut core = Core::new().unwrap();
    core.set_property(&DeviceType::CPU, &RwPropertyKey::HintInferencePrecision, "f32").unwrap();
    let model = core.read_model_from_buffer(&sample.onnx, None).unwrap();
    let mut request = core.compile_model(&model, DeviceType::CPU).unwrap().create_infer_request().unwrap();
    let mut input = Tensor::new(ElementType::F32, &Shape::new(&sample.shape).unwrap()).unwrap();
    input.get_data_mut::<f32>().unwrap().copy_from_slice(&sample.input);
    request.set_input_tensor(&input).unwrap();
    request.infer().unwrap();
    request.get_output_tensor().unwrap().get_data::<f32>().unwrap().to_vec()
}

#[test]
fn every_layer_written_as_onnx_computes_what_libtorch_computes() {
    if !has_openvino() {
        return;
    }
    for sample in samples() {
        let got = answer(&sample);
        assert_eq!(got.len(), sample.want.len(), "{}", sample.name);
        let largest = sample.want.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
        let worst = got.iter().zip(&sample.want).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(worst <= 2e-5 * largest, "{}: off by {worst} of {largest}", sample.name);
    }
}

fn package(name: &str) -> Package {
    Package::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)).unwrap()
}

fn options(precision: &str) -> EngineOptions {
    EngineOptions { device: "cpu".into(), precision: precision.into(), threads: 2, ..EngineOptions::default() }
}

#[test]
fn the_packages_that_ship_answer_as_they_did_when_they_were_made() {
    if !has_openvino() {
        return;
    }
    for name in ["he-nuclei", "colon-glands"] {
        let package = package(name);
        let golden = package.golden().unwrap().unwrap();
        for precision in ["f32", "bf16"] {
            let mut engine = OpenVinoSegmenter::load(&package, &options(precision)).unwrap();
            let difference = golden.compare(&engine.predict_image(&golden.input).unwrap()).unwrap();
            assert!(difference.is_expected(precision), "{name} {precision}: {difference:?}");
        }
    }
}

#[test]
fn batches_and_lanes_of_any_number_of_threads_give_the_same_answer() {
    if !has_openvino() {
        return;
    }
    let package = package("he-nuclei");
    let image = package.golden().unwrap().unwrap().input;
    let flipped = image::imageops::flip_horizontal(&image);
    let mut engine = OpenVinoSegmenter::load(&package, &options("f32")).unwrap();
    let alone = engine.predict_image(&image).unwrap();
    let pair = engine.predict_images(&[&flipped, &image]).unwrap();
    let close =
        |a: &ProbabilityMaps, b: &ProbabilityMaps| a.values.iter().zip(&b.values).all(|(a, b)| a.abs_diff(*b) <= 1);
    assert!(close(&pair[1], &alone) && !close(&pair[0], &alone));
    let mut lane = engine.lane().unwrap();
    lane.set_threads(1);
    assert!(close(&lane.predict_image(&image).unwrap(), &alone));
    assert_eq!(engine.shared.compiled.lock().unwrap().len(), 3, "one for each size and number of threads");
}

#[test]
fn sizes_devices_and_precisions_that_cannot_be_are_refused_with_the_reason() {
    if !has_openvino() {
        return;
    }
    let package = package("he-nuclei");
    let mut engine = OpenVinoSegmenter::load(&package, &options("f32")).unwrap();
    let error = engine.predict_image(&RgbImage::new(30, 32)).unwrap_err();
    assert!(matches!(error, Error::Shape { want: [1, 3, 32, 32], .. }), "{error}");
    let refused = |options: EngineOptions| OpenVinoSegmenter::load(&package, &options).err().unwrap().to_string();
    assert!(refused(EngineOptions { device: "cuda".into(), ..options("f32") }).contains("--engine libtorch"));
    assert!(refused(options("f16")).contains("needs CUDA"));
}

#[test]
fn a_real_tile_gets_the_labels_of_libtorch_in_f32_at_999_of_1000_pixels() {
    if !has_openvino() {
        return;
    }
    let package = package("he-nuclei");
    let image = package.golden().unwrap().unwrap().input;
    let labels = |maps: &ProbabilityMaps| -> Vec<usize> {
        let pixels = maps.plane(0).len();
        let best = |at: usize| (0..maps.classes).max_by_key(|&class| maps.plane(class)[at]).unwrap();
        (0..pixels).map(best).collect()
    };
    let exact = labels(&TorchSegmenter::load(&package, &options("f32")).unwrap().predict_images(&[&image]).unwrap()[0]);
    let fast = labels(&OpenVinoSegmenter::load(&package, &options("bf16")).unwrap().predict_image(&image).unwrap());
    let same = exact.iter().zip(&fast).filter(|(a, b)| a == b).count();
    assert!(same as f64 >= 0.999 * exact.len() as f64, "{same} of {}", exact.len());
}
