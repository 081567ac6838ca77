//! How good a segmentation is: pixel overlap and instance matching, per image; and how like real ones drawn images are.

pub mod generative;
pub mod instance;
pub mod segmentation;
