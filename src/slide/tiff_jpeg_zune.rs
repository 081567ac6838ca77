//! JPEG tiles through zune-jpeg, for builds without libjpeg-turbo: written in Rust, half as fast, and smoothing chroma differently.

use super::tiff_jpeg::{Color, fits, rgb_of_ycbcr};
use super::tiff_jpeg_scan;
use crate::error::BoxError;
use crate::geometry::Size;
use image::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Decodes one complete JPEG of `size` pixels; the last strip may have fewer rows, `rows` at least.
pub(super) fn decode(jpeg: Vec<u8>, color: Color, size: Size, rows: u32) -> Result<RgbImage, BoxError> {
    tiff_jpeg_scan::check(&jpeg).map_err(|reason| format!("damaged JPEG: {reason}"))?;
    let edges = (size.width as usize, size.height as usize);
    let strict = DecoderOptions::default().set_strict_mode(true).set_max_width(edges.0).set_max_height(edges.1);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), strict);
    decoder.decode_headers()?;
    let (Some(info), Some(own)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err("the JPEG has no header".into());
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    fits(width, height, size, rows)?;
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
    fn damage_is_an_error() {
        let (image, bytes) = jpeg();
        let size = Size::new(64, 48);
        let sound = decode(bytes.clone(), Color::YCbCr, size, 48).unwrap();
        let worst = image.as_raw().iter().zip(sound.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(24), "differs by {worst:?}");
        let mut short = bytes[..bytes.len() * 3 / 4].to_vec();
        short.extend([0xFF, 0xD9]);
        assert!(decode(short, Color::YCbCr, size, 48).is_err(), "ends early");
        assert!(decode(bytes.clone(), Color::YCbCr, Size::new(64, 32), 32).is_err(), "other size");
        assert!(decode(bytes, Color::Gray, size, 48).is_err(), "other colours");
    }
}
