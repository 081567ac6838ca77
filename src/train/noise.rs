//! The noise of one diffusion step on the crops of a fine-tuning.

use crate::config::StartConfig;
use crate::data::sampler::generator;
use crate::diffusion::schedule::Schedule;
use rand::RngExt;
use rand_distr::StandardNormal;
use tch::{TchError, Tensor};

/// Position that no crop of a batch has: the generator's stream for noise.
const NOISE: u64 = u64::MAX;

/// `x`, `[N, 3, H, W]`, after `start.step` of the forward process, `sqrt(abar) x + sqrt(1 - abar) epsilon`; the noise
/// depends on `seed` and the batch's number alone, so that a resumed run sees the same. Without `start.noise`, `x`.
pub(super) fn noised(x: Tensor, start: &StartConfig, seed: u64, batch: u64) -> Result<Tensor, TchError> {
    let Some(process) = start.process.as_ref().filter(|_| start.noise) else { return Ok(x) };
    let [image, noise] = Schedule::new(process.schedule, process.steps).mix(start.step as usize);
    let mut rng = generator(seed, batch, NOISE);
    let values: Vec<f32> = (0..x.numel()).map(|_| rng.sample(StandardNormal)).collect();
    let epsilon = Tensor::f_from_slice(&values)?.f_view(x.size().as_slice())?.f_to_device(x.device())?;
    x.f_mul_scalar(image)?.f_add(&epsilon.f_mul_scalar(noise)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NoiseProcess, NoiseSchedule};
    use tch::{Device, Kind};

    #[test]
    fn noise_has_the_steps_strength_and_depends_on_seed_and_batch_alone() {
        let process = NoiseProcess { steps: 1000, schedule: NoiseSchedule::REFERENCE };
        let mut start = StartConfig { step: 300, noise: true, process: Some(process), ..StartConfig::default() };
        let clean = || Tensor::full([2, 3, 64, 64], 0.5, (Kind::Float, Device::Cpu));
        let noisy = |start: &StartConfig, seed, batch| noised(clean(), start, seed, batch).unwrap();
        let [image, noise] = Schedule::new(NoiseSchedule::REFERENCE, 1000).mix(300);
        let x = noisy(&start, 4, 9);
        assert!((x.mean(Kind::Double).double_value(&[]) - 0.5 * image).abs() < 0.01);
        assert!((x.std(true).double_value(&[]) - noise).abs() < 0.01);
        assert!(x.equal(&noisy(&start, 4, 9)));
        assert!(!x.equal(&noisy(&start, 4, 10)) && !x.equal(&noisy(&start, 5, 9)));
        start.noise = false;
        assert!(noisy(&start, 4, 9).equal(&clean()));
    }
}
