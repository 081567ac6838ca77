//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod package;
mod receptive_field;
mod stream;

pub use package::{
    ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Normalisation, Postprocessing, Task, WeightsSpec,
};
pub use stream::{StreamConfig, TileBytes, display_bytes, parse_bytes};
