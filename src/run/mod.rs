//! Whole runs: the only place where stages meet.

pub mod tissue;
