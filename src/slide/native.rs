//! The tiles of Aperio, generic, Philips and Trestle TIFF without OpenSlide's drawing, which costs several times the decoding.
//!
//! OpenSlide has opened the file and says what there is: levels, resolution, properties. The pixels come from the directories
//! whose tiles are exactly what OpenSlide would draw; a slide that has any level for which this is not sure stays with OpenSlide.

use super::openslide::OpenSlideSource;
use super::tiff::{TiffSource, of_levels};
use super::tiff_file::{TiffFile, tag};
use super::tiff_image::TiffImage;
use super::{LevelInfo, Limits, SlideSource};
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::io::{Read, Seek};

/// Vendors whose levels are a directory each, tile beside tile.
const VENDORS: [&str; 4] = ["aperio", "generic-tiff", "philips", "trestle"];

/// The slide with its pixels read here, or as it came and why not.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn over<R: Read + Seek>(
    slide: OpenSlideSource,
    file: &mut TiffFile<R>,
    limits: &Limits,
) -> Result<Result<TiffSource, (OpenSlideSource, String)>> {
    let vendor = slide.info().vendor.clone();
    if !VENDORS.contains(&vendor.as_str()) {
        return Ok(Err((slide, format!("tiles of vendor `{vendor}` do not lie side by side"))));
    }
    let mut images = Vec::new();
    for (number, level) in slide.info().levels.iter().enumerate() {
        match image(&slide, file, level, limits)? {
            Ok(image) => images.push(image),
            Err(why) => return Ok(Err((slide, format!("level {number}: {why}")))),
        }
    }
    let mut info = slide.info().clone();
    info.reader = format!("native (libjpeg-turbo, tiff), opened by {}", info.reader);
    Ok(Ok(of_levels(info, images, Box::new(slide), limits)))
}

/// The one directory that holds a level.
fn image<R: Read + Seek>(
    slide: &OpenSlideSource,
    file: &mut TiffFile<R>,
    level: &LevelInfo,
    limits: &Limits,
) -> Result<Result<TiffImage, String>> {
    let philips = slide.info().vendor == "philips";
    let mut found = Vec::new();
    for index in 0..file.directories.len() {
        let mut number = |tag| Ok::<_, Error>(file.number(index, tag)?.unwrap_or(0));
        let tile = Size::new(number(tag::TILE_WIDTH)? as u32, number(tag::TILE_HEIGHT)? as u32);
        let size = Size::new(number(tag::WIDTH)? as u32, number(tag::HEIGHT)? as u32);
        // Philips pads its levels to whole tiles.
        let holds = |all: u32, of: u32, tile: u32| all == of || philips && all > of && all - of < tile;
        if tile.area() > 0
            && holds(size.width, level.size.width, tile.width)
            && holds(size.height, level.size.height, tile.height)
        {
            found.push(index);
        }
    }
    let [index] = found[..] else {
        return Ok(Err(format!("{} tiled directories have its size of {}", found.len(), level.size)));
    };
    match TiffImage::new(slide.path(), file, index, limits) {
        Ok(image) => Ok(image.is_plain().map_err(str::to_owned).map(|()| image)),
        Err(Error::Unsupported { reason, .. }) => Ok(Err(reason)),
        Err(error) => Err(error),
    }
}
