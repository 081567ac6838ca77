//! The training loss of a denoising diffusion model, on tensors.

use super::schedule::Schedule;
use crate::config::{DiffusionConfig, Predict};
use tch::{Device, Kind, TchError, Tensor};

/// What a step of the process does to an image, and how wrong a prediction is. The tables live on the device.
#[derive(Debug)]
pub struct Objective {
    schedule: Schedule,
    predict: Predict,
    /// Factors of image and noise in the noised image, `[steps]` each.
    mix: [Tensor; 2],
    /// Factors of image and noise in the target.
    target: [Tensor; 2],
    /// Weight of a step.
    weight: Tensor,
}

impl Objective {
    /// The tables of `config` on `device`.
    ///
    /// # Errors
    /// libtorch's, if the device has no memory.
    ///
    /// # Panics
    /// If `config` has not been validated.
    pub fn new(config: &DiffusionConfig, device: Device) -> Result<Self, TchError> {
        let schedule = Schedule::new(config.schedule, config.steps);
        let table = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..schedule.steps()).map(|t| value(t) as f32).collect();
            Tensor::f_from_slice(&values)?.f_to_device(device)
        };
        let predict = config.predict;
        Ok(Self {
            mix: [table(&|t| schedule.mix(t)[0])?, table(&|t| schedule.mix(t)[1])?],
            target: [table(&|t| schedule.target(predict, t)[0])?, table(&|t| schedule.target(predict, t)[1])?],
            weight: table(&|t| schedule.weight(config.weight, predict, t))?,
            predict,
            schedule,
        })
    }

    /// The noise levels.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What is predicted.
    pub fn predict(&self) -> Predict {
        self.predict
    }

    /// `image` and `noise`, both `[N, C, H, W]`, mixed for `steps`, `[N]` of int64 on the device.
    ///
    /// # Errors
    /// libtorch's, for other shapes.
    pub fn noised(&self, image: &Tensor, noise: &Tensor, steps: &Tensor) -> Result<Tensor, TchError> {
        combine(&self.mix, image, noise, steps)
    }

    /// What the network should say of the mixture, `[N, C, H, W]`.
    ///
    /// # Errors
    /// As [`noised`](Self::noised).
    pub fn target(&self, image: &Tensor, noise: &Tensor, steps: &Tensor) -> Result<Tensor, TchError> {
        match self.predict {
            Predict::Epsilon => Ok(noise.shallow_clone()),
            Predict::X0 => Ok(image.shallow_clone()),
            Predict::V => combine(&self.target, image, noise, steps),
        }
    }

    /// Weighted mean squared error of each image, `[N]` in float32. The published code sums over the batch; a mean over it
    /// does not depend on the batch's size (trap 14), and Adam does not see the difference.
    ///
    /// # Errors
    /// As [`noised`](Self::noised).
    pub fn losses(&self, prediction: &Tensor, target: &Tensor, steps: &Tensor) -> Result<Tensor, TchError> {
        let error = prediction.f_to_kind(Kind::Float)?.f_sub(target)?.f_square()?;
        error.f_mean_dim(&[1_i64, 2, 3][..], false, Kind::Float)?.f_mul(&self.weight.f_index_select(0, steps)?)
    }
}

/// `factors[0][step] * image + factors[1][step] * noise`.
fn combine(factors: &[Tensor; 2], image: &Tensor, noise: &Tensor, steps: &Tensor) -> Result<Tensor, TchError> {
    let [a, b] = [&factors[0], &factors[1]].map(|table| table.f_index_select(0, steps)?.f_view([-1, 1, 1, 1]));
    image.f_mul(&a?)?.f_add(&noise.f_mul(&b?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NoiseSchedule, StepDraw, StepWeight};

    fn config(predict: Predict) -> DiffusionConfig {
        DiffusionConfig {
            steps: 1000,
            schedule: NoiseSchedule::REFERENCE,
            predict,
            weight: StepWeight::P2 { k: 1.0, gamma: 1.0 },
            draw: StepDraw::Uniform,
        }
    }

    fn tensors() -> (Tensor, Tensor, Tensor) {
        let options = (Kind::Float, Device::Cpu);
        (
            Tensor::rand([4, 3, 8, 8], options) * 2.0 - 1.0,
            Tensor::randn([4, 3, 8, 8], options),
            steps(&[0, 10, 500, 999]),
        )
    }

    fn steps(steps: &[i64]) -> Tensor {
        Tensor::from_slice(steps)
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn a_zero_predictor_scores_0_577_an_image() {
        let objective = Objective::new(&config(Predict::Epsilon), Device::Cpu).unwrap();
        let all: Vec<i64> = (0..1000).collect();
        // Unit noise to the letter: every value 1 or -1.
        let noise = Tensor::ones([1000, 3, 2, 2], (Kind::Float, Device::Cpu)) * -1.0;
        let target = objective.target(&noise.zeros_like(), &noise, &steps(&all)).unwrap();
        let losses = objective.losses(&noise.zeros_like(), &target, &steps(&all)).unwrap();
        let mean = losses.mean(Kind::Double).double_value(&[]);
        assert!((mean - 0.577_344_27).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn noised_images_keep_unit_variance_and_lose_the_image_step_by_step() {
        let objective = Objective::new(&config(Predict::Epsilon), Device::Cpu).unwrap();
        let (image, noise, steps) = tensors();
        let mixed = objective.noised(&image, &noise, &steps).unwrap();
        for (i, t) in [0, 10, 500, 999].into_iter().enumerate() {
            let [a, b] = objective.schedule().mix(t);
            let i = i as i64;
            let want = image.get(i) * a + noise.get(i) * b;
            assert!(largest(&(mixed.get(i) - want)) < 1e-6, "step {t}");
        }
    }

    #[test]
    fn losses_are_equal_for_equal_claims_about_the_image() {
        let (image, noise, steps) = tensors();
        let wrong = &image + 0.25;
        let claims = [Predict::Epsilon, Predict::X0, Predict::V].map(|predict| {
            let objective = Objective::new(&config(predict), Device::Cpu).unwrap();
            let mixed = objective.noised(&image, &noise, &steps).unwrap().to_kind(Kind::Double);
            let rows: Vec<Tensor> = (0..4)
                .map(|i| {
                    let t = steps.int64_value(&[i]) as usize;
                    let [a, b] = objective.schedule().to_x0(predict, t);
                    (wrong.get(i).to_kind(Kind::Double) - mixed.get(i) * a) / b
                })
                .collect();
            let prediction = Tensor::stack(&rows, 0);
            let target = objective.target(&image, &noise, &steps).unwrap();
            objective.losses(&prediction, &target, &steps).unwrap()
        });
        for i in 1..3 {
            let share = largest(&((&claims[i] - &claims[0]) / &claims[0]).narrow(0, 1, 3));
            assert!(share < 2e-2, "{share}");
        }
    }

    #[test]
    fn a_right_answer_costs_nothing_and_the_gradient_follows_the_weight() {
        let objective = Objective::new(&config(Predict::V), Device::Cpu).unwrap();
        let (image, noise, steps) = tensors();
        let target = objective.target(&image, &noise, &steps).unwrap();
        assert_eq!(largest(&objective.losses(&target, &target, &steps).unwrap()), 0.0);
        let guess = (&target + 0.5).detach().set_requires_grad(true);
        objective.losses(&guess, &target, &steps).unwrap().sum(Kind::Float).backward();
        for i in 0..4 {
            let weight =
                objective.schedule().weight(config(Predict::V).weight, Predict::V, steps.int64_value(&[i]) as usize);
            let got = guess.grad().get(i).mean(Kind::Double).double_value(&[]);
            assert!((got - weight / 192.0).abs() < 1e-6, "{got} {weight}");
        }
    }
}
