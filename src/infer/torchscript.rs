//! TorchScript models: programs, loaded only if the user trusts them.

use super::package::Package;
use crate::error::{Error, Result};
use crate::nn::torch_error;
use tch::{CModule, Device};

/// The module of a package whose weights are a `*.pt` file. It must take float32 `[N, 3, H, W]` and give logits
/// `[N, classes, H, W]`. What is loaded are the very bytes whose sha256 `model.toml` records.
///
/// # Errors
/// [`Error::Model`] unless `trust` is given, or if libtorch cannot read the file.
pub fn load(package: &Package, device: Device, trust: bool) -> Result<CModule> {
    let name = &package.config.name;
    if !trust {
        let reason = format!(
            "{} is a TorchScript program, which can do more than segment; --trust-model runs it",
            package.folder().join(&package.config.weights.file).display()
        );
        return Err(Error::model(name, reason));
    }
    let bytes = package.weights()?;
    let mut module = CModule::load_data_on_device(&mut bytes.as_slice(), device)
        .map_err(torch_error(format!("reading the TorchScript file of model `{name}`")))?;
    module.f_set_eval().map_err(torch_error("switching the TorchScript model to inference"))?;
    Ok(module)
}
