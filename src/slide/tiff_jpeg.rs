//! JPEG tiles of a TIFF file, decoded strictly.
//!
//! The `tiff` crate decodes them leniently and leaves YCbCr unconverted, so they are put together and decoded here:
//! tables of the directory, then the tile. Detected are a tile that ends early or goes on too long, undefined codes,
//! wrong marks and a size other than the directory's. Not detected are flipped bits that happen to form other codes of
//! the same length in sum: they give wrong pixels, as with every decoder.

use crate::error::BoxError;
use crate::geometry::Size;
use image::RgbImage;

/// How the three samples of a pixel are to be read; the directory's word, which wins over the tile's own marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    /// Grey with 0 for white.
    InvertedGray,
    Rgb,
    YCbCr,
}

/// Decodes one tile or strip of `size` pixels; the last strip may have fewer rows, `rows` at least.
pub(super) fn decode(
    tables: Option<&[u8]>,
    tile: &[u8],
    color: Color,
    size: Size,
    rows: u32,
) -> Result<RgbImage, BoxError> {
    let [0xFF, 0xD8, body @ ..] = tile else { return Err("the tile does not begin as a JPEG does".into()) };
    if !without_padding(tile).ends_with(&[0xFF, 0xD9]) {
        return Err("the JPEG has no end mark; it is cut off".into());
    }
    let mut jpeg = Vec::with_capacity(tile.len() + tables.map_or(2, <[u8]>::len));
    match tables {
        Some(tables) => jpeg.extend(tables.strip_suffix(&[0xFF, 0xD9]).unwrap_or(tables)),
        None => jpeg.extend([0xFF, 0xD8]),
    }
    jpeg.extend(body);
    complete(jpeg, color, size, rows)
}

/// Does a JPEG of these pixels fit a tile or strip of `size` with `rows` rows at least?
pub(super) fn fits(width: u32, height: u32, size: Size, rows: u32) -> Result<(), BoxError> {
    if width == size.width && (rows..=size.height).contains(&height) {
        return Ok(());
    }
    Err(format!("the JPEG has {width} x {height} pixels, the directory says {size}").into())
}

#[cfg(feature = "jpeg-turbo")]
fn complete(jpeg: Vec<u8>, color: Color, size: Size, rows: u32) -> Result<RgbImage, BoxError> {
    super::tiff_jpeg_turbo::decode(&jpeg, color, size, rows)
}

#[cfg(not(feature = "jpeg-turbo"))]
fn complete(jpeg: Vec<u8>, color: Color, size: Size, rows: u32) -> Result<RgbImage, BoxError> {
    super::tiff_jpeg_zune::decode(jpeg, color, size, rows)
}

/// Full-range BT.601, as JFIF and TIFF use it.
pub(super) fn rgb_of_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    // `as` rounds towards zero and saturates.
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| (value + 0.5) as u8)
}

/// Without the zeros that some writers pad a tile with.
fn without_padding(tile: &[u8]) -> &[u8] {
    let end = tile.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &tile[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    fn jpeg() -> (RgbImage, Vec<u8>) {
        let image = RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 128]));
        let mut bytes = Vec::new();
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 95)).unwrap();
        (image, bytes)
    }

    #[test]
    fn ycbcr_is_converted() {
        let (image, bytes) = jpeg();
        let decoded = decode(None, &bytes, Color::YCbCr, Size::new(64, 48), 48).unwrap();
        let worst = image.as_raw().iter().zip(decoded.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(24), "differs by {worst:?}");
        assert_eq!(rgb_of_ycbcr([255, 128, 128]), [255; 3]);
        assert_eq!(rgb_of_ycbcr([76, 85, 255]), [254, 0, 0]);
    }

    #[test]
    fn damage_is_an_error() {
        let (_, bytes) = jpeg();
        let size = Size::new(64, 48);
        assert!(decode(None, &bytes[..bytes.len() / 2], Color::YCbCr, size, 48).is_err(), "cut off");
        let mut short = bytes[..bytes.len() * 3 / 4].to_vec();
        short.extend([0xFF, 0xD9]);
        assert!(decode(None, &short, Color::YCbCr, size, 48).is_err(), "ends early");
        assert!(decode(None, &bytes, Color::YCbCr, Size::new(64, 32), 32).is_err(), "other size");
        assert!(decode(None, &bytes, Color::Gray, size, 48).is_err(), "other colours");
        assert!(decode(None, &[0; 100], Color::YCbCr, size, 48).is_err(), "zeros");
    }
}
