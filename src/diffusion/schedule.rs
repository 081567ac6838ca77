//! Noise levels and everything that follows from them, in float64.

use crate::config::{NoiseSchedule, Predict, StepWeight};

/// Nichol and Dhariwal's bound on a step of the cosine schedule.
const MOST_BETA: f64 = 0.999;
/// Half the length of the logistic curve.
const LOGISTIC_REACH: f64 = 6.0;

/// The variances of a diffusion process, and what is left of the image after each step. Steps count from 0, the cleanest.
///
/// Source: Ho et al. 2020, arXiv 2006.11239, sections 2 and 3.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
}

impl Schedule {
    /// A process of `steps` steps.
    ///
    /// # Panics
    /// With fewer than 2 steps.
    pub fn new(kind: NoiseSchedule, steps: u32) -> Self {
        assert!(steps >= 2, "a diffusion of {steps} steps");
        let last_step = f64::from(steps - 1);
        let line = |from: f64, to: f64, t: u32| from + (to - from) * f64::from(t) / last_step;
        let left = |offset: f64, t: u32| {
            let course = (f64::from(t) / f64::from(steps) + offset) / (1.0 + offset);
            (course * std::f64::consts::FRAC_PI_2).cos().powi(2)
        };
        let beta = |t: u32| match kind {
            NoiseSchedule::Quadratic { first, last } => line(first.sqrt(), last.sqrt(), t).powi(2),
            NoiseSchedule::Linear { first, last } => line(first, last, t),
            NoiseSchedule::Cosine { offset } => (1.0 - left(offset, t + 1) / left(offset, t)).min(MOST_BETA),
            NoiseSchedule::Sigmoid { first, last } => {
                first + (last - first) / (1.0 + (-line(-LOGISTIC_REACH, LOGISTIC_REACH, t)).exp())
            }
        };
        let betas: Vec<f64> = (0..steps).map(beta).collect();
        let keep = |left: &mut f64, beta: &f64| {
            *left *= 1.0 - beta;
            Some(*left)
        };
        let alpha_bars = betas.iter().scan(1.0, keep).collect();
        Self { betas, alpha_bars }
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// Variance that step `t` adds.
    ///
    /// # Panics
    /// As everything here, if there is no step `t`.
    pub fn beta(&self, t: usize) -> f64 {
        self.betas[t]
    }

    /// Share of the image's variance that is left after step `t`.
    pub fn alpha_bar(&self, t: usize) -> f64 {
        self.alpha_bars[t]
    }

    /// The same before step `t`: 1 for step 0.
    pub fn alpha_bar_before(&self, t: usize) -> f64 {
        if t == 0 { 1.0 } else { self.alpha_bars[t - 1] }
    }

    /// Factors of the image and of the noise in `x_t`; their squares sum to 1.
    pub fn mix(&self, t: usize) -> [f64; 2] {
        let left = self.alpha_bars[t];
        [left.sqrt(), (1.0 - left).sqrt()]
    }

    /// Signal-to-noise ratio after step `t`.
    pub fn snr(&self, t: usize) -> f64 {
        self.alpha_bars[t] / (1.0 - self.alpha_bars[t])
    }

    /// Weight of step `t` in a loss on the squared error of `predict`. An epsilon-weight w is an x0-weight w SNR and a
    /// v-weight w SNR / (SNR + 1).
    pub fn weight(&self, weight: StepWeight, predict: Predict, t: usize) -> f64 {
        let snr = self.snr(t);
        let on_epsilon = match weight {
            StepWeight::Uniform => return 1.0,
            StepWeight::P2 { k, gamma } => (k + snr).powf(-gamma),
            StepWeight::MinSnr { gamma } => snr.min(gamma) / snr,
        };
        match predict {
            Predict::Epsilon => on_epsilon,
            Predict::X0 => on_epsilon * snr,
            Predict::V => on_epsilon * snr / (snr + 1.0),
        }
    }

    /// Factors of the image and of the noise in what `predict` names, at step `t`.
    pub fn target(&self, predict: Predict, t: usize) -> [f64; 2] {
        let [image, noise] = self.mix(t);
        match predict {
            Predict::Epsilon => [0.0, 1.0],
            Predict::X0 => [1.0, 0.0],
            Predict::V => [-noise, image],
        }
    }

    /// Factors of `x_t` and of a prediction whose sum is the clean image.
    pub fn to_x0(&self, predict: Predict, t: usize) -> [f64; 2] {
        let [image, noise] = self.mix(t);
        match predict {
            Predict::Epsilon => [1.0 / image, -noise / image],
            Predict::X0 => [0.0, 1.0],
            Predict::V => [image, -noise],
        }
    }

    /// Factors of `x_t` and of a prediction whose sum is the noise.
    pub fn to_epsilon(&self, predict: Predict, t: usize) -> [f64; 2] {
        let [image, noise] = self.mix(t);
        match predict {
            Predict::Epsilon => [0.0, 1.0],
            Predict::X0 => [1.0 / noise, -image / noise],
            Predict::V => [noise, image],
        }
    }

    /// Factors of the clean image and of `x_t` in the mean of `x` before step `t`, given both, and its variance (0 for
    /// step 0).
    pub fn posterior(&self, t: usize) -> ([f64; 2], f64) {
        let (beta, before) = (self.betas[t], self.alpha_bar_before(t));
        let gone = 1.0 - self.alpha_bars[t];
        let mean = [beta * before.sqrt() / gone, (1.0 - before) * (1.0 - beta).sqrt() / gone];
        (mean, beta * (1.0 - before) / gone)
    }

    /// The process that takes some of the steps only, given from the cleanest: step i of it leaves as much of the image as
    /// step `steps[i]` of this one.
    ///
    /// # Panics
    /// Unless the steps rise strictly and are of this process.
    pub fn taking(&self, steps: &[usize]) -> Self {
        assert!(!steps.is_empty() && steps.is_sorted_by(|a, b| a < b), "steps must rise");
        let alpha_bars: Vec<f64> = steps.iter().map(|&t| self.alpha_bars[t]).collect();
        let before = std::iter::once(1.0).chain(alpha_bars.iter().copied());
        let betas = alpha_bars.iter().zip(before).map(|(left, before)| 1.0 - left / before).collect();
        Self { betas, alpha_bars }
    }
}

/// `count` steps of `steps`, as evenly as whole numbers allow, from 0 to the last.
///
/// # Panics
/// Unless `count` is from 1 to `steps`.
pub fn evenly(steps: usize, count: usize) -> Vec<usize> {
    assert!((1..=steps).contains(&count), "{count} of {steps} steps");
    if count == 1 {
        return vec![steps - 1];
    }
    let stride = (steps - 1) as f64 / (count - 1) as f64;
    (0..count).map(|i| (i as f64 * stride).round() as usize).collect()
}

impl Schedule {
    /// Half the logarithm of the signal-to-noise ratio after step `t`.
    pub fn half_log_snr(&self, t: usize) -> f64 {
        self.snr(t).ln() / 2.0
    }

    /// `count` of the steps, the first and the last among them, as evenly by [`half_log_snr`](Self::half_log_snr) as
    /// whole numbers allow.
    ///
    /// # Panics
    /// As [`evenly`].
    pub fn evenly_by_snr(&self, count: usize) -> Vec<usize> {
        let mut chosen = evenly(self.steps(), count);
        let (first, last) = (self.half_log_snr(0), self.half_log_snr(self.steps() - 1));
        for i in 1..count.saturating_sub(1) {
            let wanted = first + (last - first) * i as f64 / (count - 1) as f64;
            // The ratio falls with the step.
            let at = self.alpha_bars.partition_point(|left| (left / (1.0 - left)).ln() / 2.0 > wanted);
            chosen[i] = at.clamp(chosen[i - 1] + 1, self.steps() - (count - i));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P2: StepWeight = StepWeight::P2 { k: 1.0, gamma: 1.0 };
    const PREDICT: [Predict; 3] = [Predict::Epsilon, Predict::X0, Predict::V];

    fn reference() -> Schedule {
        Schedule::new(NoiseSchedule::REFERENCE, 1000)
    }

    #[track_caller]
    fn near(got: f64, want: f64, share: f64) {
        assert!((got - want).abs() <= share * want.abs(), "{got:e} instead of {want:e}");
    }

    #[test]
    fn the_published_schedule_has_the_reference_values() {
        let schedule = reference();
        // t, beta, abar, 1 - abar, SNR, as printed with their digits.
        let table = [
            (0, 1.000000e-4, 0.999900, 0.000100, 9.997e3),
            (1, 1.026484e-4, 0.999797, 0.000203, 4.934e3),
            (10, 1.280412e-4, 0.998749, 0.001251, 798.6),
            (50, 2.748183e-4, 0.990844, 0.009156, 108.2),
            (100, 5.361674e-4, 0.971176, 0.028824, 33.69),
            (250, 1.839400e-3, 0.820010, 0.179990, 4.556),
            (500, 5.742069e-3, 0.331275, 0.668725, 0.4954),
            (750, 1.180801e-2, 0.038150, 0.961850, 3.966e-2),
            (999, 2.000000e-2, 0.000733, 0.999267, 7.340e-4),
        ];
        for (t, beta, left, weight, snr) in table {
            near(schedule.beta(t), beta, 1e-6);
            assert!((schedule.alpha_bar(t) - left).abs() < 6e-7, "step {t}");
            assert!((schedule.weight(P2, Predict::Epsilon, t) - weight).abs() < 6e-7, "step {t}");
            near(schedule.snr(t), snr, 3e-4);
        }
        assert!((schedule.mix(999)[0] - 0.0271).abs() < 5e-5);
    }

    /// Values of `tests/golden/noise_schedules.py`.
    #[test]
    fn every_schedule_agrees_with_numpy() {
        let cases = [
            (NoiseSchedule::REFERENCE, [1e-4, 1.026483643508e-4, 5.742071067688e-3, 2e-2], 7.334124595808e-4),
            (
                NoiseSchedule::Linear { first: 1e-4, last: 0.02 },
                [1e-4, 1.199199199199e-4, 1.005995995996e-2, 2e-2],
                4.035829765376e-5,
            ),
            (
                NoiseSchedule::Cosine { offset: 0.008 },
                [4.128422482197e-5, 4.614175273665e-5, 3.155691441585e-3, 0.999],
                2.428766907035e-9,
            ),
            (
                NoiseSchedule::Sigmoid { first: 1e-4, last: 0.02 },
                [1.492052008170e-4, 1.497983304193e-4, 1.007987979006e-2, 1.995079479918e-2],
                3.968181990533e-5,
            ),
        ];
        for (kind, betas, left) in cases {
            let schedule = Schedule::new(kind, 1000);
            for (t, beta) in [0, 1, 500, 999].into_iter().zip(betas) {
                near(schedule.beta(t), beta, 1e-9);
            }
            near(schedule.alpha_bar(999), left, 1e-9);
        }
        for (steps, left) in [(50, 0.6950721168), (250, 0.1642009943), (2000, 5.394780622e-7), (5000, 2.147082680e-16)]
        {
            near(Schedule::new(NoiseSchedule::REFERENCE, steps).alpha_bar(steps as usize - 1), left, 1e-9);
        }
    }

    #[test]
    fn p2_with_1_and_1_is_what_the_noise_has_taken_and_weighs_0_577_on_average() {
        let schedule = reference();
        let weights: Vec<f64> = (0..1000).map(|t| schedule.weight(P2, Predict::Epsilon, t)).collect();
        weights.iter().enumerate().for_each(|(t, &w)| near(w, 1.0 - schedule.alpha_bar(t), 1e-12));
        near(weights.iter().sum::<f64>() / 1000.0, 0.5773442714544939, 1e-12);
    }

    #[test]
    fn one_weight_means_the_same_on_every_target() {
        let schedule = reference();
        for t in [0, 10, 250, 500, 999] {
            let snr = schedule.snr(t);
            near(schedule.weight(P2, Predict::X0, t), snr / (1.0 + snr), 1e-12);
            near(schedule.weight(P2, Predict::V, t), snr / (1.0 + snr).powi(2), 1e-12);
            let min = StepWeight::MinSnr { gamma: 5.0 };
            near(schedule.weight(min, Predict::Epsilon, t), snr.min(5.0) / snr, 1e-12);
            near(schedule.weight(min, Predict::X0, t), snr.min(5.0), 1e-12);
            near(schedule.weight(min, Predict::V, t), snr.min(5.0) / (snr + 1.0), 1e-12);
            // The weighted squared error of a wrong answer is the same number whatever was asked.
            let (image, noise, wrong) = (0.3, -1.2, 0.7);
            let x = schedule.mix(t)[0] * image + schedule.mix(t)[1] * noise;
            let losses = PREDICT.map(|predict| {
                let [a, b] = schedule.target(predict, t);
                let truth = a * image + b * noise;
                // The prediction that claims the image is `wrong`.
                let [c, d] = schedule.to_x0(predict, t);
                let claim = (wrong - c * x) / d;
                schedule.weight(min, predict, t) * (claim - truth).powi(2)
            });
            near(losses[0], losses[1], 1e-6);
            near(losses[2], losses[1], 1e-6);
        }
    }

    #[test]
    fn conversions_give_back_the_image_and_the_noise() {
        for kind in [NoiseSchedule::REFERENCE, NoiseSchedule::Cosine { offset: 0.008 }] {
            let schedule = Schedule::new(kind, 1000);
            for (t, predict) in [0, 1, 400, 998].into_iter().flat_map(|t| PREDICT.map(|p| (t, p))) {
                let (image, noise) = (-0.8, 1.7);
                let of = |[a, b]: [f64; 2], x: f64, y: f64| a * x + b * y;
                let x = of(schedule.mix(t), image, noise);
                let prediction = of(schedule.target(predict, t), image, noise);
                near(of(schedule.to_x0(predict, t), x, prediction), image, 1e-9);
                near(of(schedule.to_epsilon(predict, t), x, prediction), noise, 1e-9);
            }
        }
    }

    #[test]
    fn the_posterior_agrees_with_numpy_and_with_bayes() {
        let schedule = reference();
        let ([image, noised], variance) = schedule.posterior(500);
        near(image, 0.004956387522555983, 1e-9);
        near(noised, 0.9942721100923516, 1e-9);
        near(variance, 0.0057256433079516085, 1e-9);
        assert_eq!(schedule.posterior(0).1, 0.0);
        let ([image, noised], _) = schedule.posterior(0);
        assert!((image - 1.0).abs() < 1e-12 && noised == 0.0);
    }

    #[test]
    fn some_steps_of_a_process_leave_as_much_as_they_did_in_it() {
        let schedule = reference();
        let chosen = evenly(1000, 50);
        assert_eq!((chosen[0], chosen[49], chosen.len()), (0, 999, 50));
        let fewer = schedule.taking(&chosen);
        chosen.iter().enumerate().for_each(|(i, &t)| assert_eq!(fewer.alpha_bar(i), schedule.alpha_bar(t)));
        for count in [1, 2, 30, 500, 999, 1000] {
            let chosen = schedule.evenly_by_snr(count);
            assert!(chosen.len() == count && chosen[count - 1] == 999 && chosen.is_sorted_by(|a, b| a < b));
        }
        let gaps: Vec<f64> = schedule
            .evenly_by_snr(10)
            .windows(2)
            .map(|w| schedule.half_log_snr(w[0]) - schedule.half_log_snr(w[1]))
            .collect();
        assert!(gaps.iter().all(|gap| (gap - gaps[0]).abs() < 0.35), "{gaps:?}");
        let all = schedule.taking(&evenly(1000, 1000));
        (0..1000).for_each(|t| near(all.beta(t), schedule.beta(t), 1e-9));
    }
}
