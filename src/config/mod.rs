//! Configuration: serde structs with units, defaults and a `validate` that names the field; one file a stage.

mod package;

pub use package::{
    ClassRole, InputSpec, ModelClass, ModelPackage, NetworkSpec, Normalisation, Postprocessing, Task, WeightsSpec,
};
