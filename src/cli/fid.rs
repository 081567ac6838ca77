//! `slidestream fid`: how like real images drawn ones are.

use super::interrupt::{self, STOPPED};
use crate::error::{Error, Result};
use crate::run::fid::{FeaturesOf, FidOptions, FidReport, fid};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fréchet distance (FID) and kernel distance (KID) between two folders of images, and a search for copies.
///
/// The features are those of a TorchScript network that you bring, or of our own encoder; figures compare only where
/// network, image size and range are the same. docs/fid.md tells how to make an Inception network for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  slidestream fid runs/pretrain/samples data/patches --features inception.pt --size 299 --range -1,1 --trust-model
  slidestream fid runs/pretrain/samples data/patches --encoder runs/pretrain --nearest nearest.png
  slidestream fid A B --encoder he-nuclei --kid-subsets 200 --kid-size 500 --json")]
pub struct FidArgs {
    /// Folder of drawn images (PNG, JPEG).
    drawn: PathBuf,
    /// Folder of real images; for --nearest those that the network was trained on.
    real: PathBuf,
    /// TorchScript network: float32 [N, 3, H, W] in, [N, D] or [N, D, h, w] out.
    #[arg(long, value_name = "FILE", conflicts_with = "encoder")]
    features: Option<PathBuf>,
    /// Run the program that --features names.
    #[arg(long, requires = "features")]
    trust_model: bool,
    /// Pixel values that 0 and 255 become for --features [default: 0,1].
    #[arg(long, value_name = "LOW,HIGH", requires = "features", value_parser = range, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// Encoder of a checkpoint, a run's folder or a model package, with its own range of pixels.
    #[arg(long, value_name = "WEIGHTS")]
    encoder: Option<PathBuf>,
    /// Resize every image to this edge (bicubic, with antialiasing); without it all must have one size.
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(8..=4096))]
    size: Option<u32>,
    /// Images at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Random subsets for the kernel distance.
    #[arg(long, default_value_t = 100)]
    kid_subsets: usize,
    /// Images of each side in a subset [default: 1000, or half the smaller folder if that is less].
    #[arg(long)]
    kid_size: Option<usize>,
    /// Decides the subsets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Look for copies of training images, and draw the nearest pairs.
    #[arg(long, value_name = "PNG")]
    nearest: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads of libtorch; 0 for one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

fn range(text: &str) -> Result<[f32; 2], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|part| part.trim().parse::<f32>()).collect();
    match numbers.as_deref() {
        Ok([low, high]) if low < high && low.is_finite() && high.is_finite() => Ok([*low, *high]),
        _ => Err("two numbers, the lower first: -1,1".into()),
    }
}

/// Runs `fid`: 0 done, 130 stopped by Ctrl-C, with nothing written.
///
/// # Errors
/// Those of [`fid`].
pub fn run(args: FidArgs) -> Result<ExitCode> {
    let features = match (args.features, args.encoder) {
        (Some(path), _) => {
            FeaturesOf::Script { path, trust: args.trust_model, range: args.range.unwrap_or([0.0, 1.0]) }
        }
        (None, Some(path)) => FeaturesOf::Encoder(path),
        (None, None) => {
            return Err(Error::config(
                "--features",
                "missing",
                "name a TorchScript network, or give --encoder instead",
            ));
        }
    };
    let options = FidOptions {
        drawn: args.drawn,
        real: args.real,
        features,
        size: args.size,
        batch: args.batch as usize,
        subsets: args.kid_subsets,
        subset_size: args.kid_size,
        seed: args.seed,
        nearest: args.nearest,
        device: args.device,
        threads: args.threads,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (token, flag) = (interrupt::token()?, stop.clone());
    let bar = if args.quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(1) };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images  {per_sec}  {eta} left");
    bar.set_style(style.map_err(Error::compute("drawing the progress bar"))?);
    let lines = bar.is_hidden() && !args.quiet;
    let mut told = std::time::Instant::now();
    let begun = told;
    let ended = fid(&options, &stop, &mut |done, all| {
        flag.store(token.is_cancelled(), Ordering::Relaxed);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        if lines && (told.elapsed().as_secs() >= 10 || done == all) {
            told = std::time::Instant::now();
            let rate = done as f64 / begun.elapsed().as_secs_f64().max(1e-3);
            eprintln!("{done} of {all} images, {rate:.1} a second, {:.0} s left", (all - done) as f64 / rate);
        }
    });
    bar.finish_and_clear();
    match ended {
        Err(Error::Cancelled) => Ok(ExitCode::from(STOPPED)),
        Err(error) => Err(error),
        Ok(report) if args.json => {
            let text = serde_json::to_string_pretty(&report).map_err(Error::compute("writing the result"))?;
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Ok(report) => {
            print(&report, options.nearest.as_deref());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(report: &FidReport, nearest: Option<&std::path::Path>) {
    println!("features    {}, {} an image", report.features, report.dims);
    println!("comparable  {}", report.comparable);
    println!("images      {} drawn, {} real", report.drawn, report.real);
    println!("FID         {:.4}", report.fid);
    let kid = &report.kid;
    println!("KID         {:.6}, unbiased, all images", kid.all);
    println!("            {:.6} +- {:.6} over {} subsets of {}", kid.mean, kid.spread, kid.subsets, kid.size);
    if let Some(copies) = &report.copies {
        println!(
            "copies      {} suspicious, at most {:.4} from a training image; {:.1} if they lay like training images",
            copies.suspicious, copies.threshold, copies.expected
        );
        println!(
            "            median distance to training: {:.4} of drawn images, {:.4} of training images among themselves",
            copies.median_drawn, copies.median_training
        );
        if report.real < 100 {
            println!(
                "            {} training images are too few for a threshold to rest on: look at the pairs",
                report.real
            );
        }
        if let Some(path) = nearest {
            println!("            the nearest pairs: {}", path.display());
        }
    }
}
