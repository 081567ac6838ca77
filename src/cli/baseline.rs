//! `slidestream baseline`: classical methods to compare models with.

use crate::config::FinetuneConfig;
use crate::error::Result;
use crate::run::baseline;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// Classical methods that a model must beat, on the very images of a training run.
#[derive(Debug, clap::Args)]
pub struct BaselineArgs {
    #[command(subcommand)]
    method: Method,
}

/// One variant a method.
#[derive(Debug, Subcommand)]
enum Method {
    Nuclei(NucleiArgs),
}

/// Nuclei by colour deconvolution, Otsu's threshold and watershed, scored on every split.
///
/// Data, splits and pixel sizes come from the configuration that `finetune` takes, so the figures compare with those of the
/// model that it trains. Writes label images, scores.csv and metrics.json.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slidestream baseline nuclei configs/he-nuclei.toml --data FOLDER --out runs/baseline"
)]
struct NucleiArgs {
    /// Configuration of a training run.
    config: PathBuf,
    /// Folder of the data, instead of the configuration's `data.root`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder for the results; created if needed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the figures only.
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// Those of [`baseline::nuclei`].
pub fn run(args: BaselineArgs) -> Result<ExitCode> {
    let Method::Nuclei(args) = args.method;
    let mut config = FinetuneConfig::read(&args.config)?;
    if let Some(data) = args.data {
        config.data.root = data;
    }
    let splits = baseline::nuclei(&config, &args.out, |done, all| {
        if !args.quiet && (done.is_multiple_of(25) || done == all) {
            eprintln!("{done} of {all} images");
        }
    })?;
    for split in splits {
        println!("{split}");
    }
    Ok(ExitCode::SUCCESS)
}
