//! `slidestream study`: one fine-tuning in many variants that differ by design.

use super::interrupt::{self, STOPPED};
use super::progress::duration;
use super::steps::Steps;
use crate::config::Study;
use crate::error::{Error, Result};
use crate::run::study::{Progress, StudyOptions, study};
use crate::run::{finetune, pretrain};
use std::path::PathBuf;
use std::process::ExitCode;

/// Train one model in many variants (start x loss x share of the annotations x seed) and compare them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  slidestream study configs/study-glands.toml --out runs/study
  slidestream study configs/study-glands.toml --out runs/study --resume
  slidestream study mine.toml --device cuda

The tables and the plot are written anew after every run, so they can be looked at while the study goes on.")]
pub struct StudyArgs {
    /// The grid: base configuration, starts, losses, shares, seeds.
    config: PathBuf,
    /// Folder for the runs, the tables and the plot [default: runs/NAME OF THE FILE].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder of the annotated data, instead of the base configuration's `data.root`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Go on with the folder's study; finished runs are kept, an interrupted one is resumed.
    #[arg(long)]
    resume: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads of libtorch; 0 for one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print errors only.
    #[arg(long)]
    quiet: bool,
}

/// Runs `study`: 0 done, 130 stopped by Ctrl-C with the state saved.
///
/// # Errors
/// Those of [`study`].
pub fn run(args: StudyArgs) -> Result<ExitCode> {
    let mut grid = Study::read(&args.config)?;
    if let Some(data) = args.data {
        grid.base.data.root = data;
    }
    let named = || PathBuf::from("runs").join(args.config.file_stem().unwrap_or_default());
    let out = args.out.unwrap_or_else(named);
    let options = StudyOptions { study: grid, out, resume: args.resume, device: args.device, threads: args.threads };
    let stop = interrupt::flag()?;
    let mut steps = Steps::new(args.quiet);
    let ended = study(&options, &stop, &mut |progress| tell(&mut steps, progress));
    steps.clear();
    match ended {
        Err(Error::Cancelled) => {
            eprintln!("stopped; what is done is in {}, go on with --resume", options.out.display());
            Ok(ExitCode::from(STOPPED))
        }
        other => other.map(|()| ExitCode::SUCCESS),
    }
}

/// A line a run; the epochs of single runs are in their folders.
fn tell(steps: &mut Steps, progress: Progress<'_>) {
    let step = |steps: &mut Steps, step, total, loss: Option<f64>| {
        let loss = loss.map_or("skipped".into(), |loss| format!("{loss:.4}"));
        steps.at(step, total, &format!("loss {loss}"));
    };
    match progress {
        Progress::Note(text) => steps.line(&text),
        Progress::Run { number, total, title, left } => {
            let left = left.map_or(String::new(), |left| format!("  {} left", duration(left.as_secs_f64())));
            steps.line(&format!("run {number}/{total}: {title}{left}"));
        }
        Progress::Pretrain(pretrain::Progress::Step { step: done, total, loss, .. })
        | Progress::Finetune(finetune::Progress::Step { step: done, total, loss, .. }) => {
            step(steps, done, total, loss)
        }
        Progress::Pretrain(_) | Progress::Finetune(_) => {}
    }
}
