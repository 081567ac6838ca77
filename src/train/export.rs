//! From a checkpoint to the weights that are shipped.

use super::checkpoint::Checkpoint;
use crate::config::{FinetuneConfig, Stored};
use crate::error::{Error, Result};
use crate::nn::{Init, UNet, weights};
use tch::{Device, Kind, nn};

/// The averaged weights of a checkpoint as they are stored in a package, and the network that has just these.
#[derive(Debug)]
pub struct Shipped {
    /// A safetensors file.
    pub bytes: Vec<u8>,
    /// Parameters, statistics not counted.
    pub parameters: u64,
    network: UNet,
    /// Keeps the variables alive.
    _vs: nn::VarStore,
}

impl Shipped {
    /// Rounds the weights to the configured kind and reads them back, so that what is scored is what is shipped.
    ///
    /// # Errors
    /// [`Error::Config`] if a weight does not fit into f16; the checkpoint is of another network.
    pub fn of(config: &FinetuneConfig, checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        let kind = match config.model.stored {
            Stored::F16 => Kind::Half,
            Stored::Bf16 => Kind::BFloat16,
            Stored::F32 => Kind::Float,
        };
        let bytes = weights::encode_tensors(&checkpoint.part("shadow."), kind)?;
        let name = &config.model.name;
        let tensors = weights::decode(&bytes, name)?;
        for (tensor, weight) in &tensors {
            let finite = weight.f_isfinite().and_then(|f| f.f_all()?.f_int64_value(&[]));
            if finite.map_err(Error::compute("checking the weights"))? == 0 {
                let reason = format!("`{tensor}` is not finite in it; use bf16 or f32");
                return Err(Error::config("model.stored", format!("{:?}", config.model.stored), reason));
            }
        }
        let vs = nn::VarStore::new(device);
        let network = UNet::new(&vs.root(), &config.network, config.classes().len() as i64, Init::Default)?;
        weights::assign(&vs, &tensors, name, &[])?;
        let parameters = vs.trainable_variables().iter().map(|tensor| tensor.numel() as u64).sum();
        Ok(Self { bytes, parameters, network, _vs: vs })
    }

    /// The network with the stored weights.
    pub fn network(&self) -> &UNet {
        &self.network
    }
}
