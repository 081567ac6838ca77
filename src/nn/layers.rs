//! Convolutions, normalisation and linear layers with PyTorch's parameter names and default initialisation.
//!
//! libtorch's own layers are not used: these cast their float32 parameters to the precision of the pass, and a
//! normalisation can be folded into the convolution before it.

use super::{Init, Mode};
use crate::config::Normalisation;
use tch::{Kind, TchError, Tensor, nn};

/// Results inside the network; the network's own door adds what was being computed.
pub(super) type Result<T, E = TchError> = std::result::Result<T, E>;

pub(super) const NORM_EPS: f64 = 1e-5;

/// Kernel, stride and padding of a convolution, and whether it enlarges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub size: i64,
    pub stride: i64,
    pub padding: i64,
    pub transposed: bool,
}

impl Kernel {
    pub const STEM: Self = Self { size: 7, stride: 1, padding: 3, transposed: false };
    pub const BLOCK: Self = Self { size: 3, stride: 1, padding: 1, transposed: false };
    pub const POINT: Self = Self { size: 1, stride: 1, padding: 0, transposed: false };
    pub const DOWN: Self = Self { size: 4, stride: 2, padding: 1, transposed: false };
    pub const UP: Self = Self { size: 4, stride: 2, padding: 1, transposed: true };
}

/// A 2-D convolution: `[N, input, H, W]` to `[N, output, H', W']`.
#[derive(Debug)]
pub(super) struct Conv {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub kernel: Kernel,
}

impl Conv {
    pub fn new(vs: &nn::Path, input: i64, output: i64, kernel: Kernel, init: Init) -> Result<Self> {
        let bound = 1.0 / (Self::fan_in(input, output, kernel) as f64).sqrt();
        let bias = vs.f_var("bias", &[output], nn::Init::Uniform { lo: -bound, up: bound })?;
        Ok(Self { bias: Some(bias), ..Self::without_bias(vs, input, output, kernel, init)? })
    }

    pub fn without_bias(vs: &nn::Path, input: i64, output: i64, kernel: Kernel, init: Init) -> Result<Self> {
        let bound = 1.0 / (Self::fan_in(input, output, kernel) as f64).sqrt();
        let ends = if kernel.transposed { [input, output] } else { [output, input] };
        let start = match init {
            Init::Default => nn::Init::Uniform { lo: -bound, up: bound },
            Init::Reference => nn::Init::Randn { mean: 0.0, stdev: Init::REFERENCE_STD },
        };
        let mut weight = vs.f_var("weight", &[ends[0], ends[1], kernel.size, kernel.size], start)?;
        // Beside pixels with their channels last a weight in another layout would be copied in every pass, and its
        // gradient back.
        weight.f_set_data(&super::channels_last(&weight.f_detach()?)?)?;
        Ok(Self { weight, bias: None, kernel })
    }

    /// As PyTorch counts it: the weight's second dimension, which for a transposed convolution is the output.
    fn fan_in(input: i64, output: i64, kernel: Kernel) -> i64 {
        (if kernel.transposed { output } else { input }) * kernel.size * kernel.size
    }

    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let weight = self.weight.f_to_kind(mode.compute)?;
        // The layout of the pixels decides, here and in all that follows.
        let weight = if x.is_contiguous() { weight.f_contiguous()? } else { weight };
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(mode.compute)).transpose()?;
        let (stride, padding) = ([self.kernel.stride; 2], [self.kernel.padding; 2]);
        if self.kernel.transposed {
            x.f_conv_transpose2d(&weight, bias.as_ref(), stride, padding, [0, 0], 1, [1, 1])
        } else {
            x.f_conv2d(&weight, bias.as_ref(), stride, padding, [1, 1], 1)
        }
    }

    /// This convolution followed by `norm`, as far as `norm` is a fixed affine map; the rest of `norm` beside it.
    /// Parameters are detached and in `kind`.
    pub fn folded(&self, norm: &Norm, kind: Kind) -> Result<(Self, Norm)> {
        let (mut weight, mut bias) = (self.weight.f_detach()?, self.bias.as_ref().map(Tensor::f_detach).transpose()?);
        let rest = match norm {
            Norm::None | Norm::Group { .. } => norm.detached()?,
            Norm::Batch { weight: gain, bias: shift, mean, var } => {
                // In float64, so that folding adds nothing to the rounding of the weights themselves.
                let gain = gain.f_detach()?.f_to_kind(Kind::Double)?;
                let scale = gain.f_div(&var.f_to_kind(Kind::Double)?.f_add_scalar(NORM_EPS)?.f_sqrt()?)?;
                let old = match &bias {
                    Some(bias) => bias.f_to_kind(Kind::Double)?.f_sub(&mean.f_to_kind(Kind::Double)?)?,
                    None => mean.f_to_kind(Kind::Double)?.f_neg()?,
                };
                let moved = old.f_mul(&scale)?.f_add(&shift.f_detach()?.f_to_kind(Kind::Double)?)?;
                let spread = if self.kernel.transposed { [1, -1, 1, 1] } else { [-1, 1, 1, 1] };
                weight = weight.f_to_kind(Kind::Double)?.f_mul(&scale.f_view(spread)?)?;
                bias = Some(moved);
                Norm::None
            }
        };
        let bias = bias.map(|bias| bias.f_to_kind(kind)).transpose()?;
        let weight = super::channels_last(&weight.f_to_kind(kind)?)?;
        Ok((Self { weight, bias, kernel: self.kernel }, rest))
    }
}

/// A linear layer with bias: `[N, input]` to `[N, output]`, always in float32.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(vs: &nn::Path, input: i64, output: i64) -> Result<Self> {
        let bound = 1.0 / (input as f64).sqrt();
        let start = nn::Init::Uniform { lo: -bound, up: bound };
        Ok(Self { weight: vs.f_var("weight", &[output, input], start)?, bias: vs.f_var("bias", &[output], start)? })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

/// Normalisation of `[N, C, H, W]`; statistics in float32 whatever the precision of the pass.
#[derive(Debug)]
pub(super) enum Norm {
    /// Folded into the convolution before it.
    None,
    Group {
        groups: i64,
        weight: Tensor,
        bias: Tensor,
    },
    Batch {
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
    },
}

impl Norm {
    /// The normalisation inside a block: 8 groups, or over the batch.
    pub fn new(vs: &nn::Path, channels: i64, kind: Normalisation, init: Init) -> Result<Self> {
        match kind {
            Normalisation::Group => Self::group(vs, channels, 8, init),
            Normalisation::Batch => Ok(Self::Batch {
                weight: vs.f_ones("weight", &[channels])?,
                bias: vs.f_zeros("bias", &[channels])?,
                mean: vs.f_zeros_no_train("running_mean", &[channels])?,
                var: vs.f_ones_no_train("running_var", &[channels])?,
            }),
        }
    }

    pub fn group(vs: &nn::Path, channels: i64, groups: i64, init: Init) -> Result<Self> {
        let start = match init {
            Init::Default => nn::Init::Const(1.0),
            Init::Reference => nn::Init::Randn { mean: 0.0, stdev: Init::REFERENCE_STD },
        };
        let weight = vs.f_var("weight", &[channels], start)?;
        Ok(Self::Group { groups, weight, bias: vs.f_zeros("bias", &[channels])? })
    }

    /// The same without gradients.
    pub fn detached(&self) -> Result<Self> {
        Ok(match self {
            Self::None => Self::None,
            Self::Group { groups, weight, bias } => {
                Self::Group { groups: *groups, weight: weight.f_detach()?, bias: bias.f_detach()? }
            }
            Self::Batch { weight, bias, mean, var } => Self::Batch {
                weight: weight.f_detach()?,
                bias: bias.f_detach()?,
                mean: mean.f_detach()?,
                var: var.f_detach()?,
            },
        })
    }

    pub fn forward(&self, x: Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::None => Ok(x),
            Self::Group { groups, weight, bias } => {
                // libtorch's CPU kernel takes bfloat16 pixels with float32 parameters and sums in float32; its CUDA
                // kernel wants one kind for both.
                let (kind, cuda) = (x.f_kind()?, x.device().is_cuda());
                let x = if cuda { x.f_to_kind(Kind::Float)? } else { x };
                x.f_group_norm(*groups, Some(weight), Some(bias), NORM_EPS, true)?.f_to_kind(kind)
            }
            Self::Batch { weight, bias, mean, var } => {
                x.f_batch_norm(Some(weight), Some(bias), Some(mean), Some(var), mode.train, 0.1, NORM_EPS, true)
            }
        }
    }
}

/// SiLU; in place unless the backward pass may want the input.
pub(super) fn silu(mut x: Tensor) -> Result<Tensor> {
    if x.requires_grad() { x.f_silu() } else { x.f_silu_() }
}

/// `a + b`; in place unless a backward pass follows.
pub(super) fn add(mut a: Tensor, b: &Tensor) -> Result<Tensor> {
    if a.requires_grad() || b.requires_grad() { a.f_add(b) } else { a.f_add_(b) }
}
