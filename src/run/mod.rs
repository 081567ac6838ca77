//! Whole runs: the only place where stages meet.

#[cfg(feature = "torch")]
pub mod baseline;
pub mod bench;
mod findings;
#[cfg(feature = "torch")]
pub mod finetune;
pub mod manifest;
mod outputs;
pub mod places;
pub mod prepare;
#[cfg(feature = "torch")]
pub mod score;
pub mod segment;
mod stoppable;
pub mod tissue;
