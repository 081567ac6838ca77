//! What a model says of a whole image that is no slide: its probabilities, and the objects that follow from them.

use crate::config::{ModelClass, ModelPackage, Postprocessing, Task};
use crate::data::stain;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::infer::Segmenter;
use crate::infer::tiling::{Window, windows};
use crate::stitch::regions::{Limits, without_specks};
use crate::stream::CancellationToken;
use crate::tile::ProbabilityMaps;
use crate::vectorize::class_map::class_map;
use crate::vectorize::pieces::{Connectivity, pieces};
use crate::vectorize::watershed;
use image::RgbImage;

/// Class probabilities of every pixel of an image at the model's mpp, `batch` tiles a forward pass.
///
/// # Errors
/// What the model answers; [`Error::Cancelled`] between two passes.
pub(super) fn probabilities(
    segmenter: &mut dyn Segmenter,
    model: &ModelPackage,
    image: &RgbImage,
    batch: usize,
    cancel: &CancellationToken,
) -> Result<ProbabilityMaps> {
    let (width, height) = image.dimensions();
    let input = &model.input;
    let image = &*stain::seen(image, input.channels);
    // Nothing is known of the sizes that a program takes, except that of its tiles.
    let stride = if model.network.is_torchscript() { input.tile_px } else { model.network.stride_px() };
    let all: Vec<Window> = windows(width, height, input.tile_px, input.halo_px, stride).concat();
    let area = width as usize * height as usize;
    let mut values = vec![0; segmenter.classes() * area];
    for part in all.chunks(batch.max(1)) {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let tiles: Vec<RgbImage> = part.iter().map(|window| window.pixels(image)).collect();
        let answers = segmenter.predict_images(&tiles.iter().collect::<Vec<_>>())?;
        for (window, maps) in part.iter().zip(&answers) {
            let [columns, rows] = window.kept.map(|n| n as usize);
            let [left, top] = window.inner.map(|n| n as usize);
            let [x, y] = [0, 1].map(|axis| (window.origin[axis] + window.inner[axis]) as usize);
            for class in 0..maps.classes {
                let plane = maps.plane(class);
                for row in 0..rows {
                    let from = (top + row) * maps.width as usize + left;
                    let to = class * area + (y + row) * width as usize + x;
                    values[to..to + columns].copy_from_slice(&plane[from..from + columns]);
                }
            }
        }
    }
    Ok(ProbabilityMaps { classes: segmenter.classes(), width, height, values })
}

/// What a model finds in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Object number of each pixel, row-major; 0 is background.
    pub objects: Vec<u32>,
    /// Index of each pixel's class for the task `regions`, none for background; empty for `instances`, whose objects
    /// have no class.
    pub classes: Vec<Option<u8>>,
}

impl Found {
    /// Applies a model's postprocessing to its probabilities at `mpp` micrometres per pixel.
    ///
    /// # Panics
    /// Unless there is one class a plane.
    pub fn of(maps: &ProbabilityMaps, classes: &[ModelClass], post: &Postprocessing, task: Task, mpp: f64) -> Self {
        match task {
            Task::Instances => {
                Self { objects: watershed::instances(maps, classes, post, mpp).labels, classes: Vec::new() }
            }
            Task::Regions => {
                let size = Size::new(maps.width, maps.height);
                let found = class_map(maps, classes, post.foreground_threshold).classes;
                let classes = without_specks(&found, size, Limits::new(post, mpp));
                Self { objects: pieces(&classes, size, None, Connectivity::Four).of_pixel, classes }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::fake::FakeSegmenter;

    #[test]
    fn an_image_in_tiles_is_the_image_at_once() {
        let image = RgbImage::from_fn(150, 90, |x, y| image::Rgb([(x * 7 % 256) as u8, (x + y) as u8, (y * 5) as u8]));
        // The fake model takes every pixel for itself, but for the rims of its nuclei: regions have none.
        let mut fake = FakeSegmenter::new().of_regions();
        let whole = fake.predict_image(&image).unwrap();
        let model = FakeSegmenter::region_package(0.5, 64, 16);
        for batch in [1, 4] {
            let tiled = probabilities(&mut fake, &model, &image, batch, &CancellationToken::new()).unwrap();
            assert_eq!(tiled, whole);
        }
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(matches!(probabilities(&mut fake, &model, &image, 1, &cancel), Err(Error::Cancelled)));
    }
}
