//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod package;
mod receptive_field;

pub use package::{
    ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Normalisation, Postprocessing, Task, WeightsSpec,
};
