//! Slides with annotations as QuPath exports them.

use super::{as_training_reads, make, options, refused};
use serde_json::{Value, json};
use slidestream::config::Labels;
use slidestream::geometry::Rect;
use slidestream::run::prepare::{QuPath, QuPathOptions, Source, SplitKind};
use slidestream::slide::{self, Limits};
use std::path::{Path, PathBuf};

fn feature(class: Option<&str>, corners: &[[f64; 2]]) -> Value {
    let mut ring = corners.to_vec();
    ring.push(corners[0]);
    let properties = class.map_or(
        json!({ "objectType": "annotation" }),
        |name| json!({ "objectType": "annotation", "classification": { "name": name } }),
    );
    json!({ "type": "Feature", "geometry": { "type": "Polygon", "coordinates": [ring] }, "properties": properties })
}

fn rectangle(class: Option<&str>, [x, y]: [f64; 2], [width, height]: [f64; 2]) -> Value {
    feature(class, &[[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
}

fn write(path: &Path, features: &[Value]) {
    std::fs::write(path, json!({ "type": "FeatureCollection", "features": features }).to_string()).unwrap();
}

fn of(slides: Vec<PathBuf>, annotations: &Path) -> QuPathOptions {
    QuPathOptions {
        slides,
        annotations: annotations.to_owned(),
        classes: Vec::new(),
        region_class: "Region".into(),
        mpp: Some(0.5),
        slide_mpp: Some(0.25),
        margin_um: 2.0,
        labels: Labels::Instances,
    }
}

/// A PNG of 200 x 120 pixels at 0.25 um per pixel.
fn slide_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    image::RgbImage::from_fn(200, 120, |x, y| image::Rgb([x as u8, y as u8, 128])).save(&path).unwrap();
    path
}

#[test]
fn regions_become_images_at_the_asked_resolution_and_their_objects_masks() {
    let dir = tempfile::tempdir().unwrap();
    let annotations = dir.path().join("annotations");
    std::fs::create_dir(&annotations).unwrap();
    let mut slides = Vec::new();
    for name in ["a", "b", "c", "d"] {
        slides.push(slide_file(dir.path(), &format!("{name}.png")));
        write(
            &annotations.join(format!("{name}.geojson")),
            &[
                rectangle(Some("Region*"), [40.0, 20.0], [80.0, 60.0]),
                rectangle(Some("Gland"), [50.0, 30.0], [20.0, 10.0]),
                rectangle(Some("Gland"), [110.0, 30.0], [40.0, 20.0]),
                rectangle(Some("Gland"), [170.0, 90.0], [10.0, 10.0]),
            ],
        );
    }
    let out = dir.path().join("out");
    let source = QuPath::open(&of(slides, &annotations)).unwrap();
    let report = make(&source, &options(&out, SplitKind::Groups)).unwrap();
    assert_eq!((report.groups, report.outlines.objects, report.outlines.clipped), (4, 8, 4));
    assert!(report.notes.iter().any(|note| note.contains("1 objects lie in no region")), "{:?}", report.notes);
    let (data, table, _) = as_training_reads(&out);
    assert_eq!((table.files[0].as_str(), table.groups[0].as_str()), ("a_r001.png", "a"));
    let sample = data.sample(0).unwrap();
    assert_eq!((sample.image.width(), sample.image.height()), (40, 30), "two slide pixels a pixel");
    for (i, &label) in sample.labels.iter().enumerate() {
        let (x, y) = (i % 40, i / 40);
        let want = match (x, y) {
            (5..15, 5..10) => 1,
            (35..40, 5..15) => 2,
            _ => 0,
        };
        assert_eq!(label, want, "at ({x}, {y})");
    }
    let corner = sample.image.get_pixel(10, 10).0;
    assert!(corner[0].abs_diff(60) <= 1 && corner[1].abs_diff(40) <= 1, "pixel (10, 10) shows (60, 40): {corner:?}");
}

#[test]
fn annotations_of_several_classes_become_levels_and_the_later_class_lies_on_top() {
    let dir = tempfile::tempdir().unwrap();
    let (slide, text) = (slide_file(dir.path(), "a.png"), dir.path().join("a.geojson"));
    let of_class = |name: &str, from: [f64; 2], size: [f64; 2]| rectangle(Some(name), from, size);
    write(
        &text,
        &[
            of_class("Region", [40.0, 20.0], [80.0, 60.0]),
            of_class("Tumor", [60.0, 40.0], [20.0, 20.0]),
            of_class("Stroma", [50.0, 30.0], [40.0, 40.0]),
            of_class("Fold", [42.0, 22.0], [6.0, 6.0]),
        ],
    );
    let classes = ["Stroma", "Tumor"].map(str::to_owned).to_vec();
    let asked = QuPathOptions { labels: Labels::Classes, classes, ..of(vec![slide], &text) };
    let source = QuPath::open(&asked).unwrap();
    assert!(source.notes().iter().any(|note| note.contains("1 objects of other classes were left out")));
    let labels = source.read(0).unwrap().labels;
    for (i, &label) in labels.iter().enumerate() {
        let want = match (i % 40, i / 40) {
            (10..20, 10..20) => 2,
            (5..25, 5..25) => 1,
            _ => 0,
        };
        assert_eq!(label, want, "at ({}, {})", i % 40, i / 40);
    }
    let refused_with = |classes: &[&str]| {
        let classes = classes.iter().map(|name| (*name).to_owned()).collect();
        refused(QuPath::open(&QuPathOptions { classes, ..asked.clone() }).map(drop))
    };
    assert!(refused_with(&[]).contains("`--class` is missing"));
    assert!(refused_with(&["Tumor", "Tumor"]).contains("`--class` is Tumor: every class needs a name of its own"));
}

#[test]
fn what_annotations_lack_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (slide, text) = (slide_file(dir.path(), "a.png"), dir.path().join("a.geojson"));
    let open = |features: &[Value]| {
        write(&text, features);
        QuPath::open(&of(vec![slide.clone()], &text))
    };
    let gland = || rectangle(Some("Gland"), [50.0, 30.0], [20.0, 10.0]);
    let region = || rectangle(Some("Region"), [40.0, 20.0], [80.0, 60.0]);
    let slanted = feature(Some("region 2"), &[[10.0, 10.0], [90.0, 10.0], [50.0, 90.0]]);
    let message = refused(open(&[gland(), slanted]));
    assert!(message.contains("feature 1, a region, is no upright rectangle (it fills 50.0 %"), "{message}");
    let message = refused(open(&[region(), gland(), rectangle(None, [60.0, 30.0], [5.0, 5.0])]));
    assert!(message.contains("classes `Gland`, `unclassified`") && message.contains("--class"), "{message}");
    assert!(refused(open(&[region()])).contains("holds regions but no objects"));
    assert!(refused(open(&[gland(), rectangle(None, [900.0, 30.0], [5.0, 5.0])])).contains("outside the slide"));
    write(&text, &[region(), gland()]);
    let options = QuPathOptions { classes: vec!["Nucleus".into()], ..of(vec![slide.clone()], &text) };
    assert!(refused(QuPath::open(&options)).contains("holds no object of the classes chosen"));
    let options = QuPathOptions { mpp: Some(0.1), ..of(vec![slide.clone()], &text) };
    assert!(refused(QuPath::open(&options)).contains("`--mpp` is 0.1"));
    let options = QuPathOptions { slide_mpp: None, ..of(vec![slide.clone()], &text) };
    assert!(refused(QuPath::open(&options)).contains("micrometres per pixel"));
    assert!(refused(QuPath::open(&of(vec![slide.clone(), slide], dir.path()))).contains("same stem"));
}

#[test]
fn without_regions_one_image_holds_all_objects_and_a_note_says_what_that_means() {
    let dir = tempfile::tempdir().unwrap();
    let (slide, text) = (slide_file(dir.path(), "a.png"), dir.path().join("a.geojson"));
    write(&text, &[rectangle(None, [50.0, 30.0], [20.0, 10.0]), rectangle(None, [80.0, 60.0], [20.0, 20.0])]);
    let source = QuPath::open(&of(vec![slide], &text)).unwrap();
    let out = dir.path().join("out");
    let mut options = options(&out, SplitKind::Groups);
    assert!(refused(make(&source, &options)).contains("1 images in 1 groups"));
    (options.val, options.test) = (0.0, 0.0);
    let report = make(&source, &options).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("counts as background")), "{:?}", report.notes);
    let image = image::open(out.join("image/a_r001.png")).unwrap();
    // 50 x 50 slide pixels and a rim of 8 (2 um at 0.25) on each side, halved.
    assert_eq!((image.width(), image.height()), (33, 33));
}

#[test]
fn a_region_of_a_real_slide_is_read_at_its_place() {
    let Some(path) = crate::common::data("slides/real/CMU-1-Small-Region.svs") else { return };
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("CMU-1-Small-Region.geojson");
    write(
        &text,
        &[
            rectangle(Some("Region*"), [600.0, 900.0], [300.0, 200.0]),
            rectangle(Some("Nucleus"), [650.0, 950.0], [40.0, 30.0]),
        ],
    );
    let options_of = QuPathOptions { mpp: None, slide_mpp: None, ..of(vec![path.clone()], &text) };
    let source = QuPath::open(&options_of).unwrap();
    let out = dir.path().join("out");
    let mut options = options(&out, SplitKind::Groups);
    (options.val, options.test) = (0.0, 0.0);
    make(&source, &options).unwrap();
    let image = image::open(out.join("image/CMU-1-Small-Region_r001.png")).unwrap().into_rgb8();
    let slide = slide::open(&path, &Limits::default()).unwrap();
    assert_eq!(image, slide.read(0, Rect::new(600, 900, 300, 200)).unwrap());
    let mask = image::open(out.join("mask/CMU-1-Small-Region_r001.png")).unwrap().into_luma16();
    assert_eq!(mask.pixels().filter(|pixel| pixel.0[0] == 1).count(), 1200);
    assert_eq!(mask.get_pixel(50, 50).0[0], 1);
}
