//! PNG and JPEG images, decoded whole and served from memory.

use super::region::read_inside;
use super::tiff_image::over_white;
use super::{LevelInfo, Limits, Mpp, SlideInfo, SlideSource};
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect, Size};
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// An image in memory.
pub(super) struct PlainImage {
    path: PathBuf,
    info: SlideInfo,
    limits: Limits,
    pixels: RgbImage,
}

/// Decodes a PNG or JPEG file. 16-bit samples are scaled to 8, grey is repeated, alpha is laid over white.
///
/// # Errors
/// [`Error::Limit`] if it has more than `Limits::whole_pixels`; [`Error::BadFile`] if it is damaged.
pub(super) fn open(path: &Path, format: ImageFormat, limits: &Limits) -> Result<PlainImage> {
    let name = if format == ImageFormat::Png { "png" } else { "jpeg" };
    let damaged = |error: image::ImageError| Error::bad_file(path, format!("cannot decode this {name}: {error}"));
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut bounds = image::Limits::default();
    // Eight bytes a pixel at most, and as much again for the decoder itself.
    bounds.max_alloc = Some(limits.whole_pixels.saturating_mul(16));
    reader.limits(bounds);
    let decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size.area() > limits.whole_pixels {
        return Err(Error::Limit {
            path: path.to_owned(),
            what: format!("a {name} image of {size} pixels, which is decoded whole; save it as tiled TIFF;"),
            value: size.area(),
            limit: limits.whole_pixels,
            name: "whole_pixels",
        });
    }
    let pixels = on_white(DynamicImage::from_decoder(decoder).map_err(damaged)?);
    let info = SlideInfo {
        vendor: name.to_owned(),
        reader: name.to_owned(),
        levels: vec![LevelInfo { size, downsample: 1.0 }],
        // Resolution chunks of such files are for printers.
        mpp: Mpp::missing("micrometres per pixel"),
        properties: BTreeMap::new(),
        associated: Vec::new(),
    };
    Ok(PlainImage { path: path.to_owned(), info, limits: limits.clone(), pixels })
}

fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let rgb = rgba.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0;
        [red, green, blue].map(|value| over_white(value, alpha))
    });
    RgbImage::from_raw(rgba.width(), rgba.height(), rgb.collect()).unwrap_or_default()
}

impl SlideSource for PlainImage {
    fn path(&self) -> &Path {
        &self.path
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        read_inside(&self.path, &self.info.levels, &self.limits, (level, region), |_, part| {
            Ok::<_, BoxError>(self.pixels.view(part.x as u32, part.y as u32, part.width, part.height).to_image())
        })
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        Err(Error::bad_file(&self.path, format!("a plain image has no image `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_laid_over_white_and_sixteen_bits_are_scaled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        image::RgbaImage::from_raw(2, 1, vec![255, 0, 0, 0, 0, 0, 0, 255]).unwrap().save(&path).unwrap();
        let slide = open(&path, ImageFormat::Png, &Limits::default()).unwrap();
        assert_eq!(slide.read(0, Rect::new(0, 0, 3, 1)).unwrap().as_raw(), &[255, 255, 255, 0, 0, 0, 255, 255, 255]);
        let grey = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, vec![65_535_u16, 0x8080]).unwrap();
        grey.save(&path).unwrap();
        let slide = open(&path, ImageFormat::Png, &Limits::default()).unwrap();
        assert_eq!(slide.read(0, Rect::new(0, 0, 2, 1)).unwrap().as_raw(), &[255, 255, 255, 128, 128, 128]);
    }

    #[test]
    fn an_image_over_the_limit_is_refused_before_it_is_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        RgbImage::new(20, 20).save(&path).unwrap();
        let limits = Limits { whole_pixels: 399, ..Limits::default() };
        let error = open(&path, ImageFormat::Png, &limits).err().expect("refused");
        assert!(matches!(error, Error::Limit { value: 400, name: "whole_pixels", .. }), "{error}");
    }
}
