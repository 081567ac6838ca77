//! Optimizer and course of a training run.

use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Weight decay joins the gradient.
    Adam,
    /// Weight decay acts on the weights.
    Adamw,
}

/// Course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Stays.
    Constant,
    /// Half a cosine down to `final_rate`.
    Cosine,
}

/// Optimizer and learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Update rule.
    pub kind: OptimizerKind,
    /// Highest learning rate.
    pub rate: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay of convolutions and linear layers; biases and normalisation are never decayed.
    pub weight_decay: f64,
    /// The gradient's norm over all weights is cut to this; 0 leaves it.
    pub clip_norm: f64,
    /// Course of the rate.
    pub schedule: ScheduleKind,
    /// Steps in which the rate rises from 0.
    pub warmup_steps: u64,
    /// Rate at the end of a cosine.
    pub final_rate: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            rate: 1e-4,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            clip_norm: 0.0,
            schedule: ScheduleKind::Constant,
            warmup_steps: 0,
            final_rate: 0.0,
        }
    }
}

/// How the images of an epoch are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Every image equally often.
    None,
    /// Every value of `data.style` equally often.
    Style,
    /// Images with few, some and many object pixels (thirds of the images) equally often.
    Foreground,
    /// Every group equally often.
    Group,
}

/// What chooses the best epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// Highest Dice of the objects' pixels.
    ValDice,
    /// Lowest loss.
    ValLoss,
    /// The last one: for validation images too few, or too unlike the later use, to choose by.
    Last,
}

/// What a validation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidateOn {
    /// Whole images as they are, each pixel once.
    Images,
    /// A crop of each image, changed as the training crops are and drawn anew each time, as published (trap T-8): figures
    /// jump from epoch to epoch, and luck helps to choose. For comparisons with published figures alone.
    Crops,
}

/// Initial weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitKind {
    /// libtorch's defaults, normalisation gain 1.
    Default,
    /// The published network's: convolutions and normalisation gains from N(0, 0.01^2), which slows new networks (trap T-11).
    Reference,
}

/// Arithmetic of the forward and backward pass; weights, loss and optimizer are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bit.
    F32,
    /// bfloat16 convolutions; fast on CPUs with AMX or AVX512-BF16 and on GPUs.
    Bf16,
}

/// Length, batch, crops, averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Epochs.
    pub epochs: u64,
    /// Steps an epoch; 0 for as many as the training images fill.
    pub steps_per_epoch: u64,
    /// Crops a step.
    pub batch: usize,
    /// Edge of the training crops in pixels.
    pub crop_px: u32,
    /// How the images of an epoch are drawn.
    pub balance: Balance,
    /// Initial weights.
    pub init: InitKind,
    /// Decay of the moving average of the weights, which is what is validated and shipped; 0 for none.
    pub ema: f64,
    /// What chooses the best epoch on the validation images.
    pub select: Select,
    /// What a validation looks at.
    pub validate_on: ValidateOn,
    /// Arithmetic.
    pub precision: Precision,
    /// Steps in a row with a loss or gradient that is not finite after which the run stops.
    pub max_bad_steps: u64,
    /// Epochs between validations; the last epoch is always validated.
    pub validate_every: u64,
    /// Epochs between pictures of held-out images with true and predicted outlines (`sheet-0010.png`), drawn after a
    /// validation; 0 for one at the end only.
    pub sheet_every: u64,
    /// Threads that prepare crops; they change no number.
    pub loader_threads: usize,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 150,
            steps_per_epoch: 0,
            batch: 8,
            crop_px: 256,
            balance: Balance::None,
            init: InitKind::Default,
            ema: 0.999,
            select: Select::ValDice,
            validate_on: ValidateOn::Images,
            precision: Precision::F32,
            max_bad_steps: 20,
            validate_every: 1,
            sheet_every: 0,
            loader_threads: 1,
        }
    }
}

/// The network halves its input once a level after the first.
pub(super) fn divisible(field: &str, value: u32, levels: usize) -> Result<()> {
    let unit = 1_u32 << (levels - 1);
    if value == 0 || !value.is_multiple_of(unit) {
        return Err(Error::config(field, value, format!("must be a multiple of {unit} for {levels} levels")));
    }
    Ok(())
}

impl OptimizerConfig {
    pub(super) fn validate(&self) -> Result<()> {
        within("optimizer.rate", self.rate, 1e-12, 10.0)?;
        within("optimizer.betas", self.betas[0], 0.0, 0.999_999)?;
        within("optimizer.betas", self.betas[1], 0.0, 0.999_999)?;
        within("optimizer.eps", self.eps, 1e-16, 1.0)?;
        within("optimizer.weight_decay", self.weight_decay, 0.0, 10.0)?;
        within("optimizer.clip_norm", self.clip_norm, 0.0, f64::MAX)?;
        within("optimizer.final_rate", self.final_rate, 0.0, self.rate)?;
        if self.schedule == ScheduleKind::Constant && self.final_rate > 0.0 {
            let reason = "would do nothing: the rate is constant; set `optimizer.schedule` to cosine, or remove it";
            return Err(Error::config("optimizer.final_rate", self.final_rate, reason));
        }
        Ok(())
    }
}

impl TrainingConfig {
    pub(super) fn validate(&self, levels: usize) -> Result<()> {
        within("training.epochs", self.epochs as f64, 1.0, 1e6)?;
        within("training.batch", self.batch as f64, 1.0, 4096.0)?;
        within("training.ema", self.ema, 0.0, 0.999_999)?;
        within("training.max_bad_steps", self.max_bad_steps as f64, 1.0, 1e6)?;
        within("training.validate_every", self.validate_every as f64, 1.0, 1e6)?;
        if self.sheet_every > 0 && !self.sheet_every.is_multiple_of(self.validate_every) {
            let reason = "must be a multiple of `training.validate_every`: a picture is drawn after a validation";
            return Err(Error::config("training.sheet_every", self.sheet_every, reason));
        }
        within("training.loader_threads", self.loader_threads as f64, 1.0, 256.0)?;
        divisible("training.crop_px", self.crop_px, levels)
    }
}
