//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod augment;
mod finetune;
mod package;
mod receptive_field;
mod restain;
mod stream;
mod tissue;

pub use augment::AugmentConfig;
pub use finetune::{
    Balance, DataConfig, FinetuneConfig, InitKind, Labels, LossConfig, OptimizerConfig, OptimizerKind, OutputModel,
    Precision, ScheduleKind, TrainInput, TrainingConfig,
};
pub use package::{
    ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Normalisation, Postprocessing, Task, WeightsSpec,
};
pub use restain::Restain;
pub use stream::{StreamConfig, TileBytes, display_bytes, parse_bytes};
pub use tissue::TissueConfig;
