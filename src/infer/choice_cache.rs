//! What was measured of engines on this computer: `slidestream/engines.json` in the user's cache folder.

use super::package::Package;
use super::{EngineOptions, openvino_library, torch_device};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tiles a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Speeds {
    pub libtorch: f64,
    pub openvino: f64,
}

/// Everything that a speed depends on: model, tile, threads, precision, versions, processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// For a package on this computer.
    ///
    /// # Errors
    /// [`Error::Device`] without OpenVINO.
    pub fn new(package: &Package, options: &EngineOptions) -> Result<Self> {
        let openvino = openvino_library::load().map_err(|reason| Error::Device { device: "cpu".into(), reason })?;
        let config = &package.config;
        let parts = [
            config.weights.sha256.clone(),
            format!("{} px", config.input.tile_px),
            format!("{} threads", options.threads()),
            options.precision.clone(),
            format!("libtorch {}", torch_device::LIBTORCH),
            format!("OpenVINO {openvino}"),
            processor(),
        ];
        Ok(Self(parts.join("; ")))
    }
}

/// What was measured before, if it can be read.
pub(super) fn read(key: &Key) -> Option<Speeds> {
    entries(&file()?).get(&key.0).copied()
}

/// Remembers. Without a place to write it is measured again next time.
pub(super) fn write(key: &Key, speeds: Speeds) {
    let Some(path) = file() else { return };
    let mut all = entries(&path);
    all.insert(key.0.clone(), speeds);
    if let (Some(folder), Ok(text)) = (path.parent(), serde_json::to_string_pretty(&all)) {
        let _ = std::fs::create_dir_all(folder).map(|()| crate::file::write_bytes(&path, text.as_bytes()));
    }
}

/// An unreadable file counts as empty: all that is in it can be measured again.
fn entries(path: &Path) -> BTreeMap<String, Speeds> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = named.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(cache.join("slidestream/engines.json"))
}

/// The processor's name for itself.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name));
    name.map_or_else(|| "unknown processor".to_owned(), |name| name.trim().to_owned())
}
