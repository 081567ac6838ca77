//! From noise to images, by a network that predicts what noise is in them.

use super::schedule::{Schedule, evenly};
use crate::config::Predict;
use crate::error::{Error, Result};
use tch::{TchError, Tensor};

/// How a step back is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// A draw from the posterior (Ho et al. 2020, algorithm 2).
    Ancestral,
    /// Song et al. 2021, arXiv 2010.02502: `eta` 0 follows the same path from the same noise, 1 is as random as
    /// [`Ancestral`](Self::Ancestral).
    Ddim {
        /// Share of the posterior's deviation.
        eta: f64,
    },
    /// The multistep solver of second order for the clean image (Lu et al. 2022, arXiv 2211.01095): good in 15 to 30 steps.
    DpmSolver,
}

/// A way from noise to images.
#[derive(Debug, Clone)]
pub struct Course<'a> {
    /// The process that the network was trained for.
    pub schedule: &'a Schedule,
    /// What the network predicts.
    pub predict: Predict,
    /// How a step is made.
    pub method: Method,
    /// Steps to take out of the schedule's: evenly by number, for the solver evenly by the logarithm of signal to noise.
    pub steps: usize,
    /// Keep the guess of the clean image inside -1 to 1, where images are. The published code does not.
    pub clip: bool,
}

impl Course<'_> {
    fn validate(&self) -> Result<()> {
        let most = self.schedule.steps();
        if !(1..=most).contains(&self.steps) {
            return Err(Error::config(
                "--steps",
                self.steps,
                format!("must be from 1 to the {most} of the pre-training"),
            ));
        }
        match self.method {
            Method::Ddim { eta } if !(0.0..=1.0).contains(&eta) => {
                Err(Error::config("--eta", eta, "must lie between 0 and 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Turns `noise`, `[N, C, H, W]` of unit variance, into images. `predict` is the network: the noised images and the step,
/// counted from 0 in its own schedule. `fresh` draws noise of the images' shape; it is asked only where the method needs
/// some. `tell` hears how many steps are done.
///
/// # Errors
/// [`Error::Config`] for steps or `eta` out of range; what `predict`, `fresh` and `tell` report.
pub fn sample(
    course: &Course<'_>,
    noise: Tensor,
    predict: &mut dyn FnMut(&Tensor, usize) -> Result<Tensor>,
    fresh: &mut dyn FnMut() -> Result<Tensor>,
    tell: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Tensor> {
    course.validate()?;
    let taken = match course.method {
        Method::DpmSolver => course.schedule.evenly_by_snr(course.steps),
        Method::Ancestral | Method::Ddim { .. } => evenly(course.schedule.steps(), course.steps),
    };
    let schedule = course.schedule.taking(&taken);
    let mut x = noise;
    let mut last_guess = None;
    for (done, i) in (0..taken.len()).rev().enumerate() {
        let answer = predict(&x, taken[i])?;
        let failed = |e: TchError| Error::compute("sampling")(e);
        let guess = weighted(schedule.to_x0(course.predict, i), &x, &answer).map_err(failed)?;
        let guess = if course.clip { guess.f_clamp(-1.0, 1.0).map_err(failed)? } else { guess };
        let deviation = match course.method {
            Method::Ancestral => schedule.posterior(i).1.sqrt(),
            Method::Ddim { eta } => eta * schedule.posterior(i).1.sqrt(),
            Method::DpmSolver => 0.0,
        };
        let mean = match course.method {
            Method::Ancestral => weighted(schedule.posterior(i).0, &guess, &x),
            Method::Ddim { .. } => ddim_mean(&schedule, i, &guess, &x, deviation),
            Method::DpmSolver => dpm_solver(&schedule, i, &guess, last_guess.as_ref(), &x),
        };
        x = mean.map_err(failed)?;
        if deviation > 0.0 {
            x = x.f_add(&fresh()?.f_mul_scalar(deviation).map_err(failed)?).map_err(failed)?;
        }
        last_guess = Some(guess);
        tell(done + 1)?;
    }
    Ok(x)
}

fn weighted([a, b]: [f64; 2], x: &Tensor, y: &Tensor) -> Result<Tensor, TchError> {
    x.f_mul_scalar(a)?.f_add(&y.f_mul_scalar(b)?)
}

/// The image as guessed, and the noise that then is in `x`, mixed for the step before.
fn ddim_mean(schedule: &Schedule, i: usize, guess: &Tensor, x: &Tensor, deviation: f64) -> Result<Tensor, TchError> {
    let noise = weighted(schedule.to_epsilon(Predict::X0, i), x, guess)?;
    let before = schedule.alpha_bar_before(i);
    weighted([before.sqrt(), (1.0 - before - deviation * deviation).max(0.0).sqrt()], guess, &noise)
}

fn dpm_solver(
    schedule: &Schedule,
    i: usize,
    guess: &Tensor,
    last: Option<&Tensor>,
    x: &Tensor,
) -> Result<Tensor, TchError> {
    // The last step leads to an image without noise: an infinite ratio, where the solver's formula gives the guess itself.
    if i == 0 {
        return Ok(guess.shallow_clone());
    }
    let (here, next) = (schedule.alpha_bar(i), schedule.alpha_bar(i - 1));
    let length = schedule.half_log_snr(i - 1) - schedule.half_log_snr(i);
    let direction = match last {
        Some(last) if i + 1 < schedule.steps() => {
            let ratio = (schedule.half_log_snr(i) - schedule.half_log_snr(i + 1)) / length;
            weighted([1.0 + 0.5 / ratio, -0.5 / ratio], guess, last)?
        }
        _ => guess.shallow_clone(),
    };
    let keep = ((1.0 - next) / (1.0 - here)).sqrt();
    weighted([keep, -next.sqrt() * (-length).exp_m1()], x, &direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoiseSchedule;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::f64::consts::TAU;
    use tch::Kind;

    /// Pixels of the "data set": independent, from N(MEAN, DEVIATION^2).
    const MEAN: f64 = 0.3;
    const DEVIATION: f64 = 0.4;

    /// The exact expectation of the noise in `x` for these data.
    fn denoise(schedule: &Schedule, x: &Tensor, t: usize) -> Tensor {
        let [image, noise] = schedule.mix(t);
        let variance = (image * DEVIATION).powi(2) + noise * noise;
        (x - image * MEAN) * (noise / variance)
    }

    /// Normal noise from a generator that no other test shares.
    fn noise(rng: &mut ChaCha8Rng, pixels: i64) -> Tensor {
        let mut normal = || (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * (TAU * rng.random::<f64>()).cos();
        Tensor::from_slice(&(0..pixels).map(|_| normal()).collect::<Vec<f64>>()).view([1, 1, 1, pixels])
    }

    fn run(method: Method, steps: usize, pixels: i64) -> Tensor {
        let schedule = Schedule::new(NoiseSchedule::REFERENCE, 1000);
        let course = Course { schedule: &schedule, predict: Predict::Epsilon, method, steps, clip: false };
        let (mut rng, mut told) = (ChaCha8Rng::seed_from_u64(1), 0);
        let first = noise(&mut rng, pixels);
        let mut fresh = || Ok(noise(&mut rng, pixels));
        let images = sample(&course, first, &mut |x, t| Ok(denoise(&schedule, x, t)), &mut fresh, &mut |done| {
            told = done;
            Ok(())
        });
        assert_eq!(told, steps);
        images.unwrap()
    }

    fn moments(x: &Tensor) -> (f64, f64) {
        (x.mean(Kind::Double).double_value(&[]), x.std(true).double_value(&[]))
    }

    #[test]
    fn ddim_with_eta_1_and_all_steps_is_ancestral_in_mean_and_variance_and_both_find_the_data() {
        let (ancestral, ddim) = (run(Method::Ancestral, 1000, 2000), run(Method::Ddim { eta: 1.0 }, 1000, 2000));
        let (a, b) = (moments(&ancestral), moments(&ddim));
        assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
        let apart = (&ancestral - &ddim).abs().max().double_value(&[]);
        assert!(apart < 1e-9, "from the same noise they are the same draw: {apart:e}");
        assert!((a.0 - MEAN).abs() < 0.02 && (a.1 - DEVIATION).abs() < 0.02, "{a:?}");
    }

    #[test]
    fn without_randomness_the_data_s_moments_come_out_too() {
        for (method, steps) in
            [(Method::Ddim { eta: 0.0 }, 1000), (Method::Ddim { eta: 0.0 }, 200), (Method::DpmSolver, 30)]
        {
            let (mean, deviation) = moments(&run(method, steps, 1001));
            assert!(
                (mean - MEAN).abs() < 0.02 && (deviation - DEVIATION).abs() < 0.02,
                "{method:?}: {mean} {deviation}"
            );
        }
    }

    #[test]
    fn the_solver_of_second_order_needs_fewer_steps_than_ddim() {
        let exact = run(Method::Ddim { eta: 0.0 }, 1000, 501);
        let error = |method| (run(method, 20, 501) - &exact).abs().max().double_value(&[]);
        let (solver, ddim) = (error(Method::DpmSolver), error(Method::Ddim { eta: 0.0 }));
        assert!(solver < ddim / 2.0, "{solver} {ddim}");
    }

    #[test]
    fn a_clipped_guess_keeps_images_in_range() {
        let schedule = Schedule::new(NoiseSchedule::REFERENCE, 1000);
        let course =
            Course { schedule: &schedule, predict: Predict::X0, method: Method::DpmSolver, steps: 10, clip: true };
        let images = sample(
            &course,
            noise(&mut ChaCha8Rng::seed_from_u64(2), 100),
            &mut |x, _| Ok(x * 50.0),
            &mut || Err(Error::Internal("this method draws no noise".into())),
            &mut |_| Ok(()),
        );
        assert!(images.unwrap().abs().max().double_value(&[]) <= 1.0);
    }

    #[test]
    fn senseless_requests_are_refused_by_the_option_s_name() {
        let schedule = Schedule::new(NoiseSchedule::REFERENCE, 100);
        for (method, steps, wanted) in [
            (Method::Ancestral, 101, "--steps"),
            (Method::Ancestral, 0, "--steps"),
            (Method::Ddim { eta: 2.0 }, 10, "--eta"),
        ] {
            let course = Course { schedule: &schedule, predict: Predict::V, method, steps, clip: true };
            assert!(course.validate().unwrap_err().to_string().contains(wanted));
        }
    }
}
