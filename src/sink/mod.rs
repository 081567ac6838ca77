//! Results out: one trait, one file a format.

use crate::error::Result;
use crate::geometry::{Model, Rect};
use crate::tile::Object;

/// A block of final class indices at the model's mpp: one core, row-major.
#[derive(Debug, Clone)]
pub struct ClassBlock {
    /// Column and row in the grid of cores.
    pub column: u32,
    /// Row in the grid of cores.
    pub row: u32,
    /// Where it lies.
    pub core: Rect<Model>,
    /// `core.width x core.height` class indices.
    pub classes: Vec<u8>,
}

/// Takes results as they become final, in any order, and finishes a file.
pub trait Sink: Send {
    /// What the file is called, for messages.
    fn name(&self) -> &str;

    /// Takes final objects.
    ///
    /// # Errors
    /// If they cannot be written.
    fn objects(&mut self, objects: &[Object]) -> Result<()>;

    /// Takes one core's class indices.
    ///
    /// # Errors
    /// If they cannot be written.
    fn block(&mut self, block: &ClassBlock) -> Result<()>;

    /// Writes what is left, flushes and syncs. Without this call the file counts as unfinished.
    ///
    /// # Errors
    /// If the last bytes cannot be written.
    fn finish(self: Box<Self>) -> Result<()>;
}
