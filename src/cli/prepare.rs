//! `slidestream prepare`: public data sets, folders and annotated slides, made ready for training.

mod arguments;

pub use arguments::PrepareArgs;

use super::interrupt::{self, STOPPED};
use super::progress::duration;
use crate::data::PatchGrid;
use crate::error::{Error, Result};
use crate::run::prepare::{
    Columns, Folder, FolderLayout, Glas, HeadNeck, MaskKind, MoNuSeg, PrepareOptions, Progress, QuPath, QuPathOptions,
    Report, Source, SplitKind, keep_apart, prepare,
};
use arguments::{CommonArgs, FolderArgs, Format, GlasArgs, HnArgs, LabelKind, MonusegArgs, QupathArgs, SplitArg};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Runs the subcommand: 0 done, 130 stopped with nothing left behind.
///
/// # Errors
/// Those of [`prepare`] and of the formats.
pub fn run(args: PrepareArgs) -> Result<ExitCode> {
    match args.format {
        Format::Monuseg(MonusegArgs { roots, outlines, common }) => {
            keep_apart(&common.out, &roots)?;
            go(&MoNuSeg::open(&roots, outlines.allow_outside, outlines.published_masks)?, common)
        }
        Format::Glas(GlasArgs { root, published_masks, common }) => {
            keep_apart(&common.out, std::slice::from_ref(&root))?;
            go(&Glas::open(&root, published_masks)?, common)
        }
        Format::Hn(HnArgs { root, class, outlines, common }) => {
            keep_apart(&common.out, std::slice::from_ref(&root))?;
            let (allow_outside, published) = (outlines.allow_outside, outlines.published_masks);
            go(&HeadNeck::open(&root, class.as_deref(), allow_outside, published)?, common)
        }
        Format::Folder(FolderArgs { root, images, masks, mask_suffix, labels, classes, common }) => {
            keep_apart(&common.out, std::slice::from_ref(&root))?;
            if let (LabelKind::Instances | LabelKind::Binary, Some(name)) = (labels, classes.first()) {
                return Err(Error::config("--class", name, "counts with --labels classes only"));
            }
            let labels = labels.into();
            go(&Folder::open(&FolderLayout { root, images, masks, mask_suffix, labels, classes })?, common)
        }
        Format::Qupath(args) => {
            let QupathArgs { slides, annotations, classes, region_class, margin, slide_mpp, labels, mut common } = args;
            keep_apart(&common.out, &[slides.as_slice(), std::slice::from_ref(&annotations)].concat())?;
            if !(margin.is_finite() && margin >= 0.0) {
                return Err(Error::config("--margin", margin, "must be 0 or more"));
            }
            // The slide's pixels are brought to it, so every image says so itself.
            let mpp = common.mpp.take();
            let (margin_um, labels) = (margin, labels.into());
            let options =
                QuPathOptions { slides, annotations, classes, region_class, mpp, slide_mpp, margin_um, labels };
            go(&QuPath::open(&options)?, common)
        }
    }
}

fn go(source: &dyn Source, common: CommonArgs) -> Result<ExitCode> {
    let CommonArgs { quiet, .. } = common;
    let options = options(common)?;
    let cancel = interrupt::token()?;
    let mut reporter = Reporter::new(quiet);
    let ended = prepare(source, &options, &cancel, &mut |progress| reporter.tell(progress));
    reporter.bar.finish_and_clear();
    match ended {
        Ok(report) => {
            println!("{}", summary(&report));
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Cancelled) => {
            eprintln!("stopped; nothing was written to {}", options.out.display());
            Ok(ExitCode::from(STOPPED))
        }
        Err(error) => Err(error),
    }
}

fn options(common: CommonArgs) -> Result<PrepareOptions> {
    let table = common.index.map(|path| Columns {
        path,
        file: common.file_column,
        group: common.group_column,
        style: common.style_column,
        split: common.split_column,
        mpp: common.mpp_column,
    });
    let split = match common.split {
        SplitArg::Groups => SplitKind::Groups,
        SplitArg::Official => SplitKind::Official,
        SplitArg::Parity => SplitKind::Parity,
    };
    if let Some(Columns { split: Some(column), .. }) = &table
        && split != SplitKind::Official
    {
        return Err(Error::config("--split-column", column, "counts with --split official only; give that too"));
    }
    let test = match (split, common.test) {
        (SplitKind::Groups, test) => test.unwrap_or(0.15),
        (_, None) => 0.0,
        (_, Some(test)) => {
            return Err(Error::config(
                "--test",
                test,
                "counts with --split groups only; the other splits fix the test images",
            ));
        }
    };
    Ok(PrepareOptions {
        out: common.out,
        force: common.force,
        split,
        val: common.val,
        test,
        seed: common.seed,
        binary: common.binary,
        published_images: common.published_images,
        patches: common.patches.map(|edge| PatchGrid { edge, stride: common.stride.unwrap_or(edge) }),
        mpp: common.mpp,
        table,
        command: std::env::args().collect::<Vec<_>>().join(" "),
    })
}

fn summary(report: &Report) -> String {
    let [train, val, test, unlabelled] = report.images;
    let unlabelled = if unlabelled > 0 { format!(", {unlabelled} without labels") } else { String::new() };
    let patches = if report.options.patches.is_some() { format!(", {} patches", report.files) } else { String::new() };
    let objects = match report.masks {
        MaskKind::Instances => format!(", {} objects", report.outlines.objects),
        MaskKind::Binary | MaskKind::Classes(_) => String::new(),
    };
    let out = &report.options.out;
    format!(
        "{}: {train} train, {val} val and {test} test images in {} groups{unlabelled}{patches}{objects}\n\
         look at {}, then train with the [data] table of {}",
        out.display(),
        report.groups,
        out.join("preview.png").display(),
        out.join("dataset.toml").display()
    )
}

/// A bar on a terminal, a line now and then elsewhere.
struct Reporter {
    bar: ProgressBar,
    quiet: bool,
    begun: Instant,
    told: Instant,
}

impl Reporter {
    fn new(quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(5))
        };
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} images, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, quiet, begun: Instant::now(), told: Instant::now() }
    }

    fn tell(&mut self, progress: Progress) {
        match progress {
            Progress::Note(text) => self.line(&format!("note: {text}")),
            Progress::Image { done, total } => {
                self.bar.set_length(total as u64);
                self.bar.set_position(done as u64);
                if self.bar.is_hidden() && self.told.elapsed() >= LINE_EVERY {
                    self.told = Instant::now();
                    let rate = done as f64 / self.begun.elapsed().as_secs_f64();
                    let left = duration((total - done) as f64 / rate);
                    self.line(&format!("{done} of {total} images, {rate:.1} images/s, {left} left"));
                }
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
