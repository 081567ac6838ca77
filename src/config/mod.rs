//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod augment;
mod dataset;
mod diffusion;
mod evaluate;
mod finetune;
mod host_image;
mod loss;
mod network;
mod output_model;
mod package;
mod pretext;
mod pretrain;
mod receptive_field;
mod restain;
mod segment;
mod source;
mod start;
mod stream;
mod study;
mod tissue;
mod training;

pub use augment::AugmentConfig;
pub use dataset::{DataConfig, Labels, SplitBy};
pub use diffusion::{DiffusionConfig, NoiseSchedule, Predict, StepDraw, StepWeight};
pub use evaluate::{EvaluateConfig, MaskKind};
pub use finetune::{FinetuneConfig, TrainInput};
pub use host_image::HostImage;
pub use loss::{LossConfig, SsMode};
pub use network::{Answers, NetworkSpec, Normalisation};
pub use output_model::{OutputClass, OutputModel, Stored};
pub use package::{
    Channels, ClassRole, ExternalFile, InputSpec, ModelClass, ModelPackage, Postprocessing, Task, WeightsSpec,
};
pub use pretext::{Denoised, DenoisingConfig, PretextConfig};
pub use pretrain::{PretrainConfig, PretrainInput, PretrainTraining, Reduction, ValNoise};
pub use restain::Restain;
pub use segment::{Area, Output, SegmentConfig};
pub use source::{FolderSource, GroupBy, SlidesSource, SourceConfig};
pub use start::{NoiseProcess, Parts, StartConfig};
pub use stream::{StreamConfig, TileBytes, display_bytes, parse_bytes};
pub use study::{Reported, Study, StudyConfig, StudyLoss, StudyStart};
pub use tissue::TissueConfig;
pub use training::{
    Balance, InitKind, OptimizerConfig, OptimizerKind, Precision, ScheduleKind, Select, TrainingConfig, ValidateOn,
};
