//! JPEG tiles of a TIFF file, decoded strictly.
//!
//! The `tiff` crate decodes them leniently and leaves YCbCr unconverted, so they are put together and decoded here:
//! tables of the directory, then the tile. Detected are a tile that ends early or goes on too long, undefined codes,
//! wrong marks and a size other than the directory's (see `tiff_jpeg_scan`). Not detected are flipped bits
//! that happen to form other codes of the same length in sum: they give wrong pixels, as with every decoder.

use super::tiff_jpeg_scan;
use crate::error::BoxError;
use crate::geometry::Size;
use image::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

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

    tiff_jpeg_scan::check(&jpeg).map_err(|reason| format!("damaged JPEG: {reason}"))?;
    let edges = (size.width as usize, size.height as usize);
    let strict = DecoderOptions::default().set_strict_mode(true).set_max_width(edges.0).set_max_height(edges.1);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), strict);
    decoder.decode_headers()?;
    let (Some(info), Some(own)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err("the JPEG has no header".into());
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    if width != size.width || height > size.height || height < rows {
        return Err(format!("the JPEG has {width} x {height} pixels, the directory says {size}").into());
    }
    // The same colour space out as in: no conversion but ours.
    decoder.set_options(strict.jpeg_set_out_colorspace(own));
    let samples = decoder.decode()?;
    let per_pixel = samples.len() / (width as usize * height as usize);
    let rgb: Vec<u8> = match (color, per_pixel) {
        (Color::Gray, 1) => samples.iter().flat_map(|v| [*v; 3]).collect(),
        (Color::InvertedGray, 1) => samples.iter().flat_map(|v| [255 - *v; 3]).collect(),
        (Color::Rgb, 3) => samples,
        (Color::YCbCr, 3) => samples.as_chunks().0.iter().flat_map(|pixel| rgb_of_ycbcr(*pixel)).collect(),
        (color, count) => return Err(format!("the JPEG has {count} samples a pixel, which is not {color:?}").into()),
    };
    RgbImage::from_raw(width, height, rgb).ok_or_else(|| "the JPEG has too few pixels".into())
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
