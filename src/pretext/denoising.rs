//! A denoising autoencoder: one noise level, so that one sees what the many levels of a diffusion add.

use super::{Lesson, Pretext, Shown};
use crate::config::{Denoised, DenoisingConfig};
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use tch::{Kind, TchError, Tensor};

/// The network sees `x0 + sigma epsilon` and says `x0` or epsilon. It is told no step: with a time embedding it gets
/// step 0, as in fine-tuning.
#[derive(Debug, Clone)]
pub struct Denoising {
    config: DenoisingConfig,
}

impl Denoising {
    /// The task of `config`.
    pub fn new(config: &DenoisingConfig) -> Self {
        Self { config: config.clone() }
    }

    fn noised(&self, lesson: &Lesson) -> Result<Tensor> {
        let noise = lesson.noise.f_mul_scalar(self.config.sigma);
        noise.and_then(|noise| lesson.images.f_add(&noise)).map_err(Error::compute("noising images"))
    }
}

impl Pretext for Denoising {
    fn losses(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Tensor> {
        let prediction = network.forward(&self.noised(lesson)?, None, mode)?;
        let target = match self.config.predict {
            Denoised::Image => &lesson.images,
            Denoised::Noise => &lesson.noise,
        };
        let losses = || prediction.f_sub(target)?.f_square()?.f_mean_dim(&[1_i64, 2, 3][..], false, Kind::Float);
        losses().map_err(Error::compute("computing the loss"))
    }

    fn show(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Shown> {
        let seen = self.noised(lesson)?;
        let prediction = network.forward(&seen, None, mode)?;
        let guessed = match self.config.predict {
            Denoised::Image => Ok(prediction),
            Denoised::Noise => prediction.f_mul_scalar(-self.config.sigma).and_then(|noise| seen.f_add(&noise)),
        };
        let guessed = guessed.map_err(|e: TchError| Error::compute("guessing images")(e))?;
        Ok(Shown { seen, guessed })
    }

    fn has_levels(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkSpec;
    use crate::nn::Init;
    use tch::{Device, nn};

    #[test]
    fn a_network_that_answers_nothing_scores_the_power_of_what_it_was_asked() {
        let vs = nn::VarStore::new(Device::Cpu);
        let spec = NetworkSpec { dim: 8, multipliers: vec![1, 2], time_embedding: false, ..NetworkSpec::default() };
        let network = UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
        tch::no_grad(|| vs.variables().into_values().for_each(|mut v| _ = v.zero_()));
        let options = (Kind::Float, Device::Cpu);
        let lesson = Lesson {
            images: Tensor::ones([2, 3, 8, 8], options) * 0.5,
            noise: Tensor::ones([2, 3, 8, 8], options) * 2.0,
            levels: vec![0.0; 2],
        };
        for (predict, loss, guess) in [(Denoised::Image, 0.25, 0.0), (Denoised::Noise, 4.0, 0.7)] {
            let task = Denoising::new(&DenoisingConfig { sigma: 0.1, predict });
            let losses = task.losses(&network, &lesson, Mode::train(Kind::Float)).unwrap();
            assert!((losses.double_value(&[1]) - loss).abs() < 1e-6);
            let shown = task.show(&network, &lesson, Mode::eval(Kind::Float)).unwrap();
            assert!((shown.seen.double_value(&[0, 0, 0, 0]) - 0.7).abs() < 1e-6);
            assert!((shown.guessed.double_value(&[0, 0, 0, 0]) - guess).abs() < 1e-6);
        }
    }
}
