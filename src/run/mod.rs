//! Whole runs: the only place where stages meet.

#[cfg(feature = "torch")]
pub mod finetune;
pub mod tissue;
