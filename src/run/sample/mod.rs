//! Images out of noise, from the weights of a pre-training.

use crate::config::{Precision, PretextConfig};
use crate::diffusion::Method;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::run::picture::{page, write_png};
use crate::train::device::{self, set_threads};
use crate::train::{Pretrained, Recipe, generate};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What to draw, how and where.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// `pretrained.safetensors`, a checkpoint of a pre-training, or the folder of a run.
    pub from: PathBuf,
    /// Folder that the images are written to; new or empty.
    pub out: PathBuf,
    /// Number of images.
    pub count: u64,
    /// How a step is made.
    pub method: Method,
    /// Steps from noise to image; without it 25 for the solver, 50 for DDIM, all for the ancestral way.
    pub steps: Option<usize>,
    /// Edge of the images in pixels; without it that of the training crops.
    pub size: Option<u32>,
    /// Keep the guess of the clean image inside -1 to 1.
    pub clip: bool,
    /// Decides the images.
    pub seed: u64,
    /// Arithmetic.
    pub precision: Precision,
    /// Images at once.
    pub batch: u64,
    /// Columns of `grid.png`; 0 for no such page.
    pub columns: usize,
    /// `auto`, `cpu` or `cuda[:N]`.
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    pub threads: usize,
}

/// Draws the images `00000.png`, `00001.png`, ... and `grid.png` into `options.out`, with `sample.json` that says how they
/// came about. `tell` hears how many of the steps of all batches together are done.
///
/// # Errors
/// [`Error::Cancelled`] after `stop`, with the images of finished batches written; the weights are of no diffusion, or of
/// another range than -1 to 1; an option is out of range.
pub fn sample(options: &SampleOptions, stop: &AtomicBool, tell: &mut dyn FnMut(u64, u64)) -> Result<()> {
    for (name, value) in [("--count", options.count), ("--batch", options.batch)] {
        if value == 0 {
            return Err(Error::config(name, value, "must be 1 or more"));
        }
    }
    let device = device::choose(&options.device)?;
    set_threads(options.threads);
    let pretrained = Pretrained::read(&options.from)?;
    let info = &pretrained.info;
    let PretextConfig::Diffusion(process) = &info.pretext else {
        let reason = format!(
            "was pre-trained by `{}`, at one noise level: it can restore images and make none out of noise; sample from a \
             run with pretext `diffusion`",
            info.pretext.kind()
        );
        return Err(Error::bad_file(&options.from, reason));
    };
    if info.input.range != [-1.0, 1.0] {
        let reason = format!("was trained on values of {:?}; the samplers need [-1, 1]", info.input.range);
        return Err(Error::bad_file(&options.from, reason));
    }
    let all = process.steps as usize;
    let usual = match options.method {
        Method::Ancestral => all,
        Method::Ddim { .. } => all.min(50),
        Method::DpmSolver => all.min(25),
    };
    let recipe = Recipe {
        method: options.method,
        steps: options.steps.unwrap_or(usual),
        clip: options.clip,
        edge: options.size.unwrap_or(info.crop_px),
        seed: options.seed,
        precision: options.precision,
    };
    let stride = info.network.stride_px();
    if !recipe.edge.is_multiple_of(stride) {
        let reason = format!("must be a multiple of {stride} for this network");
        return Err(Error::config("--size", recipe.edge, reason));
    }
    empty(&options.out)?;
    let (network, _vs) = pretrained.network(device)?;
    let mut images = Vec::new();
    let batches = options.count.div_ceil(options.batch);
    let total = batches * recipe.steps as u64;
    for batch in 0..batches {
        let numbers = batch * options.batch..((batch + 1) * options.batch).min(options.count);
        let before = batch * recipe.steps as u64;
        let mut step = |done: usize| {
            tell(before + done as u64, total);
            if stop.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
        };
        let made = generate(&network, process, &recipe, device, numbers.clone(), &mut step)?;
        for (number, image) in numbers.zip(made) {
            write_png(&image, &options.out.join(format!("{number:05}.png")))?;
            images.push(image);
        }
    }
    if options.columns > 0 {
        write_png(&page(&images, options.columns), &options.out.join("grid.png"))?;
    }
    record(options, &recipe, &pretrained)
}

/// The folder must be new or empty: images of two draws must not be taken for one.
fn empty(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
    match std::fs::read_dir(out).map_err(Error::io("read", out))?.next() {
        None => Ok(()),
        Some(_) => Err(Error::config("--out", out.display(), "is not empty; name a new folder")),
    }
}

/// `sample.json`, last of all: where it is, the draw is whole.
fn record(options: &SampleOptions, recipe: &Recipe, pretrained: &Pretrained) -> Result<()> {
    let file = if options.from.is_dir() { options.from.join(crate::train::PRETRAINED) } else { options.from.clone() };
    let bytes = std::fs::read(&file).map_err(Error::io("read", &file))?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let (method, eta) = match recipe.method {
        Method::Ancestral => ("ancestral", None),
        Method::Ddim { eta } => ("ddim", Some(eta)),
        Method::DpmSolver => ("dpm-solver", None),
    };
    let record = serde_json::json!({
        "weights": file.display().to_string(),
        "weights_sha256": hash,
        "run": pretrained.info.name,
        "epoch": pretrained.info.epoch,
        "mpp": pretrained.info.input.mpp,
        "count": options.count,
        "method": method,
        "eta": eta,
        "steps": recipe.steps,
        "clip": recipe.clip,
        "size_px": recipe.edge,
        "seed": recipe.seed,
    });
    let text = serde_json::to_string_pretty(&record).map_err(Error::compute("writing sample.json"))?;
    write_bytes(&options.out.join("sample.json"), text.as_bytes())
}
