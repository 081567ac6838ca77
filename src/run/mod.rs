//! Whole runs: the only place where stages meet.

#[cfg(feature = "torch")]
pub mod baseline;
pub mod bench;
pub mod evaluate;
#[cfg(feature = "torch")]
pub mod fid;
mod findings;
#[cfg(feature = "torch")]
pub mod finetune;
pub mod manifest;
mod ordered;
mod outputs;
mod panels;
#[cfg(feature = "torch")]
mod picture;
pub mod places;
pub mod prepare;
#[cfg(feature = "torch")]
pub mod pretrain;
#[cfg(feature = "torch")]
pub mod sample;
mod scene;
#[cfg(feature = "torch")]
pub mod score;
pub mod segment;
mod stains;
mod stoppable;
#[cfg(feature = "torch")]
pub mod study;
pub mod tissue;
#[cfg(feature = "torch")]
mod training;
mod whole_image;
