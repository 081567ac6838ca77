//! Networks; one file a network.

mod attention;
mod blocks;
mod layers;
pub mod onnx;
pub mod place;
mod time_embedding;
pub mod unet;
pub mod weights;

use crate::error::Error;
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

pub use unet::UNet;

/// How the parameters of a new network are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// As published: weights of convolutions and gains of group normalisation from N(0, 0.01^2), the rest as in
    /// [`Init::Default`].
    Reference,
    /// PyTorch's defaults: uniform within 1 / sqrt(fan in), gains 1.
    #[default]
    Default,
}

impl Init {
    pub(crate) const REFERENCE_STD: f64 = 0.01;
}

/// How a forward pass is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// Batch normalisation uses and learns the batch's statistics instead of the learned ones.
    pub train: bool,
    /// Precision of activations and of the products in convolutions: `Float`, `BFloat16` or `Half`. Parameters stay in
    /// float32 and are cast; statistics, softmax and the output are float32.
    pub compute: Kind,
}

impl Mode {
    /// A pass of training.
    pub const fn train(compute: Kind) -> Self {
        Self { train: true, compute }
    }

    /// A pass with learned statistics.
    pub const fn eval(compute: Kind) -> Self {
        Self { train: false, compute }
    }
}

/// `x`, `[N, C, H, W]`, with the channels of a pixel side by side in memory, the layout in which convolutions are
/// fastest on CPUs and tensor cores. Later layers keep it.
///
/// # Errors
/// libtorch's, if there is no memory.
pub fn channels_last(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

/// An adapter for `map_err` on libtorch's calls that leaves out the C++ call stack of its messages.
pub fn torch_error(what: impl Into<String>) -> impl FnOnce(TchError) -> Error {
    let what = what.into();
    move |error| {
        let text = error.to_string();
        let message = text.split("\nException raised from ").next().unwrap_or(&text).trim_end();
        Error::compute(what)(message.to_owned())
    }
}

/// Did the device run out of memory? libtorch tells by the words of its message alone.
pub fn is_out_of_memory(error: &TchError) -> bool {
    matches!(error, TchError::Torch(message) if message.contains("out of memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorchs_messages_lose_their_call_stack_and_keep_their_sense() {
        let x = Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu));
        let message = torch_error("adding")(x.f_add(&Tensor::zeros([4], (Kind::Float, tch::Device::Cpu))).unwrap_err());
        let message = message.to_string();
        assert!(message.contains("must match the size") && !message.contains("frame #"), "{message}");
    }
}
