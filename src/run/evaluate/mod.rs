//! Scoring a model on images with masks: every figure of every image, means with intervals, and a report with pictures.

mod gallery;
mod measure;
mod report;
mod source;
mod summary;
mod truth;

pub use summary::Figure;

use crate::config::{EvaluateConfig, MaskKind, ModelPackage};
use crate::data::Sample;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::infer::Segmenter;
use crate::metrics::calibration::Calibration;
use crate::metrics::compat::PatchGrid;
use crate::run::ordered::{Most, ordered};
use crate::run::scene::Scene;
use crate::run::whole_image::{Found, probabilities};
use crate::stream::CancellationToken;
use crate::tile::ProbabilityMaps;
use gallery::Gallery;
use measure::{Pooled, Seen, columns, measure};
use source::{MOST_PIXELS, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use summary::{Row, Summary};
use truth::{Classes, Levels};

const METRICS: &str = "metrics.csv";
const REPORT: &str = "report.html";
/// Written last: where it is, the others are complete.
const SUMMARY: &str = "summary.json";

/// Where images and masks lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folders {
    /// Folder of images (PNG or JPEG).
    pub images: Option<PathBuf>,
    /// Folder of masks: PNG files with the images' stems.
    pub masks: Option<PathBuf>,
    /// Folder with `image`, `mask` or `label`, and `index.csv`, instead of the two.
    pub dataset: Option<PathBuf>,
    /// CSV with one line an image; columns `file` or `image`, and as far as they are known `group` (or `patient`, `case`,
    /// `slide`), `mpp`, `split`.
    pub index: Option<PathBuf>,
    /// Only images with this in the column `split`.
    pub split: Option<String>,
    /// Column with the patient or slide.
    pub group: Option<String>,
}

/// What to score, how, and where the results go.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Images and masks.
    pub folders: Folders,
    /// How.
    pub config: EvaluateConfig,
    /// Folder for the results; created if needed.
    pub out: PathBuf,
    /// Replace results that are there.
    pub force: bool,
    /// Tiles a forward pass.
    pub batch: usize,
    /// Threads that score what the model answers, image by image; 0 for one a core. They change no number.
    pub threads: usize,
}

/// What a run tells while it goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A line for the user.
    Note(String),
    /// So many images are done in this stage, `checking` or `scoring`.
    Images {
        /// The stage.
        stage: &'static str,
        /// Images done.
        done: usize,
        /// Images of the stage.
        total: usize,
    },
}

/// Scores a model and writes into `options.out`:
///
/// | file | content |
/// |---|---|
/// | `metrics.csv` | one line an image, one column a figure; a cell is empty where nothing could be scored |
/// | `report.html` | means with intervals, worst and best images as pictures, confusion, calibration |
/// | `summary.json` | the same numbers for programs, with model, engine and settings; written last |
///
/// All masks and images are read and checked before the model runs.
///
/// # Errors
/// [`Error::Config`] and [`Error::Dataset`] that name the option or file; [`Error::Cancelled`] after `cancel`, with nothing
/// written; what the model answers; a file cannot be written.
pub fn evaluate(
    options: &EvaluateOptions,
    model: &ModelPackage,
    segmenter: &mut dyn Segmenter,
    cancel: &CancellationToken,
    tell: &mut dyn FnMut(Progress),
) -> Result<Vec<Figure>> {
    let mut config = options.config.clone();
    config.validate()?;
    check_folder(&options.out, options.force)?;
    let kind = config.labels.unwrap_or(MaskKind::usual(model.task, model.classes.len()));
    config.labels = Some(kind);
    let classes = Classes::of(model, kind)?;
    let source = Source::open(&options.folders, &config, kind, model.input.mpp)?;
    check_masks(&source, &classes, &config, cancel, tell)?;
    tell(Progress::Note(describe(&source, &classes)));

    let columns = columns(&classes, config.compat);
    let ranked_by = if classes.objects && classes.count() == 2 { "pq" } else { "dice" };
    let rank = columns.iter().position(|column| column.name == ranked_by).expect("a column of every run");
    let mut gallery = Gallery::of(config.cases);
    let (mut rows, mut pooled) = (Vec::with_capacity(source.chosen.len()), Pooled::new(classes.count()));
    let mpp = model.input.mpp;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(Error::compute("starting threads that score"))?;
    let most = Most { things: 2 * pool.current_num_threads(), weight: MOST_PIXELS };
    let answer = |number: usize| {
        let sample = source.data.sample(source.chosen[number])?;
        let maps = probabilities(segmenter, model, &sample.image, options.batch, cancel)?;
        Ok((sample, maps))
    };
    let score = |(sample, maps): (Arc<Sample>, ProbabilityMaps)| {
        let found = Found::of(&maps, &model.classes, &model.postprocessing, model.task, mpp);
        let (truth, prediction) = (classes.truth(&sample), classes.prediction(found));
        let calibration: Calibration = classes.calibration(&maps, &truth.classes);
        let likeliest = if config.compat { classes.likeliest(&maps) } else { Vec::new() };
        drop(maps);
        let size = sample.size();
        let seen = Seen { size, truth: &truth, prediction: &prediction, likeliest: &likeliest, calibration, mpp };
        let (values, more) = measure(seen, &classes, &config);
        Ok((sample, truth, prediction, values, more))
    };
    let take = |number: usize, (sample, truth, prediction, values, more): Scored| {
        let item = &source.data.items[source.chosen[number]];
        if let Some(value) = values[rank] {
            gallery.offer(number, value, || gallery::pictures(&sample.image, &classes, &truth, &prediction))?;
        }
        let ([objects, found, _], size) = (more.objects, sample.size());
        pooled.add(&more);
        let group = item.group.clone().unwrap_or_default();
        rows.push(Row { image: item.file.clone(), group, mpp: item.zoom * mpp, size, objects, found, values });
        tell(Progress::Images { stage: "scoring", done: rows.len(), total: source.chosen.len() });
        Ok(())
    };
    ordered(&pool, &source.pixels(), most, answer, score, take)?;
    gallery.part();
    let summary = Summary {
        model,
        engine: segmenter.engine(),
        config: &config,
        classes: &classes,
        columns: &columns,
        rows: &rows,
        pooled: &pooled,
        group_column: source.group_column.as_deref(),
        split: options.folders.split.as_deref(),
    };
    let figures = summary.figures();
    let page = report::report(&summary, &figures, &gallery, ranked_by);
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    write(&options.out, [&summary.csv()?, page.as_bytes(), &summary.json(&figures)?])?;
    Ok(figures)
}

/// An image with its truth and prediction, its figures and what it adds to those of all.
type Scored = (Arc<Sample>, Scene, Scene, Vec<Option<f64>>, Pooled);

fn check_folder(out: &Path, force: bool) -> Result<()> {
    let there = [METRICS, REPORT, SUMMARY].into_iter().find(|name| out.join(name).exists());
    match there {
        Some(name) if !force => {
            let reason = format!("holds {name} already; give --force to replace it, or another --out");
            Err(Error::config("--out", out.display(), reason))
        }
        _ => std::fs::create_dir_all(out).map_err(Error::io("create", out)),
    }
}

/// Reads everything once, so that a bad file ends the run before the model has worked for an hour.
fn check_masks(
    source: &Source,
    classes: &Classes,
    config: &EvaluateConfig,
    cancel: &CancellationToken,
    tell: &mut dyn FnMut(Progress),
) -> Result<()> {
    let mut levels = Levels::default();
    let edge = PatchGrid::PUBLISHED.edge;
    let mut patches = false;
    for (done, &index) in source.chosen.iter().enumerate() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let sample = source.data.sample(index)?;
        classes.check(&source.data.items[index], &sample)?;
        levels.add(&sample);
        patches |= sample.size().width >= edge && sample.size().height >= edge;
        tell(Progress::Images { stage: "checking", done: done + 1, total: source.chosen.len() });
    }
    if config.compat && !patches {
        let reason =
            format!("no image has {edge} x {edge} pixels at the model's resolution, so there is no patch to score");
        return Err(Error::config("--compat", "given", reason));
    }
    let masks = &source.data.items[source.chosen[0]].mask;
    levels.check(classes.kind, masks.parent().unwrap_or(masks))
}

fn describe(source: &Source, classes: &Classes) -> String {
    let objects = if classes.objects {
        String::new()
    } else {
        "; black and white masks join objects that touch, so single objects are not scored".into()
    };
    let groups = match &source.group_column {
        Some(column) => format!("grouped by `{column}`"),
        None => "each taken for a patient of its own".into(),
    };
    format!("{} images, {groups}; classes: {}{objects}", source.chosen.len(), classes.names.join(", "))
}

/// The summary is taken away first and written last.
fn write(out: &Path, [metrics, page, summary]: [&[u8]; 3]) -> Result<()> {
    let place = out.join(SUMMARY);
    if place.exists() {
        std::fs::remove_file(&place).map_err(Error::io("replace", &place))?;
    }
    for (name, bytes) in [(METRICS, metrics), (REPORT, page), (SUMMARY, summary)] {
        write_bytes(&out.join(name), bytes)?;
    }
    Ok(())
}
