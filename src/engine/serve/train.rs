//! Training runs of a host.

use super::desk::{Desk, Stop};
use crate::config::{FinetuneConfig, PretrainConfig};
use crate::engine::protocol::{Ending, FromEngine, JobId, Progress, TrainOrder};
use crate::error::{Error, Result};
use crate::run::finetune::{self, FinetuneOptions};
use crate::run::pretrain::{self, PretrainOptions};
use std::time::{Duration, Instant};

/// Time between two messages about progress.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// # Errors
/// Those of [`finetune::finetune`].
pub(super) fn finetune(desk: &Desk, job: JobId, stop: &Stop, order: TrainOrder) -> Result<Ending> {
    let mut config = FinetuneConfig::read_unchecked(&order.config)?;
    // For the model's card: the folders of this computer are nobody's business.
    let name = order.config.file_name().unwrap_or_default();
    let mut command = format!("slidestream finetune {}", name.display());
    if let Some(data) = order.data {
        config.data.root = data;
    }
    if let Some(epochs) = order.epochs {
        command.push_str(&format!(" --epochs {epochs}"));
        config.training.epochs = epochs;
    }
    if let Some(seed) = order.seed {
        command.push_str(&format!(" --seed {seed}"));
        config.seed = seed;
    }
    if let Some(from) = order.from {
        command.push_str(&format!(" --from {}", from.display()));
        config.start.from = Some(from);
    }
    config.validate()?;
    let TrainOrder { out, resume, device, threads, .. } = order;
    let options = FinetuneOptions { config, out, resume, device, threads, command };
    let mut teller = Teller::new(desk, job);
    finetune::finetune(&options, &stop.flag, &mut |progress| match progress {
        finetune::Progress::Note(text) => desk.note(job, text),
        finetune::Progress::Step { step, total, loss, left } => teller.step(step, total, loss, left),
        finetune::Progress::Epoch { row, epochs, best, .. } => {
            let scores = [("loss", row.train_loss), ("val loss", row.val_loss), ("val Dice", row.val_dice)];
            desk.note(job, epoch(row.epoch, epochs, &scores, best));
        }
    })?;
    Ok(Ending::Trained { out: options.out })
}

/// # Errors
/// Those of [`pretrain::pretrain`].
pub(super) fn pretrain(desk: &Desk, job: JobId, stop: &Stop, order: TrainOrder) -> Result<Ending> {
    if let Some(from) = &order.from {
        return Err(Error::config(
            "from",
            from.display(),
            "is for fine-tuning; a pre-training starts from new weights",
        ));
    }
    let mut config = PretrainConfig::read(&order.config)?;
    if let Some(folder) = &order.data {
        config.take_images_from(folder)?;
    }
    config.training.epochs = order.epochs.unwrap_or(config.training.epochs);
    config.seed = order.seed.unwrap_or(config.seed);
    let TrainOrder { out, resume, device, threads, .. } = order;
    let options = PretrainOptions { config, out, resume, device, threads };
    let mut teller = Teller::new(desk, job);
    pretrain::pretrain(&options, &stop.flag, &mut |progress| match progress {
        pretrain::Progress::Note(text) => desk.note(job, text),
        pretrain::Progress::Step { step, total, loss, left, .. } => teller.step(step, total, loss, left),
        pretrain::Progress::Epoch { row, epochs, best, .. } => {
            let scores = [("loss", row.train_loss), ("val loss", row.val_loss)];
            desk.note(job, epoch(row.epoch, epochs, &scores, best));
        }
    })?;
    Ok(Ending::Trained { out: options.out })
}

fn epoch(number: u64, epochs: u64, scores: &[(&str, Option<f64>)], best: bool) -> String {
    let score = |(name, value): &(&str, Option<f64>)| value.map(|value| format!("  {name} {value:.4}"));
    let scores: String = scores.iter().filter_map(score).collect();
    format!("epoch {number}/{epochs}{scores}{}", if best { "  best" } else { "" })
}

/// Tells of steps, but not of each.
struct Teller<'a> {
    desk: &'a Desk,
    job: JobId,
    told: Option<Instant>,
    first: Option<(u64, Instant)>,
}

impl<'a> Teller<'a> {
    fn new(desk: &'a Desk, job: JobId) -> Self {
        Self { desk, job, told: None, first: None }
    }

    fn step(&mut self, step: u64, total: u64, loss: Option<f64>, left: Duration) {
        let (first, begun) = *self.first.get_or_insert_with(|| (step, Instant::now()));
        if step < total && self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let per_s = (step - first) as f64 / begun.elapsed().as_secs_f64().max(1e-3);
        let text = loss.map_or("step skipped".into(), |loss| format!("loss {loss:.4}"));
        let progress = Progress { done: step, total, per_s, seconds_left: left.as_secs_f64(), text };
        self.desk.send(&FromEngine::Progress(self.job, progress));
    }
}
