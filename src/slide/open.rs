//! Which reader a file gets.

use super::kind::{self, Kind};
use super::{Limits, SlideSource, image, side_files, tiff_check};
use crate::error::{Error, Result};
use ::image::ImageFormat;
use std::path::Path;
use std::sync::Arc;

/// Opens a slide or an image with the reader that suits its contents; its name does not matter, but for `.mrxs`.
///
/// PNG and JPEG are decoded whole. OME-TIFF is read by this program itself, since OpenSlide shows neither its pyramid
/// nor its pixel size; every other TIFF goes to OpenSlide first and is read here if OpenSlide does not know it.
/// [`SlideInfo::reader`](super::SlideInfo) tells which it was.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::BadFile`] if it is damaged, [`Error::Limit`] if it asks for more
/// than `limits`, [`Error::Unsupported`] if no reader knows it.
pub fn open(path: &Path, limits: &Limits) -> Result<Arc<dyn SlideSource>> {
    let kind = kind::detect(path)?;
    match kind {
        Kind::Png => return Ok(Arc::new(image::open(path, ImageFormat::Png, limits)?)),
        Kind::Jpeg => return Ok(Arc::new(image::open(path, ImageFormat::Jpeg, limits)?)),
        Kind::Tiff => return open_tiff(path, limits),
        Kind::Mirax => side_files::check_mirax(path)?,
        Kind::HamamatsuIni => side_files::check_hamamatsu(path)?,
        Kind::Dicom | Kind::Other => {}
    }
    if let Some(slide) = through_openslide(path, limits)? {
        return Ok(slide);
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

fn open_tiff(path: &Path, limits: &Limits) -> Result<Arc<dyn SlideSource>> {
    let mut file = tiff_check::check(path, limits)?;
    if super::tiff::is_ome(&mut file)? {
        match super::tiff::open(path, &mut file, limits) {
            // JPEG 2000, for one: OpenSlide shows the finest level at least.
            Err(Error::Unsupported { reason, .. }) if reason.starts_with("its compression") => {}
            opened => return Ok(Arc::new(opened?)),
        }
    }
    match through_openslide(path, limits)? {
        Some(slide) => Ok(slide),
        None => Ok(Arc::new(super::tiff::open(path, &mut file, limits)?)),
    }
}

#[cfg(feature = "openslide")]
fn through_openslide(path: &Path, limits: &Limits) -> Result<Option<Arc<dyn SlideSource>>> {
    Ok(super::openslide::open(path, limits)?.map(|slide| Arc::new(slide) as Arc<dyn SlideSource>))
}

#[cfg(not(feature = "openslide"))]
fn through_openslide(_: &Path, _: &Limits) -> Result<Option<Arc<dyn SlideSource>>> {
    Ok(None)
}
