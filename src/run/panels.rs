//! Small pictures of an image with outlines on it.

use super::scene::Scene;
use crate::geometry::{Scale, Size};
use crate::sink::overlay::draw_outlines;
use crate::tile::Outline;
use crate::vectorize::contour::trace;
use image::RgbImage;
use image::imageops::{FilterType, resize};

/// Colour of true outlines.
pub(super) const TRUTH: [u8; 3] = [0, 200, 60];
/// Colour of predicted outlines.
pub(super) const PREDICTION: [u8; 3] = [255, 190, 0];

/// The image, `width` pixels wide.
pub(super) fn fitted(image: &RgbImage, width: u32) -> RgbImage {
    let height = f64::from(image.height()) * f64::from(width) / f64::from(image.width());
    resize(image, width, (height.round() as u32).max(1), FilterType::Triangle)
}

/// `plain`, a fitted image, with the outlines of the objects that `labels` (0 is background) gives each of the `size`
/// pixels of the image itself.
pub(super) fn outlined(plain: &RgbImage, labels: &[u32], size: Size, color: [u8; 3]) -> RgbImage {
    let outlines: Vec<Outline> = trace(labels, size).into_iter().map(|(_, outline)| outline).collect();
    let mut image = plain.clone();
    let scale = Scale::new(f64::from(size.width) / f64::from(plain.width()));
    draw_outlines(&mut image, &outlines, scale, color, 1.5);
    image
}

/// As [`outlined`]: objects of one class in `color`, those of several in the `colors` of their classes.
pub(super) fn outlined_classes(
    plain: &RgbImage,
    scene: &Scene,
    size: Size,
    color: [u8; 3],
    colors: &[[u8; 3]],
) -> RgbImage {
    if colors.len() < 2 {
        return outlined(plain, &scene.objects, size, color);
    }
    let class =
        |picture: RgbImage, (class, color): (u8, &[u8; 3])| outlined(&picture, &scene.objects_of(class), size, *color);
    (1..).zip(colors).fold(plain.clone(), class)
}
