//! `slidestream study`: one fine-tuning in many variants that differ by design.

use super::training::{Reporter, ended, stop_on_ctrl_c};
use crate::config::Study;
use crate::error::Result;
use crate::run::study::{Progress, StudyOptions, study};
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
