//! How good a segmentation is: pixel overlap and instance matching, per image.

pub mod instance;
pub mod segmentation;
