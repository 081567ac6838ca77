//! A grid of runs that answers what a start, a loss or more annotations are worth.

mod cell;
mod plot;
mod table;

use crate::config::Study;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::run::finetune::{self, FinetuneOptions, finetune};
use crate::run::pretrain::{self, PretrainOptions, pretrain};
use crate::train::{BEST, LAST, PRETRAINED};
use cell::{Cell, DONE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use table::Finished;

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct StudyOptions {
    /// The grid.
    pub study: Study,
    /// Folder that everything is written to.
    pub out: PathBuf,
    /// Go on with the folder's study.
    pub resume: bool,
    /// `auto`, `cpu` or `cuda[:N]`.
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    pub threads: usize,
}

/// What a study tells while it goes.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A line for the user.
    Note(String),
    /// A run begins.
    Run {
        /// From 1, pre-trainings first.
        number: usize,
        /// Runs of the whole study.
        total: usize,
        /// What distinguishes it.
        title: String,
        /// Estimate for all that is left, by the mean of the runs of this session; nothing before the first has ended.
        left: Option<Duration>,
    },
    /// From a pre-training.
    Pretrain(pretrain::Progress<'a>),
    /// From a fine-tuning.
    Finetune(finetune::Progress<'a>),
}

/// Runs what is not there yet and after every run writes the tables and the plot anew:
///
/// | file | content |
/// |---|---|
/// | `study.json` | what the study's names stand for |
/// | `starts/NAME/` | the pre-training of a start |
/// | `runs/START/LOSS/share-S/seed-N/` | a fine-tuning |
/// | `runs.csv` | one line a run |
/// | `arms.csv`, `table.md` | one line a start, loss and share: means over images and seeds, intervals over patients |
/// | `plot.png` | Dice against the share, a panel a loss, a line a start |
///
/// # Errors
/// [`Error::Cancelled`] after `stop`, with the state of the run saved; the folder holds another study; what a run reports.
pub fn study(options: &StudyOptions, stop: &AtomicBool, tell: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    let study = &options.study;
    begin(options)?;
    let cells = Cell::all(study);
    let pretrainings: Vec<usize> = (0..study.pretrainings.len()).filter(|&i| study.pretrainings[i].is_some()).collect();
    let total = pretrainings.len() + cells.len();
    let mut pace = Pace::default();
    for (number, &start) in pretrainings.iter().enumerate() {
        let folder = start_folder(options, start);
        if folder.join(DONE).exists() {
            continue;
        }
        let title = format!("pre-training of {}", study.config.starts[start].name);
        tell(Progress::Run { number: number + 1, total, title, left: None });
        run_pretraining(options, start, &folder, stop, tell)?;
    }
    let mut finished = Vec::new();
    for (number, &cell) in cells.iter().enumerate() {
        if cell.scores(study, &options.out)?.is_none() {
            let left =
                pace.left(cells[number..].iter().filter(|cell| !cell.folder(study, &options.out).join(DONE).exists()));
            let title = cell.title(study);
            tell(Progress::Run { number: pretrainings.len() + number + 1, total, title, left });
            let began = Instant::now();
            run_cell(options, cell, stop, tell)?;
            pace.add(began.elapsed());
        }
        let scores = cell.scores(study, &options.out)?;
        let scores = scores.ok_or_else(|| Error::Internal("a finished run without scores".into()))?;
        finished.push(Finished { cell, scores });
        report(options, &finished)?;
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
    }
    let table = options.out.join("table.md");
    tell(Progress::Note(std::fs::read_to_string(&table).map_err(Error::io("read", &table))?));
    Ok(())
}

/// Makes or checks the folder. A study may grow by shares, seeds, starts and losses, but what bears one name must stay one
/// thing.
fn begin(options: &StudyOptions) -> Result<()> {
    let path = options.out.join("study.json");
    std::fs::create_dir_all(&options.out).map_err(Error::io("create", &options.out))?;
    let now = record(&options.study)?;
    if path.exists() {
        if !options.resume {
            let reason = "holds a study already; give --resume to go on with it, or another --out";
            return Err(Error::config("--out", options.out.display(), reason));
        }
        let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let before: Record = serde_json::from_slice(&text).map_err(|e| Error::bad_file(&path, e.to_string()))?;
        let changed = before.iter().find(|(name, value)| now.get(*name).is_some_and(|now| now != *value));
        if let Some((name, _)) = changed {
            let reason = "is not what it was when this study began; put it back, rename it, or give another --out";
            return Err(Error::config(name, path.display(), reason));
        }
    }
    let text = serde_json::to_vec_pretty(&now).map_err(Error::compute("writing the study"))?;
    write_bytes(&path, &text)
}

/// What a study's names stand for.
type Record = BTreeMap<String, serde_json::Value>;

fn record(study: &Study) -> Result<Record> {
    let mut base = study.base.clone();
    base.data.root = PathBuf::new();
    let mut record = Record::from([("base".to_owned(), value(&base)?)]);
    for (start, pretraining) in study.config.starts.iter().zip(&study.pretrainings) {
        record.insert(format!("start {}", start.name), value(&(start, pretraining))?);
    }
    for loss in &study.config.losses {
        record.insert(format!("loss {}", loss.name), value(loss)?);
    }
    Ok(record)
}

fn value(thing: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(thing).map_err(Error::compute("writing the study"))
}

fn start_folder(options: &StudyOptions, start: usize) -> PathBuf {
    options.out.join("starts").join(&options.study.config.starts[start].name)
}

fn run_pretraining(
    options: &StudyOptions,
    start: usize,
    folder: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<()> {
    let Some(config) = &options.study.pretrainings[start] else { return Ok(()) };
    let run = PretrainOptions {
        config: config.clone(),
        out: folder.to_owned(),
        resume: folder.join(LAST).exists(),
        device: options.device.clone(),
        threads: options.threads,
    };
    pretrain(&run, stop, &mut |progress| tell(Progress::Pretrain(progress)))?;
    write_bytes(&folder.join(DONE), b"")
}

fn run_cell(options: &StudyOptions, cell: Cell, stop: &AtomicBool, tell: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    let study = &options.study;
    let folder = cell.folder(study, &options.out);
    let mut config = cell.config(study);
    let start = &study.config.starts[cell.start];
    config.start.from = match start.pretrain {
        Some(_) => Some(start_folder(options, cell.start).join(PRETRAINED)),
        None => start.from.clone(),
    };
    let run = FinetuneOptions {
        config,
        out: folder.clone(),
        resume: folder.join(LAST).exists(),
        device: options.device.clone(),
        threads: options.threads,
        command: format!("a run of slidestream study: {}", cell.title(study)),
    };
    finetune(&run, stop, &mut |progress| tell(Progress::Finetune(progress)))?;
    if !study.config.keep_checkpoints {
        for name in [LAST, BEST] {
            let path = folder.join(name);
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    write_bytes(&folder.join(DONE), b"")
}

fn report(options: &StudyOptions, finished: &[Finished]) -> Result<()> {
    let arms = table::arms(&options.study, finished);
    table::write(&options.study, finished, &arms, &options.out)?;
    plot::plot(&options.study, &arms, &options.out.join("plot.png"))
}

/// Mean time of a run in this session.
#[derive(Debug, Default)]
struct Pace {
    spent: Duration,
    runs: u32,
}

impl Pace {
    fn add(&mut self, run: Duration) {
        self.spent += run;
        self.runs += 1;
    }

    fn left<'a>(&self, runs: impl Iterator<Item = &'a Cell>) -> Option<Duration> {
        (self.runs > 0).then(|| self.spent / self.runs * runs.count() as u32)
    }
}
