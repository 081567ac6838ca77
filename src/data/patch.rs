//! Random patches of images without labels, and where they come from.

use super::augment::{camera, colours, signed};
use super::warp::Warp;
use crate::budget::{Budget, Permit};
use crate::config::AugmentConfig;
use crate::error::{Error, Result};
use crate::geometry::Size;
use image::RgbImage;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// Somewhere that patches come from: a folder of images, a set of slides.
pub trait Patches: Send + Sync {
    /// The images or slides, in the order of their numbers.
    fn units(&self) -> &[Unit];

    /// One line for people: what and how much there is.
    fn summary(&self) -> String;

    /// A random patch of `edge x edge` RGB8 pixels at the model's mpp of one image or slide, changed as `augment` says.
    /// The same generator state gives the same patch.
    ///
    /// # Errors
    /// The pixels cannot be read.
    fn patch(&self, unit: usize, edge: u32, augment: &AugmentConfig, rng: &mut ChaCha8Rng) -> Result<RgbImage>;
}

/// An image or a slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// File name.
    pub file: String,
    /// Units of one group are never divided between training and validation.
    pub group: String,
}

/// Magnification, turn and symmetry of a patch; drawn before its place, so that a reader knows how much to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    zoom: f64,
    turn_deg: f64,
    symmetry: u8,
}

impl View {
    /// Draws one.
    pub fn draw(config: &AugmentConfig, rng: &mut impl Rng) -> Self {
        let [low, high] = config.scale.map(f64::ln);
        let zoom = (low + (high - low) * rng.random::<f64>()).exp();
        let turn_deg = config.rotation_deg * signed(rng);
        // The first four symmetries are the mirror images.
        let symmetry = match (config.dihedral, config.flips) {
            (true, _) => rng.random_range(0..8),
            (false, true) => rng.random_range(0..4),
            (false, false) => 0,
        };
        Self { zoom, turn_deg, symmetry }
    }

    /// Without magnification and turn a patch falls on whole pixels, and nothing is blurred.
    fn is_whole(&self) -> bool {
        self.zoom == 1.0 && self.turn_deg == 0.0
    }

    /// Edge of an upright window in whose middle a patch of `edge` pixels finds all its pixels.
    pub fn window(&self, edge: u32) -> u32 {
        if self.is_whole() {
            return edge;
        }
        let (sin, cos) = self.turn_deg.to_radians().sin_cos();
        // One more pixel on each side for the interpolation.
        (f64::from(edge) / self.zoom * (sin.abs() + cos.abs())).ceil() as u32 + 2
    }

    /// At a random place of an image: inside it where the patch fits, around it where it does not.
    pub(super) fn anywhere(&self, size: Size, edge: u32, rng: &mut impl Rng) -> Warp {
        let half = f64::from(edge) / self.zoom / 2.0;
        let centre = [size.width, size.height].map(|n| {
            let (a, b) = (half.min(f64::from(n) - half), half.max(f64::from(n) - half));
            a + (b - a) * rng.random::<f64>()
        });
        let centre = if self.is_whole() { centre.map(|c| (c - half).round() + half) } else { centre };
        Warp::new(centre, self.zoom, self.turn_deg, self.symmetry)
    }

    /// In the middle of a [`window`](Self::window).
    fn middle(&self, size: Size) -> Warp {
        let centre = [size.width, size.height].map(|n| f64::from(n) / 2.0);
        Warp::new(centre, self.zoom, self.turn_deg, self.symmetry)
    }
}

/// A patch of `edge` pixels from a random place of an image at the model's mpp, changed as `config` says; mirrored where
/// the image is smaller.
///
/// # Errors
/// The JPEG encoder fails.
pub fn random_patch(image: &RgbImage, edge: u32, config: &AugmentConfig, rng: &mut impl Rng) -> Result<RgbImage> {
    let size = Size::new(image.width(), image.height());
    let warp = View::draw(config, rng).anywhere(size, edge, rng);
    developed(warp, image, edge, config, rng)
}

/// The patch in the middle of a window that was read for `view`.
///
/// # Errors
/// The JPEG encoder fails.
pub fn patch_of_window(
    window: &RgbImage,
    view: View,
    edge: u32,
    config: &AugmentConfig,
    rng: &mut impl Rng,
) -> Result<RgbImage> {
    developed(view.middle(Size::new(window.width(), window.height())), window, edge, config, rng)
}

fn developed(warp: Warp, image: &RgbImage, edge: u32, config: &AugmentConfig, rng: &mut impl Rng) -> Result<RgbImage> {
    let mut pixels = warp.pixels(image, edge);
    colours(&mut pixels, config, rng);
    camera(pixels, edge, config, rng)
}

/// Waits until `bytes` of the budget are free and takes them. Only for plain threads; who holds a permit must not ask for
/// another one.
///
/// # Errors
/// [`Error::Config`] if the whole budget is smaller.
pub fn permit(budget: &Budget, bytes: u64) -> Result<Permit> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.map_err(Error::compute("waiting for memory"))?.block_on(budget.take(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use rand::SeedableRng;

    /// Red tells the column, green the row.
    fn chart(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 7]))
    }

    #[test]
    fn an_unchanged_patch_is_a_copy_from_a_random_place() {
        let image = chart(100, 80);
        let mut corners = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let patch = random_patch(&image, 16, &AugmentConfig::none(), rng).unwrap();
            let [left, top, _] = patch.get_pixel(0, 0).0;
            corners.insert((left, top));
            let copied = |(x, y, pixel): (u32, u32, &Rgb<u8>)| pixel.0 == [left + x as u8, top + y as u8, 7];
            assert!(patch.enumerate_pixels().all(copied), "seed {seed}");
        }
        assert!(corners.len() > 15, "{corners:?}");
    }

    #[test]
    fn a_window_holds_the_patch_at_every_zoom_and_turn_and_the_middle_stays_the_middle() {
        let config = AugmentConfig { scale: [0.5, 2.0], rotation_deg: 180.0, ..AugmentConfig::none() };
        for seed in 0..50 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let view = View::draw(&config, rng);
            let edge = view.window(32);
            // Everything that the patch may not touch is black: the window's outermost pixels.
            let inside = |v: u32| v > 0 && v + 1 < edge;
            let window =
                RgbImage::from_fn(edge, edge, |x, y| Rgb(if inside(x) && inside(y) { [200; 3] } else { [0; 3] }));
            let patch = patch_of_window(&window, view, 32, &config, rng).unwrap();
            let dark = patch.pixels().filter(|p| p[0] < 190).count();
            assert!(dark <= 8, "seed {seed}: {dark} pixels reach beyond the window of {edge}");
        }
        let view = View::draw(&AugmentConfig::none(), &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(view.window(32), 32, "nothing more is read than is shown");
    }

    #[test]
    fn a_permit_larger_than_the_budget_is_refused_by_the_option_s_name() {
        let budget = Budget::bytes("training.memory_mb", 100);
        drop(permit(&budget, 60).unwrap());
        assert_eq!(budget.free(), 100);
        assert!(permit(&budget, 101).unwrap_err().to_string().contains("training.memory_mb"));
    }
}
