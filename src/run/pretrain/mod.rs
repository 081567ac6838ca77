//! A pre-training run: sources, loop, figures, pictures, and the weights that are handed on.

mod plot;
mod sheet;
mod slides;
mod sources;

use crate::config::{PretrainConfig, ValNoise};
use crate::data::PatchBatch;
use crate::error::{Error, Result};
use crate::run::picture::{page, write_png};
use crate::run::training::{claim, left, write_config, write_rows};
use crate::train::device::{self, set_threads};
use crate::train::{
    BEST, LAST, PRETRAINED, PretrainCheckpoint, PretrainEvent, PretrainRow, Pretrained, Pretrainer, Pupil, Timing,
};
use sources::{Held, Sources};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Crops on `crops.png`, and side by side.
const CROPS: (usize, usize) = (32, 8);

/// What to train, where and on what.
#[derive(Debug, Clone)]
pub struct PretrainOptions {
    /// The run.
    pub config: PretrainConfig,
    /// Folder that everything is written to.
    pub out: PathBuf,
    /// Go on from the folder's last checkpoint.
    pub resume: bool,
    /// `auto`, `cpu` or `cuda[:N]`.
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    pub threads: usize,
}

/// What a run tells while it goes.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A line for the user.
    Note(String),
    /// A step is done.
    Step {
        /// Steps since the start, this one included.
        step: u64,
        /// Steps of the whole run.
        total: u64,
        /// Mean loss of an image; nothing for a skipped step.
        loss: Option<f64>,
        /// Crops a second in this session, validation included.
        rate: f64,
        /// Estimate from this session's pace.
        left: Duration,
    },
    /// An epoch is done.
    Epoch {
        /// Its figures.
        row: &'a PretrainRow,
        /// Epochs of the whole run.
        epochs: u64,
        /// Whether it is the best so far.
        best: bool,
        /// As in `Step`.
        left: Duration,
    },
}

/// Trains, or goes on training, and writes the results into `options.out`:
///
/// | file | content |
/// |---|---|
/// | `config.toml` | the whole configuration |
/// | `split.csv` | group, source and split of each image or slide |
/// | `metrics.csv` | one line an epoch |
/// | `last.safetensors`, `best.safetensors` | full state |
/// | `pretrained.safetensors` | averaged weights of the best epoch, and what they are |
/// | `crops.png` | the first training crops, as augmented |
/// | `sheet.png`, `sheet-EPOCH.png` | held-out crops noised and restored; after a diffusion also images out of noise |
/// | `plot.png` | loss against the epoch |
///
/// # Errors
/// [`Error::Cancelled`] after `stop`, with the last state written; every error of data, network and disk.
pub fn pretrain(options: &PretrainOptions, stop: &AtomicBool, tell: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    let (config, out) = (&options.config, &options.out);
    config.validate()?;
    let device = device::choose(&options.device)?;
    set_threads(options.threads);
    let sources = Sources::open(config, stop, &mut |line| tell(Progress::Note(line)))?;
    claim(out, options.resume, &sources.table, config)?;
    tell(Progress::Note(format!("{} on {device:?}", sources.summary())));
    let last = out.join(LAST);
    let held = sources.held(config)?;
    let mut trainer = Pretrainer::pretrain(config, device, sources.plan.steps, {
        let (config, out, shown) = (config.clone(), out.clone(), held.shown().clone());
        Box::new(move |pupil, network, epoch, last| {
            let every = config.training.sheet_every;
            let draw = |name: String| sheet::sheet(&config, pupil, network, &shown, device, &out.join(name));
            if every > 0 && epoch.is_multiple_of(every) {
                draw(format!("sheet-{epoch:04}.png"))?;
            }
            if last { draw("sheet.png".into()) } else { Ok(()) }
        })
    })?;
    if options.resume {
        trainer.restore(&PretrainCheckpoint::read(&last)?, &last)?;
        write_config(out, config)?;
        let state = trainer.state();
        tell(Progress::Note(format!("resumed after epoch {}, step {}", state.epochs(), state.step)));
    } else {
        let first = sources.first(CROPS.0)?;
        let size = first.pixels.len() / first.len;
        let crops = sheet::pictures(first.pixels.chunks_exact(size), first.edge)?;
        write_png(&page(&crops, CROPS.1), &out.join("crops.png"))?;
    }
    let mut loader = sources.loader(config.training.loader_threads, trainer.state().step)?;
    let (started, first) = (Instant::now(), trainer.state().step);
    let mut rows = trainer.state().rows.clone();
    let mut failed = None;
    trainer.fit(
        &mut loader,
        out,
        stop,
        &mut |trainer| {
            let (pupil, network, part) = (trainer.pupil(), trainer.averaged(), config.training.batch);
            match (config.training.val_noise, &held) {
                (ValNoise::Fresh, Held::Out { crops, .. }) => {
                    let crops = sources.fresh(crops.len, trainer.state().step)?;
                    pupil.score(network, &crops, part).map(Some)
                }
                _ => validate(pupil, network, &held, part),
            }
        },
        &mut |event| match event {
            PretrainEvent::Step { step, total, loss } => {
                let crops = ((step - first) as usize * config.crops_per_step()) as f64;
                let rate = crops / started.elapsed().as_secs_f64().max(1e-9);
                tell(Progress::Step { step, total, loss, rate, left: left(started, first, step, total) });
            }
            PretrainEvent::Epoch { row, best } => {
                rows.push(row.clone());
                let write = || {
                    write_rows(&rows, &out.join("metrics.csv"))?;
                    let best = rows.iter().filter(|row| row.val_loss.is_some());
                    let best = best.min_by(|a, b| a.val_loss.unwrap_or(0.0).total_cmp(&b.val_loss.unwrap_or(0.0)));
                    plot::plot(&rows, best.map(|row| row.epoch), &out.join("plot.png"))
                };
                failed = failed.take().or(write().err());
                let (epochs, total) = (config.training.epochs, config.training.epochs * sources.plan.steps);
                tell(Progress::Epoch { row, epochs, best, left: left(started, first, row.step, total) });
            }
        },
    )?;
    failed.map_or(Ok(()), Err)?;
    drop(loader);
    tell(Progress::Note(spent(trainer.timing())));
    let best = out.join(BEST);
    if !best.exists() {
        let reason = "no epoch had a finite validation loss, so there are no best weights; lower `optimizer.rate`";
        return Err(Error::dataset(best, reason));
    }
    let handed = out.join(PRETRAINED);
    Pretrained::of(&PretrainCheckpoint::read(&best)?, sources.summaries.clone()).write(&handed)?;
    tell(Progress::Note(format!("pre-trained weights: {}", handed.display())));
    Ok(())
}

/// Mean loss over the grid: every held-out crop at several levels, always with the same noise (trap 13). Nothing if
/// nothing is held out.
fn validate(pupil: &Pupil, network: &crate::nn::UNet, held: &Held, part: usize) -> Result<Option<f64>> {
    let Held::Out { crops, levels } = held else { return Ok(None) };
    let turns = if pupil.pretext().has_levels() { *levels } else { 1 };
    let mut sum = 0.0;
    for turn in 0..turns {
        let level = |crop: usize| (turn as f64 + (crop as f64 + 0.5) / crops.len as f64) / turns as f64;
        let batch = PatchBatch { levels: (0..crops.len).map(level).collect(), ..crops.clone() };
        sum += pupil.score(network, &batch, part)?;
    }
    Ok(Some(sum / turns as f64))
}

fn spent(timing: Timing) -> String {
    let Timing { waiting, training, validating, saving } = timing;
    let share = 100.0 * waiting / (waiting + training + validating + saving).max(1e-9);
    format!(
        "seconds: {training:.0} training, {waiting:.0} waiting for crops ({share:.1} %), {validating:.0} validating and \
         drawing, {saving:.0} saving"
    )
}
