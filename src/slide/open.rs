//! Which reader a file gets.

use super::kind::{self, Kind};
use super::{Limits, SlideSource};
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens a slide or an image with the reader that suits its contents; its name does not matter, but for `.mrxs`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::BadFile`] if it is damaged, [`Error::Limit`] if it asks for more
/// than `limits`, [`Error::Unsupported`] if no reader knows it.
pub fn open(path: &Path, limits: &Limits) -> Result<Arc<dyn SlideSource>> {
    let kind = kind::detect(path)?;
    #[cfg(feature = "openslide")]
    if let Some(slide) = super::openslide::open(path, limits)? {
        return Ok(Arc::new(slide));
    }
    let reason = match kind {
        Kind::Dicom => "it is a DICOM file, but not a whole-slide image that OpenSlide reads",
        _ => "no reader knows this kind of file",
    };
    let formats = "known are the formats of OpenSlide 4 (Aperio, DICOM, Hamamatsu, Leica, MIRAX, Philips, Sakura, \
                   Trestle, Ventana, Zeiss), OME and ordinary TIFF, PNG and JPEG";
    let built = if cfg!(feature = "openslide") { "" } else { "; this program was built without OpenSlide" };
    Err(Error::Unsupported { path: path.to_owned(), reason: format!("{reason}; {formats}{built}") })
}
