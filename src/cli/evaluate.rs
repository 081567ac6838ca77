//! `slidestream evaluate`: scores a model on images with masks.

use super::engine::EngineArgs;
use super::interrupt::{self, STOPPED};
use super::progress::duration;
use crate::config::{EvaluateConfig, MaskKind};
use crate::error::{Error, Result};
use crate::run::evaluate::{EvaluateOptions, Figure, Folders, Progress, evaluate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Scores a model on images with masks, image by image.
///
/// Writes OUT/metrics.csv (one line an image), OUT/report.html (means with 95 % intervals, worst and best images as
/// pictures) and OUT/summary.json. docs/evaluate.md explains every figure. Images are PNG or JPEG; masks are PNG files of
/// the same stem and size, with object numbers, black and white, or class numbers. Images of another resolution than the
/// model's are resampled, and figures are of the model's resolution.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    slidestream evaluate --images fields/ --masks truth/ --mpp 0.25 --model he-nuclei --out scores\n  \
    slidestream evaluate --dataset nuclei/ --split test --model runs/mine/mine --out scores --group patient\n  \
    slidestream evaluate --images a/ --masks b/ --mpp 0.5 --model he-nuclei --out scores --compat")]
pub struct EvaluateArgs {
    /// Folder of images.
    #[arg(long, value_name = "DIR", required_unless_present = "dataset")]
    images: Option<PathBuf>,
    /// Folder of masks.
    #[arg(long, value_name = "DIR", required_unless_present = "dataset")]
    masks: Option<PathBuf>,
    /// Folder that holds image/, mask/ or label/, and index.csv.
    #[arg(long, value_name = "DIR")]
    dataset: Option<PathBuf>,
    /// CSV with columns file (or image), and group (or patient, case, slide), mpp, split as far as known.
    #[arg(long, value_name = "CSV")]
    index: Option<PathBuf>,
    /// Only images with this in the index's column split, such as val.
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Column of the index that names the patient or slide [default: the first of group, patient, case, slide].
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Folder for the results; created if needed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// What grey levels of masks mean: instances, binary or classes [default: by the model].
    #[arg(long, value_name = "KIND", value_parser = kind)]
    labels: Option<MaskKind>,
    /// Micrometres per pixel of the images, for an index without a column mpp.
    #[arg(long, value_name = "MICROMETRES")]
    mpp: Option<f64>,
    /// Width of an average object in micrometres, where nobody knows the pixel size: it follows from each group's true
    /// objects.
    #[arg(long, value_name = "MICROMETRES")]
    object_diameter: Option<f64>,
    /// Distance up to which two outlines agree in surface_dice.
    #[arg(long, value_name = "MICROMETRES", default_value_t = EvaluateConfig::default().tolerance_um)]
    tolerance: f64,
    /// Draws of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = EvaluateConfig::default().resamples)]
    resamples: u32,
    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = EvaluateConfig::default().seed)]
    seed: u64,
    /// Worst images in the report; half as many best ones.
    #[arg(long, value_name = "N", default_value_t = EvaluateConfig::default().cases)]
    cases: usize,
    /// Add compat_* figures, computed as in the GenSelfDiff-HIS paper, to compare with its tables.
    #[arg(long)]
    compat: bool,
    /// Replace results that are there.
    #[arg(long)]
    force: bool,
    /// Print figures and errors only.
    #[arg(long)]
    quiet: bool,
}

fn kind(name: &str) -> Result<MaskKind, String> {
    match name {
        "instances" => Ok(MaskKind::Instances),
        "binary" => Ok(MaskKind::Binary),
        "classes" => Ok(MaskKind::Classes),
        _ => Err("use instances, binary or classes".into()),
    }
}

/// Runs the subcommand: 0 done, 130 stopped by Ctrl-C with nothing written.
///
/// # Errors
/// Those of [`evaluate`] and of loading the model.
pub fn run(args: EvaluateArgs) -> Result<ExitCode> {
    let config = EvaluateConfig {
        labels: args.labels,
        mpp: args.mpp,
        object_diameter_um: args.object_diameter,
        tolerance_um: args.tolerance,
        resamples: args.resamples,
        seed: args.seed,
        compat: args.compat,
        cases: args.cases,
    };
    config.validate()?;
    let folders = Folders {
        images: args.images,
        masks: args.masks,
        dataset: args.dataset,
        index: args.index,
        split: args.split,
        group: args.group,
    };
    let cancel = interrupt::token()?;
    let mut reporter = Reporter::new(args.quiet);
    let mut loaded = args.engine.load()?;
    reporter.line(&loaded.summary);
    let (batch, threads) = (loaded.batch, args.engine.threads);
    let options = EvaluateOptions { folders, config, out: args.out, force: args.force, batch, threads };
    let ended =
        evaluate(&options, &loaded.model, loaded.lanes.single(), &cancel, &mut |progress| reporter.tell(progress));
    reporter.bar.finish_and_clear();
    match ended {
        Err(Error::Cancelled) => {
            eprintln!("stopped; nothing was written");
            Ok(ExitCode::from(STOPPED))
        }
        Err(error) => Err(error),
        Ok(figures) => {
            figures.iter().for_each(|figure| println!("{}", line(figure)));
            println!("{}", options.out.join("report.html").display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn line(figure: &Figure) -> String {
    let Figure { name, mean, interval, images, unit } = figure;
    let mean = mean.map_or("-".into(), |mean| format!("{mean:.3}"));
    let interval = interval.map_or(String::new(), |i| format!("{:.3} to {:.3}", i.low, i.high));
    format!("{name:<20} {mean:>9} {unit:<8} {interval:<20} {images} images").trim_end().to_owned()
}

/// A bar on a terminal, a line now and then elsewhere.
struct Reporter {
    bar: ProgressBar,
    quiet: bool,
    stage: &'static str,
    begun: Instant,
    told: Instant,
}

impl Reporter {
    fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} images, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, quiet, stage: "", begun: now, told: now }
    }

    fn tell(&mut self, progress: Progress) {
        let (stage, done, total) = match progress {
            Progress::Note(text) => return self.line(&text),
            Progress::Images { stage, done, total } => (stage, done, total),
        };
        if stage != self.stage {
            self.stage = stage;
            self.bar.set_message(stage);
            self.bar.set_length(total as u64);
            self.bar.reset();
            (self.begun, self.told) = (Instant::now(), Instant::now());
        }
        self.bar.set_position(done as u64);
        let due = self.told.elapsed() >= LINE_EVERY;
        if self.bar.is_hidden() && due && done < total {
            self.told = Instant::now();
            // The clock began when the first image was done.
            let rate = (done - 1) as f64 / self.begun.elapsed().as_secs_f64();
            let left = duration((total - done) as f64 / rate.max(1e-9));
            self.line(&format!("{stage}: {done} of {total} images, {rate:.2} images/s, {left} left"));
        }
    }

    fn line(&self, text: &str) {
        match (self.quiet, self.bar.is_hidden()) {
            (true, _) => {}
            (false, true) => eprintln!("{text}"),
            (false, false) => self.bar.suspend(|| eprintln!("{text}")),
        }
    }
}
