//! Noise prediction at every step of a diffusion process (GenSelfDiff-HIS, section III).

use super::{Lesson, Pretext, Shown};
use crate::config::{DiffusionConfig, StepDraw};
use crate::diffusion::Objective;
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use tch::{Device, TchError, Tensor};

/// A lesson's level is the share of the way from a clean image to noise.
#[derive(Debug)]
pub struct Diffusion {
    objective: Objective,
    draw: StepDraw,
}

impl Diffusion {
    /// The process of `config`, with its tables on `device`.
    ///
    /// # Errors
    /// libtorch's, if the device has no memory.
    ///
    /// # Panics
    /// If `config` has not been validated.
    pub fn new(config: &DiffusionConfig, device: Device) -> Result<Self, TchError> {
        Ok(Self { objective: Objective::new(config, device)?, draw: config.draw })
    }

    /// The step of each level.
    fn steps(&self, levels: &[f64], device: Device) -> Result<Tensor, TchError> {
        let count = self.objective.schedule().steps();
        let steps: Vec<i64> =
            levels.iter().map(|level| ((level * count as f64) as usize).min(count - 1) as i64).collect();
        Tensor::f_from_slice(&steps)?.f_to_device(device)
    }
}

impl Pretext for Diffusion {
    fn losses(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Tensor> {
        let Lesson { images, noise, levels } = lesson;
        let prepare = || {
            let steps = self.steps(levels, images.device())?;
            let noised = self.objective.noised(images, noise, &steps)?;
            Ok::<_, TchError>((noised, self.objective.target(images, noise, &steps)?, steps))
        };
        let (noised, target, steps) = prepare().map_err(Error::compute("noising images"))?;
        let prediction = network.forward(&noised, Some(&steps), mode)?;
        self.objective.losses(&prediction, &target, &steps).map_err(Error::compute("computing the loss"))
    }

    fn show(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Shown> {
        let Lesson { images, noise, levels } = lesson;
        let failed = |e: TchError| Error::compute("noising images")(e);
        let steps = self.steps(levels, images.device()).map_err(failed)?;
        let seen = self.objective.noised(images, noise, &steps).map_err(failed)?;
        let prediction = network.forward(&seen, Some(&steps), mode)?;
        let guess = || -> Result<Tensor, TchError> {
            let mut guesses = Vec::with_capacity(levels.len());
            for i in 0..levels.len() as i64 {
                let t = steps.f_int64_value(&[i])? as usize;
                let [a, b] = self.objective.schedule().to_x0(self.objective.predict(), t);
                guesses.push(seen.f_get(i)?.f_mul_scalar(a)?.f_add(&prediction.f_get(i)?.f_mul_scalar(b)?)?);
            }
            Tensor::f_stack(&guesses, 0)
        };
        Ok(Shown { guessed: guess().map_err(failed)?, seen })
    }

    fn spread(&self, draws: &[f64]) -> Vec<f64> {
        match self.draw {
            StepDraw::Uniform => draws.to_vec(),
            StepDraw::Stratified => {
                let parts = draws.len() as f64;
                draws.iter().enumerate().map(|(part, draw)| (part as f64 + draw) / parts).collect()
            }
        }
    }

    fn has_levels(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NetworkSpec, Predict};
    use crate::nn::Init;
    use tch::{Kind, nn};

    fn lesson(levels: &[f64]) -> Lesson {
        let shape = [levels.len() as i64, 3, 8, 8];
        let options = (Kind::Float, Device::Cpu);
        Lesson {
            images: Tensor::rand(shape, options) * 2.0 - 1.0,
            noise: Tensor::randn(shape, options),
            levels: levels.into(),
        }
    }

    /// A network that answers 0: all its parameters are.
    fn zero() -> (nn::VarStore, UNet) {
        let vs = nn::VarStore::new(Device::Cpu);
        let spec = NetworkSpec { dim: 8, multipliers: vec![1, 2], ..NetworkSpec::default() };
        let network = UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
        tch::no_grad(|| vs.variables().into_values().for_each(|mut v| _ = v.zero_()));
        (vs, network)
    }

    #[test]
    fn a_network_that_answers_nothing_scores_the_weighted_power_of_the_noise() {
        let (_vs, network) = zero();
        let task = Diffusion::new(&DiffusionConfig::default(), Device::Cpu).unwrap();
        let lesson = lesson(&[0.0, 0.25, 0.5, 0.999_9]);
        let losses = task.losses(&network, &lesson, Mode::train(Kind::Float)).unwrap();
        for (i, t) in [0, 250, 500, 999].into_iter().enumerate() {
            let power = lesson.noise.get(i as i64).square().mean(Kind::Double).double_value(&[]);
            let want = (1.0 - task.objective.schedule().alpha_bar(t)) * power;
            assert!((losses.double_value(&[i as i64]) - want).abs() < 1e-5, "step {t}");
        }
    }

    #[test]
    fn the_guess_shown_is_the_image_when_the_answer_is_right() {
        // A network that answers 0 is right about the noise when there is none.
        let (_vs, network) = zero();
        let config = DiffusionConfig { predict: Predict::Epsilon, ..DiffusionConfig::default() };
        let task = Diffusion::new(&config, Device::Cpu).unwrap();
        let mut lesson = lesson(&[0.1, 0.6]);
        let _ = lesson.noise.zero_();
        let shown = task.show(&network, &lesson, Mode::eval(Kind::Float)).unwrap();
        assert!((shown.guessed - &lesson.images).abs().max().double_value(&[]) < 1e-5);
        assert!((shown.seen - &lesson.images).abs().max().double_value(&[]) > 0.05);
    }

    #[test]
    fn stratified_levels_fill_every_part_once_and_uniform_ones_are_the_draws() {
        let draws = [0.9, 0.1, 0.5, 0.0];
        let stratified = Diffusion::new(&DiffusionConfig::default(), Device::Cpu).unwrap().spread(&draws);
        assert!(stratified.iter().enumerate().all(|(part, level)| (level * 4.0) as usize == part), "{stratified:?}");
        let config = DiffusionConfig { draw: StepDraw::Uniform, ..DiffusionConfig::default() };
        assert_eq!(Diffusion::new(&config, Device::Cpu).unwrap().spread(&draws), draws);
    }
}
