//! JPEG as the published scripts put images and masks through it: OpenCV's usual quality, and masks cut where they are
//! exactly white afterwards.

use crate::error::{Error, Result};
use crate::geometry::Size;
use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, ImageFormat, RgbImage};

/// What OpenCV compresses with unless told otherwise.
const QUALITY: u8 = 95;

/// The image after so many times of compression (trap T-25). Its colours are not subsampled, so it loses a little less
/// than with OpenCV.
///
/// # Errors
/// The encoder fails.
pub fn image(mut image: RgbImage, times: u32) -> Result<RgbImage> {
    for _ in 0..times {
        let mut file = Vec::new();
        let written = image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY));
        written.map_err(Error::compute("compressing an image as published"))?;
        image = decoded(&file)?.into_rgb8();
    }
    Ok(image)
}

/// What is left of a mask (0 is background) that is stored as 0 and 255, compressed so many times and taken for object
/// only where it is exactly 255 (trap T-5): blocks of 8 x 8 pixels that an edge crosses lose object pixels. Which ones differs a
/// little from OpenCV, since the codecs round differently.
///
/// # Errors
/// The encoder fails.
///
/// # Panics
/// Unless there is one label a pixel.
pub fn mask(labels: &[u32], size: Size, times: u32) -> Result<Vec<u32>> {
    let white = labels.iter().map(|&label| if label == 0 { 0 } else { 255 }).collect();
    let mut grey = GrayImage::from_raw(size.width, size.height, white).expect("one label a pixel");
    for _ in 0..times {
        let mut file = Vec::new();
        let written = grey.write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY));
        written.map_err(Error::compute("compressing a mask as published"))?;
        grey = decoded(&file)?.into_luma8();
    }
    Ok(labels.iter().zip(grey.as_raw()).map(|(&label, &level)| if level == 255 { label } else { 0 }).collect())
}

fn decoded(file: &[u8]) -> Result<image::DynamicImage> {
    image::load_from_memory_with_format(file, ImageFormat::Jpeg).map_err(Error::compute("decompressing an image"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Made by `tests/golden/jpeg_masks.py` with libjpeg-turbo.
    #[derive(Deserialize)]
    struct Golden {
        edge: u32,
        object: u64,
        left: [u64; 2],
    }

    #[test]
    fn masks_lose_what_they_lose_in_libjpeg() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/jpeg_masks.json")).unwrap();
        let ellipses: [[f64; 4]; 4] = [
            [60.0, 70.0, 40.0, 30.0],
            [180.0, 60.0, 30.0, 45.0],
            [70.0, 190.0, 50.0, 25.0],
            [190.0, 185.0, 38.0, 38.0],
        ];
        let inside = |x: f64, y: f64| {
            ellipses.iter().any(|[cx, cy, a, b]| ((x - cx) / a).powi(2) + ((y - cy) / b).powi(2) <= 1.0)
        };
        let edge = golden.edge;
        let labels: Vec<u32> =
            (0..edge * edge).map(|i| 7 * u32::from(inside(f64::from(i % edge), f64::from(i / edge)))).collect();
        let count = |labels: &[u32]| labels.iter().filter(|&&label| label == 7).count() as u64;
        assert_eq!(count(&labels), golden.object, "the same mask");
        assert_eq!(mask(&labels, Size::new(edge, edge), 0).unwrap(), labels);
        for (times, want) in [(1, golden.left[0]), (2, golden.left[1])] {
            let left = mask(&labels, Size::new(edge, edge), times).unwrap();
            assert!(left.iter().zip(&labels).all(|(left, label)| *left == 0 || left == label), "nothing is gained");
            let off = count(&left).abs_diff(want) as f64 / golden.object as f64;
            // Of what a tenth of the object loses, a fifteenth hangs on how the codecs round.
            assert!(off < 0.01, "{} pixels left after {times}, {want} with libjpeg", count(&left));
        }
    }

    #[test]
    fn images_change_a_little_and_keep_their_size() {
        let before =
            RgbImage::from_fn(50, 35, |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, ((x * y) % 251) as u8]));
        let after = super::image(before.clone(), 3).unwrap();
        assert_eq!(after.dimensions(), before.dimensions());
        let off: u64 = before.as_raw().iter().zip(after.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let off = off as f64 / before.as_raw().len() as f64;
        assert!(off > 0.2 && off < 12.0, "{off}");
        assert_eq!(super::image(before.clone(), 0).unwrap(), before);
    }
}
