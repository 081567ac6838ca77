//! A network and where its weights are.

use crate::config::{InitKind, NetworkSpec};
use crate::error::Result;
use crate::nn::{Init, UNet};
use tch::{Device, nn};

/// A network with the variables it lives in.
#[derive(Debug)]
pub(super) struct Model {
    pub vs: nn::VarStore,
    pub network: UNet,
}

/// A network to train, and its shadow for the moving average.
pub(super) fn pair(spec: &NetworkSpec, out_channels: i64, init: InitKind, device: Device) -> Result<[Model; 2]> {
    let init = match init {
        InitKind::Default => Init::Default,
        InitKind::Reference => Init::Reference,
    };
    let model = || -> Result<Model> {
        let vs = nn::VarStore::new(device);
        let network = UNet::new(&vs.root(), spec, out_channels, init)?;
        Ok(Model { vs, network })
    };
    Ok([model()?, model()?])
}
