//! `preview.png`: a few images with the outlines of their masks.

use super::split::Part;
use super::{Labelled, MaskKind};
use crate::error::{Error, Result};
use crate::geometry::{Scale, Size};
use crate::sink::overlay::draw_outlines;
use crate::vectorize::contour::trace;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// Images shown, evenly chosen.
const SHOWN: usize = 9;
const COLUMNS: usize = 3;
/// Longer edge of a picture.
const PANEL: u32 = 420;
const GAP: u32 = 8;
/// Of objects, and of class 1, 2, ... in turn.
pub(super) const COLORS: [[u8; 3]; 4] = [[0, 200, 60], [255, 190, 0], [0, 150, 255], [220, 0, 160]];

/// Collects pictures as the images pass.
pub(super) struct Preview {
    chosen: BTreeSet<usize>,
    panels: Vec<RgbImage>,
}

impl Preview {
    /// Chooses among the images with masks.
    pub fn new(parts: &[Part]) -> Self {
        let labelled: Vec<usize> = (0..parts.len()).filter(|&i| parts[i] != Part::Unlabelled).collect();
        let shown = SHOWN.min(labelled.len());
        let chosen = (0..shown).map(|i| labelled[i * labelled.len() / shown]).collect();
        Self { chosen, panels: Vec::new() }
    }

    /// Draws image number `entry`, if it was chosen.
    pub fn add(&mut self, entry: usize, read: &Labelled, kind: &MaskKind) {
        if !self.chosen.contains(&entry) {
            return;
        }
        let size = Size::new(read.image.width(), read.image.height());
        let zoom = f64::from(PANEL) / f64::from(size.width.max(size.height));
        let [width, height] = [size.width, size.height].map(|n| ((f64::from(n) * zoom).round() as u32).max(1));
        let mut panel = imageops::resize(&read.image, width, height, FilterType::Triangle);
        for (label, outline) in trace(&read.labels, size) {
            let number = if matches!(kind, MaskKind::Classes(_)) { label as usize - 1 } else { 0 };
            draw_outlines(&mut panel, [&outline], Scale::new(1.0 / zoom), COLORS[number % COLORS.len()], 1.5);
        }
        self.panels.push(panel);
    }

    /// Writes the picture.
    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<&[RgbImage]> = self.panels.chunks(COLUMNS).collect();
        let heights = rows.iter().map(|row| row.iter().map(RgbImage::height).max().unwrap_or(0));
        let height: u32 = heights.clone().map(|height| height + GAP).sum::<u32>() + GAP;
        let columns = COLUMNS.min(self.panels.len()) as u32;
        let mut page = RgbImage::from_pixel(columns * (PANEL + GAP) + GAP, height, Rgb([255; 3]));
        let mut y = GAP;
        for (row, height) in rows.iter().zip(heights) {
            for (column, panel) in row.iter().enumerate() {
                let x = GAP + column as u32 * (PANEL + GAP);
                imageops::replace(&mut page, panel, i64::from(x), i64::from(y));
            }
            y += height + GAP;
        }
        page.save(path).map_err(Error::compute(format!("writing {}", path.display())))?;
        File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
    }
}
