//! slidestream segments whole-slide images and trains the models for it.
//!
//! ```text
//! slide -> grid(tissue) -> N readers => batcher => lanes of the model => stitcher -> vectorizer -> sinks
//! folders -> augment => segmentation loss over nn -> optimizer -> checkpoint -> model package
//! folders, slides -> patches => pretext task over nn -> optimizer -> checkpoint -> pre-trained weights
//! ```
//! `=>` is a bounded channel, `->` a call. Modules are listed from the ground up; each uses only those before it,
//! which `tests/architecture.rs` checks.

pub mod error;
pub mod geometry;

/// What `budget` is built on; its model checker puts instrumented ones here.
mod sync {
    pub use std::sync::{Arc, Mutex};
}

pub mod budget;
pub mod bundle;
pub mod config;
pub mod file;
pub mod tile;

pub mod data;
#[cfg(feature = "torch")]
pub mod diffusion;
pub mod grid;
#[cfg(feature = "torch")]
pub mod nn;
pub mod slide;
pub mod vectorize;

pub mod infer;
pub mod metrics;
#[cfg(feature = "torch")]
pub mod pretext;
pub mod stitch;
pub mod stream;

pub mod sink;
#[cfg(feature = "torch")]
pub mod train;

pub mod run;

pub mod engine;

pub mod cli;

pub use error::{Error, ErrorKind, Result};

/// Whether this was built with the feature `torch`: networks, training and inference.
pub const WITH_TORCH: bool = cfg!(feature = "torch");
