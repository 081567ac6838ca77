//! `crops.png`: what the network is really shown.

use super::canvas::save;
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::geometry::{Scale, Size};
use crate::sink::overlay::draw_outlines;
use crate::tile::Outline;
use crate::vectorize::contour::trace_mask;
use image::imageops::replace;
use image::{Rgb, RgbImage};
use std::path::Path;

/// Most crops on the page.
const MOST: usize = 24;
/// Crops side by side.
const PER_ROW: usize = 8;
/// Pixels between crops.
const GAP: u32 = 6;

/// Draws the first crops of a run after augmentation, each twice: as it is and with its objects outlined. Somebody who
/// sees tissue here that no slide shows, or outlines beside the objects, need not wait for the run's end to mend it.
/// `colors` are those of the classes from 1 whose outlines are drawn.
///
/// # Errors
/// The file cannot be written.
pub(super) fn crops(batches: &[Batch], colors: &[[u8; 3]], path: &Path) -> Result<()> {
    let panels: Vec<[RgbImage; 2]> =
        batches.iter().map(|batch| panels(batch, colors)).collect::<Result<Vec<_>>>()?.concat();
    let Some(edge) = panels.first().map(|panel| panel[0].width()) else { return Ok(()) };
    let panels = &panels[..panels.len().min(MOST)];
    let (across, down) = (edge + GAP, 2 * edge + GAP);
    let rows = panels.len().div_ceil(PER_ROW) as u32;
    let columns = panels.len().min(PER_ROW) as u32;
    let mut page = RgbImage::from_pixel(columns * across + GAP, rows * (down + GAP), Rgb([255; 3]));
    for (number, [plain, outlined]) in panels.iter().enumerate() {
        let left = i64::from((number % PER_ROW) as u32 * across + GAP);
        let top = i64::from((number / PER_ROW) as u32 * (down + GAP) + GAP);
        replace(&mut page, plain, left, top);
        replace(&mut page, outlined, left, top + i64::from(edge));
    }
    save(&page, path)
}

fn panels(batch: &Batch, colors: &[[u8; 3]]) -> Result<Vec<[RgbImage; 2]>> {
    let (edge, area) = (batch.edge, (batch.edge * batch.edge) as usize);
    let both = batch.pixels.chunks_exact(3 * area).zip(batch.classes.chunks_exact(area));
    let panel = |(pixels, classes): (&[u8], &[u8])| {
        let plain = RgbImage::from_raw(edge, edge, pixels.to_vec());
        let plain = plain.ok_or_else(|| Error::Internal("a crop of odd size".into()))?;
        let mut outlined = plain.clone();
        for (class, color) in (1..).zip(colors) {
            let inside: Vec<bool> = classes.iter().map(|&own| own == class).collect();
            let outlines: Vec<Outline> = trace_mask(&inside, Size::new(edge, edge));
            draw_outlines(&mut outlined, &outlines, Scale::new(1.0), *color, 1.0);
        }
        Ok([plain, outlined])
    };
    both.map(panel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::INTERIOR;
    use crate::run::panels::TRUTH;

    #[test]
    fn every_crop_is_shown_plain_above_outlined() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crops.png");
        let classes: Vec<u8> = (0..3 * 16 * 16).map(|i| u8::from((i / 16) % 16 > 7) * INTERIOR).collect();
        crops(&[Batch { pixels: vec![90; 3 * 3 * 256], classes, len: 3, edge: 16 }], &[TRUTH], &path).unwrap();
        let page = image::open(&path).unwrap().into_rgb8();
        assert_eq!(page.dimensions(), (3 * (16 + GAP) + GAP, 32 + 2 * GAP));
        let green =
            |from: u32| page.rows().skip((GAP + from) as usize).take(16).flatten().filter(|p| p[1] > 120 && p[0] < 90);
        assert_eq!(green(0).count(), 0, "the upper ones are plain");
        assert!(green(16).count() > 3 * 16, "the lower ones have outlines");
        crops(&[], &[TRUTH], &folder.path().join("none.png")).unwrap();
    }
}
