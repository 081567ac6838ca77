//! Scanner formats through OpenSlide, which is not trusted: files are checked before they come here.
//!
//! * `openslide_read_region` takes the corner in level-0 pixels but the size in pixels of the level, and gives
//!   premultiplied ARGB. Pixels that were not scanned are transparent; here they become white.
//! * After one error a handle answers every later call with the same error, also the calls of other threads that are
//!   under way. A failed handle is therefore dropped and the read is tried once more on a handle of its own: a second
//!   failure is the region's fault and the next read of another region finds a fresh handle.

use super::region::read_inside;
use super::{LevelInfo, Limits, Mpp, SlideInfo, SlideSource};
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect, Size};
use image::RgbImage;
use openslide_rs::errors::OpenSlideError;
use openslide_rs::{Address, OpenSlide, Region};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Versions below this one can be made to write outside their memory (CVE-2026-48977).
const OLDEST: [u32; 3] = [4, 0, 1];

/// A slide that OpenSlide reads.
pub(super) struct OpenSlideSource {
    path: PathBuf,
    info: SlideInfo,
    limits: Limits,
    /// The handle that all threads share; none after an error, until the next read opens one.
    handle: Mutex<Option<Arc<OpenSlide>>>,
}

/// Opens `path`, or returns `None` if OpenSlide knows no such format.
///
/// # Errors
/// [`Error::Compute`] if the OpenSlide library is too old, [`Error::BadFile`] with OpenSlide's words,
/// [`Error::Limit`] for a level that is too large.
pub(super) fn open(path: &Path, limits: &Limits) -> Result<Option<OpenSlideSource>> {
    let version = version()?;
    let handle = match open_handle(path, limits) {
        Ok(handle) => handle,
        Err(OpenSlideError::UnsupportedFile(_)) => return Ok(None),
        Err(error) => return Err(bad_file(path, &error)),
    };
    let info = describe(path, &handle, version, limits).map_err(|error| match error {
        Described::OpenSlide(error) => bad_file(path, &error),
        Described::Ours(error) => error,
    })?;
    let handle = Mutex::new(Some(Arc::new(handle)));
    Ok(Some(OpenSlideSource { path: path.to_owned(), info, limits: limits.clone(), handle }))
}

impl SlideSource for OpenSlideSource {
    fn path(&self) -> &Path {
        &self.path
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        read_inside(&self.path, &self.info.levels, &self.limits, (level, region), |info, part| {
            let along = |n: i64| (n as f64 * info.downsample).round() as u32;
            let region = Region {
                address: Address { x: along(part.x), y: along(part.y) },
                level,
                size: openslide_rs::Size { w: part.width, h: part.height },
            };
            on_white(part.size(), &self.with_handle(|slide| slide.read_region(&region))?)
        })
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        if !self.info.associated.iter().any(|known| known == name) {
            let reason = format!("there is no image `{name}`; it has: {}", self.info.associated.join(", "));
            return Err(Error::bad_file(&self.path, reason));
        }
        let fail = |error: BoxError| Error::bad_file(&self.path, format!("cannot read its image `{name}`: {error}"));
        let size = self.with_handle(|slide| slide.associated_image_dimensions(name)).map_err(fail)?;
        let size = Size::new(size.w, size.h);
        if size.area() > self.limits.whole_pixels {
            return Err(Error::Limit {
                path: self.path.clone(),
                what: format!("the image `{name}` of {size} pixels"),
                value: size.area(),
                limit: self.limits.whole_pixels,
                name: "whole_pixels",
            });
        }
        let (_, argb) = self.with_handle(|slide| slide.read_associated_buffer(name)).map_err(fail)?;
        on_white(size, &argb).map_err(fail)
    }
}

impl OpenSlideSource {
    /// Calls OpenSlide on the shared handle, and once more on a fresh one if that fails.
    fn with_handle<T>(&self, call: impl Fn(&OpenSlide) -> Result<T, OpenSlideError>) -> Result<T, BoxError> {
        let shared = {
            let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
            match &*handle {
                Some(shared) => shared.clone(),
                None => handle.insert(Arc::new(open_handle(&self.path, &self.limits)?)).clone(),
            }
        };
        if let Ok(answer) = call(&shared) {
            return Ok(answer);
        }
        {
            let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
            if handle.as_ref().is_some_and(|present| Arc::ptr_eq(present, &shared)) {
                *handle = None;
            }
        }
        drop(shared);
        // Alone on a handle, so that a failure is this call's and not another thread's.
        let own = open_handle(&self.path, &self.limits)?;
        let answer = call(&own)?;
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Arc::new(own));
        Ok(answer)
    }
}

fn open_handle(path: &Path, limits: &Limits) -> Result<OpenSlide, OpenSlideError> {
    OpenSlide::new_with_cache(path, usize::try_from(limits.cache_bytes).unwrap_or(usize::MAX))
}

fn bad_file(path: &Path, error: &OpenSlideError) -> Error {
    Error::bad_file(path, format!("OpenSlide cannot open it: {error}"))
}

/// The version of the loaded library, once it is known to be new enough.
fn version() -> Result<&'static str> {
    static VERSION: OnceLock<String> = OnceLock::new();
    let version = VERSION.get_or_init(|| OpenSlide::version().unwrap_or_else(|error| error.to_string()));
    match new_enough(version) {
        true => Ok(version),
        false => Err(Error::compute("OpenSlide")(format!(
            "the library found is version {version}, but files from others need {}.{}.{} or newer; run ./setup, or \
             let LD_LIBRARY_PATH begin with the folder of a newer libopenslide.so.1",
            OLDEST[0], OLDEST[1], OLDEST[2]
        ))),
    }
}

fn new_enough(version: &str) -> bool {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let parts: Option<Vec<u32>> = version.splitn(3, '.').map(digits).collect();
    parts.is_some_and(|parts| parts.as_slice() >= OLDEST.as_slice())
}

enum Described {
    OpenSlide(OpenSlideError),
    Ours(Error),
}

impl From<OpenSlideError> for Described {
    fn from(error: OpenSlideError) -> Self {
        Self::OpenSlide(error)
    }
}

fn describe(path: &Path, slide: &OpenSlide, version: &str, limits: &Limits) -> Result<SlideInfo, Described> {
    let mut levels = Vec::new();
    for (size, downsample) in slide.all_level_dimensions().iter().zip(slide.all_level_downsamples()) {
        let size = Size::new(size.w, size.h);
        if size.area() == 0 || !downsample.is_finite() || *downsample <= 0.0 {
            let reason = format!("level {} has {size} pixels and a downsample of {downsample}", levels.len());
            return Err(Described::Ours(Error::bad_file(path, reason)));
        }
        if size.area() > limits.level_pixels {
            return Err(Described::Ours(Error::Limit {
                path: path.to_owned(),
                what: format!("level {} of {size} pixels", levels.len()),
                value: size.area(),
                limit: limits.level_pixels,
                name: "level_pixels",
            }));
        }
        levels.push(LevelInfo { size, downsample: *downsample });
    }
    if levels.is_empty() {
        return Err(Described::Ours(Error::bad_file(path, "it has no levels")));
    }
    let mut properties = BTreeMap::new();
    for name in slide.property_names()? {
        let value = slide.property_value(&name)?;
        properties.insert(name, value);
    }
    let vendor = properties.get("openslide.vendor").cloned().unwrap_or_else(|| "unknown".to_owned());
    let mpp = pixel_size(&vendor, &properties);
    let associated = slide.associated_image_names()?;
    Ok(SlideInfo { vendor, reader: format!("openslide {version}"), levels, mpp, properties, associated })
}

/// Micrometres per pixel from the file's own words where OpenSlide rewrites them: it reads `0,499` as 0.499 and drops
/// what is no number at all, so that a damaged value would look like a sound or a missing one.
fn pixel_size(vendor: &str, properties: &BTreeMap<String, String>) -> Mpp {
    let get = |name: &'static str| properties.get(name).map(|value| (name, value.as_str()));
    if vendor == "aperio" {
        return get("aperio.MPP").map_or_else(|| Mpp::missing("aperio.MPP"), |mpp| Mpp::parsed([mpp, mpp]));
    }
    if let (Some(x), Some(y)) = (get("openslide.mpp-x"), get("openslide.mpp-y")) {
        return match Mpp::parsed([x, y]) {
            Mpp::Known(x, y) if vendor == "generic-tiff" => Mpp::from_resolution_tags("tiff.XResolution", x, y),
            mpp => mpp,
        };
    }
    let source = match vendor {
        "mirax" => "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_X",
        "philips" => "philips.DICOM_PIXEL_SPACING",
        "ventana" => "ventana.ScanRes",
        "generic-tiff" | "trestle" | "leica" => "tiff.XResolution",
        _ => "openslide.mpp-x",
    };
    match get(source) {
        Some((_, value)) => {
            let unit = get("tiff.ResolutionUnit").filter(|_| source == "tiff.XResolution");
            let unit = unit.map(|(_, unit)| format!(" per `{unit}`")).unwrap_or_default();
            Mpp::Unusable { property: source.to_owned(), value: format!("`{value}`{unit}") }
        }
        None => Mpp::missing(source),
    }
}

/// Premultiplied ARGB, a native-endian word a pixel, as RGB on white.
fn on_white(size: Size, argb: &[u8]) -> Result<RgbImage, BoxError> {
    let mut rgb = Vec::with_capacity(argb.len() / 4 * 3);
    for pixel in argb.chunks_exact(4) {
        let [alpha, red, green, blue] = u32::from_ne_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]).to_be_bytes();
        let glass = 255 - alpha;
        rgb.extend([red, green, blue].map(|value| value.saturating_add(glass)));
    }
    RgbImage::from_raw(size.width, size.height, rgb).ok_or_else(|| "OpenSlide gave too few pixels".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unreadable_versions_are_refused() {
        for old in ["3.4.1", "4.0.0", "4.0", "", "git"] {
            assert!(!new_enough(old), "{old}");
        }
        for new in ["4.0.1", "4.0.1-dirty", "4.1.0", "5.0.0", "4.0.10"] {
            assert!(new_enough(new), "{new}");
        }
    }

    #[test]
    fn transparent_pixels_become_white() {
        // Opaque, transparent, and half-transparent red, premultiplied.
        let words: Vec<u8> = [0xFF0A_141E_u32, 0, 0x8080_0000].into_iter().flat_map(u32::to_ne_bytes).collect();
        let image = on_white(Size::new(3, 1), &words).unwrap();
        assert_eq!(image.as_raw(), &[10, 20, 30, 255, 255, 255, 255, 127, 127]);
    }

    #[test]
    fn damaged_properties_are_named() {
        let mpp = |vendor: &str, pairs: &[(&str, &str)]| {
            pixel_size(vendor, &pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
        };
        let comma =
            mpp("aperio", &[("aperio.MPP", "0,499"), ("openslide.mpp-x", "0.499"), ("openslide.mpp-y", "0.499")]);
        assert_eq!(comma, Mpp::Unusable { property: "aperio.MPP".into(), value: "`0,499`".into() });
        assert_eq!(mpp("aperio", &[]), Mpp::missing("aperio.MPP"));
        let leica = mpp("leica", &[("openslide.mpp-x", "0.5"), ("openslide.mpp-y", "0.5")]);
        assert_eq!(leica, Mpp::Known(0.5, 0.5));
        let print = mpp("generic-tiff", &[("openslide.mpp-x", "84.67"), ("openslide.mpp-y", "84.67")]);
        assert!(matches!(print, Mpp::Unusable { property, .. } if property == "tiff.XResolution"));
    }
}
