//! Peak resident memory of a run over a synthetic slide with an engine that needs no network.
//!
//! `cargo run --release --example memory -- EDGE STRIPES DELAY_MS`: a square slide of EDGE pixels, of which STRIPES rows of
//! tiles, spread over the whole slide, are segmented (0: all), so that a large slide ends in minutes. A batch takes at
//! least DELAY_MS: with a model that is slower than the readers the pixel budget fills up, as it does in real runs.

use slidestream::config::{Area, SegmentConfig};
use slidestream::geometry::Size;
use slidestream::infer::EngineOptions;
use slidestream::infer::fake::{FakeSegmenter, Faults};
use slidestream::infer::lanes::Lanes;
use slidestream::run::segment::{Done, Observer, Run};
use slidestream::slide::synthetic::SyntheticSlide;
use slidestream::stream::CancellationToken;
use slidestream::stream::stats::Stats;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Keeps quiet: the figures are printed at the end.
struct Silent;

impl Observer for Silent {
    fn begun(&self, _: &Path, _: u32) {}
    fn tile(&self, _: &Stats) {}
    fn note(&self, _: &Path, _: &str) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || -> Result<u32, Box<dyn Error>> {
        Ok(arguments.next().ok_or("usage: memory EDGE STRIPES DELAY_MS")?.parse()?)
    };
    let (edge, stripes, delay_ms) = (number()?, number()?, number()?);
    let scratch = std::env::temp_dir().join(format!("slidestream-memory-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let area = match stripes {
        0 => Area::WholeSlide,
        stripes => {
            let path = scratch.join("stripes.geojson");
            std::fs::write(&path, stripes_of(edge, stripes))?;
            Area::Roi(path)
        }
    };
    let faults = Faults { delay: Duration::from_millis(delay_ms.into()), ..Default::default() };
    let mut lanes = Lanes::new(Box::new(FakeSegmenter::with(faults)), &EngineOptions::default())?;
    let mut run = Run {
        model: FakeSegmenter::package(0.5, 512, 64),
        lanes: &mut lanes,
        config: SegmentConfig { area, ..Default::default() },
        force: false,
        cancel: CancellationToken::new(),
        observer: &Silent,
    };
    let slide = Arc::new(SyntheticSlide::new(Size::new(edge, edge), 0.5, 1));
    let done = run.slide(slide, &scratch.join("result"));
    std::fs::remove_dir_all(&scratch)?;
    if let Done::Written(manifest) = done? {
        println!(
            "{edge} x {edge} pixels, {} tiles, {} objects, {:.0} s, peak resident memory {:.1} MiB",
            manifest.tiles.total,
            manifest.counts.objects,
            manifest.timings.wall_s,
            manifest.peak_rss_mb.unwrap_or(f64::NAN)
        );
    }
    Ok(())
}

/// Rectangles as wide as the slide and 64 pixels high, evenly spread.
fn stripes_of(edge: u32, stripes: u32) -> String {
    let features = (0..stripes).map(|i| {
        let top = u64::from(edge - 64) * u64::from(i) / u64::from(stripes.max(2) - 1);
        let (left, right, bottom) = (0, edge, top + 64);
        format!(
            r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[[{left},{top}],[{right},{top}],[{right},{bottom}],[{left},{bottom}],[{left},{top}]]]}}}}"#
        )
    });
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.collect::<Vec<_>>().join(","))
}
