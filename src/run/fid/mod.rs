//! How like a folder of real images a folder of drawn ones is.

mod sheet;

use crate::config::StartConfig;
use crate::error::{Error, Result};
use crate::infer::torch_features::Extractor;
use crate::metrics::generative::{Features, KernelDistance, Neighbours, frechet, kernel, neighbours};
use crate::train::Source;
use crate::train::device::set_threads;
use image::RgbImage;
use image::imageops::{FilterType, resize};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The network whose features are compared.
#[derive(Debug, Clone)]
pub enum FeaturesOf {
    /// A TorchScript program.
    Script {
        /// Its file.
        path: PathBuf,
        /// May it run?
        trust: bool,
        /// Pixel values 0 and 255 are mapped to these.
        range: [f32; 2],
    },
    /// The encoder of a checkpoint, run or model package of this program.
    Encoder(PathBuf),
}

/// What to compare, and how.
#[derive(Debug, Clone)]
pub struct FidOptions {
    /// Folder of drawn images.
    pub drawn: PathBuf,
    /// Folder of real images; for the search for copies, those that the network was trained on.
    pub real: PathBuf,
    /// The network.
    pub features: FeaturesOf,
    /// Edge that every image is resized to; nothing leaves them as they are.
    pub size: Option<u32>,
    /// Images at once.
    pub batch: usize,
    /// Subsets of the kernel distance.
    pub subsets: usize,
    /// Images of each side in a subset; nothing for 1000, or half the smaller folder if that is less.
    pub subset_size: Option<usize>,
    /// Decides the subsets.
    pub seed: u64,
    /// Picture of the drawn images nearest to training images.
    pub nearest: Option<PathBuf>,
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    pub threads: usize,
}

/// The search for copies of training images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Copies {
    /// Drawn images at most `threshold` from a training image.
    pub suspicious: usize,
    /// As many would be if they lay like the training images; far from 0 where these are few or near copies of each other.
    pub expected: f64,
    /// Distance that 1 % of the training images have at most to their nearest other one; of fewer than 100, the least.
    pub threshold: f64,
    /// Median distance of a drawn image to the nearest training image.
    pub median_drawn: f64,
    /// Median distance of a training image to the nearest other one.
    pub median_training: f64,
    /// File names of the suspicious ones with their nearest training images, nearest first.
    pub pairs: Vec<(String, String)>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidReport {
    /// What the features are of.
    pub features: String,
    /// Whether the figures compare with published ones.
    pub comparable: String,
    /// Features an image.
    pub dims: usize,
    /// Number of drawn images.
    pub drawn: usize,
    /// Number of real images.
    pub real: usize,
    /// Squared Fréchet distance.
    pub fid: f64,
    /// Kernel distance.
    pub kid: KernelDistance,
    /// With `--nearest`.
    pub copies: Option<Copies>,
}

/// Describes both folders and compares them. `tell` gets the number of images described, and of all.
///
/// # Errors
/// [`Error::Cancelled`] after `stop`; a folder has too few images, an image cannot be read or is of another size than the
/// first and `size` is not given; what the network and the disk report.
pub fn fid(options: &FidOptions, stop: &AtomicBool, tell: &mut dyn FnMut(usize, usize)) -> Result<FidReport> {
    set_threads(options.threads);
    let (extractor, features, comparable) = extractor(options)?;
    let (drawn, real) = (images(&options.drawn)?, images(&options.real)?);
    let all = drawn.len() + real.len();
    let mut shape = None;
    let mut describe = |files: &[PathBuf], before: usize| -> Result<Features> {
        let (mut values, mut dims) = (Vec::new(), 0);
        for (chunk, paths) in files.chunks(options.batch).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let batch: Vec<RgbImage> = paths.iter().map(|path| read(path, options.size)).collect::<Result<_>>()?;
            for (image, path) in batch.iter().zip(paths) {
                fits(image, path, *shape.get_or_insert(image.dimensions()), extractor.stride())?;
            }
            let (rows, width) = extractor.describe(&batch)?;
            values.extend(rows);
            dims = width;
            tell(before + (chunk * options.batch + paths.len()), all);
        }
        Features::new(&values, dims)
    };
    let (a, b) = (describe(&drawn, 0)?, describe(&real, drawn.len())?);
    let size = options.subset_size.unwrap_or_else(|| (a.images().min(b.images()) / 2).clamp(2, 1000));
    let found = options.nearest.as_ref().map(|path| -> Result<Copies> {
        let found = neighbours(&a, &b, sheet::SHOWN)?;
        sheet::sheet(&found, &drawn, &real, path)?;
        Ok(copies(&found, &drawn, &real))
    });
    Ok(FidReport {
        features,
        comparable,
        dims: a.dims(),
        drawn: a.images(),
        real: b.images(),
        fid: frechet(&a, &b)?,
        kid: kernel(&a, &b, options.subsets, size, options.seed)?,
        copies: found.transpose()?,
    })
}

/// The network, what it is, and what its figures compare with.
fn extractor(options: &FidOptions) -> Result<(Extractor, String, String)> {
    match &options.features {
        FeaturesOf::Script { path, trust, range } => {
            let extractor = Extractor::script(path, *trust, *range, &options.device)?;
            let name = format!("TorchScript {}, sha256 {}", path.display(), extractor.sha256());
            let comparable = "with figures of the same network, input size, range and resizing alone; published FID \
                              mostly uses Inception-v3 at 299 px";
            Ok((extractor, name, comparable.into()))
        }
        FeaturesOf::Encoder(path) => {
            let source = Source::read(path, &StartConfig::default())?;
            let name = source.path.display().to_string();
            let extractor = Extractor::encoder(&source.network, &source.tensors, source.range, &name, &options.device)?;
            let name = format!("slidestream encoder of {name} ({}), sha256 {}", source.kind, source.sha256);
            let comparable = "with figures of this very encoder alone; never with published FID or KID, which rest on \
                              Inception-v3";
            Ok((extractor, name, comparable.into()))
        }
    }
}

/// PNG and JPEG files of a folder, sorted by name.
fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if ending.is_some_and(|e| ["png", "jpg", "jpeg"].contains(&e.as_str())) && path.is_file() {
            files.push(path);
        }
    }
    if files.len() < 2 {
        let reason = format!("holds {} PNG or JPEG images; at least 2 are needed", files.len());
        return Err(Error::dataset(folder, reason));
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, size: Option<u32>) -> Result<RgbImage> {
    let image = image::open(path).map_err(|e| Error::bad_file(path, e.to_string()))?.into_rgb8();
    Ok(match size {
        Some(edge) if image.dimensions() != (edge, edge) => resize(&image, edge, edge, FilterType::CatmullRom),
        _ => image,
    })
}

fn fits(image: &RgbImage, path: &Path, (width, height): (u32, u32), stride: u32) -> Result<()> {
    let (w, h) = image.dimensions();
    if (w, h) != (width, height) {
        let reason =
            format!("has {w} x {h} pixels and the first image {width} x {height}; --size EDGE makes them alike");
        return Err(Error::dataset(path, reason));
    }
    if !w.is_multiple_of(stride) || !h.is_multiple_of(stride) {
        let reason = format!("has {w} x {h} pixels, and the encoder takes multiples of {stride}; give --size");
        return Err(Error::dataset(path, reason));
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn copies(found: &Neighbours, drawn: &[PathBuf], real: &[PathBuf]) -> Copies {
    let mut distances: Vec<f64> = found.nearest.iter().map(|near| near[0].1).collect();
    distances.sort_by(f64::total_cmp);
    let median = |sorted: &[f64]| sorted[sorted.len() / 2];
    let pair = |&i: &usize| (name(&drawn[i]), name(&real[found.nearest[i][0].0]));
    Copies {
        suspicious: found.suspicious.len(),
        expected: found.share * drawn.len() as f64,
        threshold: found.threshold,
        median_drawn: median(&distances),
        median_training: median(&found.among_training),
        pairs: found.suspicious.iter().map(pair).collect(),
    }
}
