//! Tissue on slides from files, through the library and the program.

use crate::common::data;
use image::RgbImage;
use slidestream::config::TissueConfig;
use slidestream::data::geojson::{AnnotationLimits, Annotations};
use slidestream::geometry::{Level, Rect, Size};
use slidestream::grid::{TilePlan, TissueMask, detect_tissue};
use slidestream::slide::synthetic::SyntheticSlide;
use slidestream::slide::{self, LevelInfo, Limits, Mpp, SlideInfo, SlideSource};
use slidestream::tile::Outline;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn open(path: &Path) -> Arc<dyn SlideSource> {
    slide::open(path, &Limits::default()).unwrap()
}

fn detect(path: &Path) -> TissueMask {
    let slide = open(path);
    detect_tissue(slide.as_ref(), slide::mpp(slide.as_ref(), None).unwrap(), &TissueConfig::default()).unwrap()
}

fn slidestream(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slidestream-torch")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn tissue_of_the_mosaic_agrees_with_its_ground_truth() {
    let Some(path) = data("slides/big/ebhi_mosaic_dev.svs") else { return };
    let Some(truth) = data("slides/big/ebhi_mosaic_dev_gt_4umpp.png") else { return };
    let truth = image::open(truth).unwrap().to_luma8();
    let mask = detect(&path);
    let (mut both, mut sum) = (0u64, 0u64);
    for (x, y, label) in truth.enumerate_pixels() {
        let found = mask.contains(f64::from(x) * 4.0 + 2.0, f64::from(y) * 4.0 + 2.0);
        let is = label.0[0] != 0;
        both += u64::from(found && is);
        sum += u64::from(found) + u64::from(is);
    }
    let dice = 2.0 * both as f64 / sum as f64;
    println!("Dice {dice:.4}; {:?}", mask.notes());
    assert!(dice >= 0.98, "Dice {dice}; {:?}", mask.notes());
}

#[test]
fn the_same_pixels_in_two_containers_have_the_same_tissue() {
    let Some(aperio) = data("slides/emulated/aperio_pyramid.svs") else { return };
    let Some(philips) = data("slides/emulated/philips.tiff") else { return };
    let (a, b) = (detect(&aperio).share(), detect(&philips).share());
    assert!(a > 0.2 && a < 0.8 && (a - b).abs() < 0.01, "{a} and {b}");
}

#[test]
fn all_glass_gives_no_tile_and_says_so() {
    let Some(path) = data("malformed/all_glass.svs") else { return };
    let (slide, mask) = (open(&path), detect(&path));
    assert!(mask.notes().iter().any(|note| note.contains("no tissue")), "{:?}", mask.notes());
    assert!(TilePlan::new(slide.info(), 0.5, 0.5, 256, 32, &mask).unwrap().tiles.is_empty());
}

#[test]
fn fluorescence_is_refused() {
    let Some(path) = data("slides/real/test3-DAPI-2-(387).ndpi") else { return };
    let slide = open(&path);
    let error = detect_tissue(slide.as_ref(), 0.228, &TissueConfig::default()).unwrap_err().to_string();
    assert!(error.contains("fluorescence") && error.contains("--whole-slide"), "{error}");
}

#[test]
fn islands_of_a_huge_slide_are_found_where_they_are() {
    let slide = SyntheticSlide::new(Size::new(100_000, 100_000), 0.5, 7);
    let config = TissueConfig::default();
    let mask = detect_tissue(&slide, 0.5, &config).unwrap();
    assert!(mask.size().area() <= config.max_cells, "{}", mask.size());
    let nuclei = slide.nuclei(Rect::new(40_000, 40_000, 9000, 9000));
    let found = nuclei.iter().filter(|nucleus| mask.contains(nucleus.center[0], nucleus.center[1])).count();
    assert!(nuclei.len() > 10_000 && found as f64 > 0.97 * nuclei.len() as f64, "{found} of {}", nuclei.len());
    let plan = TilePlan::new(slide.info(), 0.5, 0.5, 1024, 64, &mask).unwrap();
    let all = (plan.columns * plan.rows) as usize;
    assert!(plan.tiles.len() < all * 9 / 10 && plan.tiles.len() > all / 4, "{} of {all}", plan.tiles.len());
}

#[test]
fn a_region_of_interest_smaller_than_a_tile_gets_its_tile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roi.geojson");
    let ring = "[[70000.2,50.1],[70000.9,50.1],[70000.9,50.8],[70000.2,50.8]]";
    std::fs::write(&path, format!("{{\"type\":\"Polygon\",\"coordinates\":[{ring}]}}")).unwrap();
    let slide = SyntheticSlide::new(Size::new(100_000, 80_000), 0.25, 1);
    let mut roi = Annotations::read(&path, &AnnotationLimits::default()).unwrap();
    roi.check_inside(slide.info().size()).unwrap();
    let mask = TissueMask::from_outlines(&roi.outlines(), slide.info().size());
    let plan = TilePlan::new(slide.info(), 0.25, 0.25, 264, 32, &mask).unwrap();
    assert_eq!(plan.tiles.iter().map(|tile| (tile.column, tile.row)).collect::<Vec<_>>(), [(350, 0)]);
}

#[test]
fn the_program_writes_outlines_that_it_can_read_back_and_a_picture() {
    let Some(path) = data("slides/real/CMU-1-Small-Region.svs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tissue of CMU-1.geojson");
    let run = slidestream(&[Path::new("tissue"), &path, &out]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let mut found = Annotations::read(&out, &AnnotationLimits::default()).unwrap();
    found.check_inside(Size::new(2220, 2967)).unwrap();
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert!(found.features.iter().all(|f| f.class.as_deref() == Some("Tissue")));
    assert!(found.features.iter().all(|f| f.object_type.as_deref() == Some("annotation")));
    let area: f64 = found.outlines().iter().map(Outline::area).sum();
    let share = area / (2220.0 * 2967.0);
    assert!((share - detect(&path).share()).abs() < 0.01 && share > 0.3 && share < 0.6, "{share}");
    let picture = image::open(folder.path().join("tissue of CMU-1.overlay.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (1532, 2048));
}

#[test]
fn the_program_says_why_there_is_no_tissue_and_ends_well() {
    let Some(path) = data("malformed/all_glass.svs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.json");
    let run = slidestream(&[Path::new("tissue"), &path, &out, Path::new("--no-overlay")]);
    assert!(run.status.success() && text(&run.stdout).contains("note: no tissue"), "{}", text(&run.stdout));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(Annotations::read(&out, &AnnotationLimits::default()).unwrap().features.is_empty());
}

#[test]
fn the_program_never_replaces_the_slide() {
    let folder = tempfile::tempdir().unwrap();
    let slide = folder.path().join("field.overlay.png");
    image::RgbImage::from_pixel(64, 64, image::Rgb([200, 120, 170])).save(&slide).unwrap();
    let before = std::fs::read(&slide).unwrap();
    let run = slidestream(&[Path::new("tissue"), &slide, &folder.path().join("field.geojson")]);
    assert!(!run.status.success() && text(&run.stderr).contains("is the slide itself"), "{}", text(&run.stderr));
    assert_eq!(std::fs::read(&slide).unwrap(), before);
}

#[test]
fn a_slide_without_resolution_needs_mpp() {
    let Some(path) = data("malformed/mpp_missing.svs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.geojson");
    let refused = slidestream(&[Path::new("tissue"), &path, &out]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("--mpp"), "{}", text(&refused.stderr));
    assert!(!out.exists());
    let run = slidestream(&[Path::new("tissue"), &path, &out, Path::new("--mpp"), Path::new("0.5")]);
    assert!(run.status.success() && out.exists(), "{}", text(&run.stderr));
}

/// An image of one field of view as a slide.
struct Field {
    info: SlideInfo,
    image: RgbImage,
}

impl Field {
    fn open(path: &Path) -> Self {
        let image = image::open(path).unwrap().to_rgb8();
        let levels = vec![LevelInfo { size: Size::new(image.width(), image.height()), downsample: 1.0 }];
        let (vendor, reader) = ("image".to_owned(), "image".to_owned());
        let mpp = Mpp::Known(0.5, 0.5);
        let info = SlideInfo { vendor, reader, levels, mpp, properties: Default::default(), associated: vec![] };
        Self { info, image }
    }
}

impl SlideSource for Field {
    fn path(&self) -> &Path {
        Path::new("field")
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, _level: u32, region: Rect<Level>) -> slidestream::Result<RgbImage> {
        let (x, y) = (region.x as u32, region.y as u32);
        Ok(image::imageops::crop_imm(&self.image, x, y, region.width, region.height).to_image())
    }

    fn read_associated(&self, _name: &str) -> slidestream::Result<RgbImage> {
        unreachable!("a field has no other image")
    }
}

#[test]
fn fields_of_view_full_of_tissue_are_covered() {
    let Some(folder) = data("glands_ebhi/image") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let share = |path: &PathBuf| detect_tissue(&Field::open(path), 0.5, &TissueConfig::default()).unwrap().share();
    let mut shares: Vec<f64> = paths.iter().step_by(7).map(share).collect();
    shares.sort_by(f64::total_cmp);
    // A few of these fields have real glass at their edge.
    assert!(shares[0] > 0.75 && shares[shares.len() / 20] > 0.9 && shares[shares.len() / 4] == 1.0, "{shares:?}");
}
