//! The diffusion process: how fast noise comes, what the network predicts of it, and how steps are weighted.

use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the noise grows from step to step: the variance `beta` that step t, counted from 0, adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NoiseSchedule {
    /// The square of a line from the root of `first` to the root of `last`; the published code uses 1e-4 and 0.02.
    Quadratic {
        /// `beta` of step 0.
        first: f64,
        /// `beta` of the last step.
        last: f64,
    },
    /// A line from `first` to `last` (Ho et al. 2020).
    Linear {
        /// `beta` of step 0.
        first: f64,
        /// `beta` of the last step.
        last: f64,
    },
    /// What is left of the image falls as a squared cosine (Nichol and Dhariwal 2021); `beta` is at most 0.999.
    Cosine {
        /// Keeps the first steps from being too small; 0.008 in the paper.
        offset: f64,
    },
    /// A logistic curve from `first` to `last`, over -6 to 6.
    Sigmoid {
        /// Foot of the curve.
        first: f64,
        /// Head of the curve.
        last: f64,
    },
}

impl NoiseSchedule {
    /// What the published code uses.
    pub const REFERENCE: Self = Self::Quadratic { first: 1e-4, last: 0.02 };
}

/// What the network predicts of a noised image `x_t = sqrt(abar) x0 + sqrt(1 - abar) epsilon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predict {
    /// The noise.
    Epsilon,
    /// The clean image.
    X0,
    /// `sqrt(abar) epsilon - sqrt(1 - abar) x0` (Salimans and Ho 2022).
    V,
}

/// Weight of a step in the loss. Each is stated for one target and converted to the one that is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepWeight {
    /// 1, whatever is predicted.
    Uniform,
    /// `(k + SNR)^-gamma` on epsilon (Choi et al. 2022); with 1 and 1 it is `1 - abar`, as in the published code.
    P2 {
        /// Keeps the weight of clean images finite.
        k: f64,
        /// 0 is uniform on epsilon.
        gamma: f64,
    },
    /// `min(SNR, gamma)` on x0 (Hang et al. 2023); 5 in the paper.
    MinSnr {
        /// Signal-to-noise ratio from which steps count alike.
        gamma: f64,
    },
}

/// How the steps of a batch's images are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDraw {
    /// Each image for itself, all steps alike, as published.
    Uniform,
    /// One from each of as many equal parts as the batch has images: the same mean with less noise.
    Stratified,
}

/// The diffusion process of a pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffusionConfig {
    /// Steps from a clean image to noise.
    pub steps: u32,
    /// How the noise grows.
    pub schedule: NoiseSchedule,
    /// What the network predicts.
    pub predict: Predict,
    /// Weight of a step in the loss.
    pub weight: StepWeight,
    /// How steps are drawn.
    pub draw: StepDraw,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            steps: 1000,
            schedule: NoiseSchedule::REFERENCE,
            predict: Predict::Epsilon,
            weight: StepWeight::P2 { k: 1.0, gamma: 1.0 },
            draw: StepDraw::Stratified,
        }
    }
}

impl DiffusionConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        within("pretext.steps", f64::from(self.steps), 2.0, 100_000.0)?;
        match self.schedule {
            NoiseSchedule::Quadratic { first, last }
            | NoiseSchedule::Linear { first, last }
            | NoiseSchedule::Sigmoid { first, last } => {
                within("pretext.schedule.first", first, 1e-9, 0.999)?;
                if !(first..=0.999).contains(&last) {
                    let reason = "must lie between `first` and 0.999";
                    return Err(Error::config("pretext.schedule.last", last, reason));
                }
            }
            NoiseSchedule::Cosine { offset } => within("pretext.schedule.offset", offset, 1e-6, 0.5)?,
        }
        match self.weight {
            StepWeight::Uniform => Ok(()),
            StepWeight::P2 { k, gamma } => {
                within("pretext.weight.k", k, 1e-6, 1e6)?;
                within("pretext.weight.gamma", gamma, 0.0, 10.0)
            }
            StepWeight::MinSnr { gamma } => within("pretext.weight.gamma", gamma, 1e-6, 1e6),
        }
    }
}
