//! Slides in: every container, every damaged file, and the same pixels through each of them.

use crate::common::data;
use image::RgbImage;
use slidestream::geometry::{Level, Rect, Size};
use slidestream::slide::{self, Limits, Mpp, Reader, SlideSource};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn open(path: &Path) -> Arc<dyn SlideSource> {
    slide::open(path, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// File, vendor, width, height, levels, micrometres per pixel.
type Container = (&'static str, &'static str, u32, u32, usize, Option<f64>);
const CONTAINERS: [Container; 13] = [
    ("emulated/aperio_pyramid.svs", "aperio", 3072, 4096, 4, Some(0.499)),
    ("emulated/generic_pyramid.tif", "generic-tiff", 3072, 4096, 4, Some(0.499)),
    ("emulated/generic_nompp_lzw.tif", "generic-tiff", 1536, 2048, 1, None),
    ("emulated/hamamatsu_vms/slide.vms", "hamamatsu", 3072, 4096, 8, Some(0.499)),
    ("emulated/leica.scn", "leica", 52_105, 152_305, 4, Some(0.499)),
    ("emulated/mirax.mrxs", "mirax", 3072, 4096, 4, Some(0.499)),
    ("emulated/ome_pyramid.ome.tif", "ome-tiff", 3072, 4096, 4, Some(0.499)),
    ("emulated/philips.tiff", "philips", 3072, 4096, 4, Some(0.499)),
    // OpenSlide reports 1 where the file has no resolution.
    ("emulated/trestle.tif", "trestle", 3072, 4096, 4, Some(1.0)),
    ("emulated/ventana.bif", "ventana", 3072, 4096, 4, Some(0.499)),
    ("real/CMU-1-Small-Region.svs", "aperio", 2220, 2967, 1, Some(0.499)),
    ("real/instanseg_HE_example.ome.tif", "ome-tiff", 1380, 1484, 1, Some(0.500_08)),
    ("real/test3-DAPI-2-(387).ndpi", "hamamatsu", 3968, 4864, 7, Some(0.228_175)),
];

#[test]
fn every_container_opens_with_its_size_resolution_and_vendor() {
    let Some(folder) = data("slides") else { return };
    for (name, vendor, width, height, levels, mpp) in CONTAINERS {
        let slide = open(&folder.join(name));
        let info = slide.info();
        assert_eq!((info.vendor.as_str(), info.size()), (vendor, Size::new(width, height)), "{name}");
        assert_eq!(info.levels.len(), levels, "levels of {name}");
        let reader = match vendor {
            "ome-tiff" => "tiff",
            "aperio" | "generic-tiff" | "philips" | "trestle" => "native",
            _ => "openslide 4",
        };
        assert!(info.reader.starts_with(reader), "{name}: {}", info.reader);
        match (slide::mpp(slide.as_ref(), None), mpp) {
            (Ok(found), Some(want)) => assert!((found - want).abs() < 1e-4, "{name}: {found}, not {want}"),
            (Err(error), None) => assert!(error.to_string().contains("--mpp"), "{error}"),
            (found, want) => panic!("{name}: {found:?}, not {want:?}"),
        }
        let picture = slide::thumbnail(slide.as_ref(), 256).unwrap();
        assert_eq!(picture.width().max(picture.height()), 256, "{name}");
        let shades: std::collections::HashSet<_> = picture.pixels().map(|p| p.0).collect();
        // Most of the Leica's scan area is empty.
        assert!(shades.len() > 20, "the thumbnail of {name} has {} colours", shades.len());
    }
}

/// Mean absolute difference in grey levels.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn containers_of_the_same_pixels_agree() {
    let Some(folder) = data("slides/emulated") else { return };
    let region = |x, y| Rect::<Level>::new(x, y, 500, 500);
    let reference = open(&folder.join("aperio_pyramid.svs")).read(0, region(1000, 1500)).unwrap();
    // The bound is in grey levels. The VMS was compressed anew with other settings.
    let bounds = [
        ("generic_pyramid.tif", 0.05),
        ("mirax.mrxs", 0.05),
        ("philips.tiff", 0.05),
        ("trestle.tif", 0.05),
        ("ventana.bif", 0.05),
        ("leica.scn", 0.05),
        ("ome_pyramid.ome.tif", 0.0),
        ("hamamatsu_vms/slide.vms", 7.0),
    ];
    for (name, bound) in bounds {
        let slide = open(&folder.join(name));
        let origin = |axis: &str| {
            let value = slide.info().properties.get(&format!("openslide.bounds-{axis}"));
            value.filter(|_| name == "leica.scn").map_or(0, |text| text.parse::<i64>().unwrap())
        };
        let pixels = slide.read(0, region(1000 + origin("x"), 1500 + origin("y"))).unwrap();
        let found = difference(&reference, &pixels);
        println!("{name}: {found:.3}");
        assert!(found <= bound, "{name} differs by {found:.3} grey levels, more than {bound}");
    }
}

#[test]
fn every_tile_of_the_native_reader_is_openslides() {
    let Some(folder) = data("slides") else { return };
    let limits = Limits::default();
    for name in [
        "emulated/aperio_pyramid.svs",
        "emulated/generic_pyramid.tif",
        "emulated/generic_nompp_lzw.tif",
        "emulated/philips.tiff",
        "emulated/trestle.tif",
        "real/CMU-1-Small-Region.svs",
    ] {
        let path = folder.join(name);
        let [native, theirs] = [Reader::Native, Reader::OpenSlide]
            .map(|reader| slide::open_with(&path, &limits, reader).unwrap_or_else(|error| panic!("{name}: {error}")));
        assert_eq!(native.info().levels, theirs.info().levels, "{name}");
        assert_eq!(native.info().properties, theirs.info().properties, "{name}");
        let mut tiles = 0;
        for (level, info) in (0..).zip(&theirs.info().levels) {
            // Off the grid of the file's tiles, and beyond the edges.
            let edge = 500;
            for y in (-7..i64::from(info.size.height)).step_by(edge) {
                for x in (-7..i64::from(info.size.width)).step_by(edge) {
                    let region = Rect::new(x, y, edge as u32, edge as u32);
                    let [ours, other] = [&native, &theirs].map(|slide| slide.read(level, region).unwrap());
                    assert!(
                        ours == other,
                        "{name}, level {level}, {region:?}: {} grey levels apart",
                        difference(&ours, &other)
                    );
                    tiles += 1;
                }
            }
        }
        println!("{name}: {tiles} windows alike");
        for image in &theirs.info().associated {
            assert!(native.read_associated(image).unwrap() == theirs.read_associated(image).unwrap(), "{name} {image}");
        }
    }
}

#[test]
fn a_reader_that_was_asked_for_and_cannot_says_why() {
    let Some(folder) = data("slides") else { return };
    let refused = |name: &str, reader| {
        slide::open_with(&folder.join(name), &Limits::default(), reader).err().expect("refused").to_string()
    };
    assert!(refused("emulated/ventana.bif", Reader::Native).contains("`ventana`"));
    assert!(refused("emulated/mirax.mrxs", Reader::Native).contains("tiled TIFF"));
    let picture = folder.join("../malformed/all_white.png");
    let error = slide::open_with(&picture, &Limits::default(), Reader::OpenSlide).err().expect("refused").to_string();
    assert!(error.contains("--reader auto"), "{error}");
}

#[test]
fn a_region_reaching_outside_is_white_there() {
    let Some(folder) = data("slides") else { return };
    for name in ["emulated/aperio_pyramid.svs", "emulated/ome_pyramid.ome.tif", "emulated/leica.scn"] {
        let slide = open(&folder.join(name));
        for level in 0..slide.info().levels.len() as u32 {
            let size = slide.info().levels[level as usize].size;
            let corner = Rect::new(i64::from(size.width) - 10, i64::from(size.height) - 10, 40, 40);
            let inside = slide.read(level, Rect::new(corner.x, corner.y, 10, 10)).unwrap();
            let image = slide.read(level, corner).unwrap();
            for (x, y, pixel) in image.enumerate_pixels() {
                match x < 10 && y < 10 {
                    true => assert_eq!(pixel, inside.get_pixel(x, y), "{name} level {level}"),
                    false => assert_eq!(pixel.0, [255; 3], "{name} level {level} at ({x}, {y})"),
                }
            }
            assert!(slide.read(level, Rect::new(-900, -900, 90, 90)).unwrap().pixels().all(|p| p.0 == [255; 3]));
        }
    }
}

#[cfg(unix)]
#[test]
fn names_of_any_kind_open() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let Some(slides) = data("slides") else { return };
    let folder = tempfile::tempdir().unwrap();
    let names: [&[u8]; 4] = [b"a slide", b"[case] (1) {x}", "🔬 größe".as_bytes(), b"not \xFF UTF-8"];
    for (source, extension) in
        [("real/CMU-1-Small-Region.svs", "svs"), ("real/instanseg_HE_example.ome.tif", "ome.tif")]
    {
        for name in names {
            let mut name = OsStr::from_bytes(name).to_owned();
            name.push(format!(".{extension}"));
            let path = folder.path().join(name);
            fs::copy(slides.join(source), &path).unwrap();
            let slide = open(&path);
            assert_eq!(slide.read(0, Rect::new(0, 0, 8, 8)).unwrap().dimensions(), (8, 8), "{}", path.display());
        }
    }
}

#[test]
fn a_failed_read_leaves_the_slide_usable() {
    let Some(path) = data("malformed/jpeg_tile_corrupt.svs") else { return };
    let slide = open(&path);
    let tile = |x, y| slide.read(0, Rect::new(x * 256, y * 256, 256, 256));
    let cells: Vec<(i64, i64)> = (0..9).map(|n| (n % 3, n / 3)).collect();
    let (mut good, mut bad) = (0, 0);
    for round in 0..2 {
        for &(x, y) in &cells {
            match tile(x, y) {
                Ok(_) => good += 1,
                Err(error) => {
                    bad += 1;
                    let error = error.to_string();
                    assert!(error.contains(&format!("({}, {})", x * 256, y * 256)), "round {round}: {error}");
                }
            }
        }
    }
    assert_eq!((good, bad), (16, 2), "one tile of nine is bad, in both rounds");

    // Threads that read sound tiles must not see the failure of the one that reads the bad tile.
    let broken = *cells.iter().find(|(x, y)| tile(*x, *y).is_err()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (tile, cells) = (&tile, &cells);
            scope.spawn(move || {
                for &(x, y) in cells.iter().cycle().skip(thread * 2).take(36) {
                    assert_eq!(tile(x, y).is_err(), (x, y) == broken, "tile ({x}, {y})");
                }
            });
        }
    });
}

#[test]
fn a_senseless_resolution_names_its_property_and_the_option() {
    let Some(folder) = data("malformed") else { return };
    let files = ["missing", "zero", "negative", "nan", "text", "decimal_comma", "huge"];
    for name in files {
        let slide = open(&folder.join(format!("mpp_{name}.svs")));
        assert!(matches!(slide.info().mpp, Mpp::Unusable { .. }), "{name}");
        let error = slide::mpp(slide.as_ref(), None).unwrap_err().to_string();
        assert!(error.contains("aperio.MPP") && error.contains("--mpp"), "{name}: {error}");
        assert_eq!(slide::mpp(slide.as_ref(), Some(0.25)).unwrap(), 0.25);
    }
}

#[test]
fn the_commands_show_and_draw_a_slide() {
    let Some(path) = data("slides/emulated/ome_pyramid.ome.tif") else { return };
    let run = |arguments: &[&std::ffi::OsStr]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_slidestream-torch")).args(arguments).output().unwrap()
    };
    let shown = run(&["info".as_ref(), path.as_ref(), "--json".as_ref()]);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&json["vendor"], &json["levels"][3]["size"]["width"]), (&"ome-tiff".into(), &384.into()));

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a thumbnail.png");
    let drawn = run(&["thumbnail".as_ref(), path.as_ref(), out.as_ref(), "--size".as_ref(), "200".as_ref()]);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    assert_eq!(image::open(&out).unwrap().to_rgb8().dimensions(), (150, 200));

    let missing = run(&["info".as_ref(), "no such slide.svs".as_ref()]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("error: cannot open no such slide.svs"));
}

#[test]
fn a_reader_that_has_read_enough_ends_the_listing_quietly() {
    let Some(slides) = data("slides") else { return };
    let mut info = std::process::Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    info.arg("info").arg(slides.join("emulated/aperio_pyramid.svs"));
    info.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = info.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
