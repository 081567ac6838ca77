//! The loop: batches in, weights and checkpoints out.

use super::checkpoint::{Checkpoint, EpochRow, State};
use super::ema::Ema;
use super::evaluate::{Validation, compute_kind, to_input};
use super::loss::Loss;
use super::noise::noised;
use super::optimizer::{Optimizer, learning_rate};
use super::start::Source;
use super::transfer::Transfer;
use crate::config::{FinetuneConfig, InitKind, Select};
use crate::data::{Batch, Loader};
use crate::error::{Error, Result};
use crate::nn::{Init, Mode, UNet, weights};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tch::{Device, Kind, TchError, Tensor, nn};

/// A network with the variables it lives in.
#[derive(Debug)]
struct Model {
    vs: nn::VarStore,
    network: UNet,
}

/// Everything that changes while training.
#[derive(Debug)]
pub struct Trainer {
    config: FinetuneConfig,
    device: Device,
    steps_per_epoch: u64,
    live: Model,
    shadow: Model,
    /// Running statistics of the live network: a skipped step must not leave its traces in them.
    statistics: Vec<Tensor>,
    optimizer: Optimizer,
    ema: Ema,
    loss: Loss,
    state: State,
    timing: Timing,
}

/// Seconds of one session by what they were spent on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// Waiting for crops; near 0 while the loader keeps up.
    pub waiting: f64,
    /// Forward, backward, update.
    pub training: f64,
    /// Validation.
    pub validating: f64,
    /// Checkpoints.
    pub saving: f64,
}

/// What the loop tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step is done; nothing for a loss means that the step was skipped.
    Step {
        /// Steps since the start, this one included.
        step: u64,
        /// Steps of the whole run.
        total: u64,
        /// Value of the loss.
        loss: Option<f64>,
    },
    /// An epoch is done and its checkpoint is written.
    Epoch {
        /// Its figures.
        row: &'a EpochRow,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// File of the state after the last epoch, or at the stop.
pub const LAST: &str = "last.safetensors";
/// File of the state after the best epoch.
pub const BEST: &str = "best.safetensors";

impl Trainer {
    /// New weights from the configuration's seed.
    ///
    /// # Errors
    /// The network's configuration is senseless or the device has no room for it.
    pub fn new(config: &FinetuneConfig, device: Device, steps_per_epoch: u64) -> Result<Self> {
        tch::manual_seed(config.seed as i64);
        let classes = config.data.labels.classes();
        let init = match config.training.init {
            InitKind::Default => Init::Default,
            InitKind::Reference => Init::Reference,
        };
        let model = || -> Result<Model> {
            let vs = nn::VarStore::new(device);
            let network = UNet::new(&vs.root(), &config.network, classes as i64, init)?;
            Ok(Model { vs, network })
        };
        let (live, shadow) = (model()?, model()?);
        let statistics = live.vs.variables().into_values().filter(|tensor| !tensor.requires_grad()).collect();
        let mut optimizer = Optimizer::new(&config.optimizer, &live.vs)?;
        optimizer.follow(&config.start, config.network.multipliers.len())?;
        Ok(Self {
            config: config.clone(),
            device,
            steps_per_epoch,
            statistics,
            optimizer,
            ema: Ema::new(config.training.ema, &live.vs, &shadow.vs)?,
            loss: Loss::new(&config.loss, classes)?,
            state: State::new(config),
            timing: Timing::default(),
            live,
            shadow,
        })
    }

    /// Takes over weights before the first step; the moving average starts from the same.
    ///
    /// # Errors
    /// The weights do not fit; [`Error::Internal`] after the first step.
    pub fn start_from(&mut self, source: &Source) -> Result<Transfer> {
        if self.state.step > 0 {
            return Err(Error::Internal(format!("new weights at step {}", self.state.step)));
        }
        let transfer = source.transfer(&self.live.vs, self.config.start.parts)?;
        self.ema = Ema::new(self.config.training.ema, &self.live.vs, &self.shadow.vs)?;
        Ok(transfer)
    }

    /// Goes on where a checkpoint stopped.
    ///
    /// # Errors
    /// The checkpoint is of another configuration or network.
    pub fn restore(&mut self, checkpoint: &Checkpoint, path: &Path) -> Result<()> {
        same_run(&checkpoint.state.config, &self.config, path)?;
        let name = path.display().to_string();
        weights::assign(&self.live.vs, &checkpoint.part("live."), &name, &[])?;
        weights::assign(&self.shadow.vs, &checkpoint.part("shadow."), &name, &[])?;
        self.optimizer.restore(&checkpoint.tensors, checkpoint.state.updates)?;
        self.ema.restore(checkpoint.state.averaged);
        self.state = State { config: self.config.clone(), ..checkpoint.state.clone() };
        Ok(())
    }

    /// The run's numbers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where this session's time went so far.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The network with the averaged weights.
    pub fn averaged(&self) -> &UNet {
        &self.shadow.network
    }

    /// The averaged weights and statistics by name.
    pub fn averaged_weights(&self) -> BTreeMap<String, Tensor> {
        self.shadow.vs.variables().into_iter().collect()
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// Trains to the last epoch. After each epoch and on `stop` the state goes to [`LAST`] in `folder`, after the best
    /// epoch also to [`BEST`]. `loader` must stand at the state's step.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after a stop; too many steps in a row without a finite loss; what loading, computing,
    /// validating and writing report.
    pub fn fit(
        &mut self,
        loader: &mut Loader,
        folder: &Path,
        stop: &AtomicBool,
        validate: &mut dyn FnMut(&Self) -> Result<Validation>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let total = self.config.training.epochs * self.steps_per_epoch;
        let mut clock = Instant::now();
        while self.state.step < total {
            if stop.load(Ordering::Relaxed) {
                self.state.seconds += clock.elapsed().as_secs_f64();
                self.checkpoint().write(&folder.join(LAST))?;
                return Err(Error::Cancelled);
            }
            let (batch, seconds) = timed(|| loader.next_batch())?;
            self.timing.waiting += seconds;
            let (loss, seconds) = timed(|| self.step(&batch, total))?;
            self.timing.training += seconds;
            tell(Event::Step { step: self.state.step, total, loss });
            if !self.state.step.is_multiple_of(self.steps_per_epoch) {
                continue;
            }
            let epoch = self.state.step / self.steps_per_epoch;
            let due = epoch.is_multiple_of(self.config.training.validate_every) || self.state.step == total;
            let (scores, seconds) = timed(|| if due { validate(self).map(Some) } else { Ok(None) })?;
            self.timing.validating += seconds;
            self.state.seconds += clock.elapsed().as_secs_f64();
            clock = Instant::now();
            let best = self.close_epoch(epoch, total, scores);
            let last = folder.join(LAST);
            let save = || {
                self.checkpoint().write(&last)?;
                if best { copy_whole(&last, &folder.join(BEST)) } else { Ok(()) }
            };
            self.timing.saving += timed(save)?.1;
            if let Some(row) = self.state.rows.last() {
                tell(Event::Epoch { row, best });
            }
        }
        Ok(())
    }

    /// One update; nothing for a step that was skipped because its loss or gradient was not finite.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message; `training.max_bad_steps` skipped in a row.
    pub fn step(&mut self, batch: &Batch, total: u64) -> Result<Option<f64>> {
        let (n, edge) = (batch.len as i64, i64::from(batch.edge));
        let range = self.config.input.range;
        self.freeze()?;
        let prepare = || -> Result<_, TchError> {
            let classes = Tensor::f_from_data_size(&batch.classes, &[n, edge, edge], Kind::Uint8)?;
            let classes = classes.f_to_device(self.device)?.f_to_kind(Kind::Int64)?;
            let before = self.statistics.iter().map(copy).collect::<Result<Vec<_>, _>>()?;
            let input = to_input(&batch.pixels, n, edge, edge, range, self.device)?;
            Ok((noised(input, &self.config.start, self.config.seed, self.state.step)?, classes, before))
        };
        let (input, classes, before) = prepare().map_err(Error::compute("preparing a batch"))?;
        let rate = learning_rate(&self.config.optimizer, self.state.step, total);
        self.state.step += 1;
        self.optimizer.zero_grad();
        let logits =
            self.live.network.forward(&input, None, Mode::train(compute_kind(self.config.training.precision)))?;
        let terms = self.loss.compute(&logits, &classes)?;
        let value = terms.total.f_double_value(&[]).map_err(Error::compute("reading the loss"))?;
        if value.is_finite() {
            terms.total.f_backward().map_err(Error::compute("computing the gradient"))?;
            let norm = self.optimizer.gradient_norm()?;
            if norm.is_finite() {
                self.optimizer.step(rate, norm)?;
                self.ema.update()?;
                self.state.skipped_in_a_row = 0;
                self.state.loss_sum += value;
                self.state.loss_count += 1;
                return Ok(Some(value));
            }
        }
        self.skip(&before)?;
        Ok(None)
    }

    /// Holds the parts of `start.freeze`, or lets them go when their epochs are over.
    fn freeze(&mut self) -> Result<()> {
        let start = &self.config.start;
        let over = start.freeze_epochs > 0 && self.state.step >= start.freeze_epochs * self.steps_per_epoch;
        self.optimizer.freeze(!start.freeze.is_empty() && !over)
    }

    fn skip(&mut self, statistics: &[Tensor]) -> Result<()> {
        for (statistic, before) in self.statistics.iter_mut().zip(statistics) {
            statistic.f_copy_(before).map_err(Error::compute("restoring the statistics"))?;
        }
        self.state.skipped += 1;
        self.state.skipped_in_a_row += 1;
        let limit = self.config.training.max_bad_steps;
        if self.state.skipped_in_a_row >= limit {
            let reason = format!(
                "the loss or its gradient was not finite in {limit} steps in a row, up to step {}; lower \
                 `optimizer.rate`, set `optimizer.clip_norm`, or use precision f32",
                self.state.step
            );
            return Err(Error::config("optimizer.rate", self.config.optimizer.rate, reason));
        }
        Ok(())
    }

    /// Writes the epoch's row; true if it is the best so far.
    fn close_epoch(&mut self, epoch: u64, total: u64, scores: Option<Validation>) -> bool {
        let state = &mut self.state;
        let score = scores.map(|scores| match self.config.training.select {
            Select::ValDice => scores.dice,
            Select::ValLoss => -scores.loss,
            Select::Last => epoch as f64,
        });
        let score = score.filter(|score| score.is_finite());
        let best = score.is_some_and(|score| state.best.is_none_or(|(best, _)| score > best));
        if let (true, Some(score)) = (best, score) {
            state.best = Some((score, epoch));
        }
        state.rows.push(EpochRow {
            epoch,
            step: state.step,
            rate: learning_rate(&self.config.optimizer, state.step - 1, total),
            train_loss: (state.loss_count > 0).then(|| state.loss_sum / state.loss_count as f64),
            val_loss: scores.map(|scores| scores.loss),
            val_dice: scores.map(|scores| scores.dice),
            val_iou: scores.map(|scores| scores.iou),
            skipped: state.skipped,
            seconds: state.seconds,
        });
        (state.loss_sum, state.loss_count) = (0.0, 0);
        best
    }

    /// The full state.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut tensors = self.optimizer.state();
        for (prefix, vs) in [("live.", &self.live.vs), ("shadow.", &self.shadow.vs)] {
            tensors.extend(vs.variables().into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        }
        let state = State { updates: self.optimizer.steps(), averaged: self.ema.updates(), ..self.state.clone() };
        Checkpoint { state, tensors }
    }
}

/// What `work` gives, with the seconds it took.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    work().map(|value| (value, started.elapsed().as_secs_f64()))
}

fn copy(tensor: &Tensor) -> Result<Tensor, TchError> {
    let mut copy = tensor.f_zeros_like()?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}

fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).map_err(Error::io("read", from))?;
    super::checkpoint::write_whole(to, &bytes)
}

/// Refuses to resume under another configuration; where the data lie and how they are kept may change.
fn same_run(saved: &FinetuneConfig, now: &FinetuneConfig, path: &Path) -> Result<()> {
    let plain = |config: &FinetuneConfig| {
        let mut config = config.clone();
        // The end of a run may be done again with other words and other postprocessing.
        config.model.clone_from(&now.model);
        config.postprocessing.clone_from(&now.postprocessing);
        config.data.root = "".into();
        // The start's sha256 stays and tells one file from another.
        config.start.from = config.start.from.take().map(|_| "".into());
        config.data.cache_mb = 0;
        config.training.loader_threads = 1;
        serde_json::to_value(&config).map_err(Error::compute("comparing configurations"))
    };
    let (saved, now) = (plain(saved)?, plain(now)?);
    match difference(&saved, &now, "") {
        None => Ok(()),
        Some((field, before, after)) => {
            let reason =
                format!("was {before} when {} was written; resume with the same configuration", path.display());
            Err(Error::config(field, after, reason))
        }
    }
}

/// The first field that differs, with both values.
pub(super) fn difference(a: &serde_json::Value, b: &serde_json::Value, at: &str) -> Option<(String, String, String)> {
    if let (Some(a), Some(b)) = (a.as_object(), b.as_object()) {
        let null = serde_json::Value::Null;
        let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
        return keys
            .into_iter()
            .find_map(|k| difference(a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null), &below(k)));
    }
    (a != b).then(|| (at.to_owned(), a.to_string(), b.to_string()))
}

#[cfg(test)]
mod tests;
