//! Outlines of a mask of many objects, and their GeoJSON.
//!
//! ```text
//! cargo bench --bench contours -- --mask FILE --edge 16384 --rings RINGS
//! ```
//!
//! The mask is a byte a pixel, 0 for background. Prints a line of JSON, as `benches/peers/contours.py` does with other tracers;
//! `--rings` writes every ring's corners, to compare. `benches/contours.sh` runs all in turn.

mod common;

use common::{arguments, cpu_seconds};
use slidestream::config::{ClassRole, ModelClass};
use slidestream::geometry::Size;
use slidestream::sink::Sink;
use slidestream::sink::geojson::{GeoJsonSink, ObjectType};
use slidestream::tile::Object;
use slidestream::vectorize::contour;
use std::error::Error;
use std::io::{BufWriter, Write as _};
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    slidestream::cli::keep_freed_memory();
    let arguments = arguments()?;
    let Some(mask) = arguments.get("--mask") else {
        println!("contours: nothing to do without --mask; benches/contours.sh runs it beside others");
        return Ok(());
    };
    let edge: u32 = arguments.get("--edge").ok_or("--edge is missing")?.parse()?;
    let mask = std::fs::read(mask)?;
    let begun = cpu_seconds();
    let outlines = contour::trace(&mask, Size::new(edge, edge));
    let traced = cpu_seconds() - begun;
    let objects: Vec<Object> = outlines
        .iter()
        .map(|(_, outline)| Object {
            id: outline.id(Uuid::NAMESPACE_OID, "Nucleus"),
            class: 1,
            score: 0.5,
            centroid: [0.0; 2],
            outline: outline.clone(),
            measurements: Vec::new(),
        })
        .collect();
    let class = |name: &str, role| ModelClass { name: name.into(), role, color: [255, 209, 0] };
    let classes = [class("Background", ClassRole::Background), class("Nucleus", ClassRole::Object)];
    let path = std::env::temp_dir().join(format!("contours-{}.geojson", std::process::id()));
    let begun = cpu_seconds();
    let mut sink = GeoJsonSink::create(&path, &classes, ObjectType::Detection)?;
    for batch in objects.chunks(256) {
        sink.objects(batch)?;
    }
    Box::new(sink).finish()?;
    let written = cpu_seconds() - begun;
    std::fs::remove_file(&path)?;
    let corners: usize = outlines.iter().flat_map(|(_, outline)| outline.rings()).map(|ring| ring.len() + 1).sum();
    if let Some(rings) = arguments.get("--rings") {
        let mut file = BufWriter::new(std::fs::File::create(rings)?);
        for ring in outlines.iter().flat_map(|(_, outline)| outline.rings()) {
            for corner in ring {
                write!(file, "{} {} ", corner[0], corner[1])?;
            }
            writeln!(file)?;
        }
    }
    let line = serde_json::json!({
        "tracer": "slidestream", "objects": outlines.len(), "corners": corners, "cpu_s": traced, "objects_per_cpu_s": outlines.len() as f64 / traced,
        "geojson_cpu_s": written, "both_per_cpu_s": outlines.len() as f64 / (traced + written),
    });
    println!("{line}");
    Ok(())
}
