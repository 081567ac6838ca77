//! `--reader`, for every subcommand that opens a slide.

use crate::error::Result;
use crate::slide::{self, Limits, Reader, SlideSource};
use std::path::Path;
use std::sync::Arc;

/// Who reads the pixels.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ReaderArgs {
    /// auto, native or openslide. auto decodes the tiles of Aperio, generic, Philips and Trestle TIFF itself where that gives OpenSlide's
    /// pixels, and leaves all else to OpenSlide; `slidestream info` says which it was
    #[arg(long, value_name = "READER", default_value = "auto")]
    reader: Reader,
}

impl ReaderArgs {
    /// Opens a slide.
    ///
    /// # Errors
    /// As [`slide::open_with`].
    pub(super) fn open(&self, path: &Path) -> Result<Arc<dyn SlideSource>> {
        slide::open_with(path, &Limits::default(), self.reader)
    }
}
