//! `slidestream bench`: where the time goes on this machine.

use super::engine::EngineArgs;
use super::interrupt;
use super::progress::{Progress, ProgressArgs};
use super::reader::ReaderArgs;
use super::segment::FlowArgs;
use crate::error::{Error, Result};
use crate::run::bench::{Figures, measure, middle_tiles};
use crate::run::segment::{Run, plan, with_tiles};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Measures reading alone, computing alone and the whole run, on the same tiles of a slide.
///
/// Each is measured three times in turn and the medians are reported. Loading the model, finding tissue and a first batch
/// are not part of them and are shown apart. overhead is the time of the whole run by the larger one of reading and
/// forward: 1 would be a perfect pipeline.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream bench slide.svs --model he-nuclei\n  \
                        slidestream bench slide.svs --model he-nuclei --device cuda --max-tiles 2000 --json")]
pub struct BenchArgs {
    /// Slide to measure on.
    slide: PathBuf,
    /// Tiles of each measurement at most, from the middle of the tissue.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    max_tiles: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    flow: FlowArgs,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    reader: ReaderArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// The first error of any stage.
pub fn run(args: BenchArgs) -> Result<ExitCode> {
    let progress = Progress::new(args.progress);
    let cancel = interrupt::token()?;
    let loaded = args.engine.load()?;
    let config = args.flow.config(loaded.batch)?;
    progress.say(&loaded.summary);
    let model = with_tiles(loaded.model, &config)?;
    let begun = Instant::now();
    let slide = args.reader.open(&args.slide)?;
    let mut planned = plan(&*slide, &model, &config)?;
    let planning_s = begun.elapsed().as_secs_f64();
    middle_tiles(&mut planned, args.max_tiles as usize);
    let mut lanes = loaded.lanes;
    let mut run = Run { model, lanes: &mut lanes, config, force: false, cancel, observer: &progress };
    let scratch = Scratch::new()?;
    let figures = measure(&mut run, &slide, &planned, &scratch.0, planning_s);
    progress.clear();
    match figures {
        Err(Error::Cancelled) => return Ok(ExitCode::from(interrupt::STOPPED)),
        Err(error) => return Err(error),
        Ok(figures) if args.json => {
            let mut document = serde_json::to_value(&figures).map_err(Error::compute("writing JSON"))?;
            document["load_s"] = loaded.load_s.into();
            println!("{document:#}");
        }
        Ok(figures) => print(&figures, loaded.load_s),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(figures: &Figures, load_s: f64) {
    let Figures { tiles, reading_s, forward_s, wall_s, overhead, tiles_per_s, .. } = figures;
    let per_tile = |seconds: f64| 1000.0 * seconds / f64::from(*tiles);
    println!("{tiles} tiles on {} in {}", figures.device, figures.precision);
    println!("reading alone   {reading_s:8.2} s   {:7.1} ms a tile, {} readers", per_tile(*reading_s), figures.readers);
    println!(
        "forward alone   {forward_s:8.2} s   {:7.1} ms a tile, {} threads in {} lanes, batch {}",
        per_tile(*forward_s),
        figures.threads,
        figures.lanes,
        figures.batch
    );
    println!("whole run       {wall_s:8.2} s   {:7.1} ms a tile, {tiles_per_s:.1} tiles/s", per_tile(*wall_s));
    println!("overhead        {overhead:8.3}     whole run / max(reading, forward)");
    if let Some(mb) = figures.peak_rss_mb {
        println!("peak memory     {mb:8.0} MiB");
    }
    println!("apart: loading the model {load_s:.2} s, tissue, plan and warming up {:.2} s", figures.startup_s);
}

/// A folder for output that nobody wants; removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("slidestream-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed from the system's folder for such files is the system's to clear.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
