//! Models in use: tiles in, class probabilities out, no tensor in any signature.

pub mod fake;

use crate::error::Result;
use crate::tile::{ProbabilityMaps, Tile};

/// How an engine computes; part of every manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    /// `libtorch 2.11.0`, `fake`.
    pub engine: String,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// `f32`, `bf16`.
    pub precision: String,
    /// Threads of one forward pass.
    pub threads: usize,
    /// One line: why this device and precision.
    pub reason: String,
}

/// A model that segments tiles. One thread owns it.
pub trait Segmenter: Send {
    /// How it computes.
    fn engine(&self) -> &EngineInfo;

    /// Number of classes, background included.
    fn classes(&self) -> usize;

    /// Class probabilities for each tile, in the tiles' order; all tiles have one size.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a size that the model cannot take,
    /// [`Error::OutOfDeviceMemory`](crate::Error::OutOfDeviceMemory) if a smaller batch may succeed.
    fn predict(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>>;
}
