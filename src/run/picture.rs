//! Pages of small pictures, and files that are whole or absent.

use crate::error::{Error, Result};
use crate::file::write_bytes;
use image::{ImageFormat, Rgb, RgbImage, imageops};
use std::io::Cursor;
use std::path::Path;

/// Pixels between two pictures.
pub(super) const GAP: u32 = 4;

/// Pictures of one size in rows of `columns`, on white.
///
/// # Panics
/// Without a picture or a column.
pub(super) fn page(pictures: &[RgbImage], columns: usize) -> RgbImage {
    let (width, height) = pictures[0].dimensions();
    let rows = pictures.len().div_ceil(columns) as u32;
    let columns = columns.min(pictures.len());
    let size = [columns as u32 * (width + GAP) + GAP, rows * (height + GAP) + GAP];
    let mut page = RgbImage::from_pixel(size[0], size[1], Rgb([255; 3]));
    for (number, picture) in pictures.iter().enumerate() {
        let (column, row) = ((number % columns) as u32, (number / columns) as u32);
        imageops::replace(
            &mut page,
            picture,
            i64::from(column * (width + GAP) + GAP),
            i64::from(row * (height + GAP) + GAP),
        );
    }
    page
}

/// Writes a PNG file, complete or not at all.
///
/// # Errors
/// The disk is full or not writable.
pub(super) fn write_png(image: &RgbImage, path: &Path) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    let encoded = image.write_to(&mut bytes, ImageFormat::Png);
    encoded.map_err(Error::compute(format!("writing {}", path.display())))?;
    write_bytes(path, bytes.get_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_rows_on_white() {
        let pictures: Vec<RgbImage> = (0..5).map(|i| RgbImage::from_pixel(10, 6, Rgb([i * 20, 0, 0]))).collect();
        let page = page(&pictures, 3);
        assert_eq!(page.dimensions(), (3 * (10 + GAP) + GAP, 2 * (6 + GAP) + GAP));
        for (i, picture) in pictures.iter().enumerate() {
            let (x, y) = ((i % 3) as u32 * (10 + GAP) + GAP, (i / 3) as u32 * (6 + GAP) + GAP);
            assert_eq!(page.get_pixel(x, y), picture.get_pixel(0, 0));
            assert_eq!(page.get_pixel(x + 9, y + 5), picture.get_pixel(0, 0));
            assert_eq!(page.get_pixel(x - 1, y).0, [255; 3]);
        }
        let dir = tempfile::tempdir().unwrap();
        write_png(&page, &dir.path().join("page.png")).unwrap();
        assert_eq!(image::open(dir.path().join("page.png")).unwrap().into_rgb8(), page);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
