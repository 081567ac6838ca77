//! Questions that are answered at once.

use crate::engine::protocol::{Device, Ending, KnownModel, Slide};
use crate::error::Result;
use crate::infer;
use crate::infer::package::Package;
use crate::slide::{self, Limits, Mpp};
use std::path::Path;

pub(super) fn devices() -> Ending {
    let device = |infer::DeviceInfo { name, available, reason }| Device { name, available, reason };
    Ending::Devices(infer::devices().into_iter().map(device).collect())
}

pub(super) fn models() -> Ending {
    let known = |(name, package): (String, Result<Package>)| match package {
        Ok(package) => {
            let card = package.card().unwrap_or_default();
            KnownModel { name, title: package.config.title, usable: true, mpp: package.config.input.mpp, card }
        }
        Err(error) => KnownModel { name, title: error.with_causes(), usable: false, mpp: 0.0, card: String::new() },
    };
    Ending::Models(Package::installed().into_iter().map(known).collect())
}

/// # Errors
/// If the slide cannot be opened.
pub(super) fn slide(path: &Path) -> Result<Ending> {
    let slide = slide::open(path, &Limits::default())?;
    let info = slide.info();
    let mpp = match info.mpp {
        Mpp::Known(x, y) => Some([x, y]),
        Mpp::Unusable { .. } => None,
    };
    Ok(Ending::Slide(Slide {
        vendor: info.vendor.clone(),
        reader: info.reader.clone(),
        levels: info.levels.iter().map(|level| level.size).collect(),
        mpp,
        properties: info.properties.iter().map(|(name, value)| [name.clone(), value.clone()]).collect(),
    }))
}
