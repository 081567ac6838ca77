//! How much a slide file may ask for before it is refused.

use serde::{Deserialize, Serialize};

/// Bounds on what one slide may make this program allocate or walk through.
///
/// Every figure that a file states is checked against these before memory is taken for it, and before the file reaches
/// a C library. The defaults hold every scanner file known to the authors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pixels of one pyramid level.
    pub level_pixels: u64,
    /// Pixels of one compressed tile or strip, which is decoded in one piece.
    pub tile_pixels: u64,
    /// Bytes of one decoded tile or strip: pixels x samples x bytes a sample.
    pub tile_bytes: u64,
    /// Pixels of an image that can only be decoded whole: PNG, JPEG, label and macro images.
    pub whole_pixels: u64,
    /// Pixels of one [`read`](super::SlideSource::read).
    pub region_pixels: u64,
    /// Image directories of a TIFF file, SubIFDs included.
    pub directories: u64,
    /// Entries of one TIFF directory.
    pub entries: u64,
    /// Bytes of the values of one TIFF tag.
    pub tag_bytes: u64,
    /// Bytes of decoded tiles that an open slide keeps for the next read; half to four times as many once it is known what
    /// rows will be read.
    pub cache_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            level_pixels: 1 << 39,
            tile_pixels: 64 << 20,
            tile_bytes: 256 << 20,
            whole_pixels: 128 << 20,
            region_pixels: 256 << 20,
            directories: 10_000,
            entries: 4096,
            tag_bytes: 128 << 20,
            cache_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// No bounds but the cache's.
    ///
    /// # Warning
    /// A file of 242 bytes can then make the process allocate tens of gigabytes, which ends it. Use this only for
    /// files that you wrote yourself.
    pub fn unlimited() -> Self {
        Self {
            level_pixels: u64::MAX,
            tile_pixels: u64::MAX,
            tile_bytes: u64::MAX,
            whole_pixels: u64::MAX,
            region_pixels: u64::MAX,
            directories: u64::MAX,
            entries: u64::MAX,
            tag_bytes: u64::MAX,
            cache_bytes: Self::default().cache_bytes,
        }
    }
}
