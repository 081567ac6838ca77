//! `slidestream finetune`: trains a model on images and masks.

use super::interrupt::{self, STOPPED};
use super::pretrain::precision;
use crate::config::{FinetuneConfig, Precision};
use crate::error::{Error, Result};
use crate::run::finetune::{FinetuneOptions, Progress, finetune};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Train a model on folders of images and masks and write it as a model package.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  slidestream finetune configs/he-nuclei.toml --out runs/he-nuclei
  slidestream finetune configs/he-nuclei.toml --out runs/he-nuclei --resume
  slidestream finetune mine.toml --data /data/nuclei --device cuda --precision bf16
  slidestream finetune configs/glands.toml --from runs/pretrain --out runs/glands
  slidestream finetune configs/glands.toml --from runs/pretrain --loss ss+focal --lambda 0.5 --out runs/lambda-0.5
  slidestream finetune configs/glands.toml --loss ce --out runs/scratch-ce")]
pub struct FinetuneArgs {
    /// The run: data, network, augmentation, loss, schedule.
    config: PathBuf,
    /// Folder for checkpoints, figures and the model package [default: runs/NAME].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder of the data, instead of the configuration's `data.root`.
    #[arg(long)]
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
    /// Epochs, instead of the configuration's `training.epochs`.
    #[arg(long)]
    epochs: Option<u64>,
    /// Take over the weights of a checkpoint, a run's folder, a model package or an installed model; the head is new.
    #[arg(long, value_name = "WEIGHTS")]
    from: Option<PathBuf>,
    /// Terms of the loss, joined by `+`: ss, focal, ce, dice, tversky; instead of the configuration's weights.
    #[arg(long, value_name = "TERMS")]
    loss: Option<String>,
    /// Weight of the last term of --loss; the others have 1.
    #[arg(long, requires = "loss")]
    lambda: Option<f64>,
    /// Seed, instead of the configuration's.
    #[arg(long)]
    seed: Option<u64>,
    /// Print errors only.
    #[arg(long)]
    quiet: bool,
}

/// Runs `finetune`: 0 done, 130 stopped by Ctrl-C with the state saved.
///
/// # Errors
/// Those of [`finetune`].
pub fn run(args: FinetuneArgs) -> Result<ExitCode> {
    let mut config = FinetuneConfig::read_unchecked(&args.config)?;
    if let Some(data) = args.data {
        config.data.root = data;
    }
    config.training.precision = args.precision.unwrap_or(config.training.precision);
    config.training.epochs = args.epochs.unwrap_or(config.training.epochs);
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(formula) = &args.loss {
        config.loss.choose(formula, args.lambda)?;
    }
    if args.from.is_some() {
        config.start.from.clone_from(&args.from);
    }
    config.validate()?;
    let shown = if args.config.is_absolute() {
        args.config.file_name().unwrap_or_default().as_ref()
    } else {
        args.config.as_path()
    };
    let mut command = format!("slidestream finetune {}", shown.display());
    for (flag, value) in [("epochs", args.epochs), ("seed", args.seed)] {
        command.extend(value.map(|value| format!(" --{flag} {value}")));
    }
    command.extend(args.from.map(|from| format!(" --from {}", from.display())));
    command.extend(args.loss.map(|loss| format!(" --loss {loss}")));
    command.extend(args.lambda.map(|lambda| format!(" --lambda {lambda}")));
    let out = args.out.unwrap_or_else(|| PathBuf::from("runs").join(&config.model.name));
    let options =
        FinetuneOptions { config, out, resume: args.resume, device: args.device, threads: args.threads, command };
    let stop = interrupt::flag()?;
    let mut reporter = Reporter::new(args.quiet);
    let ended = finetune(&options, &stop, &mut |progress| reporter.tell(progress));
    reporter.bar.finish_and_clear();
    match ended {
        Err(Error::Cancelled) => {
            eprintln!("stopped; the state is in {}, go on with --resume", options.out.display());
            Ok(ExitCode::from(STOPPED))
        }
        other => other.map(|()| ExitCode::SUCCESS),
    }
}

/// A bar on a terminal, one line an epoch elsewhere.
struct Reporter {
    bar: ProgressBar,
    quiet: bool,
}

impl Reporter {
    fn new(quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(1) };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {msg}") {
            bar.set_style(style);
        }
        Self { bar, quiet }
    }

    fn tell(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Note(text) => self.line(&text),
            Progress::Step { step, total, loss, left } => {
                self.bar.set_length(total);
                self.bar.set_position(step);
                let loss = loss.map_or("skipped".into(), |loss| format!("{loss:.4}"));
                self.bar.set_message(format!("loss {loss}  {} left", HumanDuration(left)));
            }
            Progress::Epoch { row, epochs, best, left } => {
                let scores = match (row.val_loss, row.val_dice) {
                    (Some(loss), Some(dice)) => format!("  val loss {loss:.4}  val Dice {dice:.4}"),
                    _ => String::new(),
                };
                let best = if best { "  best" } else { "" };
                let skipped = if row.skipped > 0 { format!("  {} steps skipped", row.skipped) } else { String::new() };
                self.line(&format!(
                    "epoch {}/{epochs}  loss {}{scores}{best}{skipped}  {:.0} s  {} left",
                    row.epoch,
                    row.train_loss.map_or("-".into(), |loss| format!("{loss:.4}")),
                    row.seconds,
                    HumanDuration(left),
                ));
            }
        }
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() { eprintln!("{text}") } else { self.bar.println(text) }
    }
}
