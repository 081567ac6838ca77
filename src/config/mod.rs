//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod augment;
mod dataset;
mod diffusion;
mod evaluate;
mod finetune;
mod package;
mod receptive_field;
mod restain;
mod segment;
mod stream;
mod tissue;
mod training;

pub use augment::AugmentConfig;
pub use dataset::{DataConfig, Labels};
pub use diffusion::{DiffusionConfig, NoiseSchedule, Predict, StepDraw, StepWeight};
pub use evaluate::{EvaluateConfig, MaskKind};
pub use finetune::{FinetuneConfig, OutputModel, Stored, TrainInput};
pub use package::{
    ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Normalisation, Postprocessing, Task, WeightsSpec,
};
pub use restain::Restain;
pub use segment::{Area, SegmentConfig};
pub use stream::{StreamConfig, TileBytes, display_bytes, parse_bytes};
pub use tissue::TissueConfig;
pub use training::{
    Balance, InitKind, LossConfig, OptimizerConfig, OptimizerKind, Precision, ScheduleKind, Select, TrainingConfig,
};
