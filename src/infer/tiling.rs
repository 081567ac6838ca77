//! A whole image in tiles whose halos overlap; every pixel is answered for once.

use crate::error::{Error, Result};
use image::RgbImage;

/// A part of an image that a network looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Left and top edge in pixels of the image; negative where it reaches outside.
    pub origin: [i64; 2],
    /// Width and height in pixels.
    pub size: [i64; 2],
    /// Left and top edge, inside the window, of what it answers for.
    pub inner: [i64; 2],
    /// Width and height of what it answers for.
    pub kept: [i64; 2],
}

/// The windows of an image, row by row: one window, a multiple of `stride` wide and high, for an image that is not much
/// larger than a tile; else tiles of `tile` pixels that answer for what is left without a halo of `halo` on each side.
///
/// # Panics
/// Unless the halo leaves a core and `stride` is 1 or more.
pub fn windows(width: u32, height: u32, tile: u32, halo: u32, stride: u32) -> Vec<Vec<Window>> {
    assert!(tile > 2 * halo && stride > 0, "a halo of {halo} leaves nothing of a tile of {tile}");
    let [width, height, tile, halo, stride] = [width, height, tile, halo, stride].map(i64::from);
    if width * height <= tile * tile * 3 / 2 {
        let up = |n: i64| (n + stride - 1) / stride * stride;
        let size = [up(width), up(height)];
        return vec![vec![Window { origin: [0, 0], size, inner: [0, 0], kept: [width, height] }]];
    }
    let core = tile - 2 * halo;
    let starts = |n: i64| (0..n).step_by(core as usize);
    let row = |y: i64| {
        let window = |x: i64| Window {
            origin: [x - halo, y - halo],
            size: [tile, tile],
            inner: [halo, halo],
            kept: [core.min(width - x), core.min(height - y)],
        };
        starts(width).map(window).collect()
    };
    starts(height).map(row).collect()
}

/// Are all images of one size that is a multiple of a network's stride?
///
/// # Errors
/// [`Error::Shape`] in the name of `model`.
pub fn check(model: &str, images: &[&RgbImage], stride: u32) -> Result<()> {
    let Some((width, height)) = images.first().map(|image| image.dimensions()) else { return Ok(()) };
    let whole = |pixels: u32| i64::from(pixels.next_multiple_of(stride).max(stride));
    let count = images.len() as i64;
    let want = [count, 3, whole(height), whole(width)];
    let odd = images.iter().map(|image| image.dimensions()).find(|&size| size != (width, height));
    let (w, h) = odd.unwrap_or((width, height));
    let got = [count, 3, i64::from(h), i64::from(w)];
    if want == got { Ok(()) } else { Err(Error::Shape { model: model.to_owned(), want, got }) }
}

impl Window {
    /// Its pixels; outside the image lies its mirror.
    pub fn pixels(&self, image: &RgbImage) -> RgbImage {
        let (image_width, image_height) = (i64::from(image.width()), i64::from(image.height()));
        let mirror = |i: i64, n: i64| {
            let folded = i.rem_euclid(2 * n);
            folded.min(2 * n - 1 - folded) as u32
        };
        let [x, y] = self.origin;
        let [width, height] = self.size;
        let columns: Vec<usize> = (x..x + width).map(|u| mirror(u, image_width) as usize * 3).collect();
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for v in y..y + height {
            let row = &image.as_raw()[mirror(v, image_height) as usize * image_width as usize * 3..];
            columns.iter().for_each(|&at| pixels.extend_from_slice(&row[at..at + 3]));
        }
        RgbImage::from_raw(width as u32, height as u32, pixels).expect("three bytes a pixel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_answered_for_once() {
        for (width, height) in [(100, 70), (64, 64), (1, 300), (129, 33), (200, 200)] {
            let mut seen = vec![0; width * height];
            for window in windows(width as u32, height as u32, 64, 16, 4).into_iter().flatten() {
                assert!(window.size.iter().all(|edge| edge % 4 == 0), "{window:?}");
                for v in 0..window.kept[1] {
                    for u in 0..window.kept[0] {
                        let (x, y) = (window.origin[0] + window.inner[0] + u, window.origin[1] + window.inner[1] + v);
                        seen[y as usize * width + x as usize] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{width} x {height}");
        }
    }

    #[test]
    fn outside_the_image_lies_its_mirror() {
        let image = RgbImage::from_fn(3, 1, |x, _| image::Rgb([x as u8; 3]));
        let window = Window { origin: [-2, 0], size: [8, 2], inner: [0, 0], kept: [3, 1] };
        let row: Vec<u8> = window.pixels(&image).pixels().take(8).map(|p| p[0]).collect();
        assert_eq!(row, [1, 0, 0, 1, 2, 2, 1, 0]);
    }
}
