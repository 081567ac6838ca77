//! Everything that a run needs to go on, in one file.

use crate::config::FinetuneConfig;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::nn::weights;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Kind, Tensor};

/// One line of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// From 1.
    pub epoch: u64,
    /// Steps since the start.
    pub step: u64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Mean loss of the epoch's steps, skipped ones left out; nothing if all were skipped.
    pub train_loss: Option<f64>,
    /// Loss on the validation images, averaged weights.
    pub val_loss: Option<f64>,
    /// Dice of the objects' pixels on the validation images.
    pub val_dice: Option<f64>,
    /// Intersection over union of the same.
    pub val_iou: Option<f64>,
    /// Steps skipped since the start because a loss or gradient was not finite.
    pub skipped: u64,
    /// Seconds since the start, over all sessions of the run.
    pub seconds: f64,
}

/// The numbers of a run beside its tensors. The order and augmentation of samples are a function of the seed and the
/// step, so the step is all the state that the generators have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState<C, R> {
    /// Version of this format: 1.
    pub format: u32,
    /// The configuration, to refuse a resumption under another one.
    pub config: C,
    /// Batches taken.
    pub step: u64,
    /// Updates of the optimizer.
    pub updates: u64,
    /// Updates of the moving average.
    pub averaged: u64,
    /// Sum of the losses of the current epoch so far.
    pub loss_sum: f64,
    /// Number of them.
    pub loss_count: u64,
    /// Steps skipped since the start.
    pub skipped: u64,
    /// Steps skipped in a row just now.
    pub skipped_in_a_row: u64,
    /// Best value of the measure that chooses the epoch, larger is better, and its epoch.
    pub best: Option<(f64, u64)>,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Finished epochs.
    pub rows: Vec<R>,
}

/// The numbers of a fine-tuning.
pub type State = RunState<FinetuneConfig, EpochRow>;

impl<C: Clone, R> RunState<C, R> {
    /// Before the first step.
    pub fn new(config: &C) -> Self {
        Self {
            format: 1,
            config: config.clone(),
            step: 0,
            updates: 0,
            averaged: 0,
            loss_sum: 0.0,
            loss_count: 0,
            skipped: 0,
            skipped_in_a_row: 0,
            best: None,
            seconds: 0.0,
            rows: Vec::new(),
        }
    }

    /// Finished epochs.
    pub fn epochs(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// State and float32 tensors of a run: `live.` weights, `shadow.` moving averages, `first.` and `second.` moments.
#[derive(Debug)]
pub struct Saved<C, R> {
    /// The numbers.
    pub state: RunState<C, R>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// A fine-tuning that can go on.
pub type Checkpoint = Saved<FinetuneConfig, EpochRow>;

/// Name of the state in the file's header.
pub(super) const STATE: &str = "slidestream.state";

impl<C: Serialize + DeserializeOwned, R: Serialize + DeserializeOwned> Saved<C, R> {
    /// Writes a safetensors file with the state in its header. It is complete or absent: written beside, synced and
    /// renamed.
    ///
    /// # Errors
    /// A tensor cannot be copied; the disk is full or not writable.
    pub fn write(&self, path: &Path) -> Result<()> {
        let state = serde_json::to_string(&self.state).map_err(Error::compute("writing the checkpoint's state"))?;
        write_bytes(path, &weights::encode_described(&self.tensors, Kind::Float, Some((STATE, state)))?)
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// The file is missing, torn or of another format.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let bad =
            |e: &dyn std::fmt::Display| Error::bad_file(path, format!("is not a checkpoint of this program: {e}"));
        let state = weights::description(&bytes, STATE, path).map_err(|e| bad(&e))?;
        let state = state.ok_or_else(|| bad(&"it has no state"))?;
        let state: RunState<C, R> = serde_json::from_str(&state).map_err(|e| bad(&e))?;
        if state.format != 1 {
            return Err(bad(&format!("format {}, this program reads 1", state.format)));
        }
        Ok(Self { state, tensors: weights::decode(&bytes, &path.display().to_string())? })
    }

    /// The tensors whose names begin with `prefix`, without it.
    pub fn part(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let strip =
            |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.shallow_clone()));
        self.tensors.iter().filter_map(strip).collect()
    }
}
