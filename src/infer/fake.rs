//! An engine without a network: dark bluish pixels are nuclei, the other coloured ones stroma. For tests and for measuring
//! everything but the model.

use super::{EngineInfo, Segmenter};
use crate::config::{
    Channels, ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Postprocessing, Task, WeightsSpec,
};
use crate::error::{Error, Result};
use crate::tile::{ProbabilityMaps, Tile};
use image::RgbImage;
use std::time::Duration;

/// Classes of the answers: background, interior and boundary of nuclei; or background, nuclei and stroma.
const CLASSES: usize = 3;
/// Red value at which a pixel is as likely nucleus as not; nuclei are darker.
const HALF_RED: i32 = 160;
/// Green value at which a pixel is as likely tissue as not; tissue is darker.
const HALF_GREEN: i32 = 204;

/// What shall go wrong, and how slowly.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Time that one forward pass takes at least.
    pub delay: Duration,
    /// Numbers of the tiles that cannot be computed.
    pub broken_tiles: Vec<u32>,
    /// A larger batch does not fit into the device's memory.
    pub most_tiles: Option<usize>,
}

/// A [`Segmenter`] whose answer is a formula of the pixels.
#[derive(Debug, Clone)]
pub struct FakeSegmenter {
    engine: EngineInfo,
    faults: Faults,
    answer: fn(&RgbImage) -> ProbabilityMaps,
}

impl FakeSegmenter {
    /// An engine that never fails.
    pub fn new() -> Self {
        Self::with(Faults::default())
    }

    /// An engine that fails as told.
    pub fn with(faults: Faults) -> Self {
        let engine = EngineInfo {
            engine: "fake".into(),
            device: "cpu".into(),
            precision: "u8".into(),
            threads: 1,
            lanes: 1,
            reason: "no network to compute".into(),
        };
        Self { engine, faults, answer: instances }
    }

    /// An engine that says it computes on this device.
    pub fn on(device: &str) -> Self {
        let mut fake = Self::new();
        fake.engine.device = device.into();
        fake
    }

    /// The same engine with answers for [`FakeSegmenter::region_package`].
    pub fn of_regions(self) -> Self {
        Self { answer: regions, ..self }
    }

    /// The package that describes the engine's answers, for tiles of `tile_px` with `halo_px` at `mpp`.
    pub fn package(mpp: f64, tile_px: u32, halo_px: u32) -> ModelPackage {
        let class = |name: &str, role, color| ModelClass { name: name.into(), role, color };
        ModelPackage {
            format: 1,
            name: "fake".into(),
            version: "1".into(),
            title: "Dark bluish pixels are nuclei".into(),
            task: Task::Instances,
            license: "Apache-2.0".into(),
            network: NetworkSpec::default(),
            input: InputSpec { mpp, tile_px, halo_px, range: [0.0, 1.0], channels: Channels::Rgb },
            classes: vec![
                class("Background", ClassRole::Background, [255, 255, 255]),
                class("Nucleus", ClassRole::Object, [200, 0, 0]),
                class("Boundary", ClassRole::Boundary, [0, 0, 0]),
            ],
            postprocessing: Postprocessing::default(),
            weights: WeightsSpec { file: "none".into(), sha256: "0".repeat(64), external: None },
            training: Default::default(),
            metrics: Default::default(),
        }
    }

    /// As [`FakeSegmenter::package`], for areas of nuclei and of stroma.
    pub fn region_package(mpp: f64, tile_px: u32, halo_px: u32) -> ModelPackage {
        let mut package = Self::package(mpp, tile_px, halo_px);
        package.title = "Dark bluish pixels are nuclei, other coloured ones stroma".into();
        package.task = Task::Regions;
        package.classes[2] = ModelClass { name: "Stroma".into(), role: ClassRole::Object, color: [200, 150, 0] };
        package
    }
}

impl Default for FakeSegmenter {
    fn default() -> Self {
        Self::new()
    }
}

impl Segmenter for FakeSegmenter {
    fn engine(&self) -> &EngineInfo {
        &self.engine
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn set_threads(&mut self, threads: usize) {
        self.engine.threads = threads;
    }

    fn lane(&self) -> Result<Box<dyn Segmenter>> {
        Ok(Box::new(self.clone()))
    }

    fn predict(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>> {
        std::thread::sleep(self.faults.delay);
        if self.faults.most_tiles.is_some_and(|most| tiles.len() > most) {
            return Err(Error::OutOfDeviceMemory { device: self.engine.device.clone(), batch: tiles.len() });
        }
        if let Some(tile) = tiles.iter().find(|tile| self.faults.broken_tiles.contains(&tile.spec.index)) {
            return Err(Error::Internal(format!("tile {} was to fail", tile.spec.index)));
        }
        Ok(tiles.iter().map(|tile| (self.answer)(&tile.rgb)).collect())
    }

    fn predict_images(&mut self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>> {
        Ok(images.iter().map(|image| (self.answer)(image)).collect())
    }
}

/// Probabilities from the red channel; a nucleus pixel with a neighbour that is none is boundary.
fn instances(rgb: &RgbImage) -> ProbabilityMaps {
    let (width, height) = rgb.dimensions();
    let (columns, rows) = (width as usize, height as usize);
    let nucleus: Vec<u8> = rgb.pixels().map(|p| darker(HALF_RED, p[0])).collect();
    let inside = |x: usize, y: usize| nucleus[y.min(rows - 1) * columns + x.min(columns - 1)] >= 128;
    let mut values = vec![0; CLASSES * nucleus.len()];
    for y in 0..rows {
        for x in 0..columns {
            let at = y * columns + x;
            let whole = inside(x.saturating_sub(1), y)
                && inside(x + 1, y)
                && inside(x, y.saturating_sub(1))
                && inside(x, y + 1);
            let class = if whole { 1 } else { 2 };
            values[at] = 255 - nucleus[at];
            values[class * nucleus.len() + at] = nucleus[at];
        }
    }
    ProbabilityMaps { classes: CLASSES, width, height, values }
}

/// Probabilities of nuclei from the red channel, of tissue from the green one; tissue without nuclei is stroma.
fn regions(rgb: &RgbImage) -> ProbabilityMaps {
    let (width, height) = rgb.dimensions();
    let area = width as usize * height as usize;
    let mut values = vec![0; CLASSES * area];
    for (at, pixel) in rgb.pixels().enumerate() {
        let nucleus = darker(HALF_RED, pixel[0]);
        let tissue = darker(HALF_GREEN, pixel[1]).max(nucleus);
        (values[at], values[area + at], values[2 * area + at]) = (255 - tissue, nucleus, tissue - nucleus);
    }
    ProbabilityMaps { classes: CLASSES, width, height, values }
}

/// Probability that grows as `value` falls below `half`.
fn darker(half: i32, value: u8) -> u8 {
    ((half - i32::from(value)) * 4 + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_square_is_interior_with_a_boundary_on_background() {
        let dark = |x: u32, y: u32| (2..8).contains(&x) && (2..8).contains(&y);
        let rgb =
            RgbImage::from_fn(10, 10, |x, y| image::Rgb(if dark(x, y) { [90, 60, 140] } else { [230, 170, 200] }));
        let maps = instances(&rgb);
        let most = |x: usize, y: usize| (0..CLASSES).max_by_key(|&class| maps.plane(class)[y * 10 + x]);
        assert_eq!([most(0, 0), most(5, 5), most(2, 5), most(1, 5)], [Some(0), Some(1), Some(2), Some(0)]);
        let sums = (0..100).all(|i| (0..CLASSES).map(|class| u32::from(maps.plane(class)[i])).sum::<u32>() == 255);
        assert!(sums, "probabilities add up to 1");
    }

    #[test]
    fn glass_stroma_and_nuclei_are_told_apart() {
        let colors = [[244, 243, 245], [226, 164, 198], [96, 62, 140]].map(image::Rgb);
        let maps = regions(&RgbImage::from_fn(3, 1, |x, _| colors[x as usize]));
        assert_eq!(maps.values, [[255, 0, 0], [0, 0, 255], [0, 255, 0]].concat());
    }

    #[test]
    fn its_packages_are_valid() {
        FakeSegmenter::package(0.5, 256, 32).validate().expect("valid");
        FakeSegmenter::region_package(0.5, 256, 32).validate().expect("valid");
    }
}
