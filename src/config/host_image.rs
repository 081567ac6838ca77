//! What a program says about an image that it reads itself and hands over piece by piece.

use crate::geometry::Size;
use serde::{Deserialize, Serialize};

/// An image of another program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostImage {
    /// For messages and the manifest.
    pub name: String,
    /// Tells this image's pixels from any other's: the same for the same pixels. Object ids are made with it.
    pub identity: String,
    /// Pixels of each level, finest first.
    pub levels: Vec<Size>,
    /// Micrometres per level-0 pixel, if the host knows.
    #[serde(default)]
    pub mpp: Option<f64>,
}
