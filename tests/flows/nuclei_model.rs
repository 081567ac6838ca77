//! The model that ships: on the demo slide, from the command line.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Centre, area and number of corners of each object of a run's GeoJSON.
fn objects(path: &Path) -> Vec<([f64; 2], f64)> {
    let text = fs::read_to_string(path).expect("a result");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let ring = |feature: &Value| -> Vec<[f64; 2]> {
        let ring = feature["geometry"]["coordinates"][0].as_array().expect("a polygon");
        ring.iter().map(|p| [p[0].as_f64().expect("x"), p[1].as_f64().expect("y")]).collect()
    };
    file["features"].as_array().expect("features").iter().map(|feature| centre_and_area(&ring(feature))).collect()
}

/// Of a closed ring.
fn centre_and_area(ring: &[[f64; 2]]) -> ([f64; 2], f64) {
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for pair in ring.windows(2) {
        let cross = pair[0][0] * pair[1][1] - pair[1][0] * pair[0][1];
        area += cross / 2.0;
        x += (pair[0][0] + pair[1][0]) * cross / 6.0;
        y += (pair[0][1] + pair[1][1]) * cross / 6.0;
    }
    ([x / area, y / area], area.abs())
}

/// The slide of `slidestream demo`.
fn demo_slide() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| std::env::home_dir().expect("a home").join(".cargo"));
    let registry = fs::read_dir(home.join("registry/src")).expect("sources of crates").next();
    let registry = registry.expect("a registry").expect("readable").path();
    registry.join("openslide-rs-3.0.0/tests/assets/default.svs")
}

/// Segments a part of the slide with tiles of `tile` pixels; objects by their centres and areas.
fn segment(folder: &Path, tile: &str) -> Vec<([f64; 2], f64)> {
    let roi = folder.join("roi.geojson");
    let ring = "[[400,600],[1300,600],[1300,1400],[400,1400],[400,600]]";
    fs::write(&roi, format!(r#"{{"type":"Polygon","coordinates":[{ring}]}}"#)).expect("written");
    let out = folder.join(tile);
    let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    command.arg("segment").arg(demo_slide()).args(["--model", "he-nuclei", "--device", "cpu", "--quiet"]);
    command.args(["--precision", "f32", "--tile", tile, "--out"]).arg(&out).arg("--roi").arg(&roi);
    let ended = command.output().expect("the program runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let folder = out.join("default.svs");
    for file in ["classes.tif", "overlay.png", "measurements.csv", "manifest.json"] {
        assert!(folder.join(file).metadata().is_ok_and(|m| m.len() > 0), "{file} is missing or empty");
    }
    objects(&folder.join("objects.geojson"))
}

#[test]
fn nuclei_do_not_depend_on_the_size_of_the_tiles() {
    let folder = tempfile::tempdir().expect("a folder");
    let (small, large) = (segment(folder.path(), "384"), segment(folder.path(), "640"));
    assert!(small.len() > 100, "{} nuclei in 900 x 800 pixels of skin", small.len());
    // Centres within half a pixel and areas within 2 %: for outlines of one shape that is an IoU above 0.95.
    let same = |a: &([f64; 2], f64), b: &([f64; 2], f64)| {
        (a.0[0] - b.0[0]).hypot(a.0[1] - b.0[1]) < 0.5 && (a.1 - b.1).abs() <= 0.02 * a.1
    };
    // A larger tile looks further beyond the region: only what lies well inside is asked for in both.
    let inside = |o: &&([f64; 2], f64)| (450.0..1250.0).contains(&o.0[0]) && (650.0..1350.0).contains(&o.0[1]);
    for (from, to) in [(&small, &large), (&large, &small)] {
        let asked: Vec<_> = from.iter().filter(inside).collect();
        let kept = asked.iter().filter(|a| to.iter().any(|b| same(a, b))).count();
        assert!(kept as f64 >= 0.99 * asked.len() as f64, "{kept} of {} nuclei stay the same", asked.len());
    }
}

#[test]
fn the_shipped_model_answers_its_golden_tile_and_is_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/he-nuclei");
    let weights = folder.join("weights.safetensors").metadata().expect("weights").len();
    assert!(weights <= 20 << 20, "{weights} bytes of weights");
    let check = Command::new(env!("CARGO_BIN_EXE_slidestream-torch")).args(["models", "check", "he-nuclei"]).output();
    let check = check.expect("the program runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
