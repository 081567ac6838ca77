//! Which engine computes a model on this computer.

use super::lanes::Lanes;
use super::openvino::OpenVinoSegmenter;
use super::package::Package;
use super::torch::TorchSegmenter;
use super::{EngineOptions, Segmenter, choice_cache, openvino_library, torch_device};
use crate::error::{Error, Result};
use choice_cache::{Key, Speeds};
use image::RgbImage;
use std::time::{Duration, Instant};

/// How long each engine computes to be measured, after a first pass that does not count.
const MEASURED: Duration = Duration::from_millis(900);

/// The engine that the options name; for `auto` the faster one.
///
/// # Errors
/// [`Error::Config`] for an unknown name, and those of loading.
pub(super) fn load(package: &Package, options: &EngineOptions) -> Result<Lanes> {
    let lanes = |first: Box<dyn Segmenter>| Lanes::new(first, options);
    if package.config.network.is_onnx() {
        // There is no choice, so the environment's does not matter.
        return match &*options.engine {
            "auto" | "openvino" => lanes(Box::new(OpenVinoSegmenter::load(package, options)?)),
            other => Err(Error::config("engine", other, "cannot open an `onnx` model; use auto or openvino")),
        };
    }
    match options.engine()?.as_str() {
        "libtorch" => lanes(Box::new(TorchSegmenter::load(package, options)?)),
        "openvino" => lanes(Box::new(OpenVinoSegmenter::load(package, options)?)),
        "auto" => match is_a_race(package, options) {
            Ok(()) => faster(package, options),
            Err(why) => {
                let mut lanes = lanes(Box::new(TorchSegmenter::load(package, options)?))?;
                if let Some(why) = why {
                    lanes.explain(&why);
                }
                Ok(lanes)
            }
        },
        other => Err(Error::config("engine", other, "must be auto, libtorch or openvino")),
    }
}

/// Could either engine do it? If not, why, where that is worth a word.
fn is_a_race(package: &Package, options: &EngineOptions) -> Result<(), Option<String>> {
    let on_cpu = match &*options.device {
        "cpu" => true,
        "auto" => torch_device::choose("auto", "auto").is_ok_and(|choice| choice.is_cpu()),
        _ => false,
    };
    if !on_cpu || !package.config.network.is_unet() || options.precision == "f16" {
        return Err(None);
    }
    openvino_library::load().map(|_| ()).map_err(|reason| Some(format!("libtorch: {reason}")))
}

/// Both engines' speed on a tile of the model, measured once and remembered for model and computer.
fn faster(package: &Package, options: &EngineOptions) -> Result<Lanes> {
    let key = Key::new(package, options)?;
    let remembered = choice_cache::read(&key);
    let (speeds, when) = match remembered {
        Some(speeds) => (speeds, "measured before"),
        None => {
            let speeds = measure(package, options)?;
            choice_cache::write(&key, speeds);
            (speeds, "measured now")
        }
    };
    let Speeds { libtorch, openvino } = speeds;
    let first: Box<dyn Segmenter> = if openvino > libtorch {
        Box::new(OpenVinoSegmenter::load(package, options)?)
    } else {
        Box::new(TorchSegmenter::load(package, options)?)
    };
    let mut lanes = Lanes::new(first, options)?;
    lanes.explain(&format!("OpenVINO {openvino:.1} tiles/s, libtorch {libtorch:.1}, {when}"));
    Ok(lanes)
}

fn measure(package: &Package, options: &EngineOptions) -> Result<Speeds> {
    let edge = package.config.input.tile_px;
    // Not all alike, as some kernels are quicker where there is nothing.
    let image = RgbImage::from_fn(edge, edge, |x, y| image::Rgb([x, y, x ^ y].map(|v| (v * 37 % 256) as u8)));
    let libtorch = speed(&mut TorchSegmenter::load(package, options)?, &image)?;
    let openvino = speed(&mut OpenVinoSegmenter::load(package, options)?, &image)?;
    Ok(Speeds { libtorch, openvino })
}

/// Tiles a second at best: other programs can only make it slower.
fn speed(segmenter: &mut dyn Segmenter, image: &RgbImage) -> Result<f64> {
    let _first = segmenter.predict_image(image)?;
    let begun = Instant::now();
    let mut best = f64::INFINITY;
    while begun.elapsed() < MEASURED {
        let pass = Instant::now();
        let _maps = segmenter.predict_image(image)?;
        best = best.min(pass.elapsed().as_secs_f64());
    }
    Ok(1.0 / best.max(1e-6))
}
