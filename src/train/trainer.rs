//! Training of a segmentation network.

use super::checkpoint::EpochRow;
use super::ema::Ema;
use super::evaluate::{Validation, compute_kind, to_input};
use super::fit::{Closing, Course, Fit, Task};
use super::loss::Loss;
use super::model;
use super::noise::noised;
use super::optimizer::Optimizer;
use super::start::Source;
use super::transfer::Transfer;
use crate::config::{FinetuneConfig, Select, StartConfig};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use std::collections::BTreeMap;
use tch::{Device, Kind, TchError, Tensor};

/// The task of labelling pixels.
#[derive(Debug)]
pub struct Segmentation {
    device: Device,
    mode: Mode,
    range: [f32; 2],
    select: Select,
    loss: Loss,
    start: StartConfig,
    seed: u64,
    steps_per_epoch: u64,
    /// Steps done before the present one.
    done: u64,
}

/// Trains a segmentation network.
pub type Trainer = Fit<Segmentation>;

/// What the trainer tells while it runs.
pub type Event<'a> = super::fit::Event<'a, EpochRow>;

impl Trainer {
    /// New weights from the configuration's seed.
    ///
    /// # Errors
    /// The network's configuration is senseless or the device has no room for it.
    pub fn new(config: &FinetuneConfig, device: Device, steps_per_epoch: u64) -> Result<Self> {
        tch::manual_seed(config.seed as i64);
        let classes = config.classes().len();
        let training = &config.training;
        let models = model::pair(&config.network, classes as i64, training.init, device)?;
        let task = Segmentation {
            device,
            mode: Mode::train(compute_kind(training.precision)),
            range: config.input.range,
            select: training.select,
            loss: Loss::new(&config.loss, classes)?,
            start: config.start.clone(),
            seed: config.seed,
            steps_per_epoch,
            done: 0,
        };
        let course = Course {
            optimizer: config.optimizer.clone(),
            epochs: training.epochs,
            steps_per_epoch,
            validate_every: training.validate_every,
            max_bad_steps: training.max_bad_steps,
        };
        let mut trainer = Self::begin(task, config, course, models, training.ema)?;
        trainer.optimizer.follow(&config.start, config.network.multipliers.len())?;
        Ok(trainer)
    }

    /// Takes over weights before the first step; the moving average starts from the same.
    ///
    /// # Errors
    /// The weights do not fit; [`Error::Internal`] after the first step.
    pub fn start_from(&mut self, source: &Source) -> Result<Transfer> {
        if self.state().step > 0 {
            return Err(Error::Internal(format!("new weights at step {}", self.state().step)));
        }
        let transfer = source.transfer(&self.live.vs, self.config.start.parts)?;
        self.ema = Ema::new(self.config.training.ema, &self.live.vs, &self.shadow.vs)?;
        Ok(transfer)
    }

    /// The averaged weights and statistics by name.
    pub fn averaged_weights(&self) -> BTreeMap<String, Tensor> {
        self.shadow.vs.variables().into_iter().collect()
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.task.loss
    }
}

impl Task for Segmentation {
    type Config = FinetuneConfig;
    type Row = EpochRow;
    type Batch = Batch;
    type Scores = Validation;

    /// Holds the parts of `start.freeze`, or lets them go when their epochs are over.
    fn before_step(&mut self, done: u64, optimizer: &mut Optimizer) -> Result<()> {
        self.done = done;
        let over = self.start.freeze_epochs > 0 && done >= self.start.freeze_epochs * self.steps_per_epoch;
        optimizer.freeze(!self.start.freeze.is_empty() && !over)
    }

    fn loss(&self, network: &UNet, batch: &Batch, _part: usize) -> Result<Tensor> {
        let (n, edge) = (batch.len as i64, i64::from(batch.edge));
        let prepare = || -> Result<_, TchError> {
            let classes = Tensor::f_from_data_size(&batch.classes, &[n, edge, edge], Kind::Uint8)?;
            let classes = classes.f_to_device(self.device)?.f_to_kind(Kind::Int64)?;
            let input = to_input(&batch.pixels, n, edge, edge, self.range, self.device)?;
            Ok((noised(input, &self.start, self.seed, self.done)?, classes))
        };
        let (input, classes) = prepare().map_err(Error::compute("preparing a batch"))?;
        let logits = network.forward(&input, None, self.mode)?;
        Ok(self.loss.compute(&logits, &classes)?.total)
    }

    fn score(&self, epoch: u64, scores: &Validation) -> f64 {
        match self.select {
            Select::ValDice => scores.dice,
            Select::ValLoss => -scores.loss,
            Select::Last => epoch as f64,
        }
    }

    fn row(&self, closing: Closing, scores: Option<Validation>) -> EpochRow {
        let Closing { epoch, step, rate, train_loss, skipped, seconds, .. } = closing;
        EpochRow {
            epoch,
            step,
            rate,
            train_loss,
            val_loss: scores.map(|scores| scores.loss),
            val_dice: scores.map(|scores| scores.dice),
            val_iou: scores.map(|scores| scores.iou),
            skipped,
            seconds,
        }
    }

    fn comparable(config: &FinetuneConfig, now: &FinetuneConfig) -> FinetuneConfig {
        let mut config = config.clone();
        // The end of a run may be done again with other words and other postprocessing, but what a level of the masks
        // means has been learnt.
        let classes = std::mem::take(&mut config.model.class);
        config.model.clone_from(&now.model);
        if !classes.iter().map(|class| &class.name).eq(now.model.class.iter().map(|class| &class.name)) {
            config.model.class = classes;
        }
        config.postprocessing.clone_from(&now.postprocessing);
        // Tiles say how slides are cut later; no crop depends on them.
        (config.input.tile_px, config.input.halo_px) = (now.input.tile_px, now.input.halo_px);
        config.data.root = "".into();
        // The start's sha256 stays and tells one file from another.
        config.start.from = config.start.from.take().map(|_| "".into());
        config.data.cache_mb = 0;
        (config.training.loader_threads, config.training.sheet_every) = (1, 0);
        config
    }
}

#[cfg(test)]
mod tests;
