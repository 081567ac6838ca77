//! Whole runs: the only place where stages meet.

pub mod bench;
mod findings;
#[cfg(feature = "torch")]
pub mod finetune;
pub mod manifest;
mod outputs;
pub mod places;
pub mod segment;
mod stoppable;
pub mod tissue;
