//! A training run: data, loop, figures, pictures, model package.

pub(super) mod canvas;
mod card;
mod crops;
mod finish;
mod masks;
pub(super) mod plot;
mod settle;
mod sheet;

use crate::config::{ClassRole, FinetuneConfig, Labels, SplitBy, ValidateOn};
use crate::data::{Batch, CropPlan, Dataset, Loader, Sampler, Split, SplitTable};
use crate::data::{crops as crops_of, pixel_size, sampler::strata};
use crate::error::Result;
use crate::nn::UNet;
use crate::run::panels::TRUTH;
use crate::run::training::{claim, left, write_config, write_rows};
use crate::train::device::{self, Device, set_threads};
use crate::train::{Checkpoint, EpochRow, Event, Fate, LAST, Predictor, Timing, Trainer};
use masks::Masks;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Epoch number of the draws for validation before the first step; no training comes that far.
const VALIDATION: u64 = u64::MAX - 1;

/// Images of a picture that is drawn while the training runs.
const LIVE_ROWS: usize = 4;

/// What to train, where and on what.
#[derive(Debug, Clone)]
pub struct FinetuneOptions {
    /// The run.
    pub config: FinetuneConfig,
    /// Folder that everything is written to.
    pub out: PathBuf,
    /// Go on from the folder's last checkpoint.
    pub resume: bool,
    /// `auto`, `cpu` or `cuda[:N]`.
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    pub threads: usize,
    /// The command that makes the same model again, for the card.
    pub command: String,
}

impl FinetuneOptions {
    /// The rows of `metrics.csv` so far.
    fn rows(&self) -> Result<Vec<EpochRow>> {
        Checkpoint::read(&self.out.join(LAST)).map(|checkpoint| checkpoint.state.rows)
    }
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
        /// Value of the loss; nothing for a skipped step.
        loss: Option<f64>,
        /// Estimate from this session's pace, validation included.
        left: Duration,
    },
    /// An epoch is done.
    Epoch {
        /// Its figures.
        row: &'a EpochRow,
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
/// | `transfer.csv` | what became of each tensor of `start.from` |
/// | `split.csv` | group, style and split of each image |
/// | `metrics.csv` | one line an epoch |
/// | `last.safetensors`, `best.safetensors` | full state |
/// | `plot.png` | loss and overlap against the epoch |
/// | `crops.png` | the first training crops, as augmented, with their objects outlined |
/// | `sheet-EPOCH.png` | with `training.sheet_every`: four held-out images with true and predicted outlines so far |
/// | `sheet.png` | held-out images with true and predicted outlines |
/// | `scores.csv`, `metrics.json` | figures of each image and of each split |
/// | a folder with the model's name | the model package |
///
/// # Errors
/// [`Cancelled`](crate::Error::Cancelled) after `stop`, with the last state written; every error of data, network and disk.
pub fn finetune(options: &FinetuneOptions, stop: &AtomicBool, tell: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    let start = settle::settle(options)?;
    let options = &FinetuneOptions { config: start.config, ..options.clone() };
    let config = &options.config;
    start.notes.into_iter().for_each(|note| tell(Progress::Note(note)));
    let run = Run::prepare(options)?;
    tell(Progress::Note(run.summary()));
    for class in &run.unvalidated {
        tell(Progress::Note(format!("no validation image holds `{class}`: nothing will say how well it is found")));
    }
    if config.data.split_by == SplitBy::Patch {
        tell(Progress::Note(
            "WARNING: data.split_by = \"patch\": images of one patient are in training and in validation (trap T-8). Every \
             figure of this run is too good; use it to compare with published ones only"
                .into(),
        ));
    }
    run.show_crops(config.training.loader_threads, &options.out)?;
    let mut trainer = Trainer::new(config, run.device, run.plan.steps)?;
    if let Some(source) = &start.source {
        let transfer = trainer.start_from(source)?;
        transfer.write(&options.out.join("transfer.csv"))?;
        let (tensors, numbers) = transfer.total(Fate::Taken);
        let text = format!(
            "{}
took over {tensors} tensors with {numbers} numbers; all of them: transfer.csv",
            transfer.table()
        );
        tell(Progress::Note(text));
    }
    let last = options.out.join(LAST);
    if options.resume {
        trainer.restore(&Checkpoint::read(&last)?, &last)?;
        write_config(&options.out, config)?;
        let state = trainer.state();
        tell(Progress::Note(format!("resumed after epoch {}, step {}", state.epochs(), state.step)));
    }
    let (sampler, threads) = (run.sampler.clone(), config.training.loader_threads);
    let mut loader = Loader::start(run.data.clone(), sampler, &run.plan, threads, trainer.state().step)?;
    let predictor = Predictor::new(config, run.device);
    let validation = run.table.of(Split::Val);
    let (started, first) = (Instant::now(), trainer.state().step);
    let metrics = options.out.join("metrics.csv");
    let mut rows = trainer.state().rows.clone();
    let mut failed = None;
    trainer.fit(
        &mut loader,
        &options.out,
        stop,
        &mut |trainer| {
            let (every, epoch) = (config.training.sheet_every, trainer.state().step / run.plan.steps);
            if every > 0 && epoch.is_multiple_of(every) {
                let picture = options.out.join(format!("sheet-{epoch:04}.png"));
                run.show_progress(&predictor, trainer.averaged(), &picture)?;
            }
            match config.training.validate_on {
                ValidateOn::Images => {
                    predictor.validate(trainer.averaged(), &run.data, &validation, run.plan.boundary_px, trainer.loss())
                }
                ValidateOn::Crops => {
                    let batches = run.validation_crops(&validation, trainer.state().step);
                    predictor.validate_crops(trainer.averaged(), batches, trainer.loss())
                }
            }
        },
        &mut |event| match event {
            Event::Step { step, total, loss } => {
                tell(Progress::Step { step, total, loss, left: left(started, first, step, total) });
            }
            Event::Epoch { row, best } => {
                rows.push(row.clone());
                failed = failed.take().or(write_rows(&rows, &metrics).err());
                let epochs = config.training.epochs;
                let left = left(started, first, row.step, epochs * run.plan.steps);
                tell(Progress::Epoch { row, epochs, best, left });
            }
        },
    )?;
    failed.map_or(Ok(()), Err)?;
    drop(loader);
    let Timing { waiting, training, validating, saving } = trainer.timing();
    tell(Progress::Note(format!(
        "seconds: {training:.0} training, {waiting:.0} waiting for crops, {validating:.0} validating, {saving:.0} saving"
    )));
    for score in finish::finish(options, &run, stop)? {
        tell(Progress::Note(score.to_string()));
    }
    let package = options.out.join(&config.model.name);
    tell(Progress::Note(format!("model package: {}", package.display())));
    Ok(())
}

/// What stays the same through a run.
struct Run {
    config: FinetuneConfig,
    data: Arc<Dataset>,
    table: SplitTable,
    sampler: Arc<Sampler>,
    plan: CropPlan,
    device: Device,
    /// Classes that no validation image holds.
    unvalidated: Vec<String>,
}

impl Run {
    fn prepare(options: &FinetuneOptions) -> Result<Self> {
        let config = &options.config;
        config.validate()?;
        let device = device::choose(&options.device)?;
        set_threads(options.threads);
        let (data, table) = dataset(config)?;
        let data = Arc::new(data);
        claim(&options.out, options.resume, &table, config)?;
        let images = table.of(Split::Train);
        let training = &config.training;
        let fills = (images.len() as u64).div_ceil(training.batch as u64);
        let steps = if training.steps_per_epoch > 0 { training.steps_per_epoch } else { fills };
        let Masks { foreground, unvalidated } = Masks::read(&data, &table, config)?;
        let pick = |names: &[String]| images.iter().map(|&i| names[i].clone()).collect::<Vec<_>>();
        let names = strata(training.balance, &pick(&table.styles), &pick(&table.groups), &foreground);
        let draws = steps as usize * training.batch;
        let sampler = Arc::new(Sampler::new(images.into_iter().zip(names), draws, config.seed));
        let plan = CropPlan {
            edge: training.crop_px,
            batch: training.batch,
            steps,
            boundary_px: config.boundary_px(),
            augment: config.augment.clone(),
            seed: config.seed,
        };
        Ok(Self { config: config.clone(), data, table, sampler, plan, device, unvalidated })
    }

    /// Names and colours of the classes of objects.
    fn classes_shown(&self) -> Vec<(String, [u8; 3])> {
        let of_objects = self.config.classes().into_iter().filter(|class| class.role == ClassRole::Object);
        of_objects.map(|class| (class.name, class.color)).collect()
    }

    /// A changed crop of each image, in batches, drawn anew at each step that asks.
    fn validation_crops(&self, images: &[usize], step: u64) -> impl Iterator<Item = Result<Batch>> {
        let stream = VALIDATION - step;
        let batch = move |(number, images): (usize, &[usize])| {
            crops_of(&self.data, images, &self.plan, stream, (number * self.plan.batch) as u64)
        };
        images.chunks(self.plan.batch).enumerate().map(batch)
    }

    /// What the network makes of a few held-out images so far, as a picture.
    fn show_progress(&self, predictor: &Predictor, network: &UNet, picture: &Path) -> Result<()> {
        let chosen = sheet::held_out(self, LIVE_ROWS);
        let look = |index| sheet::look(self, predictor, network, index).map(|(row, _)| row);
        let rows: Vec<sheet::Row> = chosen.into_iter().map(look).collect::<Result<_>>()?;
        sheet::sheet(&rows, &self.classes_shown(), picture)
    }

    /// The first batches of the run, as a picture.
    fn show_crops(&self, threads: usize, out: &Path) -> Result<()> {
        let mut loader = Loader::start(self.data.clone(), self.sampler.clone(), &self.plan, threads, 0)?;
        let batches = 24_usize.div_ceil(self.plan.batch).min(self.plan.steps as usize);
        let batches: Vec<Batch> = (0..batches).map(|_| loader.next_batch()).collect::<Result<_>>()?;
        let classes = self.classes_shown();
        let colors: Vec<[u8; 3]> = match &classes[..] {
            [_] => vec![TRUTH],
            several => several.iter().map(|class| class.1).collect(),
        };
        crops::crops(&batches, &colors, &out.join("crops.png"))
    }

    fn summary(&self) -> String {
        let mut groups = self.table.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let count = |split| self.table.of(split).len();
        format!(
            "{} images in {} groups: {} train, {} val, {} test; {} steps an epoch on {:?}",
            self.data.len(),
            groups.len(),
            count(Split::Train),
            count(Split::Val),
            count(Split::Test),
            self.plan.steps,
            self.device,
        )
    }
}

/// The images at the model's resolution, and which is for what.
pub(super) fn dataset(config: &FinetuneConfig) -> Result<(Dataset, SplitTable)> {
    let mut data = Dataset::open(&config.data, config.input.mpp)?;
    if config.data.labels == Labels::Classes {
        data.set_classes(config.classes().into_iter().map(|class| class.name).collect());
    }
    let table = SplitTable::make(&data, &config.data, config.seed)?;
    if let Some(diameter) = config.data.object_diameter_um {
        data.set_pixel_sizes(&pixel_size::estimate(&data, &table.groups, diameter)?, config.input.mpp);
    }
    Ok((data, table))
}
