//! How good a segmentation is: pixels, surfaces, objects, probabilities; per image, with intervals over images; and how
//! like real ones drawn images are.

pub mod bootstrap;
pub mod calibration;
pub mod compat;
pub mod confusion;
pub mod generative;
pub mod glas;
#[cfg(test)]
mod golden;
pub mod instance;
mod quantile;
pub mod segmentation;
pub mod surface;
