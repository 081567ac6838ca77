//! The end of a run: scores of the shipped weights on every split, pictures, model package.

use super::card::card;
use super::sheet::{held_out, look, sheet};
use super::{FinetuneOptions, Run, plot};
use crate::config::{Channels, FinetuneConfig, InputSpec, ModelClass, ModelPackage, Parts, Precision, WeightsSpec};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::infer::golden::Golden;
use crate::infer::package::Package;
use crate::run::score::{SplitScore, write_scores};
use crate::train::{BEST, Checkpoint, Predictor, Shipped, State};
use image::RgbImage;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most images on the sheet.
const SHEET_ROWS: usize = 16;
/// Edge of the golden tile, less where the image is smaller.
const GOLDEN_PX: u32 = 256;

/// Scores the best epoch and writes `plot.png`, `sheet.png`, `scores.csv`, `metrics.json` and the package, a folder with
/// the model's name, into the run's folder. What an earlier end of the same run has left is replaced.
///
/// # Errors
/// [`Error::Cancelled`] after `stop`; no epoch was validated; what reading, computing and writing report.
pub(super) fn finish(options: &FinetuneOptions, run: &Run, stop: &AtomicBool) -> Result<Vec<SplitScore>> {
    let best = options.out.join(BEST);
    let checkpoint = Checkpoint::read(&best)?;
    // Scores are of the reference arithmetic, whatever the training used.
    let mut config = options.config.clone();
    config.training.precision = Precision::F32;
    let shipped = Shipped::of(&config, &checkpoint, run.device)?;
    let predictor = Predictor::new(&config, run.device);
    let classes = config.classes();
    let shown = run.classes_shown();
    let several: Vec<String> =
        if shown.len() > 1 { shown.iter().map(|class| class.0.clone()).collect() } else { Vec::new() };

    let mut scores = Vec::new();
    let mut rows = Vec::new();
    let chosen = held_out(run, SHEET_ROWS);
    for index in 0..run.data.len() {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if run.table.splits[index] == Split::Unused {
            continue;
        }
        let (row, score) = look(run, &predictor, shipped.network(), index)?;
        if chosen.contains(&index) {
            rows.push(row);
        }
        scores.push(score);
    }
    rows.sort_by(|a, b| a.title.cmp(&b.title));
    sheet(&rows, &shown, &options.out.join("sheet.png"))?;
    plot::plot(&options.rows()?, checkpoint.state.best.map(|best| best.1), &options.out.join("plot.png"))?;
    let of = |split: &Split| SplitScore::of(split.name(), &scores, &several);
    let splits: Vec<SplitScore> = Split::ALL.iter().filter_map(of).collect();
    write_scores(&options.out, &scores, &splits, &several)?;

    let package = package(&config, &classes, &splits, training(options, run, &checkpoint.state));
    let golden = golden(&predictor, &shipped, &run.data.sample(run.table.of(Split::Val)[0])?.image, &config)?;
    let text = card(&package, &config, &scores, &splits, shipped.parameters);
    let folder = options.out.join(&config.model.name);
    if folder.join("model.toml").exists() {
        std::fs::remove_dir_all(&folder).map_err(Error::io("replace", &folder))?;
    }
    Package::write(&folder, package, &shipped.bytes, &text, &golden)?;
    Ok(splits)
}

/// What the weights were before the first step.
fn start(config: &FinetuneConfig) -> String {
    let start = &config.start;
    let Some(from) = &start.from else { return "new weights".into() };
    let parts = match start.parts {
        Parts::All => "all but the head",
        Parts::Encoder => "the encoder",
    };
    let kind = if start.averaged { "averaged" } else { "last" };
    let sha256 = start.sha256.as_deref().unwrap_or("unknown");
    let file = from.file_name().unwrap_or(from.as_os_str()).display();
    let mut text = format!("{parts} of {file}, {kind} weights, sha256 {sha256}");
    let _ = write!(text, "; step {}", start.step);
    if start.noise {
        text.push_str(" with its noise in training");
    }
    if !start.freeze.is_empty() {
        let how_long =
            if start.freeze_epochs == 0 { "to the end".to_owned() } else { format!("{} epochs", start.freeze_epochs) };
        let _ = write!(text, "; {} frozen {how_long}", start.freeze.join(", "));
    }
    if start.range_mismatch {
        text.push_str("; input range not that of the weights taken over (allowed by name)");
    }
    text
}

/// How the model came about, for `model.toml`.
fn training(options: &FinetuneOptions, run: &Run, state: &State) -> BTreeMap<String, String> {
    let config = &options.config;
    let count = |split| run.table.of(split).len();
    let [train, val, test] = Split::ALL.map(count);
    let unused = match count(Split::Unused) {
        0 => String::new(),
        count => format!(", {count} left out"),
    };
    let facts = [
        ("command", options.command.clone()),
        ("seed", config.seed.to_string()),
        ("start", start(config)),
        ("data", config.model.data_licence.clone()),
        ("images", format!("{train} train, {val} val, {test} test{unused}; whole groups, see split.csv")),
        ("epoch", format!("{} of {}", state.epochs(), config.training.epochs)),
        ("steps", format!("{} of batch {} at {} px", state.step, config.training.batch, config.training.crop_px)),
        ("precision", format!("{:?}", config.training.precision).to_lowercase()),
        ("device", format!("{:?}", run.device).to_lowercase()),
        ("hours", format!("{:.2}", state.seconds / 3600.0)),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn package(
    config: &FinetuneConfig,
    classes: &[ModelClass],
    splits: &[SplitScore],
    training: BTreeMap<String, String>,
) -> ModelPackage {
    let figures = splits.iter().flat_map(|split| {
        split.figures().into_iter().map(move |(name, value)| (format!("{}.{name}", split.split), value))
    });
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    ModelPackage {
        format: 1,
        name: config.model.name.clone(),
        version: config.model.version.clone(),
        title: config.model.title.clone(),
        task: config.data.labels.task(),
        license: config.model.license.clone(),
        network: config.network.clone(),
        input: InputSpec {
            mpp: config.input.mpp,
            tile_px: config.input.tile_px,
            halo_px: config.input.halo_px,
            range: config.input.range,
            channels: Channels::Rgb,
        },
        classes: classes.to_vec(),
        postprocessing: config.postprocessing.clone(),
        weights: WeightsSpec { file: "weights.safetensors".into(), sha256: String::new(), external: None },
        training,
        metrics: figures.map(|(name, value)| (name, rounded(value))).filter(|(_, value)| value.is_finite()).collect(),
    }
}

/// A part from the middle of an image, as large as the network's stride allows, and the answer to it.
fn golden(predictor: &Predictor, shipped: &Shipped, image: &RgbImage, config: &FinetuneConfig) -> Result<Golden> {
    let stride = config.network.stride_px();
    let edge = |n: u32| n.min(GOLDEN_PX) / stride * stride;
    let (width, height) = (edge(image.width()), edge(image.height()));
    if width == 0 || height == 0 {
        let reason = format!("the validation images are smaller than {stride} pixels at input.mpp");
        return Err(Error::config("input.mpp", config.input.mpp, reason));
    }
    let (x, y) = ((image.width() - width) / 2, (image.height() - height) / 2);
    let input = image::imageops::crop_imm(image, x, y, width, height).to_image();
    let output = predictor.predict(shipped.network(), &input)?;
    Ok(Golden { input, output })
}
