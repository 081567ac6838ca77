//! MoNuSeg, GlaS and the head-and-neck data, as small files of the same form.

use super::{as_training_reads, files, make, options, refused, stems};
use image::codecs::bmp::BmpEncoder;
use image::{ExtendedColorType, Rgb, RgbImage};
use serde_json::{Value, json};
use slidestream::config::Labels;
use slidestream::data::Split;
use slidestream::run::prepare::{Glas, HeadNeck, MoNuSeg, SplitKind};
use std::path::{Path, PathBuf};

/// One image with its nuclei.
pub(crate) fn monuseg_image(root: &Path, part: &str, stem: &str, nuclei: &[&[[f64; 2]]]) {
    let (images, texts) = (root.join(part).join("Tissue Images"), root.join(part).join("Annotations"));
    std::fs::create_dir_all(&images).unwrap();
    std::fs::create_dir_all(&texts).unwrap();
    RgbImage::from_pixel(20, 16, Rgb([200, 160, 190])).save(images.join(format!("{stem}.tif"))).unwrap();
    let vertex = |[x, y]: &[f64; 2]| format!("<Vertex X=\"{x}\" Y=\"{y}\" Z=\"0\"/>");
    let region = |ring: &&[[f64; 2]]| {
        let vertices: String = ring.iter().map(vertex).collect();
        format!("<Region Id=\"1\" NegativeROA=\"0\"><Attributes/><Vertices>{vertices}</Vertices></Region>")
    };
    let regions: String = nuclei.iter().map(region).collect();
    let text = format!(
        "<Annotations MicronsPerPixel=\"0.252\"><Annotation Id=\"1\"><Regions>{regions}</Regions></Annotation></Annotations>"
    );
    std::fs::write(texts.join(format!("{stem}.xml")), text).unwrap();
}

pub(crate) const LEFT: &[[f64; 2]] = &[[2.0, 2.0], [9.0, 2.0], [9.0, 9.0], [2.0, 9.0]];
pub(crate) const RIGHT: &[[f64; 2]] = &[[8.0, 4.0], [14.0, 4.0], [14.0, 8.0], [8.0, 8.0]];
const BEYOND: &[[f64; 2]] = &[[17.0, 12.0], [22.5, 12.0], [22.5, 18.0], [17.0, 18.0]];

#[test]
fn touching_nuclei_of_monuseg_stay_apart_and_official_parts_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("MoNuSeg"), dir.path().join("out"));
    for i in 0..6 {
        monuseg_image(&root, "MoNuSeg_train", &format!("TCGA-A{i}-1234-01Z-00-DX1"), &[LEFT, RIGHT, BEYOND]);
    }
    monuseg_image(&root, "MoNuSeg_test", "TCGA-B0-1234-01Z-00-DX1", &[LEFT]);
    let source = MoNuSeg::open(std::slice::from_ref(&root), false, false).unwrap();
    let report = make(&source, &options(&out, SplitKind::Official)).unwrap();
    assert_eq!((report.outlines.objects, report.outlines.clipped, report.outlines.contested_px), (19, 6, 6 * 4));
    assert!(report.notes.iter().any(|note| note.starts_with("6 outlines reach beyond")), "{:?}", report.notes);
    let (data, table, config) = as_training_reads(&out);
    assert_eq!(stems(&table, Split::Test), ["TCGA-B0-1234-01Z-00-DX1"]);
    assert_eq!((table.of(Split::Train).len(), table.of(Split::Val).len()), (4, 2));
    assert_eq!((table.groups[0].as_str(), config.mpp_column.as_deref()), ("TCGA-A0-1234", Some("mpp")));
    assert!((data.items[0].zoom - 0.252 / 0.5).abs() < 1e-9);
    let mask = image::open(out.join("mask/TCGA-A0-1234-01Z-00-DX1.png")).unwrap().into_luma16();
    let row: Vec<u16> = (0..20).map(|x| mask.get_pixel(x, 5).0[0]).collect();
    assert_eq!(
        row,
        [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0],
        "the smaller keeps the shared column"
    );
    assert_eq!(mask.get_pixel(19, 15).0[0], 3);
    let every = ["image", "mask"].map(|name| files(&out.join(name)));
    assert!(every.iter().flatten().all(|name| name.ends_with(".png")) && every[0] == every[1], "never JPEG");
}

#[test]
fn the_published_monuseg_split_is_eleven_and_three_test_images_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("MoNuSeg"), dir.path().join("out"));
    for i in 0..14 {
        monuseg_image(&root, "MoNuSegTestData", &format!("n{i:02}"), &[LEFT]);
    }
    monuseg_image(&root, "MoNuSegTrainingData", "t0", &[LEFT]);
    let source = MoNuSeg::open(std::slice::from_ref(&root), false, true).unwrap();
    make(&source, &options(&out, SplitKind::Parity)).unwrap();
    let (_, table, _) = as_training_reads(&out);
    assert_eq!(stems(&table, Split::Test), ["n06", "n07", "n09"]);
    assert_eq!(table.of(Split::Train).len() + table.of(Split::Val).len(), 11);
    assert_eq!(files(&out.join("unlabelled")), ["t0.png".to_owned()].into());
    let mask = image::open(out.join("mask/n00.png")).unwrap().into_luma16();
    assert_eq!(mask.pixels().filter(|pixel| pixel.0[0] > 0).count(), 64, "8 x 8 whole numbers from 2 to 9");
    std::fs::remove_dir_all(root.join("MoNuSegTrainingData")).unwrap();
    std::fs::remove_file(root.join("MoNuSegTestData/Annotations/n03.xml")).unwrap();
    let alone = refused(MoNuSeg::open(std::slice::from_ref(&root), false, false));
    assert!(alone.contains("n03.tif: has no annotations"), "{alone}");
    std::fs::remove_file(root.join("MoNuSegTestData/Tissue Images/n03.tif")).unwrap();
    let source = MoNuSeg::open(std::slice::from_ref(&root), false, false).unwrap();
    let message = refused(make(&source, &options(&dir.path().join("b"), SplitKind::Parity)));
    assert!(message.contains("divides the 14 official test images, but 13"), "{message}");
}

#[test]
fn nuclei_outside_their_image_are_named_or_on_request_left_out_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("MoNuSeg");
    let outside: &[[f64; 2]] = &[[30.0, 2.0], [34.0, 2.0], [34.0, 9.0]];
    for i in 0..4 {
        monuseg_image(&root, "train", &format!("n{i}"), &[LEFT, outside, &LEFT[..2]]);
    }
    let mut options = options(&dir.path().join("out"), SplitKind::Groups);
    (options.val, options.test) = (0.25, 0.0);
    let open = |allow| MoNuSeg::open(std::slice::from_ref(&root), allow, false).unwrap();
    let message = refused(make(&open(false), &options));
    assert!(message.contains("n0.xml: region 2 spans (30, 2) to (34, 9), which is wholly outside"), "{message}");
    let report = make(&open(true), &options).unwrap();
    assert_eq!((report.outlines.objects, report.outlines.left_out), (4, 8));
    std::fs::write(root.join("train/Annotations/n2.xml"), "<Annotations><Region>").unwrap();
    options.out = dir.path().join("again");
    let message = refused(make(&open(true), &options));
    assert!(message.contains("n2.xml: ends before its elements are closed"), "{message}");
    assert!(!options.out.exists());
}

/// `name.bmp` and `name_anno.bmp` with an 8 bit palette, as the real ones have.
fn glas_image(root: &Path, name: &str) {
    RgbImage::from_pixel(24, 20, Rgb([220, 180, 210])).save(root.join(format!("{name}.bmp"))).unwrap();
    let labels: Vec<u8> =
        (0..24 * 20).map(|i| if i % 24 < 5 { 1 } else { 2 * u8::from((8..20).contains(&(i % 24))) }).collect();
    let mut bytes = Vec::new();
    BmpEncoder::new(&mut bytes).encode(&labels, 24, 20, ExtendedColorType::L8).unwrap();
    std::fs::write(root.join(format!("{name}_anno.bmp")), bytes).unwrap();
}

pub(crate) fn glas(root: &Path, train: u32) {
    std::fs::create_dir_all(root).unwrap();
    let parts = [("train", train), ("testA", 60), ("testB", 20)];
    parts.iter().for_each(|(part, count)| (1..=*count).for_each(|i| glas_image(root, &format!("{part}_{i}"))));
}

#[test]
fn the_published_glas_split_is_had_again() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("glas"), dir.path().join("out"));
    glas(&root, 3);
    let source = Glas::open(&root, false).unwrap();
    let report = make(&source, &options(&out, SplitKind::Parity)).unwrap();
    let (data, table, config) = as_training_reads(&out);
    let mut want: Vec<String> =
        [4, 18, 23, 26, 29, 34, 40, 48, 49, 53, 54, 56, 59].iter().map(|i| format!("testA_{i}")).collect();
    want.extend([4, 11, 16].iter().map(|i| format!("testB_{i}")));
    want.sort();
    let mut test = stems(&table, Split::Test);
    test.sort();
    assert_eq!(test, want);
    assert_eq!(table.of(Split::Train).len() + table.of(Split::Val).len(), 64);
    assert_eq!(table.of(Split::Val).len(), 16);
    assert_eq!(files(&out.join("unlabelled")).len(), 3);
    assert!(report.notes.iter().any(|note| note.contains("16 sections")), "{:?}", report.notes);
    assert_eq!(config.mpp_column.as_deref(), Some("mpp"));
    let mask = image::open(out.join("mask/testA_1.png")).unwrap().into_luma16();
    let row: Vec<u16> = (0..12).map(|x| mask.get_pixel(x, 3).0[0]).collect();
    assert_eq!(row, [1, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2], "numbers as in the BMP");
    assert_eq!(data.len(), 80);
    std::fs::remove_file(root.join("testB_20.bmp")).unwrap();
    assert!(refused(Glas::open(&root, false)).contains("testB_20_anno.bmp: has no image"));
    std::fs::remove_file(root.join("testB_20_anno.bmp")).unwrap();
    let message = refused(make(&Glas::open(&root, false).unwrap(), &options(&dir.path().join("b"), SplitKind::Parity)));
    assert!(message.contains("but there are 60 and 19"), "{message}");
}

#[test]
fn patients_of_glas_stay_together_unless_the_official_parts_divide_them() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("glas");
    std::fs::create_dir_all(&root).unwrap();
    let mut table = "name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)\n".to_owned();
    for i in 1..=12 {
        let name = if i <= 8 { format!("train_{i}") } else { format!("testA_{}", i - 8) };
        glas_image(&root, &name);
        table += &format!("{name}, {}, {}, x\n", i % 6, if i % 6 < 3 { "benign" } else { "malignant" });
    }
    std::fs::write(root.join("Grade.csv"), &table).unwrap();
    let source = Glas::open(&root, false).unwrap();
    let by_groups = dir.path().join("groups");
    let report = make(&source, &options(&by_groups, SplitKind::Groups)).unwrap();
    let (_, splits, config) = as_training_reads(&by_groups);
    assert_eq!((report.groups, config.group.as_deref(), config.style.as_deref()), (6, Some("group"), Some("style")));
    assert!(splits.styles.iter().any(|style| style == "malignant"));
    let official = dir.path().join("official");
    let report = make(&source, &options(&official, SplitKind::Official)).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("groups have images in more than one split")), "{report:?}");
    let (_, splits, config) = as_training_reads(&official);
    assert_eq!((splits.of(Split::Test).len(), config.group), (4, None));
    std::fs::write(root.join("Grade.csv"), table.replace("train_3,", "train_33,")).unwrap();
    assert!(refused(Glas::open(&root, false)).contains("Grade.csv: has no line for the image `train_3`"));
}

pub(crate) fn hn(root: &Path, images: usize) -> PathBuf {
    std::fs::create_dir_all(root).unwrap();
    let square = |x: i32, edge: i32| -> Value {
        json!({ "geometry": [{ "x": x, "y": 0 }, { "x": x + edge, "y": 0 }, { "x": x + edge, "y": edge }, { "x": x, "y": edge }] })
    };
    let mut entries = Vec::new();
    for i in 0..images {
        let file = format!("f{i:02}.png");
        RgbImage::from_pixel(16, 20, Rgb([210, 150, 190])).save(root.join(&file)).unwrap();
        let low = json!([{ "x": 10, "y": 9 }, { "x": 15, "y": 9 }, { "x": 15, "y": 12 }, { "x": 10, "y": 12 }]);
        let label = json!({
            "Malignant": [square(0, 8)], "Non malignant stroma ": [square(4, 8)],
            "Non malignant epithelium": [{ "geometry": low }],
        });
        entries.push(json!({ "External ID": file, "Label": if i == 1 { json!("Skip") } else { label } }));
    }
    let path = root.join("export.json");
    std::fs::write(&path, Value::from(entries).to_string()).unwrap();
    path
}

#[test]
fn head_and_neck_masks_hold_classes_and_the_published_split_is_sequential() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("hn"), dir.path().join("out"));
    let export = hn(&root, 11);
    let source = HeadNeck::open(&root, None, false, false).unwrap();
    let report = make(&source, &options(&out, SplitKind::Parity)).unwrap();
    assert_eq!(report.images, [6, 2, 2, 1], "of ten labelled images eight are trained on, two of these validate");
    assert!(report.notes.iter().any(|note| note.contains("1 entries are labelled `Skip`")), "{:?}", report.notes);
    let mask = image::open(out.join("mask/f00.png")).unwrap().into_luma8();
    let row: Vec<u8> = (0..16).map(|x| mask.get_pixel(x, 3).0[0]).collect();
    assert_eq!(row, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0], "the later class lies on top");
    let index = std::fs::read_to_string(out.join("index.csv")).unwrap();
    assert!(index.contains("f09.png,f09.png,f09,test") && index.contains("f10.png,f10.png,f10,test"), "{index}");
    assert_eq!(files(&out.join("unlabelled")), ["f01.png".to_owned()].into());
    let (data, _, config) = as_training_reads(&out);
    assert_eq!((config.labels, data.sample(0).unwrap().labels[4]), (Labels::Classes, 2));
    let table: toml::Table = std::fs::read_to_string(out.join("dataset.toml")).unwrap().parse().unwrap();
    let names: Vec<_> =
        table["model"]["class"].as_array().unwrap().iter().map(|class| class["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Malignant", "Non malignant stroma", "Non malignant epithelium"]);
    let published = HeadNeck::open(&root, Some("Malignant"), false, true).unwrap();
    let one = dir.path().join("one");
    make(&published, &options(&one, SplitKind::Parity)).unwrap();
    let (data, table, _) = as_training_reads(&one);
    assert_eq!((data.len(), stems(&table, Split::Test)), (10, vec!["f09".to_owned(), "f10".to_owned()]));
    let labels = &data.sample(0).unwrap().labels;
    assert_eq!(labels[..8], [1, 1, 1, 0, 0, 0, 0, 0], "whole pixels 0 to 7, of which the stroma covers 3 and up");
    assert_eq!(labels[7 * 16], 1);
    assert_eq!(labels[8 * 16], 0);
    assert!(refused(HeadNeck::open(&root, Some("Tumour"), false, false)).contains("`--class` is Tumour"));
    std::fs::remove_file(root.join("f04.png")).unwrap();
    assert!(refused(HeadNeck::open(&root, None, false, false)).contains("labels `f04.png`, which is not in"));
    std::fs::write(&export, "[{]").unwrap();
    assert!(refused(HeadNeck::open(&root, None, false, false)).contains("export.json: is not a Labelbox export"));
}

#[test]
fn glands_are_worn_and_joined_and_images_compressed_as_published_only_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("glas");
    glas(&root, 2);
    let made = |name: &str, published: bool, change: &dyn Fn(&mut slidestream::run::prepare::PrepareOptions)| {
        let mut options = options(&dir.path().join(name), SplitKind::Parity);
        change(&mut options);
        make(&Glas::open(&root, published).unwrap(), &options).unwrap();
        let mask = image::open(options.out.join("mask/testA_1.png")).unwrap();
        (mask, image::open(options.out.join("image/testA_1.png")).unwrap().into_rgb8())
    };
    let (plain, image) = made("plain", false, &|_| {});
    let (binary, _) = made("binary", false, &|options| options.binary = true);
    let (worn, compressed) = made("worn", true, &|options| options.published_images = true);
    let plain = plain.into_luma16().into_raw();
    assert_eq!(plain[..12], [1, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2]);
    let joined: Vec<u8> = plain.iter().map(|&label| if label > 0 { 255 } else { 0 }).collect();
    assert_eq!(binary.into_luma8().into_raw(), joined);
    let worn = worn.into_luma16().into_raw();
    let lost = worn.iter().zip(&plain).filter(|(worn, plain)| worn != plain).count();
    assert!(lost > 0 && worn.iter().zip(&plain).all(|(worn, plain)| *worn == 0 || worn == plain), "{lost} pixels lost");
    // A plain colour survives JPEG to within its rounding.
    assert!(image.as_raw().iter().zip(compressed.as_raw()).all(|(a, b)| a.abs_diff(*b) <= 3));
    let mut options = options(&dir.path().join("no"), SplitKind::Groups);
    options.binary = true;
    let (classes, table) = (dir.path().join("hn"), "`--binary` is given");
    hn(&classes, 8);
    assert!(refused(make(&HeadNeck::open(&classes, None, false, false).unwrap(), &options)).contains(table));
    assert!(
        refused(make(&HeadNeck::open(&classes, Some("Malignant"), false, false).unwrap(), &options)).contains(table)
    );
    (options.binary, options.published_images) = (false, true);
    let folder = HeadNeck::open(&classes, None, false, false).unwrap();
    assert!(refused(make(&folder, &options)).contains("`--published-images` is given"));
}
