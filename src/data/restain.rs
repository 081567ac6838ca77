//! Virtual re-staining: images of nuclei in one stain, or in few, become training images in many.
//!
//! Beer and Lambert: an image is `I = I0 * exp(-(c_h * h + c_e * e))` with a stain vector and a density per stain. The
//! density of the nuclear stain is measured in the crop (its own vector, estimated from its darkest pixels); vectors,
//! strengths and the eosin between the nuclei are drawn. The aim is a network that knows nuclei by shape and chromatin
//! and not by the absence of eosin around them. Source of the model: Ruifrok and Johnston, Anal Quant Cytol Histol 2001.

use super::noise;
use crate::config::Restain;
use image::{Rgb, RgbImage};
use rand::{Rng, RngExt};

/// Unit vectors of hematoxylin and eosin in optical density (Ruifrok and Johnston).
const HEMATOXYLIN: [f32; 3] = [0.65, 0.70, 0.29];
const EOSIN: [f32; 3] = [0.07, 0.99, 0.11];

/// The crop in other stains, or `None` if it is left as it is: by the draw, or because nothing in it is stained. A crop
/// that holds both stains keeps what is where; only their hues and strengths change. `nuclei` has one value a pixel, row-major, not 0 inside nuclei.
pub fn restain(image: &RgbImage, nuclei: &[u32], config: &Restain, rng: &mut impl Rng) -> Option<RgbImage> {
    if rng.random::<f32>() >= config.probability {
        return None;
    }
    let density = optical_density(image);
    let (width, height) = image.dimensions();
    let stains = if mean_eosin(&density, nuclei) > config.already_eosin {
        let gain = [rng.random_range(0.6..1.5f32), rng.random_range(0.5..1.7f32)];
        density.iter().map(|&od| unmixed(od)).map(|[h, e]| [gain[0] * h, gain[1] * e]).collect()
    } else {
        around_nuclei(&nuclear_density(&density, nuclei)?, [width, height], config, rng)
    };
    Some(rendered(&stains, width, height, rng))
}

/// Densities of hematoxylin and eosin for nuclei in tissue that is drawn.
fn around_nuclei(nuclear: &[f32], [width, height]: [u32; 2], config: &Restain, rng: &mut impl Rng) -> Vec<[f32; 2]> {
    let tissue = Tissue::draw(width, height, config, rng);
    let strength = within(config.hematoxylin, rng);
    let haze = within(config.haze, rng);
    // From pale nuclei with dark rims and nucleoli to evenly dark ones.
    let chromatin = rng.random_range(0.7..1.4f32);
    let at = |i: usize| {
        // Haze and eosin belong to the tissue between the nuclei; inside them chromatin hides most of it.
        let outside = 1.0 - 0.7 * nuclear[i].min(1.0);
        let between = (haze * tissue.haze[i] + tissue.cytoplasm[i]) * outside;
        [strength * (nuclear[i].max(0.0).powf(chromatin) + between), tissue.eosin[i] * outside]
    };
    (0..nuclear.len()).map(at).collect()
}

/// The light that two stains of drawn hues let through a slide that is not quite white.
fn rendered(stains: &[[f32; 2]], width: u32, height: u32, rng: &mut impl Rng) -> RgbImage {
    let h = jittered(HEMATOXYLIN, 0.07, rng);
    let e = jittered(between([0.07, 0.99, 0.11], [0.28, 0.80, 0.52], rng.random()), 0.05, rng);
    let tint: [f32; 3] = std::array::from_fn(|_| rng.random_range(-6.0..6.0));
    let white = rng.random_range(225.0..250.0f32);
    let mut out = RgbImage::new(width, height);
    for ([c_h, c_e], pixel) in stains.iter().zip(out.pixels_mut()) {
        let channel = |c: usize| {
            let light = (white + tint[c]) * (-(c_h * h[c] + c_e * e[c])).exp();
            light.clamp(0.0, 255.0) as u8
        };
        *pixel = Rgb([channel(0), channel(1), channel(2)]);
    }
    out
}

/// What lies between the nuclei, one value a pixel.
struct Tissue {
    /// Eosin, in optical density.
    eosin: Vec<f32>,
    /// Where tissue takes up a little hematoxylin, 0 to 1.
    haze: Vec<f32>,
    /// Hematoxylin of purple cytoplasm, as a share of that of the nuclei.
    cytoplasm: Vec<f32>,
}

impl Tissue {
    fn draw(width: u32, height: u32, config: &Restain, rng: &mut impl Rng) -> Self {
        let dense = within(config.eosin, rng);
        let ground = noise::cloud(width, height, rng.random_range(20.0..80.0), 4, 0.6, rng);
        let angle = rng.random_range(0.0..std::f32::consts::PI);
        let stretch = rng.random_range(2.0..12.0);
        let fibres = noise::field(width, height, rng.random_range(2.0..7.0), stretch, angle, rng);
        let fibrous: f32 = rng.random_range(0.0..0.8);
        let contrast: f32 = rng.random_range(0.5..2.0);
        let floor: f32 = rng.random_range(0.1..0.9);
        let mut eosin: Vec<f32> = ground
            .iter()
            .zip(&fibres)
            .map(|(g, f)| {
                let texture = ((g - 0.5) * contrast + 0.5).clamp(0.0, 1.0) * (1.0 - fibrous) + f * fibrous;
                dense * (floor + (1.0 - floor) * texture)
            })
            .collect();
        // Fibres, keratin and red cells: sharp, dense and pink, about as large as nuclei.
        for stretch in [rng.random_range(3.0..15.0), 1.0] {
            if rng.random::<f32>() < config.distractors {
                let angle = rng.random_range(0.0..std::f32::consts::PI);
                let shapes = noise::field(width, height, rng.random_range(4.0..14.0), stretch, angle, rng);
                let (edge, steep) = (rng.random_range(0.5..0.75), rng.random_range(6.0..40.0));
                let extra = rng.random_range(0.2..1.5);
                for (value, shape) in eosin.iter_mut().zip(shapes) {
                    *value += extra * ((shape - edge) * steep).clamp(0.0, 1.0);
                }
            }
        }
        let haze = noise::cloud(width, height, rng.random_range(10.0..50.0), 3, 0.5, rng);
        let mut cytoplasm = vec![0.0; haze.len()];
        if rng.random::<f32>() < config.cytoplasm {
            let patches = noise::cloud(width, height, rng.random_range(15.0..50.0), 2, 0.3, rng);
            let (edge, steep, depth) =
                (rng.random_range(0.35..0.6), rng.random_range(5.0..30.0), rng.random_range(0.1..0.66));
            for (value, patch) in cytoplasm.iter_mut().zip(patches) {
                *value = depth * ((patch - edge) * steep).clamp(0.0, 1.0);
            }
        }
        if rng.random::<f32>() < config.gaps {
            let holes = noise::cloud(width, height, rng.random_range(30.0..90.0), 2, 0.4, rng);
            let edge = rng.random_range(0.25..0.45);
            for ((eosin, purple), hole) in eosin.iter_mut().zip(&mut cytoplasm).zip(holes) {
                // A soft edge a few pixels wide, as tissue has in focus.
                let tissue = ((hole - edge) * 20.0).clamp(0.0, 1.0);
                *eosin *= tissue;
                *purple *= tissue;
            }
        }
        Self { eosin, haze, cytoplasm }
    }
}

/// Optical density of each pixel against the image's own background: the 98th percentile of each channel.
fn optical_density(image: &RgbImage) -> Vec<[f32; 3]> {
    let mut tables = [[0.0f32; 256]; 3];
    for (c, table) in tables.iter_mut().enumerate() {
        let mut histogram = [0u32; 256];
        for pixel in image.pixels() {
            histogram[usize::from(pixel[c])] += 1;
        }
        let mut above = (image.width() * image.height()) / 50;
        let mut background = 255;
        while background > 1 && histogram[background] <= above {
            above -= histogram[background];
            background -= 1;
        }
        for (value, density) in table.iter_mut().enumerate() {
            *density = ((background as f32 + 1.0) / (value as f32 + 1.0)).ln().max(0.0);
        }
    }
    image.pixels().map(|p| std::array::from_fn(|c| tables[c][usize::from(p[c])])).collect()
}

/// Densities along hematoxylin and eosin, by least squares on the two stain vectors; none is below 0.
fn unmixed(od: [f32; 3]) -> [f32; 2] {
    let (hh, ee, he) = (dot(HEMATOXYLIN, HEMATOXYLIN), dot(EOSIN, EOSIN), dot(HEMATOXYLIN, EOSIN));
    let determinant = hh * ee - he * he;
    let (h, e) = (dot(od, HEMATOXYLIN), dot(od, EOSIN));
    [(h * ee - e * he) / determinant, (e * hh - h * he) / determinant].map(|density| density.max(0.0))
}

/// Mean density along eosin between the nuclei.
fn mean_eosin(density: &[[f32; 3]], nuclei: &[u32]) -> f32 {
    let between = density.iter().zip(nuclei).filter(|(_, label)| **label == 0);
    let (sum, count) = between.fold((0.0, 0u32), |(sum, count), (&od, _)| (sum + unmixed(od)[1], count + 1));
    sum / count.max(1) as f32
}

/// Density along the crop's own nuclear stain, scaled so that its nuclei have 1 on average.
fn nuclear_density(density: &[[f32; 3]], nuclei: &[u32]) -> Option<Vec<f32>> {
    let mut sum = [0.0f32; 3];
    let mut pixels = 0u32;
    for (od, _) in density.iter().zip(nuclei).filter(|(_, label)| **label != 0) {
        pixels += 1;
        for c in 0..3 {
            sum[c] += od[c];
        }
    }
    let length = dot(sum, sum).sqrt();
    // Without nuclei, or with ones that do not differ from the background, there is nothing to measure the stain on.
    if pixels < 50 || length / (pixels as f32) < 0.05 {
        return None;
    }
    let vector = sum.map(|v| v / length);
    let mean = length / pixels as f32;
    Some(density.iter().map(|&od| dot(od, vector) / mean).collect())
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn within([from, to]: [f32; 2], rng: &mut impl Rng) -> f32 {
    rng.random_range(from..to)
}

fn between(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * t)
}

/// A unit vector near `vector`.
fn jittered(vector: [f32; 3], by: f32, rng: &mut impl Rng) -> [f32; 3] {
    let moved: [f32; 3] = vector.map(|v| (v + rng.random_range(-by..by)).max(0.01));
    let length = dot(moved, moved).sqrt();
    moved.map(|v| v / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Purple discs on a pale ground, and where they are.
    fn purple_nuclei() -> (RgbImage, Vec<u32>) {
        let inside = |x: u32, y: u32| (x % 32).abs_diff(16).pow(2) + (y % 32).abs_diff(16).pow(2) < 64;
        let image =
            RgbImage::from_fn(128, 128, |x, y| if inside(x, y) { Rgb([90, 40, 150]) } else { Rgb([225, 220, 235]) });
        let nuclei = image.pixels().map(|p| u32::from(p[0] == 90)).collect();
        (image, nuclei)
    }

    fn always() -> Restain {
        Restain { probability: 1.0, ..Restain::default() }
    }

    #[test]
    fn nuclei_stay_darker_than_what_surrounds_them() {
        let (image, nuclei) = purple_nuclei();
        for seed in 0..20 {
            let out = restain(&image, &nuclei, &always(), &mut ChaCha8Rng::seed_from_u64(seed)).expect("re-stained");
            let mean_red = |label: u32| {
                let of = out.pixels().zip(&nuclei).filter(|(_, n)| **n == label).map(|(p, _)| f64::from(p[0]));
                let values: Vec<f64> = of.collect();
                values.iter().sum::<f64>() / values.len() as f64
            };
            assert!(mean_red(1) + 10.0 < mean_red(0), "seed {seed}: {} against {}", mean_red(1), mean_red(0));
        }
    }

    #[test]
    fn the_ground_takes_on_eosin() {
        let (image, nuclei) = purple_nuclei();
        let config = Restain { eosin: [0.7, 0.9], gaps: 0.0, ..always() };
        let out = restain(&image, &nuclei, &config, &mut ChaCha8Rng::seed_from_u64(3)).expect("re-stained");
        assert!(mean_eosin(&optical_density(&image), &nuclei) < 0.05);
        let pink = out.pixels().zip(&nuclei).filter(|(p, n)| **n == 0 && p[0] > p[1] + 20).count();
        assert!(pink > 128 * 128 / 2, "{pink} pink pixels");
    }

    #[test]
    fn an_image_with_both_stains_keeps_what_is_where() {
        let both = |x: u32, y: u32| match (x / 16 + y / 16) % 3 {
            0 => Rgb([250, 250, 250]),
            1 => Rgb([240, 120, 180]),
            _ => Rgb([90, 50, 140]),
        };
        let image = RgbImage::from_fn(96, 96, both);
        let nuclei: Vec<u32> = image.pixels().map(|p| u32::from(p[0] == 90)).collect();
        for seed in 0..20 {
            let out = restain(&image, &nuclei, &always(), &mut ChaCha8Rng::seed_from_u64(seed)).expect("re-stained");
            let [white, pink, purple] = [[0, 0], [16, 0], [32, 0]].map(|[x, y]| out.get_pixel(x, y).0);
            let flat = image.pixels().zip(out.pixels()).all(|(old, new)| match old[0] {
                250 => new.0 == white,
                240 => new.0 == pink,
                _ => new.0 == purple,
            });
            assert!(
                flat && white[1] > pink[1] && pink[0] > purple[0] + 20,
                "seed {seed}: {white:?} {pink:?} {purple:?}"
            );
        }
    }

    #[test]
    fn an_image_without_stain_is_left_alone() {
        let (image, nuclei) = purple_nuclei();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let blank = RgbImage::from_pixel(128, 128, Rgb([240, 238, 242]));
        assert!(restain(&blank, &nuclei, &always(), rng).is_none());
        assert!(restain(&image, &nuclei, &Restain::default(), rng).is_none(), "probability 0");
    }
}
