//! `cargo bench`: single stages by themselves. Tile reading for each container, one forward pass, contours.
//!
//! Slides come from `$SLIDESTREAM_TEST_DATA` or `../shared/data`; what is absent is said and left out. For the whole run
//! on one slide there is `slidestream bench`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use slidestream::geometry::{Rect, Size};
use slidestream::infer::{EngineOptions, package::Package};
use slidestream::slide::{self, Limits};
use slidestream::vectorize::contour;
use std::hint::black_box;
use std::path::PathBuf;

/// Edge of a tile in pixels.
const TILE: u32 = 512;

const SLIDES: [(&str, &str); 9] = [
    ("aperio", "slides/emulated/aperio_pyramid.svs"),
    ("generic-tiff", "slides/emulated/generic_pyramid.tif"),
    ("ome-tiff", "slides/emulated/ome_pyramid.ome.tif"),
    ("philips", "slides/emulated/philips.tiff"),
    ("trestle", "slides/emulated/trestle.tif"),
    ("ventana", "slides/emulated/ventana.bif"),
    ("leica", "slides/emulated/leica.scn"),
    ("mirax", "slides/emulated/mirax.mrxs"),
    ("aperio-real", "slides/real/CMU-1-Small-Region.svs"),
];

fn data(path: &str) -> PathBuf {
    let fallback = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("SLIDESTREAM_TEST_DATA").map_or_else(fallback, PathBuf::from).join(path)
}

/// Tiles of 512 px at level 0, over the slide's width and down, so that no cache answers for long.
fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read 512 px");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    for (name, path) in SLIDES {
        let path = data(path);
        if !path.exists() {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        }
        let slide = slide::open(&path, &Limits::default()).expect("a sound slide");
        let size = slide.info().size();
        let (columns, rows) = (size.width / TILE, size.height / TILE);
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let (column, row) = (next % columns, next / columns % rows);
                next += 1;
                let region = Rect::new(i64::from(column * TILE), i64::from(row * TILE), TILE, TILE);
                black_box(slide.read(0, region).expect("a sound tile"))
            });
        });
    }
    group.finish();
}

/// One tile through the model that ships with the project, in each precision that this machine computes.
fn forward(criterion: &mut Criterion) {
    let package = Package::find("he-nuclei").expect("the model of this checkout");
    let edge = package.config.input.tile_px;
    let image =
        image::RgbImage::from_fn(edge, edge, |x, y| image::Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, 200]));
    let mut group = criterion.benchmark_group(format!("he-nuclei {edge} px"));
    group.throughput(Throughput::Elements(1)).sample_size(20);
    for precision in ["f32", "bf16"] {
        let options = EngineOptions { device: "cpu".into(), precision: precision.into(), ..EngineOptions::default() };
        match slidestream::infer::load(&package, &options) {
            Err(error) => eprintln!("skipped: {precision}: {error}"),
            Ok(mut engine) => {
                group.bench_function(precision, |bencher| {
                    bencher
                        .iter(|| black_box(engine.single().predict_image(&image).expect("a tile of the right size")));
                });
            }
        }
    }
    group.finish();
}

/// 16,384 discs, some of which touch, on 2048 x 2048 pixels.
fn contours(criterion: &mut Criterion) {
    let (edge, cell) = (2048u32, 16u32);
    let label = |x: u32, y: u32| {
        let (column, row) = (x / cell, y / cell);
        let radius = 5 + (column * 7 + row * 13) % 4;
        let inside = (x % cell).abs_diff(8).pow(2) + (y % cell).abs_diff(8).pow(2) <= radius * radius;
        if inside { row * (edge / cell) + column + 1 } else { 0 }
    };
    let labels: Vec<u32> = (0..edge * edge).map(|i| label(i % edge, i / edge)).collect();
    let mut group = criterion.benchmark_group("contours");
    group.throughput(Throughput::Elements(u64::from((edge / cell).pow(2)))).sample_size(20);
    group.bench_function("16384 discs", |bencher| {
        bencher.iter(|| black_box(contour::trace(&labels, Size::new(edge, edge))));
    });
    group.finish();
}

criterion_group!(stages, reading, forward, contours);
criterion_main!(stages);
