//! `slidestream segment`: slides in, objects out.

use super::engine::EngineArgs;
use super::interrupt::{self, STOPPED};
use super::progress::{Progress, ProgressArgs, duration};
use super::reader::ReaderArgs;
use crate::config::{Area, Output, SegmentConfig, StreamConfig, TissueConfig, display_bytes, parse_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::run::manifest::{Manifest, Status};
use crate::run::places::{places, slides};
use crate::run::segment::{Done, Run, with_tiles};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Segments slides with a model and writes what it finds for QuPath and others.
///
/// For each slide the folder OUT/<file name>/ gets objects.geojson (outlines in level-0 pixels), classes.tif (class of
/// every pixel at the model's resolution), overlay.png (to look at), measurements.csv and manifest.json. It appears when
/// it is complete. A slide that has its result already is skipped.
///
/// Exit code: 0 all slides are done, 1 some slide failed, 3 some tiles failed but not more than --max-failed-tiles
/// allows, 130 stopped by Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream segment slide.svs --model he-nuclei --out results\n  \
                        slidestream segment slides/ --model he-nuclei --out results --device cuda\n  \
                        slidestream segment field.png --model he-nuclei --out results --mpp 0.5 --whole-slide")]
pub struct SegmentArgs {
    /// Slides or images, or folders of them.
    #[arg(required = true, value_name = "SLIDE")]
    inputs: Vec<PathBuf>,
    /// Folder for the results; created if needed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    #[command(flatten)]
    pub(super) flow: FlowArgs,
    /// Replace results that are there, each when its new one is complete.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    reader: ReaderArgs,
}

/// Options about where to look, tiles, threads and memory.
#[derive(Debug, clap::Args)]
pub struct FlowArgs {
    /// Micrometres per pixel of the finest level, for slides that do not say so or say it wrongly.
    #[arg(long, value_name = "MICROMETRES")]
    mpp: Option<f64>,
    /// Look only inside the polygons of this GeoJSON file (level-0 pixels, as QuPath exports them).
    #[arg(long, value_name = "GEOJSON", conflicts_with_all = ["whole_slide", "tissue_config"])]
    roi: Option<PathBuf>,
    /// Look everywhere, not only where there is tissue.
    #[arg(long, conflicts_with = "tissue_config")]
    whole_slide: bool,
    /// TOML file with settings of the tissue detector.
    #[arg(long, value_name = "TOML")]
    tissue_config: Option<PathBuf>,
    /// Edge of a tile in pixels at the model's resolution, halo included [default: the model's].
    #[arg(long, value_name = "PIXELS")]
    tile: Option<u32>,
    /// Pixels on each side of a tile that only give context [default: the model's].
    #[arg(long, value_name = "PIXELS")]
    halo: Option<u32>,
    /// Tiles read at once [default: by the number of cores].
    #[arg(long, value_name = "N")]
    readers: Option<usize>,
    /// Threads that turn predictions into objects [default: by the number of cores].
    #[arg(long, value_name = "N")]
    vectorizers: Option<usize>,
    /// Decoded pixels alive at once, such as 512MiB.
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| parse_bytes("--pixel-budget", text).map_err(|e| e.to_string()))]
    pixel_budget: Option<u64>,
    /// Predictions alive at once until their results are written, such as 256MiB.
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| parse_bytes("--prediction-budget", text).map_err(|e| e.to_string()))]
    prediction_budget: Option<u64>,
    /// Share of a slide's tiles, from 0 to 1, that may fail before the slide counts as failed.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    max_failed_tiles: f64,
    /// Files to write beside manifest.json: objects, classes, measurements, overlay [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = output)]
    outputs: Vec<Output>,
    /// Pixels of the overlay's longer edge.
    #[arg(long, value_name = "PIXELS", default_value_t = 3072)]
    overlay_size: u32,
}

impl FlowArgs {
    /// The run's configuration, with `batch` tiles a forward pass.
    ///
    /// # Errors
    /// If the tissue detector's file cannot be read or a value is senseless.
    pub(super) fn config(&self, batch: usize) -> Result<SegmentConfig> {
        let default = StreamConfig::default();
        let stream = StreamConfig {
            batch,
            readers: self.readers.unwrap_or(default.readers),
            vectorizers: self.vectorizers.unwrap_or(default.vectorizers),
            pixel_budget: self.pixel_budget.unwrap_or(default.pixel_budget),
            prediction_budget: self.prediction_budget.unwrap_or(default.prediction_budget),
            max_failed_tiles: self.max_failed_tiles,
        };
        let area = match (&self.roi, &self.tissue_config) {
            (Some(path), _) => Area::Roi(path.clone()),
            _ if self.whole_slide => Area::WholeSlide,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
                Area::Tissue(toml::from_str(&text).map_err(|error| Error::bad_file(path, error.to_string()))?)
            }
            (None, None) => Area::Tissue(TissueConfig::default()),
        };
        let (mpp, tile_px, halo_px) = (self.mpp, self.tile, self.halo);
        let outputs = if self.outputs.is_empty() { Output::ALL.to_vec() } else { self.outputs.clone() };
        let config = SegmentConfig { mpp, area, tile_px, halo_px, outputs, overlay_px: self.overlay_size, stream };
        config.validate()?;
        Ok(config)
    }
}

fn output(name: &str) -> std::result::Result<Output, String> {
    serde_json::from_value(name.into()).map_err(|_| "must be objects, classes, measurements or overlay".into())
}

/// How one slide ended, for the table.
struct Row {
    slide: PathBuf,
    status: &'static str,
    text: String,
}

/// Runs the subcommand.
///
/// # Errors
/// If the run cannot begin: a senseless option, no model, no device. Failures of single slides are in the exit code.
pub fn run(args: SegmentArgs) -> Result<ExitCode> {
    let slides = slides(&args.inputs)?;
    let places = places(&slides, &args.out)?;
    let progress = Progress::new(args.progress);
    let cancel = interrupt::token()?;
    let loaded = args.engine.load()?;
    let config = args.flow.config(loaded.batch)?;
    let mut lanes = loaded.lanes;
    progress.say(&loaded.summary);
    let mut run = Run {
        model: with_tiles(loaded.model, &config)?,
        lanes: &mut lanes,
        config,
        force: args.force,
        cancel,
        observer: &progress,
    };
    let mut rows = Vec::with_capacity(slides.len());
    for (slide, place) in slides.into_iter().zip(places) {
        let end = if run.cancel.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            args.reader.open(&slide).and_then(|open| run.slide(open, &place))
        };
        let (status, objects, text) = describe(&end, &place);
        progress.ended(&slide, status, objects, &text);
        rows.push(Row { slide, status, text });
    }
    if rows.len() > 1 {
        print_table(&rows);
    } else if let Some(row) = rows.iter().find(|row| ["refused", "failed"].contains(&row.status)) {
        // A quiet run must not hide why it failed.
        eprintln!("error: {}", row.text);
    }
    Ok(exit_code(&rows))
}

fn describe(end: &Result<Done>, place: &Path) -> (&'static str, Option<u64>, String) {
    match end {
        Ok(Done::Written(manifest)) => {
            let status = match manifest.status {
                Status::Complete => "complete",
                Status::Partial => "partial",
            };
            (status, Some(manifest.counts.objects), summary(manifest, place))
        }
        Ok(Done::Skipped(why)) => ("skipped", None, why.clone()),
        Err(Error::Cancelled) => ("stopped", None, Error::Cancelled.to_string()),
        Err(error) => {
            let status = if error.kind() == ErrorKind::Input { "refused" } else { "failed" };
            (status, None, error.with_causes())
        }
    }
}

/// The result in one line, and where the time went in two more.
fn summary(manifest: &Manifest, place: &Path) -> String {
    let Manifest { counts, tiles, timings, config, .. } = manifest;
    let peak = manifest.peak_rss_mb.map(|mb| format!(", peak memory {}", display_bytes((mb * 1048576.0) as u64)));
    let failed = match tiles.failed.len() {
        0 => String::new(),
        failed => format!(" ({failed} failed, listed in manifest.json)"),
    };
    let first = format!(
        "{} objects in {} tiles{failed}, {} ({:.1} tiles/s){}; {}",
        counts.objects,
        tiles.total,
        duration(timings.wall_s + manifest.phases.planning_s + manifest.phases.finishing_s),
        manifest.tiles_per_s,
        peak.unwrap_or_default(),
        place.display()
    );
    if tiles.total == 0 {
        return first;
    }
    format!(
        "{first}\n  model in {} lanes: forward {:.1} s, waiting for tiles {:.1} s, waiting for room {:.1} s\n  \
         others: reading {:.1} s in {} readers, vectorizing {:.1} s in {} threads, stitching {:.1} s, writing {:.1} s; \
         before and after: tissue and plan {:.1} s, files {:.1} s",
        manifest.engine.lanes,
        timings.forward_s,
        timings.waiting_for_tiles_s,
        timings.waiting_for_room_s,
        timings.reading_s,
        config.stream.readers,
        timings.vectorizing_s,
        config.stream.vectorizers,
        timings.stitching_s,
        timings.writing_s,
        manifest.phases.planning_s,
        manifest.phases.preparing_s + manifest.phases.finishing_s,
    )
}

fn print_table(rows: &[Row]) {
    let name = |row: &Row| row.slide.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let widest = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).min(60);
    for row in rows {
        let first_line = row.text.lines().next().unwrap_or_default();
        println!("{:widest$}  {:8}  {first_line}", name(row), row.status);
    }
}

fn exit_code(rows: &[Row]) -> ExitCode {
    let any = |statuses: &[&str]| rows.iter().any(|row| statuses.contains(&row.status));
    if any(&["stopped"]) {
        ExitCode::from(STOPPED)
    } else if any(&["refused", "failed"]) {
        ExitCode::FAILURE
    } else if any(&["partial"]) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}
