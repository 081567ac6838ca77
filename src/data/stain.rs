//! The stains of a slide, found in its pixels, and images of how much of each there is.
//!
//! Beer and Lambert: a pixel's optical density `-log10(I / I0)` is a sum of stain vectors, each times its concentration.
//! Stained pixels lie in the plane of the two vectors, between them: the plane is that of the two principal directions
//! of their densities, and the vectors are the 1st and the 99th percentile of the angles in it. Source: Macenko et al.,
//! "A method for normalizing histology slides for quantitative analysis", ISBI 2009. The image of eosin, hematoxylin and optical
//! density, and what counts as glass, are as SHELL has them (Python package lavlab-shell 0.9.1).

use super::colour::HED;
use crate::config::Channels;
use image::{Rgb, RgbImage};
use nalgebra::{Matrix3, SymmetricEigen, Vector3};
use std::array::from_fn;
use std::borrow::Cow;
use std::slice::from_ref;

/// Directions in optical density where none can be measured.
const HEMATOXYLIN: [f64; 3] = HED[0];
const EOSIN: [f64; 3] = HED[1];
/// Pixels of less optical density tell nothing about hues (Macenko et al., section 2.2).
const LEAST_DENSITY: f64 = 0.15;
/// Stained pixels from which vectors are measured, and glass from which light is.
const LEAST_PIXELS: usize = 1000;
const LEAST_GLASS: usize = 100;
/// Intensity of light where no glass is seen.
const USUAL_LIGHT: f64 = 240.0;
/// Vectors closer than this are one stain, radians.
const LEAST_ANGLE: f64 = 0.1;

/// The two stains of a slide, the light through it, and how strong each of its channels is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Stains {
    /// Intensity of unstained light, 0 to 255.
    pub light: f64,
    /// Unit vector of eosin in optical density: red, green, blue.
    pub eosin: [f64; 3],
    /// Unit vector of hematoxylin.
    pub hematoxylin: [f64; 3],
    /// Were the vectors measured? Else they are those of textbooks, for want of stained pixels or of a second stain.
    pub measured: bool,
    /// 1st and 99th percentile of eosin, hematoxylin and optical density.
    pub ranges: [[f64; 2]; 3],
}

impl Stains {
    /// Of a slide that these images are parts of.
    pub fn of(images: &[RgbImage]) -> Self {
        let pixels = || images.iter().flat_map(|image| image.pixels());
        let light = light(pixels().filter(|pixel| is_glass(pixel)));
        let table = densities(light);
        let tissue = pixels().filter(|pixel| !is_glass(pixel)).map(|pixel| density(pixel, &table));
        let found = vectors(tissue.filter(|od| od.norm() > LEAST_DENSITY));
        let [eosin, hematoxylin] = found.unwrap_or([EOSIN, HEMATOXYLIN].map(|v| Vector3::from(v).normalize()));
        let measured = found.is_some();
        let mut stains =
            Self { light, eosin: eosin.into(), hematoxylin: hematoxylin.into(), measured, ranges: [[0.0, 1.0]; 3] };
        let rows = stains.rows();
        let ranges = from_fn(|channel| {
            let row = Vector3::from(rows[channel]);
            range(pixels().map(|pixel| row.dot(&density(pixel, &table)) as f32).collect())
        });
        stains.ranges = ranges;
        stains
    }

    /// Eosin, hematoxylin and optical density of every pixel, each stretched from its range over 0 to 255.
    pub fn separated(&self, image: &RgbImage) -> RgbImage {
        let rows = self.rows();
        let table = densities(self.light).map(|density| density as f32);
        // One product and one sum for a channel: the stretch is part of the weights.
        let channels: [([f32; 3], f32); 3] = from_fn(|channel| {
            let [low, high] = self.ranges[channel];
            let scale = 255.0 / (high - low);
            (rows[channel].map(|weight| (weight * scale) as f32), (-low * scale) as f32)
        });
        let mut out = RgbImage::new(image.width(), image.height());
        for (pixel, result) in image.as_raw().chunks_exact(3).zip(out.chunks_exact_mut(3)) {
            let [r, g, b]: [f32; 3] = from_fn(|i| table[pixel[i] as usize]);
            for (value, ([x, y, z], offset)) in result.iter_mut().zip(&channels) {
                *value = (x * r + y * g + z * b + offset).clamp(0.0, 255.0) as u8;
            }
        }
        out
    }

    /// What makes each channel of an optical density: rows of the inverse of the stain matrix, whose third vector is at
    /// right angles to both stains; and the mean.
    fn rows(&self) -> [[f64; 3]; 3] {
        let [eosin, hematoxylin] = [self.eosin, self.hematoxylin].map(Vector3::from);
        let rest = eosin.cross(&hematoxylin).normalize();
        let inverse = Matrix3::from_columns(&[eosin, hematoxylin, rest]).try_inverse();
        let inverse = inverse.expect("the vectors are `LEAST_ANGLE` apart");
        let row = |i: usize| from_fn(|j| inverse[(i, j)]);
        [row(0), row(1), [1.0 / 3.0; 3]]
    }
}

/// An image that is no part of a slide as a model wants to see it.
pub fn seen(image: &RgbImage, channels: Channels) -> Cow<'_, RgbImage> {
    match channels {
        Channels::Rgb => Cow::Borrowed(image),
        Channels::MacenkoEho => Cow::Owned(Stains::of(from_ref(image)).separated(image)),
    }
}

/// Bright and without colour.
fn is_glass(Rgb(pixel): &Rgb<u8>) -> bool {
    let (most, least) = (f64::from(*pixel.iter().max().unwrap_or(&0)), f64::from(*pixel.iter().min().unwrap_or(&0)));
    most > 0.83 * 255.0 && most - least < 0.12 * most
}

/// Mean intensity of glass. Pure white is paper or padding rather than glass, and is asked only where there is no other.
fn light<'a>(glass: impl Iterator<Item = &'a Rgb<u8>>) -> f64 {
    let [mut glass_sum, mut all_sum, mut glass_count, mut all_count] = [0.0, 0.0, 0.0, 0.0];
    for Rgb(pixel) in glass {
        let mean = pixel.iter().map(|&v| f64::from(v)).sum::<f64>() / 3.0;
        (all_sum, all_count) = (all_sum + mean, all_count + 1.0);
        if *pixel != [255; 3] {
            (glass_sum, glass_count) = (glass_sum + mean, glass_count + 1.0);
        }
    }
    let enough = LEAST_GLASS as f64;
    let mean = match (glass_count >= enough, all_count >= enough) {
        (true, _) => glass_sum / glass_count,
        (false, true) => all_sum / all_count,
        (false, false) => return USUAL_LIGHT,
    };
    mean.clamp(200.0, 255.0)
}

/// Optical density of each value.
fn densities(light: f64) -> [f64; 256] {
    from_fn(|value| -((value as f64).clamp(1.0, light) / light).log10())
}

fn density(Rgb(pixel): &Rgb<u8>, table: &[f64; 256]) -> Vector3<f64> {
    Vector3::from(pixel.map(|value| table[usize::from(value)]))
}

/// Eosin and hematoxylin as unit vectors, or `None` without enough stained pixels or without a second stain.
fn vectors(stained: impl Iterator<Item = Vector3<f64>> + Clone) -> Option<[Vector3<f64>; 2]> {
    let none = (Matrix3::zeros(), Vector3::zeros(), 0);
    let (squares, sum, count) =
        stained.clone().fold(none, |(squares, sum, n), od| (squares + od * od.transpose(), sum + od, n + 1));
    if count < LEAST_PIXELS {
        return None;
    }
    let mean = sum / count as f64;
    // Directions of variation: seen from the origin, the second one is that of the noise where one stain prevails.
    let eigen = SymmetricEigen::new(squares / count as f64 - mean * mean.transpose());
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let axis = |i: usize| eigen.eigenvectors.column(order[i]).into_owned();
    // Densities are positive, so the first axis is, too, once it points their way.
    let (first, second) = (if axis(0).sum() < 0.0 { -axis(0) } else { axis(0) }, axis(1));
    let [low, high] = range(stained.map(|od| second.dot(&od).atan2(first.dot(&od)) as f32).collect());
    if high - low < LEAST_ANGLE {
        return None;
    }
    let ends = [low, high].map(|angle| first * angle.cos() + second * angle.sin());
    // Hematoxylin is the bluer one: it takes more red.
    let of_hematoxylin = |v: &Vector3<f64>| v.dot(&Vector3::from(HEMATOXYLIN)) - v.dot(&Vector3::from(EOSIN));
    let [a, b] = ends;
    Some(if of_hematoxylin(&a) > of_hematoxylin(&b) { [b, a] } else { [a, b] })
}

/// 1st and 99th percentile; 0 and 1 of values that are all alike.
fn range(mut values: Vec<f32>) -> [f64; 2] {
    if values.is_empty() {
        return [0.0, 1.0];
    }
    let last = values.len() - 1;
    let [low, high] = [0.01, 0.99].map(|share| {
        let at = (share * last as f64).round() as usize;
        f64::from(*values.select_nth_unstable_by(at, f32::total_cmp).1)
    });
    if high - low > 1e-8 { [low, high] } else { [0.0, 1.0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two stains in every mixture, and a strip of glass.
    fn drawn(eosin: [f64; 3], hematoxylin: [f64; 3], light: f64) -> RgbImage {
        let [e, h] = [eosin, hematoxylin].map(|v| Vector3::from(v).normalize());
        RgbImage::from_fn(200, 120, |x, y| {
            let (a, b) = (f64::from(x.min(159)) / 160.0, f64::from(y) / 120.0);
            let od = if x >= 160 { Vector3::zeros() } else { e * (0.8 * a) + h * (0.9 * b) };
            Rgb(from_fn(|c| (light * 10f64.powf(-od[c])).round() as u8))
        })
    }

    fn degrees(a: [f64; 3], b: [f64; 3]) -> f64 {
        Vector3::from(a).angle(&Vector3::from(b)).to_degrees()
    }

    #[test]
    fn stains_that_were_drawn_are_found() {
        for (eosin, hematoxylin) in [([0.07, 0.99, 0.11], [0.65, 0.70, 0.29]), ([0.27, 0.85, 0.45], [0.55, 0.75, 0.36])]
        {
            let stains = Stains::of(&[drawn(eosin, hematoxylin, 238.0)]);
            assert!(stains.measured && (stains.light - 238.0).abs() < 2.0, "{stains:?}");
            let off = [degrees(stains.eosin, eosin), degrees(stains.hematoxylin, hematoxylin)];
            assert!(off.iter().all(|&angle| angle < 2.0), "{off:?} degrees off: {stains:?}");
        }
    }

    #[test]
    fn each_channel_follows_its_own_stain() {
        let image = drawn(EOSIN, HEMATOXYLIN, 240.0);
        let eho = Stains::of(from_ref(&image)).separated(&image);
        let [a, b, glass] = [(150, 10), (10, 110), (190, 60)].map(|(x, y)| eho.get_pixel(x, y).0);
        assert!(a[0] > 200 && a[1] < 40, "much eosin, little hematoxylin: {a:?}");
        assert!(b[1] > 200 && b[0] < 40, "much hematoxylin, little eosin: {b:?}");
        assert!(glass.iter().all(|&value| value < 5), "glass has nothing: {glass:?}");
        let density = [(20, 20), (80, 60), (150, 110)].map(|(x, y)| eho.get_pixel(x, y).0[2]);
        assert!(density.is_sorted() && density[0] < density[2], "{density:?}");
    }

    #[test]
    fn without_stains_those_of_textbooks_are_named_as_such() {
        let glass = RgbImage::from_pixel(100, 100, Rgb([236, 238, 240]));
        let stains = Stains::of(from_ref(&glass));
        assert!(!stains.measured && (stains.light - 238.0).abs() < 1e-9, "{stains:?}");
        assert!(degrees(stains.hematoxylin, HEMATOXYLIN) < 1e-3);
        assert_eq!(stains.separated(&glass).dimensions(), (100, 100));
        let one = Stains::of(&[drawn(HEMATOXYLIN, HEMATOXYLIN, 240.0)]);
        assert!(!one.measured && one.ranges.iter().all(|[low, high]| low < high), "{one:?}");
        assert!(!Stains::of(&[]).measured);
    }

    #[test]
    fn parts_of_a_slide_are_taken_together() {
        let image = drawn(EOSIN, HEMATOXYLIN, 235.0);
        let half = |x: u32| image::imageops::crop_imm(&image, x, 0, 100, 120).to_image();
        let [one, other] = [[half(0), half(100)], [half(100), half(0)]].map(|parts| Stains::of(&parts));
        assert!(degrees(one.eosin, other.eosin) < 1e-5 && degrees(one.hematoxylin, other.hematoxylin) < 1e-5);
        assert_eq!(one.separated(&image), other.separated(&image));
    }
}
