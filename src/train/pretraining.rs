//! Training on a self-supervised task.

use super::evaluate::{compute_kind, to_input};
use super::fit::{Closing, Course, Fit, Task};
use super::model;
use super::pretrained::{PretrainRow, Pretrained, PretrainedInfo};
use crate::config::{PretrainConfig, Reduction, Select};
use crate::data::PatchBatch;
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use crate::pretext::{self, Lesson, Pretext, Shown};
use std::ops::Range;
use tch::{Device, Kind, TchError, Tensor};

/// Called with the averaged network after each epoch, its number and whether it is the last.
pub type AfterEpoch = Box<dyn FnMut(&Pupil, &UNet, u64, bool) -> Result<()>>;

/// A self-supervised task with what a network of it needs to see.
#[derive(Debug)]
pub struct Pupil {
    device: Device,
    compute: Kind,
    range: [f32; 2],
    pretext: Box<dyn Pretext>,
}

/// A pre-training as the loop sees it.
pub struct Pretraining {
    pupil: Pupil,
    /// Images that go through the network at once.
    part: usize,
    parts: usize,
    select: Select,
    /// What the mean loss of a step is multiplied by.
    scale: f64,
    after_epoch: AfterEpoch,
}

/// Trains a network on a self-supervised task.
pub type Pretrainer = Fit<Pretraining>;

/// What the pre-trainer tells while it runs.
pub type PretrainEvent<'a> = super::fit::Event<'a, PretrainRow>;

/// A pre-training that can go on.
pub type PretrainCheckpoint = super::checkpoint::Saved<PretrainConfig, PretrainRow>;

impl Pupil {
    /// The task of a configuration on `device`.
    ///
    /// # Errors
    /// The device has no memory.
    pub fn new(config: &PretrainConfig, device: Device) -> Result<Self> {
        let compute = compute_kind(config.training.precision);
        Ok(Self { device, compute, range: config.input.range, pretext: pretext::create(&config.pretext, device)? })
    }

    /// The task.
    pub fn pretext(&self) -> &dyn Pretext {
        &*self.pretext
    }

    /// Some images of a batch on the device, at these levels.
    fn lesson(&self, batch: &PatchBatch, images: Range<usize>, levels: &[f64]) -> Result<Lesson> {
        let (n, edge) = (images.len() as i64, i64::from(batch.edge));
        let values = 3 * (batch.edge * batch.edge) as usize;
        let part = images.start * values..images.end * values;
        let make = || -> Result<Lesson, TchError> {
            let pixels = to_input(&batch.pixels[part.clone()], n, edge, edge, self.range, self.device)?;
            let noise = Tensor::f_from_slice(&batch.noise[part.clone()])?.f_view([n, 3, edge, edge])?;
            Ok(Lesson {
                images: pixels,
                noise: noise.f_to_device(self.device)?,
                levels: levels[images.clone()].to_vec(),
            })
        };
        make().map_err(Error::compute("preparing a batch"))
    }

    /// Mean loss of an image over a batch, each image at its own level, `part` images at a time.
    ///
    /// # Errors
    /// What the network answers.
    pub fn score(&self, network: &UNet, batch: &PatchBatch, part: usize) -> Result<f64> {
        let _guard = tch::no_grad_guard();
        let mut sum = 0.0;
        for start in (0..batch.len).step_by(part) {
            let lesson = self.lesson(batch, start..(start + part).min(batch.len), &batch.levels)?;
            let losses = self.pretext.losses(network, &lesson, Mode::eval(self.compute))?;
            let total = losses.f_sum(Kind::Double).and_then(|total| total.f_double_value(&[]));
            sum += total.map_err(Error::compute("reading the loss"))?;
        }
        Ok(sum / batch.len as f64)
    }

    /// What the network makes of a batch, as RGB8 of each image: as seen, and as guessed.
    ///
    /// # Errors
    /// What the network answers.
    pub fn show(&self, network: &UNet, batch: &PatchBatch) -> Result<[Vec<Vec<u8>>; 2]> {
        let _guard = tch::no_grad_guard();
        let lesson = self.lesson(batch, 0..batch.len, &batch.levels)?;
        let Shown { seen, guessed } = self.pretext.show(network, &lesson, Mode::eval(self.compute))?;
        Ok([to_pixels(&seen, self.range)?, to_pixels(&guessed, self.range)?])
    }
}

/// `[N, 3, H, W]` in `range` as RGB8 of each image. What lies outside the range is cut off, not wrapped around (trap 20).
///
/// # Errors
/// [`Error::Compute`] with libtorch's message.
pub fn to_pixels(images: &Tensor, range: [f32; 2]) -> Result<Vec<Vec<u8>>> {
    let bytes = || -> Result<Vec<Vec<u8>>, TchError> {
        let scale = 255.0 / f64::from(range[1] - range[0]);
        let values = images.f_to_kind(Kind::Float)?.f_sub_scalar(f64::from(range[0]))?.f_mul_scalar(scale)?;
        let bytes = values.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?;
        let bytes = bytes.f_permute([0, 2, 3, 1])?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut all = vec![0; bytes.numel()];
        bytes.f_copy_data_u8(&mut all, bytes.numel())?;
        let each = all.len() / images.size()[0] as usize;
        Ok(all.chunks_exact(each).map(<[u8]>::to_vec).collect())
    };
    bytes().map_err(Error::compute("reading images"))
}

impl Pretrainer {
    /// New weights from the configuration's seed. `after_epoch` is called when an epoch's checkpoint is written.
    ///
    /// # Errors
    /// The network's configuration is senseless or the device has no room for it.
    pub fn pretrain(
        config: &PretrainConfig,
        device: Device,
        steps_per_epoch: u64,
        after_epoch: AfterEpoch,
    ) -> Result<Self> {
        tch::manual_seed(config.seed as i64);
        let training = &config.training;
        let models = model::pair(&config.network, 3, training.init, device)?;
        let task = Pretraining {
            pupil: Pupil::new(config, device)?,
            part: training.batch,
            parts: training.accumulate,
            select: training.select,
            scale: match training.reduction {
                Reduction::Mean => 1.0,
                Reduction::Sum => config.crops_per_step() as f64,
            },
            after_epoch,
        };
        let course = Course {
            optimizer: config.optimizer.clone(),
            epochs: training.epochs,
            steps_per_epoch,
            validate_every: training.validate_every,
            max_bad_steps: training.max_bad_steps,
        };
        Self::begin(task, config, course, models, training.ema)
    }

    /// The task.
    pub fn pupil(&self) -> &Pupil {
        &self.task.pupil
    }
}

impl Pretrained {
    /// The averaged weights of a checkpoint, and what they are. `data` has a line a source.
    pub fn of(checkpoint: &PretrainCheckpoint, data: Vec<String>) -> Self {
        let info = PretrainedInfo::of(&checkpoint.state.config, &checkpoint.state.rows, data);
        Self { info, tensors: checkpoint.part("shadow.") }
    }
}

impl Task for Pretraining {
    type Config = PretrainConfig;
    type Row = PretrainRow;
    type Batch = PatchBatch;
    type Scores = Option<f64>;

    fn parts(&self) -> usize {
        self.parts
    }

    fn loss(&self, network: &UNet, batch: &PatchBatch, part: usize) -> Result<Tensor> {
        // Spread over the whole batch: a part alone would have a few of the levels.
        let levels = self.pupil.pretext.spread(&batch.levels);
        let lesson = self.pupil.lesson(batch, part * self.part..(part + 1) * self.part, &levels)?;
        let losses = self.pupil.pretext.losses(network, &lesson, Mode::train(self.pupil.compute))?;
        let mean = losses.f_mean(Kind::Float).and_then(|mean| mean.f_mul_scalar(self.scale));
        mean.map_err(Error::compute("computing the loss"))
    }

    fn score(&self, epoch: u64, scores: &Option<f64>) -> f64 {
        match self.select {
            Select::Last => epoch as f64,
            Select::ValLoss | Select::ValDice => scores.map_or(f64::NAN, |loss| -loss),
        }
    }

    fn row(&self, closing: Closing, scores: Option<Option<f64>>) -> PretrainRow {
        let Closing { epoch, step, rate, train_loss, skipped, waited, seconds } = closing;
        PretrainRow { epoch, step, rate, train_loss, val_loss: scores.flatten(), skipped, waited, seconds }
    }

    fn comparable(config: &PretrainConfig, now: &PretrainConfig) -> PretrainConfig {
        let mut config = config.clone();
        config.name.clone_from(&now.name);
        config.source = config.source.iter().map(crate::config::SourceConfig::without_places).collect();
        let training = &mut config.training;
        (training.loader_threads, training.memory_mb, training.cache_mb) = (1, 1, 1);
        training.sheet_every = 0;
        config
    }

    fn after_epoch(&mut self, averaged: &UNet, epoch: u64, last: bool) -> Result<()> {
        (self.after_epoch)(&self.pupil, averaged, epoch, last)
    }
}

#[cfg(test)]
mod tests;
