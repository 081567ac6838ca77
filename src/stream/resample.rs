//! Pixels of one level at the model's resolution.

use crate::error::{Error, Result};
use crate::geometry::{Level, Model, Rect};
use crate::slide::SlideSource;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Ratios closer to 1 than this are 1: over 100,000 pixels the two grids part by a tenth of a pixel.
const SAME_RATIO: f64 = 1e-6;

/// How the pixels of a model's frame lie over those of the level that they are read from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reduction {
    /// The level that is read.
    pub level: u32,
    /// Level pixels a model pixel, along each axis.
    pub ratio: f64,
}

impl Reduction {
    /// Is a tile a plain copy of level pixels?
    pub fn is_copy(&self) -> bool {
        (self.ratio - 1.0).abs() < SAME_RATIO
    }

    /// The level pixels that `tile` is computed from: all that any filter kernel inside it touches.
    pub fn region(&self, tile: Rect<Model>) -> Rect<Level> {
        if self.is_copy() {
            return Rect::new(tile.x, tile.y, tile.width, tile.height);
        }
        let margin = FILTER_SUPPORT * self.ratio.max(1.0);
        let from = |edge: i64| (edge as f64 * self.ratio - margin).floor() as i64;
        let to = |edge: i64| (edge as f64 * self.ratio + margin).ceil() as i64;
        let (x, y) = (from(tile.x), from(tile.y));
        Rect::new(x, y, (to(tile.right()) - x) as u32, (to(tile.bottom()) - y) as u32)
    }

    /// Bytes that are alive at most while a tile of `tile_px` is read, wherever it lies: the level's pixels and its own.
    pub fn most_bytes(&self, tile_px: u32) -> u64 {
        let own = u64::from(tile_px) * u64::from(tile_px) * 3;
        if self.is_copy() {
            return own;
        }
        // Rounding outwards may add one pixel to the region of a tile at another place.
        let edge = u64::from(self.region(Rect::new(0, 0, tile_px, tile_px)).width) + 1;
        own + edge * edge * 3
    }
}

/// Half the width of the filter's kernel, in the coarser one of the two pixels.
const FILTER_SUPPORT: f64 = 1.0;

/// Reads `tile` from `slide`: `tile.width x tile.height` RGB8 pixels, white outside the slide.
///
/// The level's pixels are averaged with a Hamming kernel as wide as two model pixels. Its phase follows from the
/// slide's own corner, so a pixel has the same value (within one grey level of rounding) in every tile that shows it.
///
/// # Errors
/// [`Error::Read`] if the slide's pixels cannot be read.
pub fn read(slide: &dyn SlideSource, reduction: &Reduction, tile: Rect<Model>) -> Result<RgbImage> {
    let region = reduction.region(tile);
    let source = slide.read(reduction.level, region)?;
    if reduction.is_copy() {
        return Ok(source);
    }
    let ratio = reduction.ratio;
    let (left, top) = (tile.x as f64 * ratio - region.x as f64, tile.y as f64 * ratio - region.y as f64);
    let filter = if ratio > 1.0 { FilterType::Hamming } else { FilterType::Bilinear };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
        left,
        top,
        f64::from(tile.width) * ratio,
        f64::from(tile.height) * ratio,
    );
    let (width, height) = source.dimensions();
    let from = ImageRef::new(width, height, source.as_raw(), PixelType::U8x3).map_err(Error::compute("tile source"))?;
    let mut to = Image::new(tile.width, tile.height, PixelType::U8x3);
    Resizer::new().resize(&from, &mut to, &options).map_err(Error::compute("reducing a tile"))?;
    RgbImage::from_raw(tile.width, tile.height, to.into_vec())
        .ok_or_else(|| Error::Internal(format!("a reduced tile is not {}", tile.size())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::slide::{LevelInfo, Mpp, SlideInfo};
    use std::path::Path;

    /// A slide whose pixel at (x, y) is a formula; white outside.
    struct Formula(SlideInfo, fn(i64, i64) -> [u8; 3]);

    impl Formula {
        fn new(width: u32, height: u32, pixel: fn(i64, i64) -> [u8; 3]) -> Self {
            let info = SlideInfo {
                vendor: "formula".into(),
                reader: "formula".into(),
                levels: vec![LevelInfo { size: Size::new(width, height), downsample: 1.0 }],
                mpp: Mpp::Known(0.5, 0.5),
                properties: Default::default(),
                associated: Vec::new(),
            };
            Self(info, pixel)
        }
    }

    impl SlideSource for Formula {
        fn path(&self) -> &Path {
            Path::new("formula")
        }

        fn info(&self) -> &SlideInfo {
            &self.0
        }

        fn read(&self, _level: u32, region: Rect<Level>) -> Result<RgbImage> {
            Ok(RgbImage::from_fn(region.width, region.height, |x, y| {
                let (x, y) = (region.x + i64::from(x), region.y + i64::from(y));
                let inside = Rect::<Level>::whole(self.0.size()).contains(x as f64, y as f64);
                image::Rgb(if inside { self.1(x, y) } else { [255; 3] })
            }))
        }

        fn read_associated(&self, name: &str) -> Result<RgbImage> {
            Err(Error::bad_file("formula", format!("no image {name}")))
        }
    }

    /// Strong pixel noise: nothing hides a shifted phase.
    fn noise(x: i64, y: i64) -> [u8; 3] {
        let mixed = (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        [(mixed >> 40) as u8, (mixed >> 48) as u8, (mixed >> 56) as u8]
    }

    #[test]
    fn a_pixel_is_the_same_in_every_tile_that_shows_it() {
        let slide = Formula::new(1000, 1000, noise);
        for ratio in [0.73, 1.0, 1.0063, 1.37, 2.0, 2.518, 3.9999] {
            let reduction = Reduction { level: 0, ratio };
            let (first, second) = (Rect::new(0, 0, 64, 64), Rect::new(37, 23, 64, 64));
            let common = first.intersection(&second).expect("they overlap");
            let a = read(&slide, &reduction, first).expect("readable");
            let b = read(&slide, &reduction, second).expect("readable");
            for y in common.y..common.bottom() {
                for x in common.x..common.right() {
                    let at = |image: &RgbImage, tile: Rect<Model>| image[((x - tile.x) as u32, (y - tile.y) as u32)].0;
                    let (a, b) = (at(&a, first), at(&b, second));
                    let off = a.iter().zip(&b).map(|(a, b)| a.abs_diff(*b)).max().expect("three channels");
                    assert!(off <= 1, "ratio {ratio}, pixel ({x}, {y}): {a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_reduced_pixel_lies_where_its_level_pixels_lie() {
        let slide = Formula::new(600, 600, |x, y| [(x / 4) as u8, (y / 4) as u8, 0]);
        for ratio in [1.5, 2.0, 2.8] {
            let tile = Rect::new(30, 50, 60, 60);
            let image = read(&slide, &Reduction { level: 0, ratio }, tile).expect("readable");
            for (x, y, pixel) in image.enumerate_pixels() {
                let truth = |edge: i64, n: u32| ((edge as f64 + f64::from(n) + 0.5) * ratio - 0.5) / 4.0 - 0.375;
                assert!((f64::from(pixel[0]) - truth(tile.x, x)).abs() < 1.0, "ratio {ratio}, x {x}: {pixel:?}");
                assert!((f64::from(pixel[1]) - truth(tile.y, y)).abs() < 1.0, "ratio {ratio}, y {y}: {pixel:?}");
            }
        }
    }

    #[test]
    fn at_the_level_s_own_resolution_pixels_are_copied() {
        let slide = Formula::new(300, 300, noise);
        let tile = Rect::new(17, 5, 40, 30);
        let image = read(&slide, &Reduction { level: 0, ratio: 1.0 }, tile).expect("readable");
        assert!(image.enumerate_pixels().all(|(x, y, pixel)| pixel.0 == noise(17 + i64::from(x), 5 + i64::from(y))));
    }

    #[test]
    fn outside_the_slide_a_tile_is_white() {
        let slide = Formula::new(100, 100, |_, _| [10, 20, 30]);
        for ratio in [1.0, 1.7] {
            let image = read(&slide, &Reduction { level: 0, ratio }, Rect::new(-8, -8, 16, 16)).expect("readable");
            for (x, y, pixel) in image.enumerate_pixels() {
                match (x.min(y), pixel.0) {
                    (0..7, got) => assert_eq!(got, [255; 3], "ratio {ratio} at ({x}, {y})"),
                    (9.., got) => assert_eq!(got, [10, 20, 30], "ratio {ratio} at ({x}, {y})"),
                    _ => {} // the rim mixes both
                }
            }
        }
    }

    #[test]
    fn the_bytes_of_reading_cover_every_tile_s_region() {
        assert_eq!(Reduction { level: 0, ratio: 1.0 }.most_bytes(100), 30_000);
        for ratio in [0.6, 1.3, 2.0, 3.7] {
            let reduction = Reduction { level: 0, ratio };
            let largest = (0..50).map(|x| reduction.region(Rect::new(x * 7 - 9, x * 13, 100, 100)).size().area()).max();
            let most = reduction.most_bytes(100);
            assert!(most >= 30_000 + largest.expect("fifty tiles") * 3, "ratio {ratio}: {most}");
        }
    }
}
