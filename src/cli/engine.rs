//! Which model on which device: options that several subcommands share.

use crate::config::ModelPackage;
use crate::error::{Error, Result};
use crate::infer::lanes::Lanes;
use crate::infer::package::Package;
use crate::infer::{EngineOptions, load};
use std::time::Instant;

/// The model and how to compute with it.
#[derive(Debug, clap::Args)]
pub struct EngineArgs {
    /// Name of a model package (see `slidestream models list`) or its folder.
    #[arg(long, value_name = "NAME|FOLDER")]
    model: String,
    /// auto, libtorch or openvino. auto takes what $SLIDESTREAM_COMPUTE names, else the one that is faster on this CPU: two
    /// seconds of measuring once for a model, then remembered.
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: String,
    /// auto, cpu, cuda, cuda:N, or several GPUs as cuda:0,cuda:1.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// auto, f32, bf16 or, with CUDA, f16.
    #[arg(long, value_name = "PRECISION", default_value = "auto")]
    precision: String,
    /// Threads that compute on a CPU; 0 for as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
    /// Forward passes at once, on each device if there are several, which share the threads; each needs memory of its own [default: up to 4 on a CPU, 2 on
    /// each GPU].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u16).range(..=64))]
    lanes: u16,
    /// Tiles a forward pass [default: 1 on a CPU, 16 on a GPU].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Run a model that is a program (TorchScript). Only for packages whose maker you trust.
    #[arg(long)]
    trust_model: bool,
}

/// A model that is ready.
pub struct Loaded {
    /// Its description.
    pub model: ModelPackage,
    /// The model itself.
    pub lanes: Lanes,
    /// Tiles a forward pass.
    pub batch: usize,
    /// One line: which model, where, and why there.
    pub summary: String,
    /// Seconds that loading took.
    pub load_s: f64,
}

impl EngineArgs {
    /// Finds and loads the model.
    ///
    /// # Errors
    /// [`Error::Model`] if there is none of this name or it is unsound, [`Error::Device`], [`Error::Config`].
    pub fn load(&self) -> Result<Loaded> {
        if self.batch == Some(0) {
            return Err(Error::config("--batch", 0, "must be 1 or more"));
        }
        let begun = Instant::now();
        let package = Package::find(&self.model)?;
        let options = EngineOptions {
            engine: self.engine.clone(),
            device: self.device.clone(),
            precision: self.precision.clone(),
            threads: self.threads,
            lanes: self.lanes.into(),
            trust_model: self.trust_model,
        };
        let lanes = load(&package, &options)?;
        let engine = lanes.engine();
        let usual = engine.usual_batch();
        let (name, version) = (&package.config.name, &package.config.version);
        let summary = format!(
            "model {name} {version}, {} on {} in {}, {} threads in {} lanes: {}",
            engine.engine, engine.device, engine.precision, engine.threads, engine.lanes, engine.reason
        );
        let load_s = begun.elapsed().as_secs_f64();
        Ok(Loaded { model: package.config.clone(), batch: self.batch.unwrap_or(usual), lanes, summary, load_s })
    }
}
