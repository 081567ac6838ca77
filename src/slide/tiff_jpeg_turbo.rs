//! JPEG tiles through libjpeg-turbo, whose every warning is an error here.
//!
//! OpenSlide decodes with the same library and the same settings (slow integer transform, smoothed chroma), so the pixels are the same.

use super::tiff_jpeg::{Color, fits};
use crate::error::BoxError;
use crate::geometry::Size;
use image::RgbImage;
use std::cell::RefCell;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

thread_local! {
    /// One decompressor a thread: making one costs more than small tiles do.
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
}

/// Decodes one complete JPEG of `size` pixels; the last strip may have fewer rows, `rows` at least.
pub(super) fn decode(jpeg: &[u8], color: Color, size: Size, rows: u32) -> Result<RgbImage, BoxError> {
    let jpeg = marked(jpeg, color)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = match kept.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new()?,
        };
        let picture = with(&mut decompressor, &jpeg, color, size, rows)?;
        // One that has met damage is not used again: it stumbles over the next, sound tile.
        *kept = Some(decompressor);
        Ok(picture)
    })
}

fn with(
    decompressor: &mut Decompressor,
    jpeg: &[u8],
    color: Color,
    size: Size,
    rows: u32,
) -> Result<RgbImage, BoxError> {
    let header = decompressor.read_header(jpeg).map_err(|error| format!("damaged JPEG: {error}"))?;
    let (width, height) = (header.width as u32, header.height as u32);
    fits(width, height, size, rows)?;
    let gray = matches!(color, Color::Gray | Color::InvertedGray);
    if gray != (header.colorspace == Colorspace::Gray) {
        return Err(format!("the JPEG's samples are {:?}, which is not {color:?}", header.colorspace).into());
    }
    let mut picture = RgbImage::new(width, height);
    let (pixels, pitch) = (&mut *picture, 3 * header.width);
    let image = Image { pixels, width: header.width, pitch, height: header.height, format: PixelFormat::RGB };
    // A warning (data that end early, are left over or hold no code) comes as an error too.
    decompressor.decompress(jpeg, image).map_err(|error| format!("damaged JPEG: {error}"))?;
    if color == Color::InvertedGray {
        picture.iter_mut().for_each(|value| *value = 255 - *value);
    }
    Ok(picture)
}

/// The JPEG with the directory's word on its colours in place of its own marks: libjpeg asks JFIF's and Adobe's marks, and
/// takes tiles without any for YCbCr.
fn marked(jpeg: &[u8], color: Color) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::with_capacity(jpeg.len() + 16);
    out.extend([0xFF, 0xD8]);
    let transform = match color {
        Color::Rgb => Some(0),
        Color::YCbCr => Some(1),
        Color::Gray | Color::InvertedGray => None,
    };
    if let Some(transform) = transform {
        // Marker, length, name, version, two flags, transform.
        out.extend(*b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00");
        out.push(transform);
    }
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let [0xFF, marker, after @ ..] = rest {
        match (marker, after) {
            // Fill bytes before a marker.
            (0xFF, _) => rest = &rest[1..],
            (0xDA, _) => {
                out.extend(rest);
                return Ok(out);
            }
            (_, [high, low, ..]) => {
                let end = 2 + usize::from(u16::from_be_bytes([*high, *low]));
                let segment = rest.get(..end).ok_or("the JPEG's header is cut off")?;
                if !matches!(marker, 0xE0 | 0xEE) {
                    out.extend(segment);
                }
                rest = &rest[end..];
            }
            _ => break,
        }
    }
    Err("the JPEG has no scan".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use turbojpeg::{Compressor, Subsamp};

    fn jpeg(subsampling: Subsamp) -> (RgbImage, Vec<u8>) {
        let image = RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 128]));
        let mut compressor = Compressor::new().unwrap();
        compressor.set_quality(95).unwrap();
        compressor.set_subsamp(subsampling).unwrap();
        let source =
            Image { pixels: image.as_raw().as_slice(), width: 64, pitch: 192, height: 48, format: PixelFormat::RGB };
        let bytes = compressor.compress_to_vec(source).unwrap();
        (image, bytes)
    }

    fn worst(a: &RgbImage, b: &RgbImage) -> u8 {
        a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    #[test]
    fn the_directorys_word_on_colours_wins_over_the_tiles_marks() {
        let size = Size::new(64, 48);
        for subsampling in [Subsamp::None, Subsamp::Sub2x2, Subsamp::Sub2x1] {
            let (image, bytes) = jpeg(subsampling);
            let found = decode(&bytes, Color::YCbCr, size, 48).unwrap();
            assert!(worst(&image, &found) < 30, "{subsampling:?}: {}", worst(&image, &found));
        }
        // The same samples taken for RGB: a JFIF mark says YCbCr, the directory says otherwise.
        let (_, bytes) = jpeg(Subsamp::None);
        let raw = decode(&bytes, Color::Rgb, size, 48).unwrap();
        let converted = decode(&bytes, Color::YCbCr, size, 48).unwrap();
        for (raw, want) in raw.pixels().zip(converted.pixels()) {
            let found = super::super::tiff_jpeg::rgb_of_ycbcr(raw.0);
            assert!(found.iter().zip(want.0).all(|(a, b)| a.abs_diff(b) <= 1), "{found:?} {want:?}");
        }
    }

    #[test]
    fn every_damage_is_an_error() {
        let (_, bytes) = jpeg(Subsamp::Sub2x2);
        let size = Size::new(64, 48);
        assert!(decode(&bytes[..bytes.len() / 2], Color::YCbCr, size, 48).is_err(), "cut off");
        let mut short = bytes[..bytes.len() * 3 / 4].to_vec();
        short.extend([0xFF, 0xD9]);
        assert!(decode(&short, Color::YCbCr, size, 48).is_err(), "ends early");
        let mut long = bytes[..bytes.len() - 2].to_vec();
        long.extend([0x12; 40]);
        long.extend([0xFF, 0xD9]);
        assert!(decode(&long, Color::YCbCr, size, 48).is_err(), "goes on too long");
        assert!(decode(&bytes, Color::YCbCr, Size::new(64, 32), 32).is_err(), "other size");
        assert!(decode(&bytes, Color::Gray, size, 48).is_err(), "other colours");
        for length in 0..bytes.len().min(700) {
            assert!(decode(&bytes[..length], Color::YCbCr, size, 48).is_err(), "{length} bytes");
        }
        assert!(decode(&bytes, Color::YCbCr, size, 48).is_ok(), "a sound tile after all of them");
    }
}
