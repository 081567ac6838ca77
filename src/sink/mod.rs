//! Results out: one trait, one file a format.

pub mod commit;
mod decimal;
pub mod geojson;
pub mod measurements;
pub mod ome_tiff;
pub mod overlay;

use crate::error::Result;
use crate::tile::{ClassBlock, Object};

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
