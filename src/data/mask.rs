//! Masks in files: numbers of objects, or object and background.

use crate::error::{Error, Result};
use crate::geometry::Size;
use image::DynamicImage;
use std::path::Path;

pub(super) fn decode(path: &Path) -> Result<DynamicImage> {
    image::open(path).map_err(|e| Error::dataset(path, e.to_string()))
}

/// Pixels of a mask or image file.
///
/// # Errors
/// [`Error::Dataset`] if the file is none or damaged.
pub fn size(path: &Path) -> Result<Size> {
    let (width, height) = image::image_dimensions(path).map_err(|e| Error::dataset(path, e.to_string()))?;
    Ok(Size::new(width, height))
}

/// The grey levels of a mask file, as numbers, row-major.
///
/// # Errors
/// [`Error::Dataset`] for a file that cannot be decoded or is in colour.
pub fn grey(path: &Path) -> Result<Vec<u32>> {
    numbers(decode(path)?, path)
}

/// The grey levels of a decoded mask; `path` is for the error if it is in colour.
pub(super) fn numbers(mask: DynamicImage, path: &Path) -> Result<Vec<u32>> {
    match mask {
        DynamicImage::ImageLuma8(mask) => Ok(mask.into_raw().into_iter().map(u32::from).collect()),
        DynamicImage::ImageLuma16(mask) => Ok(mask.into_raw().into_iter().map(u32::from).collect()),
        other => {
            let mask = other.into_rgb8();
            if mask.pixels().any(|p| p[0] != p[1] || p[1] != p[2]) {
                let reason = "is in colour; a mask is grey, 8 or 16 bit, with 0 for background";
                return Err(Error::dataset(path, reason));
            }
            Ok(mask.pixels().map(|p| u32::from(p[0])).collect())
        }
    }
}

/// 1 where the mask file says object, row-major: from 128 up, or at 1 where nothing is above 1.
///
/// # Errors
/// As [`grey`], and for a highest grey level between 2 and 127 or above 255.
pub fn binary(path: &Path) -> Result<Vec<u32>> {
    let mut mask = grey(path)?;
    let highest = mask.iter().copied().max().unwrap_or(0);
    let threshold = match highest {
        0 | 1 => 1,
        128..=255 => 128,
        _ => {
            let reason = format!("has a highest grey level of {highest}; a binary mask has 0 and 1 or 0 and 255");
            return Err(Error::dataset(path, reason));
        }
    };
    mask.iter_mut().for_each(|value| *value = u32::from(*value >= threshold));
    Ok(mask)
}
