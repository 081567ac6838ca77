//! Training data: formats, splits, augmentation.

pub mod noise;
pub mod restain;
