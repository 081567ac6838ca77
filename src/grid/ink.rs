//! Pen marks: ink is a hue that stains do not have, smooth, and in broad strokes.

use crate::config::TissueConfig;
use crate::geometry::Size;
use crate::grid::cells::Cells;
use crate::grid::color::Color;
use crate::grid::shape;
use image::{GrayImage, Luma};

/// Half the edge of the window that smoothness is judged in, cells.
const WINDOW: u32 = 2;

/// Inks in the order of [`ink_of`].
const NAMES: [&str; 4] = ["blue", "green", "red", "black"];

/// The cells under pen marks.
pub(super) struct Ink {
    /// 255 under ink.
    pub mask: GrayImage,
    /// Colour and area of what was found, square micrometres.
    pub found: Vec<(&'static str, f64)>,
}

/// Finds strokes of ink.
///
/// Colour alone would take haematoxylin for blue ink and blood for red. A stroke starts where ink-coloured cells are
/// smooth over `pen_core_um` around, and takes in the ink-coloured cells within its reach and a margin.
pub(super) fn find(cells: &Cells, config: &TissueConfig) -> Ink {
    let Size { width, height } = cells.size;
    let at = |x: u32, y: u32| Color::new(cells.colors[(y * width + x) as usize]);
    let colored = GrayImage::from_fn(width, height, |x, y| Luma([u8::from(ink_of(at(x, y)).is_some()) * 255]));
    let mut mask = GrayImage::from_fn(width, height, |x, y| {
        let smooth = colored.get_pixel(x, y).0[0] > 0 && roughness(cells, x, y) <= config.pen_roughness as f32;
        Luma([u8::from(smooth) * 255])
    });
    let none = |mask: &GrayImage| mask.iter().all(|value| *value == 0);
    if none(&mask) {
        return Ink { mask, found: Vec::new() };
    }
    shape::erode(&mut mask, shape::radius(config.pen_core_um, cells.um).max(1));
    if none(&mask) {
        return Ink { mask, found: Vec::new() };
    }
    shape::dilate(&mut mask, shape::radius(config.pen_reach_um, cells.um).max(1));
    mask.iter_mut().zip(colored.iter()).for_each(|(near, colored)| *near &= colored);
    shape::dilate(&mut mask, shape::radius(config.pen_margin_um, cells.um));
    let mut counts = [0u64; NAMES.len()];
    for (color, _) in cells.colors.iter().zip(mask.iter()).filter(|(_, ink)| **ink > 0) {
        if let Some(ink) = ink_of(Color::new(*color)) {
            counts[ink] += 1;
        }
    }
    let found = NAMES.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    Ink { mask, found: found.map(|(name, count)| (name, count as f64 * cells.um * cells.um)).collect() }
}

/// Which ink has this colour, as an index into [`NAMES`].
fn ink_of(color: Color) -> Option<usize> {
    let (hue, saturation) = (color.hue(), color.saturation());
    match hue {
        _ if color.brightest < 90 && color.chroma() < 25 => Some(3),
        195.0..250.0 if saturation > 0.55 => Some(0),
        75.0..195.0 if saturation > 0.25 => Some(1),
        _ if !(20.0..=345.0).contains(&hue) && saturation > 0.75 => Some(2),
        _ => None,
    }
}

/// Standard deviation of optical density around a cell, as a share of its mean.
fn roughness(cells: &Cells, x: u32, y: u32) -> f32 {
    let around = |at: u32, length: u32| at.saturating_sub(WINDOW)..(at + WINDOW + 1).min(length);
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for row in around(y, cells.size.height) {
        for column in around(x, cells.size.width) {
            let density = Color::new(cells.colors[(row * cells.size.width + column) as usize]).density();
            sum += density;
            squares += density * density;
            count += 1.0;
        }
    }
    let mean: f32 = sum / count;
    (squares / count - mean * mean).max(0.0).sqrt() / mean.max(0.02)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stains_are_no_ink() {
        let stains = [[226, 164, 198], [96, 62, 140], [190, 60, 80], [120, 80, 50], [150, 160, 200], [60, 40, 110]];
        for stain in stains {
            assert_eq!(ink_of(Color::new(stain)), None, "{stain:?}");
        }
    }

    #[test]
    fn inks_are_known_by_their_colour() {
        let inks = [[30, 60, 190], [40, 150, 90], [210, 30, 40], [40, 38, 45]];
        assert_eq!(inks.map(|ink| ink_of(Color::new(ink))), [Some(0), Some(1), Some(2), Some(3)]);
    }
}
