//! Regions through `run::segment`: the same whatever the tiles, and the same in every file.

use crate::pipeline::alone;
use crate::segment::{Job, MPP, config, json, written};
use serde_json::Value;
use slidestream::config::{ClassRole, ModelPackage, Postprocessing, SegmentConfig};
use slidestream::geometry::Size;
use slidestream::infer::fake::{FakeSegmenter, Faults};
use slidestream::run::manifest::Status;
use slidestream::slide::synthetic::SyntheticSlide;
use slidestream::tile::{Outline, ring_area};
use slidestream::vectorize::contour::trace;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use tiff::tags::Tag;

/// Tile and halo.
const TILES: [(u32, u32); 3] = [(256, 48), (512, 64), (352, 40)];

fn tiles((tile, halo): (u32, u32)) -> SegmentConfig {
    SegmentConfig { tile_px: Some(tile), halo_px: Some(halo), ..config() }
}

fn features(place: &Path) -> Vec<Value> {
    json(&place.join("objects.geojson"))["features"].as_array().expect("a list").clone()
}

/// Every feature as it is written, by its id.
fn by_id(place: &Path) -> BTreeMap<String, String> {
    let id = |feature: &Value| feature["id"].as_str().expect("an id").to_owned();
    features(place).iter().map(|feature| (id(feature), feature.to_string())).collect()
}

/// The class indices of a whole `classes.tif`.
fn class_pixels(place: &Path) -> (Vec<u32>, Size) {
    let file = std::fs::read(place.join("classes.tif")).expect("written");
    let mut decoder = tiff::decoder::Decoder::new(std::io::Cursor::new(&file)).expect("a TIFF");
    let ((width, height), (edge, _)) = (decoder.dimensions().expect("a size"), decoder.chunk_dimensions());
    let [offsets, lengths] = [Tag::TileOffsets, Tag::TileByteCounts].map(|tag| decoder.get_tag_u64_vec(tag).unwrap());
    let mut pixels = vec![0; width as usize * height as usize];
    for (tile, (offset, length)) in (0..).zip(offsets.into_iter().zip(lengths)) {
        let mut block = Vec::new();
        let bytes = &file[offset as usize..][..length as usize];
        flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut block).expect("deflate");
        let columns = width.div_ceil(edge);
        let (left, top) = (tile % columns * edge, tile / columns * edge);
        for (i, class) in (0..).zip(block) {
            let (x, y) = (left + i % edge, top + i / edge);
            if x < width && y < height {
                pixels[(y * width + x) as usize] = u32::from(class);
            }
        }
    }
    (pixels, Size::new(width, height))
}

/// A polygon's corners in whole numbers, ring by ring, each from its first corner; with the class.
type Shape = (String, Vec<Vec<[i64; 2]>>);

fn shape(class: &str, rings: impl Iterator<Item = Vec<[f64; 2]>>) -> Shape {
    let ring = |ring: Vec<[f64; 2]>| {
        let mut corners: Vec<[i64; 2]> = ring.iter().map(|p| p.map(|v| (v * 1000.0).round() as i64)).collect();
        let first = (0..corners.len()).min_by_key(|&i| corners[i]).expect("corners");
        corners.rotate_left(first);
        corners
    };
    let mut rings: Vec<_> = rings.map(ring).collect();
    rings[1..].sort();
    (class.to_owned(), rings)
}

/// What `objects.geojson` shows, and the same traced from `classes.tif`.
fn both(place: &Path, names: &[&str], scale: f64) -> [BTreeSet<Shape>; 2] {
    let shown = features(place).into_iter().map(|feature| {
        let name = feature["properties"]["classification"]["name"].as_str().expect("a name").to_owned();
        let rings = feature["geometry"]["coordinates"].as_array().expect("rings").clone();
        let rings: Vec<Vec<[f64; 2]>> = serde_json::from_value(rings.into()).expect("pairs of numbers");
        shape(
            &name,
            rings.into_iter().map(|mut ring| {
                ring.pop();
                ring
            }),
        )
    });
    let shown = shown.collect();
    let (pixels, size) = class_pixels(place);
    let traced = trace(&pixels, size).into_iter().map(|(class, outline)| {
        let outline: Outline = outline.map(|point| point.map(|v| v * scale));
        shape(names[class as usize], outline.rings().cloned())
    });
    [shown, traced.collect()]
}

#[test]
fn regions_are_the_same_whatever_the_tile_size() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let results = TILES.map(|(tile, halo)| {
        let place = out.path().join(format!("{tile}"));
        let model = FakeSegmenter::region_package(MPP, 256, 48);
        let manifest = written(Job { model, config: tiles((tile, halo)), ..Default::default() }.run(&place));
        assert!(manifest.counts.by_class["Nucleus"] > 1000 && manifest.counts.by_class["Stroma"] >= 1);
        (by_id(&place), class_pixels(&place))
    });
    assert_eq!(results[0].0.len() as u64, features(&out.path().join("256")).len() as u64, "ids are unique");
    assert!(results[0] == results[1] && results[1] == results[2], "a feature or a pixel differs");
}

#[test]
fn outlines_and_class_pixels_agree_at_another_resolution_than_the_slide_s() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    // Tissue islands with glass around them; the model's pixels are 2 level-0 pixels wide; two tiles fail.
    let slide = Arc::new(SyntheticSlide::new(Size::new(3000, 2600), MPP / 2.0, 7));
    let mut config = SegmentConfig { area: SegmentConfig::default().area, ..config() };
    config.stream.max_failed_tiles = 0.5;
    let faults = Faults { broken_tiles: vec![9, 10], ..Default::default() };
    let model = FakeSegmenter::region_package(MPP, 256, 48);
    let manifest = written(Job { slide, model, config, faults, ..Default::default() }.run(&place));
    assert_eq!(manifest.status, Status::Partial);
    let names = ["Background", "Nucleus", "Stroma"];
    let [shown, traced] = both(&place, &names, 2.0);
    assert!(shown.len() > 100 && shown.iter().any(|(_, rings)| rings.len() > 50), "{} regions", shown.len());
    assert_eq!(shown.len() as u64, manifest.counts.objects);
    assert!(shown == traced, "{} shown, {} traced", shown.len(), traced.len());

    let (pixels, _) = class_pixels(&place);
    for (class, name) in names.iter().enumerate().skip(1) {
        let count = pixels.iter().filter(|&&pixel| pixel as usize == class).count() as f64;
        let mut measured = 0.0;
        for feature in features(&place) {
            let properties = &feature["properties"];
            assert_eq!(properties["objectType"], "annotation");
            if properties["classification"]["name"] == *name {
                measured += properties["measurements"]["Area µm^2"].as_f64().expect("an area");
            }
        }
        let area: f64 = shown.iter().filter(|(of, _)| of == name).map(|(_, rings)| area(rings)).sum();
        assert_eq!(area, count * 4.0, "{name}");
        assert!((measured / (count * MPP * MPP) - 1.0).abs() < 1e-6, "{name}: {measured} µm^2 of {count} pixels");
    }
}

fn area(rings: &[Vec<[i64; 2]>]) -> f64 {
    let ring = |ring: &Vec<[i64; 2]>| ring_area(&ring.iter().map(|p| p.map(|v| v as f64 / 1000.0)).collect::<Vec<_>>());
    rings.iter().map(ring).sum()
}

/// Regions of a small slide with these classes and limits: how many of each class, rings of stroma, bytes of GeoJSON.
fn limited(edit: impl Fn(&mut ModelPackage)) -> (BTreeMap<String, u64>, usize, usize) {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("slide");
    let mut model = FakeSegmenter::region_package(MPP, 256, 48);
    model.postprocessing = Postprocessing { min_area_um2: 0.0, max_hole_um2: 0.0, ..model.postprocessing };
    edit(&mut model);
    let slide = Arc::new(SyntheticSlide::new(Size::new(1200, 1000), MPP, 7));
    let counts = written(Job { slide, model, ..Default::default() }.run(&place)).counts.by_class;
    let stroma = features(&place).into_iter().filter(|f| f["properties"]["classification"]["name"] == "Stroma");
    let rings = stroma.map(|f| f["geometry"]["coordinates"].as_array().expect("rings").len()).sum();
    (counts, rings, features(&place).iter().map(|feature| feature.to_string().len()).sum())
}

#[test]
fn specks_go_and_outlines_are_simplified_as_the_model_says() {
    let _alone = alone();
    let (plain, rings, bytes) = limited(|_| {});
    // Nuclei are discs of 2.5 to 4.5 µm.
    let (large, large_rings, _) = limited(|model| model.postprocessing.min_area_um2 = 40.0);
    assert!(large["Nucleus"] > 0 && large["Nucleus"] < plain["Nucleus"], "{large:?} of {plain:?}");
    assert!(
        large_rings <= rings && large_rings > rings / 2,
        "a hole stays where a speck was: {large_rings} of {rings}"
    );
    let (_, _, simple) = limited(|model| model.postprocessing.simplify_px = 1.5);
    assert!(simple < bytes * 2 / 3, "{simple} of {bytes} bytes");
}

#[test]
fn pinholes_are_filled_as_the_model_says_whichever_class_is_the_background() {
    let _alone = alone();
    // Nuclei are the background, in holes of the stroma.
    let holes = |max_hole_um2: f64| {
        let (counts, rings, _) = limited(|model| {
            model.classes[0].role = ClassRole::Object;
            model.classes[1].role = ClassRole::Background;
            model.postprocessing.max_hole_um2 = max_hole_um2;
        });
        assert!(!counts.contains_key("Nucleus") && counts["Stroma"] > 0, "{counts:?}");
        rings
    };
    let [all, large, none] = [0.0, 40.0, 1e5].map(holes);
    assert!(all > large && large > 10 * none, "{all}, {large}, {none} rings");
}

#[test]
fn objects_are_the_same_whatever_the_tile_size() {
    let _alone = alone();
    let out = tempfile::tempdir().unwrap();
    let [a, b, c] = TILES.map(|(tile, halo)| {
        let place = out.path().join(format!("{tile}"));
        written(Job { config: tiles((tile, halo)), ..Default::default() }.run(&place));
        by_id(&place).into_keys().collect::<BTreeSet<_>>()
    });
    for other in [b, c] {
        let (same, most) = (a.intersection(&other).count(), a.len().max(other.len()));
        assert!(same as f64 >= 0.99 * most as f64, "{same} of {most} objects");
    }
}
