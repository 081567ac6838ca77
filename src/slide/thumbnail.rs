//! The whole slide in one small picture, read block by block so that memory does not depend on the slide.

use super::SlideSource;
use crate::error::{Error, Result};
use crate::geometry::{Rect, Size};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{GenericImage, RgbImage};

/// Source pixels along an edge of one block.
const BLOCK_PX: f64 = 2048.0;

/// The slide as an image whose longer edge has `max_edge` pixels, or its own size if that is smaller.
///
/// It is reduced by area averages from the coarsest level that is fine enough.
///
/// # Errors
/// [`Error::Config`] if `max_edge` is 0; whatever [`SlideSource::read`] says.
pub fn thumbnail(slide: &dyn SlideSource, max_edge: u32) -> Result<RgbImage> {
    if max_edge == 0 {
        return Err(Error::config("size", max_edge, "a thumbnail needs at least 1 pixel"));
    }
    let info = slide.info();
    let base = info.size();
    let shrink = (f64::from(base.width.max(base.height)) / f64::from(max_edge)).max(1.0);
    let along = |n: u32| ((f64::from(n) / shrink).round() as u32).max(1);
    let size = Size::new(along(base.width), along(base.height));
    // Only levels that have as many pixels as the result, in both directions.
    let enough = |s: Size| s.width >= size.width && s.height >= size.height;
    let level = info.levels.iter().rposition(|level| enough(level.size)).unwrap_or(0);
    let source = info.levels[level].size;
    if source == size {
        return slide.read(level as u32, Rect::whole(source));
    }

    let mut picture = RgbImage::new(size.width, size.height);
    let mut resizer = Resizer::new();
    let ratio = (ratio(source.width, size.width), ratio(source.height, size.height));
    let step = (block_edge(ratio.0), block_edge(ratio.1));
    for y in (0..size.height).step_by(step.1 as usize) {
        for x in (0..size.width).step_by(step.0 as usize) {
            let (width, height) = (step.0.min(size.width - x), step.1.min(size.height - y));
            let (left, right) = (f64::from(x) * ratio.0, (f64::from(x + width) * ratio.0).min(source.width.into()));
            let (top, bottom) = (f64::from(y) * ratio.1, (f64::from(y + height) * ratio.1).min(source.height.into()));
            let (x0, y0) = (left.floor(), top.floor());
            let region = Rect::new(x0 as i64, y0 as i64, (right.ceil() - x0) as u32, (bottom.ceil() - y0) as u32);
            let pixels = slide.read(level as u32, region)?;
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box)).crop(
                left - x0,
                top - y0,
                right - left,
                bottom - top,
            );
            let reduced = reduce(&mut resizer, &pixels, Size::new(width, height), &options)?;
            picture.copy_from(&reduced, x, y).map_err(Error::compute("assembling a thumbnail"))?;
        }
    }
    Ok(picture)
}

fn ratio(from: u32, to: u32) -> f64 {
    f64::from(from) / f64::from(to)
}

/// Result pixels along an edge of one block.
fn block_edge(ratio: f64) -> u32 {
    ((BLOCK_PX / ratio) as u32).max(1)
}

fn reduce(resizer: &mut Resizer, pixels: &RgbImage, size: Size, options: &ResizeOptions) -> Result<RgbImage> {
    let what = "reducing a thumbnail";
    let source = ImageRef::new(pixels.width(), pixels.height(), pixels.as_raw(), PixelType::U8x3);
    let mut target = Image::new(size.width, size.height, PixelType::U8x3);
    resizer.resize(&source.map_err(Error::compute(what))?, &mut target, options).map_err(Error::compute(what))?;
    RgbImage::from_raw(size.width, size.height, target.into_vec())
        .ok_or_else(|| Error::Internal("a thumbnail block of the wrong size".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slide::synthetic::SyntheticSlide;

    #[test]
    fn the_longer_edge_is_as_asked_and_never_enlarged() {
        let slide = SyntheticSlide::new(Size::new(9000, 3000), 0.5, 7);
        assert_eq!(thumbnail(&slide, 300).unwrap().dimensions(), (300, 100));
        let small = SyntheticSlide::new(Size::new(90, 30), 0.5, 7);
        assert_eq!(thumbnail(&small, 300).unwrap().dimensions(), (90, 30));
        assert!(thumbnail(&small, 0).is_err());
    }

    #[test]
    fn blocks_leave_no_seam() {
        // 5000 px in blocks of 2048 against the same area reduced in one piece.
        let slide = SyntheticSlide::with_levels(Size::new(5000, 600), 0.5, 7, 1);
        let in_blocks = thumbnail(&slide, 1000).unwrap();
        let whole = slide.read(0, Rect::whole(Size::new(5000, 600))).unwrap();
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
        let at_once = reduce(&mut Resizer::new(), &whole, Size::new(1000, 120), &options).unwrap();
        let worst = in_blocks.as_raw().iter().zip(at_once.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "differs by {worst:?}");
    }
}
