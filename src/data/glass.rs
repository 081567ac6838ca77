//! Bare glass in training crops: slides are half glass, annotated fields hardly hold any, and to a network that has never
//! seen glass it looks like one large lumen.

use super::noise::cloud;
use rand::{Rng, RngExt};

/// Share of the crops with glass that hold nothing else.
const BARE: f32 = 0.35;

/// Lays glass over an `edge x edge` crop: all of it, or parts with smooth outlines. Pixels (0-255) turn to a white that
/// is drawn, unevenly lit; where glass hides the tissue by half or more the class becomes 0, background.
///
/// # Panics
/// Unless there is one class a pixel.
pub(super) fn lay_glass(pixels: &mut [[f32; 3]], classes: &mut [u8], edge: u32, rng: &mut impl Rng) {
    assert_eq!(pixels.len(), classes.len(), "one class a pixel");
    let (level, shade) = (rng.random_range(222.0..252.0f32), rng.random_range(0.0..4.0f32));
    let tint: [f32; 3] = std::array::from_fn(|_| rng.random_range(-4.0..4.0));
    let light = cloud(edge, edge, edge as f32, 1, 1.0, rng);
    let cover = if rng.random::<f32>() < BARE { vec![1.0; pixels.len()] } else { cover(edge, rng) };
    for (((pixel, class), cover), light) in pixels.iter_mut().zip(classes).zip(cover).zip(light) {
        let white = level + shade * (light - 0.5);
        for (value, tint) in pixel.iter_mut().zip(tint) {
            *value += cover * (white + tint - *value);
        }
        if cover >= 0.5 {
            *class = 0;
        }
    }
}

/// How much of the tissue glass hides at each pixel, 0 to 1: a smooth field cut at a drawn share, with an edge as sharp
/// as tissue in focus or as soft as torn mucus.
fn cover(edge: u32, rng: &mut impl Rng) -> Vec<f32> {
    let field = cloud(edge, edge, edge as f32 * rng.random_range(0.3..1.2), 3, 0.35, rng);
    let mut sorted = field.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let cut = sorted[((sorted.len() - 1) as f64 * rng.random_range(0.15..0.85)) as usize];
    let steep = edge as f32 * rng.random_range(0.2..1.0f32);
    field.iter().map(|value| ((value - cut) * steep + 0.5).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn glass_is_white_and_background_and_the_rest_stays_as_it_was() {
        let (mut bare, mut parted) = (0, 0);
        for seed in 0..60 {
            let mut pixels = vec![[100.0, 40.0, 120.0]; 64 * 64];
            let mut classes = vec![1u8; 64 * 64];
            lay_glass(&mut pixels, &mut classes, 64, &mut ChaCha8Rng::seed_from_u64(seed));
            let glass = classes.iter().filter(|class| **class == 0).count();
            for (pixel, class) in pixels.iter().zip(&classes) {
                let brightness = pixel[1];
                assert!(
                    if *class == 0 { brightness > 125.0 } else { brightness < 150.0 },
                    "{pixel:?} is of class {class}"
                );
            }
            match glass {
                4096 => bare += 1,
                n if n > 400 && n < 3700 && pixels.contains(&[100.0, 40.0, 120.0]) => parted += 1,
                n => panic!("{n} pixels of glass"),
            }
        }
        assert!(bare > 10 && parted > 20, "{bare} bare, {parted} parted");
    }
}
