//! `sheet.png`: what the network has learned, for the eye.

use crate::config::{PretextConfig, PretrainConfig};
use crate::data::PatchBatch;
use crate::diffusion::Method;
use crate::error::{Error, Result};
use crate::nn::UNet;
use crate::run::picture::{page, write_png};
use crate::train::device::Device;
use crate::train::{Pupil, Recipe, generate};
use image::RgbImage;
use std::path::Path;

/// Shares of the way to noise at which images are shown.
const LEVELS: [f64; 4] = [0.15, 0.35, 0.6, 0.85];
/// Most images that are noised and restored.
const IMAGES: usize = 6;
/// Steps of the solver for the images out of nothing; fewer where the process has fewer.
const STEPS: usize = 20;

/// Draws the page: a row an image with the image itself, then noised and as the network restores it from that alone, at
/// several levels. After a diffusion the last row has images out of pure noise.
///
/// # Errors
/// What the network answers; the file cannot be written.
pub(super) fn sheet(
    config: &PretrainConfig,
    pupil: &Pupil,
    network: &UNet,
    shown: &PatchBatch,
    device: Device,
    path: &Path,
) -> Result<()> {
    let levels = if pupil.pretext().has_levels() { &LEVELS[..] } else { &LEVELS[..1] };
    let clean = first(shown, IMAGES);
    let mut columns = vec![pictures(clean.pixels.chunks_exact(clean.pixels.len() / clean.len), clean.edge)?];
    for &level in levels {
        let batch = PatchBatch { levels: vec![level; clean.len], ..clean.clone() };
        for images in pupil.show(network, &batch)? {
            columns.push(pictures(images.iter().map(Vec::as_slice), clean.edge)?);
        }
    }
    let mut all: Vec<RgbImage> = (0..clean.len).flat_map(|row| columns.iter().map(move |c| c[row].clone())).collect();
    if let (PretextConfig::Diffusion(process), [-1.0, 1.0]) = (&config.pretext, config.input.range) {
        let recipe = Recipe {
            method: Method::DpmSolver,
            steps: STEPS.min(process.steps as usize),
            clip: true,
            edge: clean.edge,
            seed: config.seed,
            precision: config.training.precision,
        };
        all.extend(generate(network, process, &recipe, device, 0..columns.len() as u64, &mut |_| Ok(()))?);
    }
    write_png(&page(&all, columns.len()), path)
}

/// The first patches of a batch.
pub(super) fn first(batch: &PatchBatch, most: usize) -> PatchBatch {
    let len = batch.len.min(most);
    let values = batch.pixels.len() / batch.len * len;
    PatchBatch {
        pixels: batch.pixels[..values].to_vec(),
        noise: batch.noise[..values].to_vec(),
        levels: batch.levels[..len].to_vec(),
        len,
        edge: batch.edge,
    }
}

/// RGB8 patches as images.
pub(super) fn pictures<'a>(patches: impl Iterator<Item = &'a [u8]>, edge: u32) -> Result<Vec<RgbImage>> {
    let picture = |pixels: &[u8]| {
        RgbImage::from_raw(edge, edge, pixels.to_vec()).ok_or_else(|| Error::Internal("a patch of odd size".into()))
    };
    patches.map(picture).collect()
}
