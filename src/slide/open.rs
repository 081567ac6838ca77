//! Which reader a file gets.

use super::kind::{self, Kind};
use super::tiff_file::TiffFile;
use super::{Limits, SlideSource, image, side_files, tiff_check};
use crate::error::{Error, Result};
use ::image::ImageFormat;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

/// Who reads the pixels of a slide that OpenSlide knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reader {
    /// This program where its pixels are sure to be OpenSlide's, else OpenSlide.
    #[default]
    Auto,
    /// This program, or an error that says why it cannot.
    Native,
    /// OpenSlide, or an error where it does not know the file.
    OpenSlide,
}

impl std::str::FromStr for Reader {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            "openslide" => Ok(Self::OpenSlide),
            _ => Err("must be auto, native or openslide".to_owned()),
        }
    }
}

/// [`open_with`] the reader that suits.
///
/// # Errors
/// As there.
pub fn open(path: &Path, limits: &Limits) -> Result<Arc<dyn SlideSource>> {
    open_with(path, limits, Reader::Auto)
}

/// Opens a slide or an image with the reader that suits its contents; its name does not matter, but for `.mrxs`.
///
/// PNG and JPEG are decoded whole. OME-TIFF is read by this program itself, since OpenSlide shows neither its pyramid
/// nor its pixel size; every other TIFF is opened by OpenSlide, and its tiles are decoded here where that gives the same
/// pixels; what OpenSlide does not know is read here.
/// [`SlideInfo::reader`](super::SlideInfo) tells which it was.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::BadFile`] if it is damaged, [`Error::Limit`] if it asks for more
/// than `limits`, [`Error::Unsupported`] if no reader knows it, or not the one that was asked for.
pub fn open_with(path: &Path, limits: &Limits, reader: Reader) -> Result<Arc<dyn SlideSource>> {
    let kind = kind::detect(path)?;
    match kind {
        Kind::Png if reader != Reader::OpenSlide => return Ok(Arc::new(image::open(path, ImageFormat::Png, limits)?)),
        Kind::Jpeg if reader != Reader::OpenSlide => {
            return Ok(Arc::new(image::open(path, ImageFormat::Jpeg, limits)?));
        }
        Kind::Tiff => return open_tiff(path, limits, reader),
        Kind::Mirax => side_files::check_mirax(path)?,
        Kind::HamamatsuIni => side_files::check_hamamatsu(path)?,
        Kind::Dicom | Kind::Other | Kind::Png | Kind::Jpeg => {}
    }
    if reader == Reader::Native {
        return Err(not_native(path, "the native reader decodes tiled TIFF"));
    }
    if let Some(slide) = through_openslide(path, limits)? {
        return Ok(slide);
    }
    if reader == Reader::OpenSlide {
        return Err(not_openslides(path));
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

fn not_native(path: &Path, why: &str) -> Error {
    let reason = format!("the native reader does not take it: {why}; use --reader auto");
    Error::Unsupported { path: path.to_owned(), reason }
}

fn not_openslides(path: &Path) -> Error {
    Error::Unsupported { path: path.to_owned(), reason: "OpenSlide does not know it; use --reader auto".into() }
}

fn open_tiff(path: &Path, limits: &Limits, reader: Reader) -> Result<Arc<dyn SlideSource>> {
    let mut file = tiff_check::check(path, limits)?;
    if reader != Reader::OpenSlide && super::tiff::is_ome(&mut file)? {
        match super::tiff::open(path, &mut file, limits) {
            // JPEG 2000, for one: OpenSlide shows the finest level at least.
            Err(Error::Unsupported { reason, .. }) if reason.starts_with("its compression") => {}
            opened => return Ok(Arc::new(opened?)),
        }
    }
    let slide = match reader {
        Reader::OpenSlide => through_openslide(path, limits)?,
        Reader::Auto | Reader::Native => through_tiles(path, &mut file, limits, reader)?,
    };
    match slide {
        Some(slide) => Ok(slide),
        None if reader == Reader::OpenSlide => Err(not_openslides(path)),
        None => Ok(Arc::new(super::tiff::open(path, &mut file, limits)?)),
    }
}

/// What OpenSlide knows, with its tiles decoded here where that is sure to be right.
#[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
fn through_tiles<R: Read + Seek>(
    path: &Path,
    file: &mut TiffFile<R>,
    limits: &Limits,
    reader: Reader,
) -> Result<Option<Arc<dyn SlideSource>>> {
    let Some(slide) = super::openslide::open(path, limits)? else { return Ok(None) };
    match super::native::over(slide, file, limits)? {
        Ok(native) => Ok(Some(Arc::new(native))),
        Err((_, why)) if reader == Reader::Native => Err(not_native(path, &why)),
        Err((slide, _)) => Ok(Some(Arc::new(slide))),
    }
}

#[cfg(not(all(feature = "openslide", feature = "jpeg-turbo")))]
fn through_tiles<R: Read + Seek>(
    path: &Path,
    _: &mut TiffFile<R>,
    limits: &Limits,
    reader: Reader,
) -> Result<Option<Arc<dyn SlideSource>>> {
    match through_openslide(path, limits)? {
        Some(_) if reader == Reader::Native => Err(not_native(path, "this program was built without libjpeg-turbo")),
        slide => Ok(slide),
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
