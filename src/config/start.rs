//! What a training run starts from, and how the parts of the network follow.

use super::NetworkSpec;
use super::diffusion::{DiffusionConfig, NoiseSchedule};
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which weights are taken over. The head (`final_conv`) is always new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// All but the head, as published.
    #[default]
    All,
    /// Stem, time embedding, encoder and middle; the decoder is new.
    Encoder,
}

/// The forward process that `noise` follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseProcess {
    /// Steps from a clean image to noise.
    pub steps: u32,
    /// How the noise grows.
    pub schedule: NoiseSchedule,
}

/// Start of a run: weights to take over, the diffusion step, and how fast each part of the network moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StartConfig {
    /// A checkpoint, a run's folder, a model package or its name; without it all weights are new.
    pub from: Option<PathBuf>,
    /// Of the file with the weights; written by the run, and compared where it is given.
    pub sha256: Option<String>,
    /// Which weights are taken over.
    pub parts: Parts,
    /// Take the moving average of the weights and not the last ones.
    pub averaged: bool,
    /// Go on although `input.range` is not the range that the weights were trained with: the published runs saw -1 to 1
    /// in pre-training and 0 to 1 afterwards (trap T-1).
    pub range_mismatch: bool,
    /// Diffusion step, from 0, that the network is fed in training and at inference; needs `network.time_embedding`.
    pub step: u32,
    /// Add the noise of that step to the training crops. Validation and inference see clean images.
    pub noise: bool,
    /// The process that `noise` follows; the checkpoint's, where it has one.
    pub process: Option<NoiseProcess>,
    /// Parts whose weights stay: `encoder`, or names such as `downs.0`, `mid_attn`, `ups.2.1`. The statistics of batch
    /// normalisation still follow the data.
    pub freeze: Vec<String>,
    /// Epochs until the frozen parts are trained too; 0 for never.
    pub freeze_epochs: u64,
    /// The head learns at the full rate and each level below it at this share of the one above; 1 for all alike.
    pub layer_decay: f64,
    /// The head's rate in units of the others'.
    pub head_rate: f64,
}

impl Default for StartConfig {
    fn default() -> Self {
        Self {
            from: None,
            sha256: None,
            parts: Parts::All,
            averaged: true,
            range_mismatch: false,
            step: 0,
            noise: false,
            process: None,
            freeze: Vec::new(),
            freeze_epochs: 0,
            layer_decay: 1.0,
            head_rate: 1.0,
        }
    }
}

impl StartConfig {
    /// Takes a relative path from `folder`, where the configuration lies; what is not there may be a model's name.
    pub(super) fn relative_to(&mut self, folder: &Path) {
        if let Some(from) = self.from.as_mut().filter(|from| from.is_relative()) {
            let beside = folder.join(&from);
            if from.components().count() > 1 || beside.exists() {
                *from = beside;
            }
        }
    }

    /// Checks every value but those that depend on the network.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field, also for one that would do nothing.
    pub(super) fn validate(&self, epochs: u64) -> Result<()> {
        let idle = |field: &str, value: &dyn std::fmt::Display, needs: &str| {
            Err(Error::config(field, value, format!("would do nothing without {needs}; remove it or give that")))
        };
        if self.from.is_none() {
            let from = "`start.from` (or --from)";
            if self.parts != Parts::All {
                return idle("start.parts", &"encoder", from);
            }
            if !self.averaged {
                return idle("start.averaged", &false, from);
            }
            if self.range_mismatch {
                return idle("start.range_mismatch", &true, from);
            }
            if let Some(sha256) = &self.sha256 {
                return idle("start.sha256", sha256, from);
            }
        }
        within("start.layer_decay", self.layer_decay, 0.01, 1.0)?;
        within("start.head_rate", self.head_rate, 0.01, 1000.0)?;
        if self.freeze.is_empty() && self.freeze_epochs > 0 {
            return idle("start.freeze_epochs", &self.freeze_epochs, "`start.freeze`");
        }
        if self.freeze_epochs >= epochs {
            let reason = format!("of {epochs} epochs: the frozen parts would never move; say so with 0");
            return Err(Error::config("start.freeze_epochs", self.freeze_epochs, reason));
        }
        if let Some(process) = &self.process {
            if !self.noise {
                return idle("start.process", &process.steps, "`start.noise = true`");
            }
            let NoiseProcess { steps, schedule } = *process;
            let named = |error| match error {
                Error::Config { field, value, reason } => {
                    Error::Config { field: field.replace("objective", "start.process"), value, reason }
                }
                other => other,
            };
            DiffusionConfig { steps, schedule, ..DiffusionConfig::default() }.validate().map_err(named)?;
            if self.step >= steps {
                let reason = format!("must be below the {steps} steps of `start.process`");
                return Err(Error::config("start.step", self.step, reason));
            }
        }
        Ok(())
    }

    /// Checks what depends on the network.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub(super) fn validate_with(&self, network: &NetworkSpec) -> Result<()> {
        if network.step != self.step {
            let reason = format!("and `start.step` is {}; give `start.step` alone", self.step);
            return Err(Error::config("network.step", network.step, reason));
        }
        if self.noise && !network.time_embedding {
            let reason = "the network has no time embedding, so no step whose noise could be added";
            return Err(Error::config("start.noise", true, reason));
        }
        if self.noise && self.process.is_none() && self.from.is_none() {
            let reason = "which noise? name `start.process` or start from a diffusion checkpoint";
            return Err(Error::config("start.noise", true, reason));
        }
        Ok(())
    }
}
