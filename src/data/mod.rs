//! Training data: formats, splits, augmentation.

pub mod geojson;
pub mod noise;
pub mod restain;
