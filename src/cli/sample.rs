//! `slidestream sample`: draws images from a pre-trained network.

use super::interrupt::{self, STOPPED};
use super::pretrain::precision;
use super::progress::duration;
use super::steps::Steps;
use crate::config::Precision;
use crate::diffusion::Method;
use crate::error::{Error, Result};
use crate::run::sample::{SampleOptions, sample};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Draw images from a network that was pre-trained on a diffusion.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  slidestream sample runs/ebhi --out samples --count 16
  slidestream sample runs/ebhi/best.safetensors --out samples --method ddim --steps 50 --eta 0
  slidestream sample runs/ebhi --out samples --count 1000 --batch 64 --grid 0 --device cuda --precision bf16

The same seed gives the same images, whatever the batch.")]
pub struct SampleArgs {
    /// Folder of a pre-training, its pretrained.safetensors, or one of its checkpoints.
    from: PathBuf,
    /// New or empty folder for 00000.png, ..., grid.png and sample.json.
    #[arg(long)]
    out: PathBuf,
    /// Number of images.
    #[arg(long, default_value_t = 16)]
    count: u64,
    /// How a step back from noise is made.
    #[arg(long, value_enum, default_value_t = MethodName::DpmSolver)]
    method: MethodName,
    /// Steps from noise to image [default: 25 for dpm-solver, 50 for ddim, all of the training for ancestral].
    #[arg(long)]
    steps: Option<usize>,
    /// Randomness of ddim: 0 for none, 1 for that of ancestral [default: 0].
    #[arg(long)]
    eta: Option<f64>,
    /// Decides the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Images at once.
    #[arg(long, default_value_t = 8)]
    batch: u64,
    /// Edge of the images in pixels [default: that of the training crops].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8192))]
    size: Option<u32>,
    /// Columns of grid.png; 0 for no grid.
    #[arg(long, default_value_t = 4)]
    grid: usize,
    /// Let the guess of the clean image leave the range of pixel values on the way, as the published code does.
    #[arg(long)]
    no_clip: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// f32 or bf16.
    #[arg(long, default_value = "f32", value_parser = precision)]
    precision: Precision,
    /// Threads of libtorch; 0 for one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print errors only.
    #[arg(long)]
    quiet: bool,
}

/// The ways to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MethodName {
    /// As trained, step by step (Ho et al. 2020).
    Ancestral,
    /// Fewer steps, random by --eta (Song et al. 2021).
    Ddim,
    /// DPM-Solver++ of second order, for 15 to 30 steps (Lu et al. 2022).
    DpmSolver,
}

/// Runs `sample`: 0 done, 130 stopped by Ctrl-C with the finished batches written.
///
/// # Errors
/// Those of [`sample`]; `--eta` with another method than ddim.
pub fn run(args: SampleArgs) -> Result<ExitCode> {
    let method = match (args.method, args.eta) {
        (MethodName::Ddim, eta) => Method::Ddim { eta: eta.unwrap_or(0.0) },
        (_, Some(eta)) => return Err(Error::config("--eta", eta, "belongs to --method ddim")),
        (MethodName::Ancestral, None) => Method::Ancestral,
        (MethodName::DpmSolver, None) => Method::DpmSolver,
    };
    let options = SampleOptions {
        from: args.from,
        out: args.out,
        count: args.count,
        method,
        steps: args.steps,
        size: args.size,
        clip: !args.no_clip,
        seed: args.seed,
        precision: args.precision,
        batch: args.batch,
        columns: args.grid,
        device: args.device,
        threads: args.threads,
    };
    let stop = interrupt::flag()?;
    let (mut steps, started) = (Steps::new(args.quiet), Instant::now());
    let ended = sample(&options, &stop, &mut |done, total| {
        let seconds = started.elapsed().as_secs_f64();
        let (rate, left) = (done as f64 / seconds.max(1e-9), seconds * (total - done) as f64 / done as f64);
        steps.at(done, total, &format!("{rate:.1} steps/s  {} left", duration(left)));
    });
    steps.clear();
    match ended {
        Ok(()) => {
            println!("{} images in {}", options.count, options.out.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Cancelled) => {
            eprintln!("stopped; the batches that were finished are in {}", options.out.display());
            Ok(ExitCode::from(STOPPED))
        }
        Err(error) => Err(error),
    }
}
