//! Training data: images with masks, groups and splits, classes, augmentation. No tensors in here.

pub mod augment;
mod classes;
mod colour;
mod dataset;
pub mod geojson;
mod index;
mod loader;
mod look_alike;
pub mod noise;
pub mod pixel_size;
pub mod restain;
pub mod sampler;
mod splits;
mod warp;

pub use classes::{BOUNDARY, INTERIOR, class_map};
pub use dataset::{Dataset, Item, Sample};
pub use loader::{Batch, CropPlan, Loader};
pub use look_alike::{Appearance, look_alike_groups};
pub use sampler::Sampler;
pub use splits::{Split, SplitTable};
