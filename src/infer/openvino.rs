//! Models computed by OpenVINO, the second engine for a CPU.

use super::openvino_graph::Graph;
use super::openvino_library as library;
use super::package::Package;
use super::tiling;
use super::{EngineInfo, EngineOptions, Segmenter};
use crate::error::{Error, Result};
use crate::nn::onnx::Ends;
use crate::tile::{ProbabilityMaps, Tile};
use image::RgbImage;
use openvino::{Core, DeviceType, InferRequest, PartialShape, RwPropertyKey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is the same for all lanes of a model.
struct Shared {
    model: String,
    network: Network,
    stride: u32,
    classes: usize,
    /// Threads of all lanes together.
    threads: usize,
    precision: &'static str,
    /// Compiles one model after the other.
    core: Mutex<Core>,
    compiled: Mutex<BTreeMap<Job, openvino::CompiledModel>>,
}

/// A network as ONNX, its sizes open.
enum Network {
    /// One of ours, written from bytes to bytes ([`Ends::Bytes`]).
    Ours(Vec<u8>),
    Foreign(Box<Graph>),
}

/// What a compiled model is for: OpenVINO is fastest where every size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    images: usize,
    width: u32,
    height: u32,
    /// Threads of one forward pass.
    threads: usize,
}

/// A [`Segmenter`] that computes with OpenVINO on a CPU.
pub struct OpenVinoSegmenter {
    shared: Arc<Shared>,
    engine: EngineInfo,
    requests: BTreeMap<Job, InferRequest>,
}

impl OpenVinoSegmenter {
    /// Hands the package's network to OpenVINO: an ONNX file, or one of ours written as such. It is compiled when the first
    /// tile comes, for that tile's size.
    ///
    /// # Errors
    /// [`Error::Device`] without OpenVINO or on another device than the CPU, [`Error::Model`] for a package that is a
    /// program, [`Error::Config`] for another precision than `auto`, `f32` and `bf16`.
    pub fn load(package: &Package, options: &EngineOptions) -> Result<Self> {
        let version = library::load().map_err(|reason| Error::Device { device: "cpu".into(), reason })?;
        if !matches!(&*options.device, "auto" | "cpu") {
            let reason = "OpenVINO computes on the CPU alone here; use --device cpu, or --engine libtorch for one of our networks".into();
            return Err(Error::Device { device: options.device.clone(), reason });
        }
        let (precision, why) = library::precision(&options.precision)?;
        let config = &package.config;
        let network = if config.network.is_onnx() {
            Network::Foreign(Box::new(Graph::of(package)?))
        } else {
            Network::Ours(super::torch_onnx::onnx(package, Ends::Bytes(config.input.range), None)?)
        };
        let shared = Shared {
            model: config.name.clone(),
            network,
            stride: config.network.stride_px(),
            classes: config.classes.len(),
            threads: options.threads(),
            precision,
            core: Mutex::new(Core::new().map_err(failed("starting OpenVINO"))?),
            compiled: Mutex::new(BTreeMap::new()),
        };
        let engine = EngineInfo {
            engine: format!("OpenVINO {version}"),
            device: "cpu".into(),
            precision: precision.into(),
            threads: options.threads(),
            lanes: 1,
            reason: format!("cpu; {precision} {why}"),
        };
        Ok(Self { shared: Arc::new(shared), engine, requests: BTreeMap::new() })
    }

    fn compute(&mut self, images: &[&RgbImage], job: Job) -> Result<Vec<ProbabilityMaps>> {
        let name = format!("model `{}` in OpenVINO", self.shared.model);
        let request = match self.requests.entry(job) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(self.shared.request(job)?),
        };
        let one = self.shared.classes * job.width as usize * job.height as usize;
        let classes = self.shared.classes;
        // The answers, and how many values there were.
        let mut run = || -> Result<(Vec<Vec<u8>>, usize), openvino::InferenceError> {
            let mut input = request.get_input_tensor()?;
            let values = images[0].as_raw().len();
            match &self.shared.network {
                Network::Ours(_) => {
                    let rooms = input.get_raw_data_mut()?.chunks_exact_mut(values);
                    rooms.zip(images).for_each(|(room, image)| room.copy_from_slice(image.as_raw()));
                }
                Network::Foreign(graph) => {
                    let rooms = input.get_data_mut::<f32>()?.chunks_exact_mut(values);
                    rooms.zip(images).for_each(|(room, image)| graph.fill(room, image));
                }
            }
            request.infer()?;
            let output = request.get_output_tensor()?;
            Ok(match &self.shared.network {
                Network::Ours(_) => {
                    let bytes = output.get_raw_data()?;
                    (bytes.chunks_exact(one).map(<[u8]>::to_vec).collect(), bytes.len())
                }
                Network::Foreign(graph) => {
                    let values = output.get_data::<f32>()?;
                    let answers = values.chunks_exact(one).map(|planes| graph.probabilities(planes, classes));
                    (answers.collect(), values.len())
                }
            })
        };
        let (answers, values) = run().map_err(failed(&name))?;
        if values != one * images.len() {
            let reason = format!("answers {values} values instead of {}", one * images.len());
            return Err(Error::model(&self.shared.model, reason));
        }
        let Job { width, height, .. } = job;
        Ok(answers.into_iter().map(|values| ProbabilityMaps { classes, width, height, values }).collect())
    }
}

impl Shared {
    /// A forward pass for `job`, over the weights of those before it.
    fn request(&self, job: Job) -> Result<InferRequest> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let what = format!("preparing model `{}` in OpenVINO", self.model);
        if let Some(model) = compiled.get_mut(&job) {
            return model.create_infer_request().map_err(failed(&what));
        }
        let mut model = self.compile(job).map_err(failed(&what))?;
        let request = model.create_infer_request().map_err(failed(&what))?;
        compiled.insert(job, model);
        Ok(request)
    }

    fn compile(&self, job: Job) -> Result<openvino::CompiledModel, openvino::InferenceError> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let (streams, threads) = ((self.threads / job.threads).max(1).to_string(), self.threads.to_string());
        let properties = [
            (RwPropertyKey::HintInferencePrecision, self.precision),
            (RwPropertyKey::InferenceNumThreads, &*threads),
            (RwPropertyKey::NumStreams, &*streams),
            // Readers and vectorizers share the processors.
            (RwPropertyKey::HintEnableCpuPinning, "NO"),
        ];
        core.set_properties(&DeviceType::CPU, properties)?;
        let [images, height, width] = [job.images as i64, i64::from(job.height), i64::from(job.width)];
        let (mut model, shape) = match &self.network {
            Network::Ours(onnx) => (core.read_model_from_buffer(onnx, None)?, [images, height, width, 3]),
            Network::Foreign(graph) => (graph.read(&mut core)?, [images, 3, height, width]),
        };
        model.reshape_single_input(&PartialShape::new_static(4, &shape)?)?;
        core.compile_model(&model, DeviceType::CPU)
    }
}

/// An adapter for `map_err` on OpenVINO's calls.
fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Error {
    let what = what.to_owned();
    move |error| Error::compute(what)(error.to_string())
}

impl Segmenter for OpenVinoSegmenter {
    fn engine(&self) -> &EngineInfo {
        &self.engine
    }

    fn classes(&self) -> usize {
        self.shared.classes
    }

    fn set_threads(&mut self, threads: usize) {
        self.engine.threads = threads;
    }

    fn lane(&self) -> Result<Box<dyn Segmenter>> {
        let engine = self.engine.clone();
        Ok(Box::new(Self { shared: self.shared.clone(), engine, requests: BTreeMap::new() }))
    }

    fn predict(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>> {
        self.predict_images(&tiles.iter().map(|tile| &tile.rgb).collect::<Vec<_>>())
    }

    fn predict_images(&mut self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>> {
        let Some(first) = images.first() else { return Ok(Vec::new()) };
        let (width, height) = first.dimensions();
        tiling::check(&self.shared.model, images, self.shared.stride)?;
        self.compute(images, Job { images: images.len(), width, height, threads: self.engine.threads })
    }
}

#[cfg(test)]
mod tests;
