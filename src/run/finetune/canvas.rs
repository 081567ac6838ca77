//! Text in pictures, from a font that comes pre-rasterised with a crate: no font file is needed at run time.

use crate::error::{Error, Result};
use crate::file::write_bytes;
use image::{ImageFormat, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::io::Cursor;
use std::path::Path;

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;

/// Writes a picture as PNG, whole or not at all: somebody may look at it while the training runs.
///
/// # Errors
/// [`Error::Io`].
pub(in crate::run) fn save(picture: &RgbImage, path: &Path) -> Result<()> {
    let mut png = Vec::new();
    let encoded = picture.write_to(&mut Cursor::new(&mut png), ImageFormat::Png);
    encoded.map_err(Error::compute(format!("encoding {}", path.display())))?;
    write_bytes(path, &png)
}

/// Pixels that a line of text takes.
pub(in crate::run) fn text_size(text: &str) -> (u32, u32) {
    ((text.chars().count() * get_raster_width(WEIGHT, HEIGHT)) as u32, HEIGHT.val() as u32)
}

/// Calls `dot` with the place and the coverage, above 0 to 1, of each inked pixel of a line of text whose top left
/// corner is (x, y). Characters outside basic Latin become a question mark.
fn ink(text: &str, (x, y): (i32, i32), mut dot: impl FnMut(i32, i32, f64)) {
    for (column, character) in text.chars().enumerate() {
        let glyph = get_raster(character, WEIGHT, HEIGHT).or_else(|| get_raster('?', WEIGHT, HEIGHT));
        let Some(glyph) = glyph else { continue };
        let left = x + (column * get_raster_width(WEIGHT, HEIGHT)) as i32;
        for (dy, row) in glyph.rows().enumerate() {
            for (dx, &value) in row.iter().enumerate().filter(|(_, value)| **value > 0) {
                dot(left + dx as i32, y + dy as i32, f64::from(value) / 255.0);
            }
        }
    }
}

/// Writes a line of text on an image; what lies outside is cut off.
pub(in crate::run) fn write(image: &mut RgbImage, text: &str, at: (i32, i32), color: [u8; 3]) {
    let (width, height) = (image.width() as i32, image.height() as i32);
    ink(text, at, |x, y, share| {
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let pixel = image.get_pixel_mut(x as u32, y as u32);
            for (value, ink) in pixel.0.iter_mut().zip(color) {
                *value = (f64::from(*value) + share * (f64::from(ink) - f64::from(*value))).round() as u8;
            }
        }
    });
}

/// A backend of plotters that draws with another one, but text with the font above, whatever font is asked for.
pub(in crate::run) struct Canvas<B>(pub B);

impl<B: DrawingBackend> DrawingBackend for Canvas<B> {
    type ErrorType = B::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_pixel(at, color)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_rect(from, to, style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_path(path, style)
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &T,
        (x, y): BackendCoord,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let (width, height) = text_size(text);
        let anchor = style.anchor();
        let left = match anchor.h_pos {
            HPos::Left => x,
            HPos::Center => x - width as i32 / 2,
            HPos::Right => x - width as i32,
        };
        let top = match anchor.v_pos {
            VPos::Top => y,
            VPos::Center => y - height as i32 / 2,
            VPos::Bottom => y - height as i32,
        };
        let color = style.color();
        let mut drawn = Ok(());
        ink(text, (left, top), |x, y, share| {
            let color = BackendColor { alpha: color.alpha * share, ..color };
            if drawn.is_ok() && x >= 0 && y >= 0 {
                drawn = self.0.draw_pixel((x, y), color);
            }
        });
        drawn
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        _style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Self::ErrorType>> {
        Ok(text_size(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn text_lies_inside_its_size_and_is_cut_at_the_edge() {
        let (width, height) = text_size("Dice 0.8");
        let mut image = RgbImage::from_pixel(width + 20, height + 20, Rgb([255; 3]));
        write(&mut image, "Dice 0.8", (10, 10), [0; 3]);
        let inked: Vec<(u32, u32)> =
            image.enumerate_pixels().filter(|(_, _, p)| p[0] < 128).map(|(x, y, _)| (x, y)).collect();
        assert!(inked.len() > 100);
        assert!(inked.iter().all(|&(x, y)| (10..10 + width).contains(&x) && (10..10 + height).contains(&y)));
        write(&mut image, "cut", (-5, height as i32 + 15), [0; 3]);
    }
}
