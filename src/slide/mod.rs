//! Slides in: one trait, one file a reader.

pub mod hosted;
mod image;
mod kind;
mod limits;
mod mpp;
#[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
mod native;
mod ome_xml;
mod open;
#[cfg(feature = "openslide")]
mod openslide;
mod piece_cache;
mod region;
mod side_files;
pub mod synthetic;
mod thumbnail;
mod tiff;
mod tiff_check;
#[cfg(test)]
mod tiff_craft;
mod tiff_file;
mod tiff_image;
mod tiff_jpeg;
#[cfg(any(not(feature = "jpeg-turbo"), test))]
mod tiff_jpeg_scan;
#[cfg(feature = "jpeg-turbo")]
mod tiff_jpeg_turbo;
#[cfg(any(not(feature = "jpeg-turbo"), test))]
mod tiff_jpeg_zune;
mod tiff_relink;

pub use limits::Limits;
pub use mpp::mpp;
pub use open::{Reader, open, open_with};
pub use thumbnail::thumbnail;

use crate::error::Result;
use crate::geometry::{Level, Rect, Size};
use ::image::RgbImage;
use std::collections::BTreeMap;
use std::path::Path;

/// One level of a slide's pyramid.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct LevelInfo {
    /// Pixels of this level.
    pub size: Size,
    /// Level-0 pixels a pixel of this level; 1 for level 0.
    pub downsample: f64,
}

/// Micrometres per pixel of level 0, or why there are none.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mpp {
    /// x and y.
    Known(f64, f64),
    /// The property's name, its value in quotes or `missing`.
    Unusable {
        /// The property that should hold it.
        property: String,
        /// What it holds instead.
        value: String,
    },
}

/// What every reader knows about its slide.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SlideInfo {
    /// `aperio`, `hamamatsu`, `png`, ...
    pub vendor: String,
    /// Which reader serves the pixels: `openslide 4.0.1`, `tiff`, `png`.
    pub reader: String,
    /// Finest first; never empty.
    pub levels: Vec<LevelInfo>,
    /// Micrometres per level-0 pixel.
    pub mpp: Mpp,
    /// Everything that the file says about itself.
    pub properties: BTreeMap<String, String>,
    /// Names of the label, macro and thumbnail images.
    pub associated: Vec<String>,
}

impl SlideInfo {
    /// Pixels of level 0.
    pub fn size(&self) -> Size {
        self.levels[0].size
    }
}

/// A slide that can be read from many threads at once.
pub trait SlideSource: Send + Sync {
    /// The file that was opened.
    fn path(&self) -> &Path;

    /// Levels, mpp, vendor, properties.
    fn info(&self) -> &SlideInfo;

    /// The pixels of `region`, in the frame of `level`, as RGB8. What lies outside the slide or was not scanned is white.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) with the place. A later read of a sound region succeeds all the same.
    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage>;

    /// Says that windows of `height` pixels of `level` will be read in rows, so that a source that keeps decoded tiles can
    /// make room for those that two rows of windows share.
    fn expect_rows(&self, level: u32, height: u32) {
        let _kept_as_before = (level, height);
    }

    /// One of [`SlideInfo::associated`], as RGB8.
    ///
    /// # Errors
    /// If there is none of this name or it is damaged.
    fn read_associated(&self, name: &str) -> Result<RgbImage>;
}
