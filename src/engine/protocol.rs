//! What the host and the engine say to each other.

pub use super::failure::{Failure, FailureKind};

use crate::config::{HostImage, SegmentConfig};
use crate::geometry::Size;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the messages; both sides must have the same.
pub const PROTOCOL: u32 = 1;

/// Version of the program; both sides must have the same.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// FNV-1a over the sources that decide what bytes mean; with [`BUILD`] the build id. Messages carry no field names, so two
/// sides of different sources would misread each other in silence.
pub const LAYOUT: u64 = {
    let sources: [&[u8]; 9] = [
        include_bytes!("protocol.rs"),
        include_bytes!("failure.rs"),
        include_bytes!("frame.rs"),
        include_bytes!("ring.rs"),
        include_bytes!("batch.rs"),
        include_bytes!("../config/host_image.rs"),
        include_bytes!("../config/segment.rs"),
        include_bytes!("../config/stream.rs"),
        include_bytes!("../config/tissue.rs"),
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut file = 0;
    while file < sources.len() {
        let mut at = 0;
        while at < sources[file].len() {
            hash = (hash ^ sources[file][at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    hash
};

/// Number of a job, unique within one engine process.
pub type JobId = u64;

/// What a host can ask for. Each order is a job: it may tell of its progress, and it ends once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Lists devices with reasons.
    Devices,
    /// Lists the model packages that can be named.
    Models,
    /// Opens a slide and tells what it says about itself.
    Slide {
        /// The file.
        path: PathBuf,
    },
    /// Loads a model and tells what it is; it stays loaded.
    Model(ModelChoice),
    /// Segments one slide.
    Segment(Box<SegmentOrder>),
    /// Trains a segmentation model.
    Finetune(TrainOrder),
    /// Pre-trains a network on images without labels.
    Pretrain(TrainOrder),
}

/// Which model, and how to compute with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// Name of a package or its folder.
    pub model: String,
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    #[serde(default = "auto")]
    pub device: String,
    /// `auto`, `f32`, `bf16` or, with CUDA, `f16`.
    #[serde(default = "auto")]
    pub precision: String,
    /// Threads of one forward pass on a CPU; 0 for as many as there are cores.
    #[serde(default)]
    pub threads: usize,
    /// Run a model that is a program (TorchScript).
    #[serde(default)]
    pub trust_model: bool,
}

fn auto() -> String {
    "auto".into()
}

/// Where pixels come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// A file that the engine reads.
    File(PathBuf),
    /// The host, which the engine asks for regions.
    Host(HostImage),
}

/// One slide to segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentOrder {
    /// Where the pixels come from.
    pub image: Image,
    /// Which model, and how to compute with it.
    pub model: ModelChoice,
    /// Tiles a forward pass, which replaces `config.stream.batch`; by the device if absent.
    #[serde(default)]
    pub batch: Option<usize>,
    /// Everything else about the run.
    #[serde(default)]
    pub config: SegmentConfig,
    /// Folder for the result's files; without it objects come as batches only.
    #[serde(default)]
    pub out: Option<PathBuf>,
    /// Replace a result that is there.
    #[serde(default)]
    pub force: bool,
}

/// One training run; what is absent is as the configuration says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOrder {
    /// The run's TOML file.
    pub config: PathBuf,
    /// Folder that everything is written to.
    pub out: PathBuf,
    /// Go on from the folder's last checkpoint.
    #[serde(default)]
    pub resume: bool,
    /// `auto`, `cpu` or `cuda[:N]`.
    #[serde(default = "auto")]
    pub device: String,
    /// Threads of libtorch; 0 for one a core.
    #[serde(default)]
    pub threads: usize,
    /// Epochs.
    #[serde(default)]
    pub epochs: Option<u64>,
    /// Seed.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Weights to start from; fine-tuning only.
    #[serde(default)]
    pub from: Option<PathBuf>,
    /// Folder of the images, instead of the configuration's; a pre-training must have one source, a folder.
    #[serde(default)]
    pub data: Option<PathBuf>,
}

/// From the host to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToEngine {
    /// Are you there?
    Ping,
    /// Begin a job.
    Begin(JobId, Order),
    /// Stop a job; it ends as [`FailureKind::Cancelled`], or as it would if it is done already.
    Cancel(JobId),
    /// The pixel slot is filled as asked, or why it could not be.
    Pixels(u32, Result<(), String>),
    /// The result slot has been read.
    Release(u32),
    /// Stop all jobs and end.
    Shutdown,
}

/// From the engine to the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromEngine {
    /// Yes.
    Pong,
    /// How far a job is; only the newest counts.
    Progress(JobId, Progress),
    /// Something that the user should know.
    Note(JobId, String),
    /// A part of a packed batch of objects lies in a result slot; the batch is complete with its `last` part.
    Objects {
        /// Whose.
        job: JobId,
        /// The slot, which is the host's until it releases it.
        slot: u32,
        /// Bytes in the slot.
        bytes: u32,
        /// Is the batch complete?
        last: bool,
    },
    /// Fill a pixel slot; the answer is [`ToEngine::Pixels`].
    Want(JobId, Want),
    /// The job is over.
    Ended(JobId, Result<Ending, Failure>),
}

/// A region that the host shall read: RGB8, row by row without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The slot, which is the host's until it answers.
    pub slot: u32,
    /// Level of the image, 0 is the finest.
    pub level: u32,
    /// Left edge, pixels of the level.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Want {
    /// Bytes of the region.
    pub fn bytes(&self) -> usize {
        self.width as usize * self.height as usize * 3
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Tiles or steps done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// Tiles, steps or crops a second so far.
    pub per_s: f64,
    /// Estimate of the seconds left.
    pub seconds_left: f64,
    /// The same for people, with more: the loss.
    pub text: String,
}

/// How a job ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every device, the one that `auto` takes first.
    Devices(Vec<Device>),
    /// Every model package found.
    Models(Vec<KnownModel>),
    /// What a slide says about itself.
    Slide(Slide),
    /// What a model is.
    Model(LoadedModel),
    /// A slide is segmented.
    Segmented(Segmented),
    /// A training run is complete.
    Trained {
        /// Its folder.
        out: PathBuf,
    },
}

/// A device that there is or could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// As it is named in options: `cpu`, `cuda:0`; `cuda` if there is none.
    pub name: String,
    /// Can it be used?
    pub available: bool,
    /// The precision that `auto` takes there and why, or why it cannot be used.
    pub reason: String,
}

/// A model package that can be named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownModel {
    /// Its name.
    pub name: String,
    /// One sentence; for an unsound package why it cannot be used.
    pub title: String,
    /// Can it be used?
    pub usable: bool,
    /// Micrometres per pixel; 0 for an unsound package.
    pub mpp: f64,
    /// Its card, Markdown; empty if it has none.
    pub card: String,
}

/// What a slide says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slide {
    /// `aperio`, `png`, ...
    pub vendor: String,
    /// Which reader serves the pixels.
    pub reader: String,
    /// Pixels of each level, finest first.
    pub levels: Vec<Size>,
    /// Micrometres per level-0 pixel, x and y, if the slide says so.
    pub mpp: Option<[f64; 2]>,
    /// Everything that the file says about itself, by name.
    pub properties: Vec<[String; 2]>,
}

/// A model that is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedModel {
    /// Name of the package.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One sentence.
    pub title: String,
    /// Does it find single objects, or else regions?
    pub instances: bool,
    /// Micrometres per pixel.
    pub mpp: f64,
    /// Classes in the order of the numbers in batches.
    pub classes: Vec<Class>,
    /// Names of the measurements of each object, in the order of batches.
    pub measurements: Vec<String>,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// `f32`, `bf16`.
    pub precision: String,
    /// Why there and so.
    pub reason: String,
}

/// A class of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// As it appears in QuPath.
    pub name: String,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// Are there objects of it?
    pub reported: bool,
}

/// A slide is segmented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segmented {
    /// Objects found.
    pub objects: u64,
    /// The run's record, as in `manifest.json`; absent for a result that was there already.
    pub manifest: Option<String>,
    /// Why a result that was there was left as it is, and so no objects came.
    pub skipped: Option<String>,
}
