//! A package's network as an ONNX file.

use super::package::Package;
use super::torch::unet;
use crate::error::{Error, Result};
use crate::nn::onnx::Ends;
use tch::Device;

/// The file for `ends`. `[N, H, W]` are fixed where given.
///
/// # Errors
/// [`Error::Model`] for a package that is a program or an ONNX file itself, and for weights that do not fit.
pub fn onnx(package: &Package, ends: Ends, size: Option<[i64; 3]>) -> Result<Vec<u8>> {
    let config = &package.config;
    if !config.network.is_unet() {
        let reason =
            format!("is a `{}` model; only our own networks (`unet`) can be written as ONNX", config.network.kind);
        return Err(Error::model(&config.name, reason));
    }
    let [low, high] = config.input.range;
    let classes: Vec<&str> = config.classes.iter().map(|class| &*class.name).collect();
    let properties = [
        ("model", config.name.clone()),
        ("version", config.version.clone()),
        ("license", config.license.clone()),
        ("classes", classes.join(", ")),
        ("input.mpp", config.input.mpp.to_string()),
        ("input.range", format!("{low} to {high}")),
        ("input.stride_px", config.network.stride_px().to_string()),
    ];
    unet(package, Device::Cpu)?.to_onnx(ends, size, &properties)
}
