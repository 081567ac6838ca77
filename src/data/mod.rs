//! Training data: images with masks, groups and splits, classes, augmentation. No tensors in here.

pub mod augment;
mod classes;
mod colour;
mod dataset;
pub mod geojson;
pub mod glas;
mod index;
pub mod label_map;
pub mod labelbox;
mod legacy_permutation;
mod loader;
mod look_alike;
pub mod mask;
pub mod monuseg;
pub mod noise;
mod patches;
pub mod pixel_size;
pub mod restain;
pub mod sampler;
mod splits;
mod warp;

pub use classes::{BOUNDARY, INTERIOR, class_map};
pub use dataset::{Dataset, Item, Sample};
pub use index::Index;
pub use legacy_permutation::legacy_permutation;
pub use loader::{Batch, CropPlan, Loader};
pub use look_alike::{Appearance, look_alike_groups};
pub use patches::PatchGrid;
pub use sampler::Sampler;
pub use splits::{Split, SplitTable, divide_groups};
