//! The picture of drawn images beside the training images nearest to them.

use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::metrics::generative::Neighbours;
use crate::run::finetune::canvas::{text_size, write};
use image::imageops::{FilterType, replace, resize};
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Training images beside each drawn one.
pub(super) const SHOWN: usize = 4;
/// Rows of the picture.
const ROWS: usize = 16;
const PANEL: u32 = 160;
const GAP: u32 = 8;

/// Draws the images nearest to training images, one a row with its neighbours and their distances; suspicious ones in red.
///
/// # Errors
/// An image cannot be read; the file cannot be written.
pub(super) fn sheet(found: &Neighbours, drawn: &[PathBuf], real: &[PathBuf], path: &Path) -> Result<()> {
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by(|&a, &b| found.nearest[a][0].1.total_cmp(&found.nearest[b][0].1));
    order.truncate(ROWS);
    let line = text_size("X").1 + 4;
    let (width, row) = ((PANEL + GAP) * (1 + SHOWN as u32) + GAP, PANEL + line + GAP);
    let mut page = RgbImage::from_pixel(width, row * order.len() as u32 + line + 2 * GAP, Rgb([255; 3]));
    write(&mut page, "drawn", (GAP as i32, GAP as i32), [0; 3]);
    let head = format!("nearest of training, with distances; suspicious up to {:.4}", found.threshold);
    write(&mut page, &head, ((2 * GAP + PANEL) as i32, GAP as i32), [0; 3]);
    for (at, &image) in order.iter().enumerate() {
        let top = line + 2 * GAP + row * at as u32;
        let color = if found.suspicious.contains(&image) { [200, 0, 0] } else { [60; 3] };
        let mut place = |column: u32, file: &Path, text: &str| -> Result<()> {
            let left = GAP + column * (PANEL + GAP);
            let panel = image::open(file).map_err(|e| Error::bad_file(file, e.to_string()))?.into_rgb8();
            let panel = resize(&panel, PANEL, PANEL, FilterType::Triangle);
            replace(&mut page, &panel, i64::from(left), i64::from(top + line));
            let most = (PANEL / text_size("X").0) as usize;
            let shown: String = text.chars().take(most).collect();
            write(&mut page, &shown, (left as i32, top as i32), color);
            Ok(())
        };
        place(0, &drawn[image], &super::name(&drawn[image]))?;
        for (column, (training, distance)) in found.nearest[image].iter().enumerate() {
            place(column as u32 + 1, &real[*training], &format!("{distance:.4}"))?;
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    let encoded = page.write_to(&mut bytes, ImageFormat::Png);
    encoded.map_err(Error::compute(format!("encoding {}", path.display())))?;
    write_bytes(path, bytes.get_ref())
}
