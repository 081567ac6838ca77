//! What every reader does around the decoding of a region: check it, clip it, put it on white.

use super::{LevelInfo, Limits};
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect};
use image::{GenericImage, Rgb, RgbImage};
use std::path::Path;

/// White, as a scanner sees empty glass.
pub(super) const WHITE: Rgb<u8> = Rgb([255; 3]);

/// Reads the part of `region` that lies inside the level with `read` and returns the whole region, white elsewhere.
///
/// # Errors
/// [`Error::Read`] if there is no such level or `read` fails, [`Error::Limit`] if the region is too large.
pub(super) fn read_inside(
    path: &Path,
    levels: &[LevelInfo],
    limits: &Limits,
    (level, region): (u32, Rect<Level>),
    read: impl FnOnce(&LevelInfo, Rect<Level>) -> Result<RgbImage, BoxError>,
) -> Result<RgbImage> {
    let fail = |downsample: f64, source: BoxError| Error::Read {
        path: path.to_owned(),
        level,
        x: (region.x as f64 * downsample) as i64,
        y: (region.y as f64 * downsample) as i64,
        source,
    };
    let Some(info) = levels.get(level as usize) else {
        return Err(fail(1.0, format!("the slide has {} levels, counted from 0", levels.len()).into()));
    };
    if region.size().area() > limits.region_pixels {
        return Err(Error::Limit {
            path: path.to_owned(),
            what: format!("a region of {} pixels", region.size()),
            value: region.size().area(),
            limit: limits.region_pixels,
            name: "region_pixels",
        });
    }
    let white = || RgbImage::from_pixel(region.width, region.height, WHITE);
    let Some(part) = region.intersection(&Rect::whole(info.size)) else {
        return Ok(white());
    };
    let pixels = read(info, part).map_err(|source| fail(info.downsample, source))?;
    if part == region {
        return Ok(pixels);
    }
    let mut image = white();
    let (x, y) = ((part.x - region.x) as u32, (part.y - region.y) as u32);
    image.copy_from(&pixels, x, y).map_err(|error| fail(info.downsample, error.into()))?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    const LEVELS: [LevelInfo; 1] = [LevelInfo { size: Size::new(10, 10), downsample: 1.0 }];

    fn black(region: Rect<Level>, limits: &Limits) -> Result<RgbImage> {
        read_inside(Path::new("a.svs"), &LEVELS, limits, (0, region), |_, part| {
            Ok(RgbImage::new(part.width, part.height))
        })
    }

    #[test]
    fn outside_is_white_and_inside_keeps_its_place() {
        let image = black(Rect::new(-2, 8, 4, 4), &Limits::default()).unwrap();
        assert_eq!(image.dimensions(), (4, 4));
        for (x, y, pixel) in image.enumerate_pixels() {
            assert_eq!(pixel.0 == [0; 3], x >= 2 && y < 2, "at ({x}, {y})");
        }
        assert!(black(Rect::new(100, 0, 4, 4), &Limits::default()).unwrap().pixels().all(|p| *p == WHITE));
    }

    #[test]
    fn a_region_over_the_limit_is_refused_by_name() {
        let limits = Limits { region_pixels: 15, ..Limits::default() };
        let error = black(Rect::new(0, 0, 4, 4), &limits).unwrap_err().to_string();
        assert!(error.contains("`region_pixels`") && error.contains("16"), "{error}");
    }
}
