//! Whole runs: the only place where stages meet.

#[cfg(feature = "torch")]
pub mod baseline;
pub mod bench;
#[cfg(feature = "torch")]
pub mod fid;
mod findings;
#[cfg(feature = "torch")]
pub mod finetune;
pub mod manifest;
mod outputs;
pub mod places;
#[cfg(feature = "torch")]
pub mod score;
pub mod segment;
mod stoppable;
pub mod tissue;
