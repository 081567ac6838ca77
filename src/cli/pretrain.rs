//! `slidestream pretrain`: trains a network on images that nobody has labelled.

use super::interrupt::{self, STOPPED};
use super::progress::duration;
use super::steps::Steps;
use crate::config::{Precision, PretrainConfig};
use crate::error::{Error, Result};
use crate::run::pretrain::{PretrainOptions, Progress, pretrain};
use std::path::PathBuf;
use std::process::ExitCode;

/// Pre-train a network on unlabelled images and slides, for `finetune --from` and `sample`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  slidestream pretrain configs/pretrain-ebhi.toml --out runs/ebhi
  slidestream pretrain configs/pretrain-ebhi.toml --out runs/ebhi --resume
  slidestream pretrain configs/pretrain-parity.toml --data data/glas-parity/unlabelled --out runs/pretrain-parity
  slidestream pretrain mine.toml --device cuda --precision bf16 --epochs 200

docs/pretrain.md describes the configuration and what a run leaves. Ctrl-C saves the state and exits with 130.")]
pub struct PretrainArgs {
    /// The run: sources, task, network, augmentation, schedule.
    config: PathBuf,
    /// Folder for checkpoints, figures and the weights [default: runs/NAME].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder of images, instead of that of the configuration's one folder source.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Go on from the last checkpoint of the folder.
    #[arg(long)]
    resume: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// f32 or bf16, instead of the configuration's `training.precision`.
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
    /// Threads of libtorch; 0 for one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Threads that prepare crops, instead of the configuration's `training.loader_threads`.
    #[arg(long)]
    loader_threads: Option<usize>,
    /// Epochs, instead of the configuration's `training.epochs`.
    #[arg(long)]
    epochs: Option<u64>,
    /// Seed, instead of the configuration's.
    #[arg(long)]
    seed: Option<u64>,
    /// Print errors only.
    #[arg(long)]
    quiet: bool,
}

/// Reads the name of an arithmetic.
pub(super) fn precision(name: &str) -> Result<Precision, String> {
    match name {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err("use f32 or bf16".into()),
    }
}

/// Runs `pretrain`: 0 done, 130 stopped by Ctrl-C with the state saved.
///
/// # Errors
/// Those of [`pretrain`].
pub fn run(args: PretrainArgs) -> Result<ExitCode> {
    let mut config = PretrainConfig::read(&args.config)?;
    if let Some(folder) = &args.data {
        config.take_images_from(folder)?;
    }
    let training = &mut config.training;
    training.precision = args.precision.unwrap_or(training.precision);
    training.epochs = args.epochs.unwrap_or(training.epochs);
    training.loader_threads = args.loader_threads.unwrap_or(training.loader_threads);
    config.seed = args.seed.unwrap_or(config.seed);
    let out = args.out.unwrap_or_else(|| PathBuf::from("runs").join(&config.name));
    let options = PretrainOptions { config, out, resume: args.resume, device: args.device, threads: args.threads };
    let stop = interrupt::flag()?;
    let mut steps = Steps::new(args.quiet);
    let ended = pretrain(&options, &stop, &mut |progress| tell(&mut steps, progress));
    steps.clear();
    match ended {
        Err(Error::Cancelled) if options.out.join(crate::train::LAST).exists() => {
            eprintln!("stopped; the state is in {}, go on with --resume", options.out.display());
            Ok(ExitCode::from(STOPPED))
        }
        Err(Error::Cancelled) => {
            eprintln!("stopped before the first step; nothing was trained");
            Ok(ExitCode::from(STOPPED))
        }
        other => other.map(|()| ExitCode::SUCCESS),
    }
}

fn tell(steps: &mut Steps, progress: Progress<'_>) {
    match progress {
        Progress::Note(text) => steps.line(&text),
        Progress::Step { step, total, loss, rate, left } => {
            let loss = loss.map_or("skipped".into(), |loss| format!("{loss:.4}"));
            let left = duration(left.as_secs_f64());
            steps.at(step, total, &format!("loss {loss}  {rate:.1} crops/s  {left} left"));
        }
        Progress::Epoch { row, epochs, best, left } => {
            let loss = |loss: Option<f64>| loss.map_or("-".into(), |loss| format!("{loss:.5}"));
            let skipped = if row.skipped > 0 { format!("  {} steps skipped", row.skipped) } else { String::new() };
            steps.line(&format!(
                "epoch {}/{epochs}  loss {}  val loss {}{}{skipped}  waited {:.1} %  {}  {} left",
                row.epoch,
                loss(row.train_loss),
                loss(row.val_loss),
                if best { "  best" } else { "" },
                100.0 * row.waited,
                duration(row.seconds),
                duration(left.as_secs_f64()),
            ));
        }
    }
}
