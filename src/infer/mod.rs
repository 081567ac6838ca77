//! Models in use: tiles in, class probabilities out, no tensor in any signature.

#[cfg(feature = "openvino")]
mod choice;
#[cfg(feature = "openvino")]
mod choice_cache;
pub mod fake;
pub mod golden;
pub mod lanes;
#[cfg(feature = "openvino")]
pub mod openvino;
#[cfg(feature = "openvino")]
mod openvino_graph;
#[cfg(feature = "openvino")]
pub mod openvino_library;
pub mod package;
#[cfg(feature = "torch")]
mod package_import;
pub mod tiling;
#[cfg(feature = "torch")]
pub mod torch;
#[cfg(feature = "torch")]
mod torch_copies;
#[cfg(feature = "torch")]
mod torch_cuda;
#[cfg(feature = "torch")]
pub mod torch_device;
#[cfg(feature = "torch")]
pub mod torch_features;
#[cfg(feature = "torch")]
pub mod torch_onnx;
#[cfg(feature = "torch")]
pub mod torchscript;

use crate::error::{Error, Result};
use crate::tile::{ProbabilityMaps, Tile};
use image::RgbImage;
use lanes::Lanes;

/// How an engine computes; part of every manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    /// `libtorch 2.11.0`, `fake`.
    pub engine: String,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// `f32`, `bf16`.
    pub precision: String,
    /// Threads that compute, of all lanes together.
    pub threads: usize,
    /// Forward passes at once.
    pub lanes: usize,
    /// One line: why this device and precision.
    pub reason: String,
}

/// A model that segments tiles. One thread owns it.
pub trait Segmenter: Send {
    /// How it computes.
    fn engine(&self) -> &EngineInfo;

    /// Number of classes, background included.
    fn classes(&self) -> usize;

    /// From now on a forward pass on a CPU takes this many threads.
    fn set_threads(&mut self, threads: usize);

    /// The same model for another thread, over the same weights.
    ///
    /// # Errors
    /// [`Error::Model`] or [`Error::Compute`] if the device has no room for another.
    fn lane(&self) -> Result<Box<dyn Segmenter>>;

    /// Class probabilities for each tile, in the tiles' order; all tiles have one size.
    ///
    /// # Errors
    /// [`Error::Shape`] for a size that the model cannot take,
    /// [`Error::OutOfDeviceMemory`] if a smaller batch may succeed.
    fn predict(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>>;

    /// Class probabilities of images that are no tiles of a slide, in their order; all have one size.
    ///
    /// # Errors
    /// As [`Segmenter::predict`].
    fn predict_images(&mut self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>>;

    /// Class probabilities of one image that is no tile of a slide.
    ///
    /// # Errors
    /// As [`Segmenter::predict`].
    fn predict_image(&mut self, image: &RgbImage) -> Result<ProbabilityMaps> {
        let mut maps = self.predict_images(&[image])?;
        maps.pop().ok_or_else(|| Error::Internal("no answer to one image".into()))
    }
}

/// How to compute, as the user asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// `auto`, `libtorch` or `openvino`. `auto` is what `$SLIDESTREAM_COMPUTE` names, else the faster one.
    pub engine: String,
    /// `auto`, `cpu`, `cuda`, `cuda:N`, or several as `cuda:0,cuda:1`.
    pub device: String,
    /// `auto`, `f32`, `bf16` or, with CUDA, `f16`.
    pub precision: String,
    /// Threads that compute on a CPU; 0 for as many as there are.
    pub threads: usize,
    /// Forward passes at once, which share the threads; 0 for up to four on a CPU and two on each other device.
    pub lanes: usize,
    /// Run a model that is a program (TorchScript).
    pub trust_model: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let auto = || "auto".to_owned();
        Self { engine: auto(), device: auto(), precision: auto(), threads: 0, lanes: 0, trust_model: false }
    }
}

/// Names the engine where the options say `auto`.
#[cfg(feature = "torch")]
const COMPUTE: &str = "SLIDESTREAM_COMPUTE";

impl EngineOptions {
    /// The engine asked for, `auto` if nobody asks for one.
    #[cfg(feature = "torch")]
    fn engine(&self) -> Result<String> {
        match std::env::var(COMPUTE) {
            Ok(name) if self.engine == "auto" && !name.is_empty() => match &*name {
                "auto" | "libtorch" | "openvino" => Ok(name),
                _ => Err(Error::config(COMPUTE, name, "must be auto, libtorch or openvino")),
            },
            _ => Ok(self.engine.clone()),
        }
    }

    /// Threads that compute, with 0 replaced by the number that this process may use.
    pub fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.threads == 0 { all() } else { self.threads }
    }
}

impl EngineInfo {
    /// Tiles a forward pass where the user does not say. On a CPU more tiles at once are not faster, and a smaller batch
    /// stops sooner; a GPU needs many to be busy.
    pub fn usual_batch(&self) -> usize {
        if self.device == "cpu" { 1 } else { 16 }
    }
}

/// A device that there is or could be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    /// As it is named in options: `cpu`, `cuda:0`; `cuda` if there is none.
    pub name: String,
    /// Can it be used?
    pub available: bool,
    /// The precision that `auto` takes there and why, or why it cannot be used.
    pub reason: String,
}

/// Every device, the one that `auto` takes first.
#[cfg(feature = "torch")]
pub fn devices() -> Vec<DeviceInfo> {
    torch_device::devices()
}

/// Every device; this build has no engine for any.
#[cfg(not(feature = "torch"))]
pub fn devices() -> Vec<DeviceInfo> {
    let reason = "this program was built without libtorch (the feature `torch`)";
    vec![DeviceInfo { name: "cpu".into(), available: false, reason: reason.into() }]
}

/// The engine for a model package.
///
/// # Errors
/// [`Error::Model`] for weights that do not fit or are not trusted,
/// [`Error::Config`] and [`Error::Device`] for options that cannot be met.
#[cfg(feature = "torch")]
pub fn load(package: &package::Package, options: &EngineOptions) -> Result<Lanes> {
    // One name or several, as `cuda:0,cuda:1`.
    if options.device.contains(',') { torch::on_devices(package, options) } else { on_one_device(package, options) }
}

#[cfg(feature = "openvino")]
use choice::load as on_one_device;

/// Libtorch, as this build has no OpenVINO.
#[cfg(all(feature = "torch", not(feature = "openvino")))]
fn on_one_device(package: &package::Package, options: &EngineOptions) -> Result<Lanes> {
    let engine = options.engine()?;
    if !matches!(&*engine, "auto" | "libtorch") {
        return Err(Error::config(
            "engine",
            engine,
            "this program was built with libtorch alone (the feature `openvino`)",
        ));
    }
    Lanes::new(Box::new(torch::TorchSegmenter::load(package, options)?), options)
}

/// The engine for a model package; this build has none.
///
/// # Errors
/// [`Error::Model`], always.
#[cfg(not(feature = "torch"))]
pub fn load(package: &package::Package, _options: &EngineOptions) -> Result<Lanes> {
    let reason = "this program was built without libtorch (the feature `torch`)";
    Err(Error::model(&package.config.name, reason))
}
