//! The loop that every training shares: batches in, weights and checkpoints out.

use super::checkpoint::{RunState, Saved};
use super::difference::difference;
use super::ema::Ema;
use super::model::Model;
use super::optimizer::{Optimizer, learning_rate};
use crate::config::OptimizerConfig;
use crate::data::Loader;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::nn::{UNet, weights};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tch::{TchError, Tensor};

/// What distinguishes one kind of training from another.
pub trait Task {
    /// What the run was asked for; its checkpoints hold it.
    type Config: Clone + Serialize + DeserializeOwned;
    /// One line of its `metrics.csv`.
    type Row: Clone + Serialize + DeserializeOwned;
    /// What a step is computed from.
    type Batch: Send + 'static;
    /// What a validation says.
    type Scores;

    /// Parts of a batch that go through the network one after the other; their gradients are averaged.
    fn parts(&self) -> usize {
        1
    }

    /// Called before each step, with the number of steps done.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    fn before_step(&mut self, done: u64, optimizer: &mut Optimizer) -> Result<()> {
        let _ = (done, optimizer);
        Ok(())
    }

    /// Mean loss of one part, through the network in training.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    fn loss(&self, network: &UNet, batch: &Self::Batch, part: usize) -> Result<Tensor>;

    /// What chooses the best epoch, larger is better.
    fn score(&self, epoch: u64, scores: &Self::Scores) -> f64;

    /// The epoch's line.
    fn row(&self, closing: Closing, scores: Option<Self::Scores>) -> Self::Row;

    /// `config` with all that may differ when a run goes on set to what `now` says.
    fn comparable(config: &Self::Config, now: &Self::Config) -> Self::Config;

    /// Called with the averaged network when an epoch is done, `last` for the last one.
    ///
    /// # Errors
    /// Whatever should end the run.
    fn after_epoch(&mut self, averaged: &UNet, epoch: u64, last: bool) -> Result<()> {
        let _ = (averaged, epoch, last);
        Ok(())
    }
}

/// How long a training is and how it goes.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub optimizer: OptimizerConfig,
    pub epochs: u64,
    pub steps_per_epoch: u64,
    pub validate_every: u64,
    pub max_bad_steps: u64,
}

/// What is known of an epoch at its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closing {
    /// From 1.
    pub epoch: u64,
    /// Steps since the start.
    pub step: u64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Mean loss of the epoch's steps, skipped ones left out; nothing if all were skipped.
    pub train_loss: Option<f64>,
    /// Steps skipped since the start.
    pub skipped: u64,
    /// Share of the epoch's time, as far as this session saw it, that went into waiting for batches.
    pub waited: f64,
    /// Seconds since the start, over all sessions of the run.
    pub seconds: f64,
}

/// Everything that changes while training.
#[derive(Debug)]
pub struct Fit<T: Task> {
    pub(super) task: T,
    pub(super) config: T::Config,
    pub(super) course: Course,
    pub(super) live: Model,
    pub(super) shadow: Model,
    /// Running statistics of the live network: a skipped step must not leave its traces in them.
    statistics: Vec<Tensor>,
    pub(super) optimizer: Optimizer,
    pub(super) ema: Ema,
    state: RunState<T::Config, T::Row>,
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
pub enum Event<'a, R> {
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
        row: &'a R,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// File of the state after the last epoch, or at the stop.
pub const LAST: &str = "last.safetensors";
/// File of the state after the best epoch.
pub const BEST: &str = "best.safetensors";

impl<T: Task> Fit<T> {
    /// Before the first step. `ema` is the decay of the moving average.
    pub(super) fn begin(
        task: T,
        config: &T::Config,
        course: Course,
        [live, shadow]: [Model; 2],
        ema: f64,
    ) -> Result<Self> {
        let statistics = live.vs.variables().into_values().filter(|tensor| !tensor.requires_grad()).collect();
        Ok(Self {
            task,
            config: config.clone(),
            statistics,
            optimizer: Optimizer::new(&course.optimizer, &live.vs)?,
            ema: Ema::new(ema, &live.vs, &shadow.vs)?,
            state: RunState::new(config),
            timing: Timing::default(),
            course,
            live,
            shadow,
        })
    }

    /// Goes on where a checkpoint stopped.
    ///
    /// # Errors
    /// The checkpoint is of another configuration or network.
    pub fn restore(&mut self, checkpoint: &Saved<T::Config, T::Row>, path: &Path) -> Result<()> {
        self.same_run(&checkpoint.state.config, path)?;
        let name = path.display().to_string();
        weights::assign(&self.live.vs, &checkpoint.part("live."), &name, &[])?;
        weights::assign(&self.shadow.vs, &checkpoint.part("shadow."), &name, &[])?;
        self.optimizer.restore(&checkpoint.tensors, checkpoint.state.updates)?;
        self.ema.restore(checkpoint.state.averaged);
        self.state = RunState { config: self.config.clone(), ..checkpoint.state.clone() };
        Ok(())
    }

    /// Refuses to resume under another configuration; where the data lie and how they are kept may change.
    fn same_run(&self, saved: &T::Config, path: &Path) -> Result<()> {
        let plain = |config: &T::Config| {
            serde_json::to_value(T::comparable(config, &self.config))
                .map_err(Error::compute("comparing configurations"))
        };
        let (saved, now) = (plain(saved)?, plain(&self.config)?);
        match difference(&saved, &now, "") {
            None => Ok(()),
            Some((field, before, after)) => {
                let reason =
                    format!("was {before} when {} was written; resume with the same configuration", path.display());
                Err(Error::config(field, after, reason))
            }
        }
    }

    /// The run's numbers.
    pub fn state(&self) -> &RunState<T::Config, T::Row> {
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

    /// Trains to the last epoch. After each epoch and on `stop` the state goes to [`LAST`] in `folder`, after the best
    /// epoch also to [`BEST`]. `loader` must stand at the state's step.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after a stop; too many steps in a row without a finite loss; what loading, computing,
    /// validating and writing report.
    pub fn fit(
        &mut self,
        loader: &mut Loader<T::Batch>,
        folder: &Path,
        stop: &AtomicBool,
        validate: &mut dyn FnMut(&Self) -> Result<T::Scores>,
        tell: &mut dyn FnMut(Event<'_, T::Row>),
    ) -> Result<()> {
        let total = self.course.epochs * self.course.steps_per_epoch;
        let mut clock = Instant::now();
        let mut waited_before = self.timing.waiting;
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
            if !self.state.step.is_multiple_of(self.course.steps_per_epoch) {
                continue;
            }
            let epoch = self.state.step / self.course.steps_per_epoch;
            let last_one = self.state.step == total;
            let due = epoch.is_multiple_of(self.course.validate_every) || last_one;
            let (scores, seconds) = timed(|| if due { validate(self).map(Some) } else { Ok(None) })?;
            self.timing.validating += seconds;
            let seconds = clock.elapsed().as_secs_f64();
            self.state.seconds += seconds;
            let waited = (self.timing.waiting - waited_before) / seconds.max(1e-9);
            (clock, waited_before) = (Instant::now(), self.timing.waiting);
            let best = self.close_epoch(epoch, total, waited, scores);
            let last = folder.join(LAST);
            let save = || {
                self.checkpoint().write(&last)?;
                if best { copy_whole(&last, &folder.join(BEST)) } else { Ok(()) }
            };
            self.timing.saving += timed(save)?.1;
            if let Some(row) = self.state.rows.last() {
                tell(Event::Epoch { row, best });
            }
            let (task, averaged) = (&mut self.task, &self.shadow.network);
            self.timing.validating += timed(|| task.after_epoch(averaged, epoch, last_one))?.1;
        }
        Ok(())
    }

    /// One update; nothing for a step that was skipped because its loss or gradient was not finite.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message; `training.max_bad_steps` skipped in a row.
    pub fn step(&mut self, batch: &T::Batch, total: u64) -> Result<Option<f64>> {
        self.task.before_step(self.state.step, &mut self.optimizer)?;
        let before: Result<Vec<_>, _> = self.statistics.iter().map(copy).collect();
        let before = before.map_err(Error::compute("keeping the statistics"))?;
        let rate = learning_rate(&self.course.optimizer, self.state.step, total);
        self.state.step += 1;
        self.optimizer.zero_grad();
        if let Some(value) = self.gradient(batch)? {
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

    /// Adds up the gradient of a batch's parts; their mean loss, or nothing as soon as one is not finite.
    fn gradient(&mut self, batch: &T::Batch) -> Result<Option<f64>> {
        let parts = self.task.parts();
        let mut sum = 0.0;
        for part in 0..parts {
            let loss = self.task.loss(&self.live.network, batch, part)?;
            let value = loss.f_double_value(&[]).map_err(Error::compute("reading the loss"))?;
            if !value.is_finite() {
                return Ok(None);
            }
            sum += value;
            let share = if parts == 1 { Ok(loss) } else { loss.f_div_scalar(parts as f64) };
            self.optimizer.backward(&share.map_err(Error::compute("sharing the loss"))?)?;
        }
        Ok(Some(sum / parts as f64))
    }

    fn skip(&mut self, statistics: &[Tensor]) -> Result<()> {
        for (statistic, before) in self.statistics.iter_mut().zip(statistics) {
            statistic.f_copy_(before).map_err(Error::compute("restoring the statistics"))?;
        }
        self.state.skipped += 1;
        self.state.skipped_in_a_row += 1;
        let limit = self.course.max_bad_steps;
        if self.state.skipped_in_a_row >= limit {
            let reason = format!(
                "the loss or its gradient was not finite in {limit} steps in a row, up to step {}; lower \
                 `optimizer.rate`, set `optimizer.clip_norm`, or use precision f32",
                self.state.step
            );
            return Err(Error::config("optimizer.rate", self.course.optimizer.rate, reason));
        }
        Ok(())
    }

    /// Writes the epoch's row; true if it is the best so far.
    fn close_epoch(&mut self, epoch: u64, total: u64, waited: f64, scores: Option<T::Scores>) -> bool {
        let state = &mut self.state;
        let score = scores.as_ref().map(|scores| self.task.score(epoch, scores)).filter(|score| score.is_finite());
        let best = score.is_some_and(|score| state.best.is_none_or(|(best, _)| score > best));
        if let (true, Some(score)) = (best, score) {
            state.best = Some((score, epoch));
        }
        let closing = Closing {
            epoch,
            step: state.step,
            rate: learning_rate(&self.course.optimizer, state.step - 1, total),
            train_loss: (state.loss_count > 0).then(|| state.loss_sum / state.loss_count as f64),
            skipped: state.skipped,
            waited,
            seconds: state.seconds,
        };
        state.rows.push(self.task.row(closing, scores));
        (state.loss_sum, state.loss_count) = (0.0, 0);
        best
    }

    /// The full state.
    pub fn checkpoint(&self) -> Saved<T::Config, T::Row> {
        let mut tensors = self.optimizer.state();
        for (prefix, vs) in [("live.", &self.live.vs), ("shadow.", &self.shadow.vs)] {
            tensors.extend(vs.variables().into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        }
        let state = RunState { updates: self.optimizer.steps(), averaged: self.ema.updates(), ..self.state.clone() };
        Saved { state, tensors }
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
    write_bytes(to, &bytes)
}
