//! Nuclei by classical means: what a trained model must beat.
//!
//! Colour deconvolution (Ruifrok and Johnston, Anal Quant Cytol Histol 2001) against the image's own background, smoothing,
//! Otsu's threshold (IEEE Trans SMC 1979) on the density of hematoxylin, and the watershed of the distances to the rim
//! that the models' objects go through too.

use super::landscape::smooth;
use super::watershed::{LabelMap, instances};
use crate::config::{ClassRole, ModelClass, Postprocessing};
use crate::geometry::Size;
use crate::tile::ProbabilityMaps;
use image::{GrayImage, RgbImage};
use imageproc::contrast::otsu_level;

/// Optical densities per unit of hematoxylin, eosin and the residual, in red, green and blue; rows have length 1.
const STAINS: [[f32; 3]; 3] = [[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]];
/// Sigma of the smoothing, micrometres.
const SMOOTHING_UM: f64 = 0.5;
/// Density at which the scale of 256 grey levels for Otsu's threshold ends.
const DENSEST: f32 = 2.0;
/// Nuclei absorb at least so much more than the background; below it Otsu's threshold parts noise from noise.
const LEAST_DENSITY: f32 = 0.15;

/// The nuclei of an image of `mpp` micrometres per pixel.
pub fn nuclei(image: &RgbImage, mpp: f64) -> LabelMap {
    let size = Size::new(image.width(), image.height());
    let mut density = hematoxylin(image);
    smooth(&mut density, size, (SMOOTHING_UM / mpp) as f32);
    let levels = density.iter().map(|d| (d / DENSEST * 255.0).clamp(0.0, 255.0) as u8).collect();
    let threshold = match GrayImage::from_raw(size.width, size.height, levels) {
        Some(levels) => (f32::from(otsu_level(&levels)) / 255.0 * DENSEST).max(LEAST_DENSITY),
        None => f32::INFINITY,
    };
    let inside: Vec<u8> = density.iter().map(|&d| if d > threshold { 255 } else { 0 }).collect();
    let mut values: Vec<u8> = inside.iter().map(|v| 255 - v).collect();
    values.extend(inside);
    let class = |name: &str, role| ModelClass { name: name.into(), role, color: [0; 3] };
    let classes = [class("Background", ClassRole::Background), class("Nucleus", ClassRole::Object)];
    let maps = ProbabilityMaps { classes: 2, width: size.width, height: size.height, values };
    let post = Postprocessing { seed_sigma_px: (0.75 / mpp) as f32, ..Postprocessing::default() };
    instances(&maps, &classes, &post, mpp)
}

/// Density of hematoxylin in each pixel, 0 or more.
fn hematoxylin(image: &RgbImage) -> Vec<f32> {
    let background: [f32; 3] = std::array::from_fn(|c| {
        let mut values: Vec<u8> = image.pixels().map(|p| p[c]).collect();
        let at = values.len() * 95 / 100;
        f32::from(*values.select_nth_unstable(at).1).max(1.0)
    });
    let weights = first_row_of_inverse(STAINS);
    let of = |p: &image::Rgb<u8>| {
        let density = |c: usize| ((background[c] + 1.0) / (f32::from(p[c]) + 1.0)).ln().max(0.0);
        (0..3).map(|c| weights[c] * density(c)).sum::<f32>().max(0.0)
    };
    image.pixels().map(of).collect()
}

/// What turns optical densities into amounts of the first stain: `density = amounts * stains`, solved for the first.
fn first_row_of_inverse(s: [[f32; 3]; 3]) -> [f32; 3] {
    let cross =
        |a: [f32; 3], b: [f32; 3]| [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let normal = cross(s[1], s[2]);
    let determinant: f32 = (0..3).map(|c| s[0][c] * normal[c]).sum();
    normal.map(|n| n / determinant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Discs of radius 8 at these centres, on a ground of this colour.
    fn discs(centres: &[(i32, i32)], ground: [u8; 3]) -> RgbImage {
        let inside = |x: i32, y: i32| centres.iter().any(|c| (x - c.0).pow(2) + (y - c.1).pow(2) <= 64);
        RgbImage::from_fn(96, 64, |x, y| Rgb(if inside(x as i32, y as i32) { [90, 60, 140] } else { ground }))
    }

    #[test]
    fn touching_discs_are_parted_and_others_left_whole() {
        let map = nuclei(&discs(&[(20, 20), (34, 20), (70, 40)], [235, 225, 235]), 0.5);
        assert_eq!(map.count, 3);
    }

    #[test]
    fn the_grounds_shade_does_not_matter() {
        for ground in [[250, 250, 250], [210, 200, 225]] {
            assert_eq!(nuclei(&discs(&[(20, 20), (70, 40)], ground), 0.5).count, 2, "{ground:?}");
        }
    }

    #[test]
    fn pink_fibres_are_no_nuclei() {
        let fibres = RgbImage::from_fn(96, 64, |_, y| Rgb(if y % 16 < 5 { [235, 150, 190] } else { [245, 240, 245] }));
        assert_eq!(nuclei(&fibres, 0.5).count, 0);
    }

    #[test]
    fn deconvolution_inverts_the_mixture() {
        let weights = first_row_of_inverse(STAINS);
        for (stain, expected) in STAINS.iter().zip([1.0, 0.0, 0.0]) {
            let amount: f32 = (0..3).map(|c| weights[c] * stain[c]).sum();
            assert!((amount - expected).abs() < 1e-5, "{amount} for {expected}");
        }
    }
}
