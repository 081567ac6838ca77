//! `slidestream tissue`: where the tissue is, as annotations and as a picture.

use super::reader::ReaderArgs;
use crate::config::TissueConfig;
use crate::error::{Error, Result};
use crate::file::write_whole;
use crate::grid::{TissueMask, detect_tissue};
use crate::run::tissue::{TISSUE_CLASS, TISSUE_COLOR, outlines, overlay};
use crate::sink::geojson::write_annotations;
use crate::slide;
use image::RgbImage;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Outlines the tissue of a brightfield slide.
///
/// Writes polygons in level-0 pixels, class `Tissue`, as QuPath reads them, and beside them a thumbnail with the
/// outlines. A slide without tissue gives an empty collection, a note that says why, and exit code 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream tissue slide.svs tissue.geojson\n  \
                        slidestream tissue field.png tissue.geojson --mpp 0.5 --overlay check.png\n  \
                        slidestream tissue trichrome.svs tissue.geojson --keep-pen\n\n\
                        With --config, a TOML file holds any of the detector's settings, such as\n  \
                        min_area_um2 = 50000\n  closing_um = 40")]
pub struct TissueArgs {
    /// Slide or image file.
    slide: PathBuf,
    /// GeoJSON file to write; replaced if it is there.
    out: PathBuf,
    /// Picture to write instead of OUT with `.overlay.png` for its ending.
    #[arg(long, value_name = "PNG")]
    overlay: Option<PathBuf>,
    /// Write no picture.
    #[arg(long, conflicts_with_all = ["overlay", "overlay_size"])]
    no_overlay: bool,
    /// Pixels of the picture's longer edge.
    #[arg(long, value_name = "PIXELS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(64..=16384))]
    overlay_size: u32,
    /// Micrometres per pixel of the finest level, for slides that do not say so.
    #[arg(long, value_name = "MICROMETRES")]
    mpp: Option<f64>,
    /// Straighten steps of the outlines up to this size, in micrometres; 0 keeps the cells' edges.
    #[arg(long, value_name = "MICROMETRES", default_value_t = 8.0)]
    simplify: f64,
    /// Take ink for tissue: for green and blue stains that are smooth, such as some trichromes.
    #[arg(long)]
    keep_pen: bool,
    /// TOML file with settings of the detector.
    #[arg(long, value_name = "TOML")]
    config: Option<PathBuf>,
    #[command(flatten)]
    reader: ReaderArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// If an option is senseless, the slide cannot be read or is not brightfield, or a file cannot be written.
pub fn run(args: TissueArgs) -> Result<ExitCode> {
    let overlay_path = (!args.no_overlay).then(|| args.overlay.clone().unwrap_or_else(|| beside(&args.out)));
    check_paths(&args, overlay_path.as_deref())?;
    if !(args.simplify.is_finite() && args.simplify >= 0.0) {
        return Err(Error::config("--simplify", args.simplify, "must be 0 or more"));
    }
    let config = settings(&args)?;
    let slide = args.reader.open(&args.slide)?;
    let mpp = slide::mpp(slide.as_ref(), args.mpp)?;
    let mask = detect_tissue(slide.as_ref(), mpp, &config)?;
    let pieces = outlines(&mask, args.simplify / mpp);
    write_annotations(&args.out, &pieces, TISSUE_CLASS, TISSUE_COLOR)?;
    println!("{}: {}", args.out.display(), summary(&mask, pieces.len(), mpp));
    if let Some(path) = overlay_path {
        let picture = overlay(slide::thumbnail(slide.as_ref(), args.overlay_size)?, mask.base_size(), &pieces);
        write_png(&picture, &path)?;
        println!("{}: {} x {} pixels", path.display(), picture.width(), picture.height());
    }
    for note in mask.notes() {
        println!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The picture's usual name.
fn beside(out: &Path) -> PathBuf {
    out.with_extension("overlay.png")
}

/// Refuses names that hide a mistake before any work is done: above all an output that would replace the slide.
fn check_paths(args: &TissueArgs, overlay: Option<&Path>) -> Result<()> {
    let ends_in = |path: &Path, endings: &[&str]| {
        path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
    };
    if !ends_in(&args.out, &["geojson", "json"]) {
        return Err(Error::config("OUT", args.out.display(), "outlines are GeoJSON; end its name in .geojson"));
    }
    if let Some(path) = overlay.filter(|path| !ends_in(path, &["png"])) {
        return Err(Error::config("--overlay", path.display(), "the picture is a PNG file; end its name in .png"));
    }
    let slide = args.slide.canonicalize().map_err(Error::io("open", &args.slide))?;
    for (option, path) in [("OUT", Some(args.out.as_path())), ("--overlay", overlay)] {
        if path.is_some_and(|path| path.canonicalize().is_ok_and(|found| found == slide)) {
            return Err(Error::config(option, args.slide.display(), "is the slide itself; name another file"));
        }
    }
    Ok(())
}

/// The defaults, changed by the file and then by the options.
fn settings(args: &TissueArgs) -> Result<TissueConfig> {
    let mut config = match &args.config {
        None => TissueConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
            toml::from_str(&text).map_err(|error| Error::bad_file(path, error.to_string()))?
        }
    };
    config.reject_pen &= !args.keep_pen;
    config.validate()?;
    Ok(config)
}

fn summary(mask: &TissueMask, pieces: usize, mpp: f64) -> String {
    let slide_mm2 = mask.base_size().area() as f64 * mpp * mpp / 1e6;
    let share = mask.share();
    let plural = if pieces == 1 { "" } else { "s" };
    format!("{pieces} piece{plural} of tissue, {:.2} mm², {:.1} % of the slide", share * slide_mm2, share * 100.0)
}

fn write_png(picture: &RgbImage, path: &Path) -> Result<()> {
    write_whole(path, |file| {
        let encoder = image::codecs::png::PngEncoder::new(&mut *file);
        picture.write_with_encoder(encoder).map_err(Error::compute(format!("writing {}", path.display())))
    })
}
