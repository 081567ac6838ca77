//! `sheet.png`: held-out images beside their true and predicted outlines.

use super::canvas::{text_size, write};
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::run::panels::{PREDICTION, TRUTH, fitted, outlined_classes};
use crate::run::scene::Scene;
use image::{Rgb, RgbImage};
use std::path::Path;

/// One row of the sheet.
pub(super) struct Row {
    pub title: String,
    pub image: RgbImage,
    pub truth: Scene,
    pub prediction: Scene,
}

const PANEL: u32 = 420;
const GAP: u32 = 8;

/// Draws image, truth and prediction of each row, two rows of images side by side when there are many. With several
/// `classes`, names and colours, each has its own.
///
/// # Errors
/// The file cannot be written.
pub(super) fn sheet(rows: &[Row], classes: &[(String, [u8; 3])], path: &Path) -> Result<()> {
    let columns = if rows.len() > 5 { 2 } else { 1 };
    let line = text_size("X").1 + 4;
    let colors: Vec<[u8; 3]> = classes.iter().map(|class| class.1).collect();
    let panels: Vec<[RgbImage; 3]> = rows.iter().map(|row| panels(row, &colors)).collect();
    let key = if classes.len() > 1 { line } else { 0 };
    let heights: Vec<u32> =
        panels.chunks(columns).map(|row| row.iter().map(|p| p[0].height()).max().unwrap_or(0) + line + GAP).collect();
    let block = 3 * (PANEL + GAP) + GAP;
    let height = heights.iter().sum::<u32>() + line + key + 2 * GAP;
    let mut page = RgbImage::from_pixel(block * columns as u32, height, Rgb([255; 3]));
    for (column, x) in (0..columns).map(|c| (c, c as u32 * block + GAP)) {
        let heads = [("image", [0; 3]), ("truth", [0, 140, 40]), ("prediction", [190, 130, 0])];
        for (i, (head, color)) in heads.into_iter().enumerate() {
            write(&mut page, head, ((x + i as u32 * (PANEL + GAP)) as i32, GAP as i32), color);
        }
        let mut across = x;
        for (name, color) in classes.iter().filter(|_| key > 0) {
            write(&mut page, name, (across as i32, (GAP + line) as i32), *color);
            across += text_size(name).0 + 2 * GAP;
        }
        let mut y = line + key + GAP;
        for (row, height) in heights.iter().enumerate() {
            if let Some((images, row)) = panels.get(row * columns + column).zip(rows.get(row * columns + column)) {
                write(&mut page, &row.title, (x as i32, y as i32), [60; 3]);
                for (i, panel) in images.iter().enumerate() {
                    let left = i64::from(x + i as u32 * (PANEL + GAP));
                    image::imageops::replace(&mut page, panel, left, i64::from(y + line));
                }
            }
            y += height;
        }
    }
    page.save(path).map_err(Error::compute(format!("writing {}", path.display())))
}

fn panels(row: &Row, colors: &[[u8; 3]]) -> [RgbImage; 3] {
    let size = Size::new(row.image.width(), row.image.height());
    let plain = fitted(&row.image, PANEL);
    let drawn = |scene: &Scene, color| outlined_classes(&plain, scene, size, color, colors);
    let (truth, prediction) = (drawn(&row.truth, TRUTH), drawn(&row.prediction, PREDICTION));
    [plain, truth, prediction]
}
