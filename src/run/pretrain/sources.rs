//! The sources of a run, opened: what is trained on and what is held out.

use super::slides::{TissueSlides, first_place};
use crate::budget::Budget;
use crate::config::{AugmentConfig, PretrainConfig, SourceConfig};
use crate::data::{Collection, ImageFolder, Loader, Mixture, PatchBatch, PatchPlan, Patches, Split, SplitTable};
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Epoch number of the draws for validation; no training comes that far.
const HELD_OUT: u64 = u64::MAX - 2;

/// What stays the same through a run.
pub(super) struct Sources {
    all: Arc<Collection>,
    /// One line a source.
    pub summaries: Vec<String>,
    pub table: SplitTable,
    mixture: Arc<Mixture>,
    pub plan: PatchPlan,
    seed: u64,
}

/// The crops that are never trained on.
pub(super) enum Held {
    /// Crops of the held-out images, and at how many levels each is looked at.
    Out { crops: PatchBatch, levels: usize },
    /// Nothing is held out; these are training crops, only to be shown.
    Nothing { shown: PatchBatch },
}

impl Held {
    /// Crops for the sheet.
    pub fn shown(&self) -> &PatchBatch {
        match self {
            Self::Out { crops, .. } => crops,
            Self::Nothing { shown } => shown,
        }
    }
}

impl Sources {
    /// Opens every source and divides its groups.
    pub fn open(config: &PretrainConfig, stop: &AtomicBool, tell: &mut dyn FnMut(String)) -> Result<Self> {
        let training = &config.training;
        let crops = config.crops_per_step();
        let budget = reading_budget(config)?;
        let mut sources: Vec<(f64, Box<dyn Patches>)> = Vec::new();
        for (number, source) in config.source.iter().enumerate() {
            let name = format!("source {}", number + 1);
            let opened: Box<dyn Patches> = match source {
                SourceConfig::Folder(folder) => {
                    let cache = (training.cache_mb << 20) / config.source.len() as u64;
                    Box::new(ImageFolder::open(folder, &name, config.input.mpp, cache, budget.clone())?)
                }
                SourceConfig::Slides(slides) => {
                    Box::new(TissueSlides::open(slides, &name, config.input.mpp, budget.clone(), stop, tell)?)
                }
            };
            sources.push((source.weight(), opened));
        }
        let all = Arc::new(Collection::new(sources));
        let place = config.source.first().map_or(Path::new(""), first_place);
        let table = all.split(training.val_share, config.seed, place)?;
        let images = table.of(Split::Train).len() as u64;
        let fills = (images / crops as u64).max(1);
        let steps = if training.steps_per_epoch > 0 { training.steps_per_epoch } else { fills };
        let mixture = all.mixture(&table, Split::Train, steps as usize * crops, config.seed);
        let plan = PatchPlan {
            edge: training.crop_px,
            batch: crops,
            steps,
            augment: config.augment.clone(),
            seed: config.seed,
        };
        Ok(Self { summaries: all.summaries(), all, table, mixture: Arc::new(mixture), plan, seed: config.seed })
    }

    /// The validation crops, unchanged by any augmentation: a function of the seed and the held-out images.
    pub fn held(&self, config: &PretrainConfig) -> Result<Held> {
        let count = config.training.val_crops;
        if config.training.val_share == 0.0 {
            return Ok(Held::Nothing { shown: self.first(count.min(8))? });
        }
        let units = self.all.mixture(&self.table, Split::Val, count, self.seed).epoch(HELD_OUT);
        let plan = PatchPlan { augment: AugmentConfig::none(), ..self.plan.clone() };
        let crops = self.all.batch(&units, &plan, HELD_OUT, 0)?;
        Ok(Held::Out { crops, levels: config.training.val_levels })
    }

    /// As many crops of the held-out images as a validation after `step` steps draws for itself, changed as the training
    /// crops are.
    pub fn fresh(&self, count: usize, step: u64) -> Result<PatchBatch> {
        let epoch = HELD_OUT - 1 - step;
        let units = self.all.mixture(&self.table, Split::Val, count, self.seed).epoch(epoch);
        self.all.batch(&units, &self.plan, epoch, 0)
    }

    /// The first crops of the run.
    pub fn first(&self, most: usize) -> Result<PatchBatch> {
        let units = self.mixture.epoch(0);
        self.all.batch(&units[..units.len().min(most)], &self.plan, 0, 0)
    }

    /// Threads that prepare batches from global step `first`.
    pub fn loader(&self, threads: usize, first: u64) -> Result<Loader<PatchBatch>> {
        self.all.loader(&self.mixture, &self.plan, threads, first)
    }

    pub fn summary(&self) -> String {
        let mut groups = self.table.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let count = |split| self.table.of(split).len();
        format!(
            "{}; {} groups, {} images or slides to train on, {} held out; {} steps an epoch of {} crops",
            self.summaries.join("; "),
            groups.len(),
            count(Split::Train),
            count(Split::Val),
            self.plan.steps,
            self.plan.batch,
        )
    }
}

/// What is left of `training.memory_mb` for decoding when every thread has the batches that it may have: one in the making,
/// one waiting to be handed over, one handed over; each with its noise.
fn reading_budget(config: &PretrainConfig) -> Result<Budget> {
    let training = &config.training;
    let area = u64::from(training.crop_px) * u64::from(training.crop_px);
    let batch = config.crops_per_step() as u64 * area * 3 * 5;
    let waiting = batch * 3 * training.loader_threads as u64;
    let window = (f64::from(training.crop_px) / config.augment.scale[0]).powi(2) as u64 * 3;
    let total = training.memory_mb << 20;
    match total.checked_sub(waiting) {
        Some(reading) if reading >= window => Ok(Budget::bytes("training.memory_mb (bytes for decoding)", reading)),
        _ => {
            let needed = (waiting + window).div_ceil(1 << 20);
            let reason = format!("{} loader threads need {needed} for their crops alone", training.loader_threads);
            Err(Error::config("training.memory_mb", training.memory_mb, reason))
        }
    }
}
