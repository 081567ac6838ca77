//! Training data: images with masks, groups and splits, classes, augmentation. No tensors in here.

pub mod augment;
mod cache;
mod classes;
mod collection;
mod colour;
mod dataset;
mod folder;
pub mod geojson;
mod index;
mod loader;
mod look_alike;
mod mixture;
pub mod noise;
pub mod patch;
pub mod pixel_size;
pub mod restain;
pub mod sampler;
mod splits;
mod warp;

pub use classes::{BOUNDARY, INTERIOR, class_map};
pub use collection::{Collection, PatchBatch, PatchPlan};
pub use dataset::{Dataset, Item, Sample};
pub use folder::{Grouping, ImageFolder};
pub use loader::{Batch, CropPlan, Loader};
pub use look_alike::{Appearance, look_alike_groups};
pub use mixture::Mixture;
pub use patch::{Patches, Unit};
pub use sampler::Sampler;
pub use splits::{Split, SplitTable};
