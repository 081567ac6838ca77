//! Random crops: place, magnification and turn, then stain, light and camera.

use super::classes::class_map;
use super::colour::{Affine, blur, blur3, grey, hue_map, stain_map, through_density};
use super::dataset::Sample;
use super::glass::lay_glass;
use super::patch::View;
use super::restain::restain;
use crate::config::AugmentConfig;
use crate::error::{Error, Result};
use crate::geometry::Size;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use rand::{Rng, RngExt};

/// A training crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Crop {
    /// `edge x edge` RGB8.
    pub image: RgbImage,
    /// Class of each pixel, row-major.
    pub classes: Vec<u8>,
}

/// Draws one crop of `edge x edge` pixels with its classes. The same generator state gives the same crop. The rim of
/// objects is drawn after the magnification and so is always `boundary_px` wide; 0 gives two classes.
///
/// # Errors
/// The JPEG encoder fails.
pub fn random_crop(
    sample: &Sample,
    edge: u32,
    boundary_px: u32,
    config: &AugmentConfig,
    rng: &mut impl Rng,
) -> Result<Crop> {
    let warp = View::draw(config, rng).anywhere(sample.size(), edge, rng);
    let labels = warp.labels(sample, edge, boundary_px);
    let wide = edge + 2 * boundary_px;
    let classes = class_map(&labels, Size::new(wide, wide), boundary_px);
    let mut classes = inner(&classes, edge, boundary_px);
    let mut pixels = warp.pixels(&sample.image, edge);
    if config.restain.probability > 0.0
        && let Some(stained) = restain(&bytes(&pixels, edge)?, &inner(&labels, edge, boundary_px), &config.restain, rng)
    {
        pixels.iter_mut().zip(stained.pixels()).for_each(|(pixel, new)| *pixel = new.0.map(f32::from));
    }
    colours(&mut pixels, config, rng);
    if config.glass_share > 0.0 && chance(rng, config.glass_share) {
        lay_glass(&mut pixels, &mut classes, edge, rng);
    }
    let image = camera(pixels, edge, config, rng)?;
    Ok(Crop { image, classes })
}

/// The middle of a map that has `margin` more on each side.
fn inner<T: Copy>(map: &[T], edge: u32, margin: u32) -> Vec<T> {
    let (edge, margin) = (edge as usize, margin as usize);
    let rows = map.chunks_exact(edge + 2 * margin).skip(margin).take(edge);
    rows.flat_map(|row| row[margin..margin + edge].iter().copied()).collect()
}

fn bytes(pixels: &[[f32; 3]], edge: u32) -> Result<RgbImage> {
    let bytes = pixels.as_flattened().iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    RgbImage::from_raw(edge, edge, bytes).ok_or_else(|| Error::Internal("a crop of odd size".into()))
}

/// Uniform in [-1, 1).
pub(super) fn signed(rng: &mut impl Rng) -> f64 {
    2.0 * rng.random::<f64>() - 1.0
}

fn chance(rng: &mut impl Rng, share: f64) -> bool {
    rng.random::<f64>() < share
}

/// Stain, hue, brightness, contrast and grey curve.
pub(super) fn colours(pixels: &mut [[f32; 3]], config: &AugmentConfig, rng: &mut impl Rng) {
    if config.stain > 0.0 {
        let gain = [1.0 + config.stain * signed(rng), 1.0 + config.stain * signed(rng)];
        let shift = [config.stain * signed(rng) / 2.0, config.stain * signed(rng) / 2.0];
        let map = stain_map(gain, shift);
        pixels.iter_mut().for_each(|p| *p = through_density(&map, *p));
    }
    if chance(rng, config.hue_share) {
        let map = hue_map(config.hue_deg * signed(rng), 1.0 + config.saturation * signed(rng));
        pixels.iter_mut().for_each(|p| *p = map.apply(*p));
    }
    let light = if config.light_share < 1.0 && !chance(rng, config.light_share) { 0.0 } else { 1.0 };
    let brightness = (1.0 + light * config.brightness * signed(rng)) as f32;
    let contrast = (1.0 + light * config.contrast * signed(rng)) as f32;
    if brightness != 1.0 || contrast != 1.0 {
        let mean = pixels.iter().map(|p| grey(*p)).sum::<f32>() / pixels.len() as f32;
        let gain = brightness * contrast;
        let matrix = std::array::from_fn(|i| std::array::from_fn(|j| if i == j { gain } else { 0.0 }));
        let map = Affine { matrix, offset: [brightness * mean * (1.0 - contrast); 3] };
        pixels.iter_mut().for_each(|p| *p = map.apply(*p));
    }
    if config.gamma > 0.0 {
        let exponent = ((1.0 + config.gamma).ln() * signed(rng)).exp() as f32;
        let curve: Vec<f32> = (0..=1020).map(|i| 255.0 * (i as f32 / 1020.0).powf(exponent)).collect();
        let bent = |v: f32| curve[(v.clamp(0.0, 255.0) * 4.0).round() as usize];
        pixels.iter_mut().for_each(|p| *p = p.map(bent));
    }
}

/// Focus, sensor and file: blur, noise, JPEG.
pub(super) fn camera(
    mut pixels: Vec<[f32; 3]>,
    edge: u32,
    config: &AugmentConfig,
    rng: &mut impl Rng,
) -> Result<RgbImage> {
    let blurred = chance(rng, config.blur_share);
    if let (true, Some(sigmas)) = (blurred, config.blur_fixed_sigma_px) {
        let soft = blur3(pixels.as_flattened(), edge as usize, 3, sigmas);
        pixels.as_flattened_mut().copy_from_slice(&soft);
    } else if blurred && config.blur_sigma_px > 0.0 {
        let sigma = (config.blur_sigma_px * rng.random::<f64>()).max(0.2) as f32;
        let soft = blur(pixels.as_flattened(), edge as usize, edge as usize, 3, sigma);
        pixels.as_flattened_mut().copy_from_slice(&soft);
    }
    if chance(rng, config.noise_share) && config.noise_levels > 0.0 {
        let deviation = (config.noise_levels * rng.random::<f64>()) as f32;
        pixels.as_flattened_mut().iter_mut().for_each(|v| *v += deviation * nearly_normal(rng));
    }
    let image = bytes(&pixels, edge)?;
    if !chance(rng, config.jpeg_share) {
        return Ok(image);
    }
    let quality = rng.random_range(config.jpeg_quality..=95);
    let mut file = Vec::new();
    let encoded = image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality));
    encoded.map_err(Error::compute("compressing a training crop"))?;
    let decoded = image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg);
    Ok(decoded.map_err(Error::compute("decompressing a training crop"))?.into_rgb8())
}

/// The sum of four uniform numbers, scaled to mean 0 and variance 1: near enough to normal for sensor noise and
/// four times as fast.
fn nearly_normal(rng: &mut impl Rng) -> f32 {
    let bits = rng.next_u64();
    let sum: u32 = (0..4).map(|i| (bits >> (16 * i)) as u32 & 0xffff).sum();
    (sum as f32 / 65_536.0 - 2.0) * 3.0_f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use image::imageops::{flip_horizontal, flip_vertical, rotate180};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn strong() -> AugmentConfig {
        AugmentConfig {
            scale: [0.5, 2.0],
            rotation_deg: 15.0,
            stain: 0.2,
            hue_share: 1.0,
            hue_deg: 20.0,
            saturation: 0.3,
            gamma: 0.3,
            blur_share: 1.0,
            noise_share: 1.0,
            noise_levels: 6.0,
            jpeg_share: 1.0,
            ..AugmentConfig::default()
        }
    }

    fn sample() -> Sample {
        let disc = |x: u32, y: u32| (x as i32 - 40).pow(2) + (y as i32 - 30).pow(2) < 200;
        let colour = |x, y| if disc(x, y) { Rgb([90, 40, 140]) } else { Rgb([230, 190, 215]) };
        Sample {
            image: RgbImage::from_fn(80, 60, colour),
            labels: (0..80 * 60).map(|i| u32::from(disc(i % 80, i / 80))).collect(),
        }
    }

    #[test]
    fn the_same_generator_gives_the_same_crop_and_another_does_not() {
        let crop = |seed| random_crop(&sample(), 64, 2, &strong(), &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        assert_eq!(crop(1), crop(1));
        assert_ne!(crop(1).image, crop(2).image);
    }

    #[test]
    fn without_augmentation_a_crop_is_a_part_of_the_image() {
        let (sample, config) = (sample(), AugmentConfig::none());
        let crop = random_crop(&sample, 48, 2, &config, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
        let found = (0..=32)
            .flat_map(|x| (0..=12).map(move |y| (x, y)))
            .any(|(x, y)| image::imageops::crop_imm(&sample.image, x, y, 48, 48).to_image() == crop.image);
        assert!(found);
    }

    #[test]
    fn the_classes_follow_the_nucleus_through_every_change() {
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let crop = random_crop(&sample(), 64, 2, &strong(), &mut rng).unwrap();
            let mean = |object: bool| {
                let of = crop.image.pixels().zip(&crop.classes).filter(|(_, class)| (**class != 0) == object);
                let (sum, count) = of.fold((0.0, 0.0), |(s, n), (p, _)| (s + f64::from(p[1]), n + 1.0));
                sum / count
            };
            assert!(mean(true) + 40.0 < mean(false), "the nucleus is darker at seed {seed}");
        }
    }

    #[test]
    fn flips_alone_give_the_four_mirror_images_and_no_turn() {
        let sample =
            Sample { image: RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8 * 9, y as u8 * 20, 0])), labels: vec![0; 64] };
        let config = AugmentConfig { flips: true, ..AugmentConfig::none() };
        let crops: std::collections::BTreeSet<Vec<u8>> = (0..60)
            .map(|seed| random_crop(&sample, 8, 0, &config, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap())
            .map(|crop| crop.image.into_raw())
            .collect();
        let image = &sample.image;
        let mirrors = [image.clone(), flip_horizontal(image), flip_vertical(image), rotate180(image)];
        assert_eq!(crops, mirrors.into_iter().map(RgbImage::into_raw).collect());
    }

    #[test]
    fn the_light_of_a_share_of_the_crops_changes() {
        let sample = Sample { image: RgbImage::from_pixel(16, 16, Rgb([100, 120, 90])), labels: vec![0; 256] };
        let config = AugmentConfig { light_share: 0.3, brightness: 0.5, contrast: 0.4, ..AugmentConfig::none() };
        let changed = |seed| {
            let crop = random_crop(&sample, 16, 0, &config, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            crop.image != sample.image
        };
        let share = (0..400).filter(|&seed| changed(seed)).count();
        assert!((90..150).contains(&share), "{share} of 400");
    }

    #[test]
    fn noise_has_mean_zero_and_variance_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let draws: Vec<f64> = (0..100_000).map(|_| f64::from(nearly_normal(&mut rng))).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
