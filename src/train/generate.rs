//! Images out of noise, by a network that was pre-trained on a diffusion.

use super::evaluate::compute_kind;
use super::pretraining::to_pixels;
use crate::config::{DiffusionConfig, Precision};
use crate::data::sampler::generator;
use crate::diffusion::{self, Course, Method, Schedule};
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use image::RgbImage;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::ops::Range;
use tch::{Device, Tensor};

/// Keeps the draws of generated images apart from those of training crops.
const STREAM: u64 = u64::MAX - 1;

/// How images are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// How a step is made.
    pub method: Method,
    /// Steps from noise to image.
    pub steps: usize,
    /// Keep the guess of the clean image inside -1 to 1.
    pub clip: bool,
    /// Edge of the images in pixels.
    pub edge: u32,
    /// Decides the images together with their numbers.
    pub seed: u64,
    /// Arithmetic.
    pub precision: Precision,
}

/// The images of these numbers, at once. An image depends on the seed and its own number, not on the others beside it. The
/// network must have been trained on pixel values of -1 to 1. `tell` hears how many steps are done.
///
/// # Errors
/// [`Error::Config`] for steps or sizes that the process or the network cannot take; what `tell` reports.
pub fn generate(
    network: &UNet,
    process: &DiffusionConfig,
    recipe: &Recipe,
    device: Device,
    numbers: Range<u64>,
    tell: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vec<RgbImage>> {
    let _guard = tch::no_grad_guard();
    let schedule = Schedule::new(process.schedule, process.steps);
    let course = Course {
        schedule: &schedule,
        predict: process.predict,
        method: recipe.method,
        steps: recipe.steps,
        clip: recipe.clip,
    };
    let count = (numbers.end - numbers.start) as i64;
    let edge = i64::from(recipe.edge);
    let mut streams: Vec<ChaCha8Rng> = numbers.map(|number| generator(recipe.seed, STREAM, number)).collect();
    let mut noise = || -> Result<Tensor> {
        let values = (3 * edge * edge) as usize;
        let mut all = Vec::with_capacity(values * streams.len());
        streams.iter_mut().for_each(|rng| all.extend(rng.sample_iter::<f32, _>(StandardNormal).take(values)));
        let tensor = Tensor::f_from_slice(&all).and_then(|t| t.f_view([count, 3, edge, edge])?.f_to_device(device));
        tensor.map_err(Error::compute("drawing noise"))
    };
    let first = noise()?;
    let mode = Mode::eval(compute_kind(recipe.precision));
    let mut predict = |x: &Tensor, t: usize| {
        let steps = Tensor::f_from_slice(&vec![t as i64; count as usize]).and_then(|steps| steps.f_to_device(device));
        network.forward(x, Some(&steps.map_err(Error::compute("preparing a step"))?), mode)
    };
    let images = diffusion::sample(&course, first, &mut predict, &mut noise, tell)?;
    let image = |pixels: Vec<u8>| {
        RgbImage::from_raw(recipe.edge, recipe.edge, pixels)
            .ok_or_else(|| Error::Internal("a generated image of odd size".into()))
    };
    to_pixels(&images, [-1.0, 1.0])?.into_iter().map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkSpec;
    use crate::nn::Init;
    use tch::{Kind, nn};

    fn recipe(method: Method) -> Recipe {
        Recipe { method, steps: 5, clip: true, edge: 8, seed: 3, precision: Precision::F32 }
    }

    fn network() -> (nn::VarStore, UNet) {
        let vs = nn::VarStore::new(Device::Cpu);
        let spec = NetworkSpec { dim: 8, multipliers: vec![1, 2], ..NetworkSpec::default() };
        let network = UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
        (vs, network)
    }

    fn made(network: &UNet, recipe: &Recipe, numbers: Range<u64>) -> Vec<RgbImage> {
        let process = DiffusionConfig { steps: 50, ..DiffusionConfig::default() };
        generate(network, &process, recipe, Device::Cpu, numbers, &mut |_| Ok(())).unwrap()
    }

    #[test]
    fn an_image_depends_on_seed_and_number_and_not_on_the_batch() {
        let (_vs, network) = network();
        for method in [Method::Ancestral, Method::Ddim { eta: 0.5 }, Method::DpmSolver] {
            let recipe = recipe(method);
            let four = made(&network, &recipe, 0..4);
            let two = [made(&network, &recipe, 0..1), made(&network, &recipe, 1..4)].concat();
            for (a, b) in four.iter().zip(&two) {
                // A convolution may add up in another order in another batch: one grey level at most.
                assert!(a.as_raw().iter().zip(b.as_raw()).all(|(a, b)| a.abs_diff(*b) <= 1), "{method:?}");
            }
            assert_ne!(four[0], four[1]);
            assert_ne!(made(&network, &Recipe { seed: 4, ..recipe }, 0..1)[0], four[0]);
        }
    }

    #[test]
    fn values_outside_the_range_are_cut_off_and_do_not_wrap_around() {
        let values = Tensor::from_slice(&[-3.0_f32, -1.0, 0.0, 1.0, 1.01, 9.0]).view([1, 3, 1, 2]);
        let pixels = to_pixels(&values, [-1.0, 1.0]).unwrap();
        // Channels lie apart in the tensor and side by side in the image.
        assert_eq!(pixels, [[0, 128, 255, 0, 255, 255]]);
        let values = values.to_kind(Kind::Double);
        assert_eq!(to_pixels(&values, [0.0, 1.0]).unwrap(), [[0, 0, 255, 0, 255, 255]]);
    }

    #[test]
    fn a_stop_ends_between_steps() {
        let (_vs, network) = network();
        let process = DiffusionConfig { steps: 50, ..DiffusionConfig::default() };
        let mut told = 0;
        let mut tell = |done| {
            told = done;
            if done == 2 { Err(Error::Cancelled) } else { Ok(()) }
        };
        let ended = generate(&network, &process, &recipe(Method::DpmSolver), Device::Cpu, 0..2, &mut tell);
        assert!(matches!(ended, Err(Error::Cancelled)) && told == 2);
    }
}
