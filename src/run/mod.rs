//! Whole runs: the only place where stages meet.

#[cfg(feature = "torch")]
pub mod baseline;
pub mod bench;
pub mod evaluate;
mod findings;
#[cfg(feature = "torch")]
pub mod finetune;
pub mod manifest;
mod outputs;
mod panels;
pub mod places;
#[cfg(feature = "torch")]
pub mod score;
pub mod segment;
mod stoppable;
pub mod tissue;
mod whole_image;
