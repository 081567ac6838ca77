//! Residual blocks with an additive time term.

use super::layers::{Conv, Kernel, Linear, Norm, Result, add, silu};
use super::{Init, Mode};
use crate::config::Normalisation;
use tch::{Kind, Tensor, nn};

/// Convolution 3 x 3, normalisation, SiLU.
#[derive(Debug)]
pub(super) struct Block {
    pub proj: Conv,
    pub norm: Norm,
}

impl Block {
    fn new(vs: &nn::Path, input: i64, output: i64, norm: Normalisation, init: Init) -> Result<Self> {
        let proj = Conv::new(&(vs / "proj"), input, output, Kernel::BLOCK, init)?;
        Ok(Self { proj, norm: Norm::new(&(vs / "norm"), output, norm, init)? })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        silu(self.norm.forward(self.proj.forward(x, mode)?, mode)?)
    }

    fn folded(&self, kind: Kind) -> Result<Self> {
        let (proj, norm) = self.proj.folded(&self.norm, kind)?;
        Ok(Self { proj, norm })
    }
}

/// What a block adds between its two convolutions.
#[derive(Debug)]
pub(super) enum TimeTerm {
    None,
    /// A projection of the time embedding.
    Projected(Linear),
    /// The projection of one fixed step, `[1, C, 1, 1]`.
    Constant(Tensor),
}

/// `h = SiLU(norm(conv(x))) + time`, `SiLU(norm(conv(h))) + skip(x)`. The time term comes after the activation and has
/// no scale, as in the published code.
#[derive(Debug)]
pub(super) struct ResBlock {
    pub time: TimeTerm,
    pub block1: Block,
    pub block2: Block,
    pub res_conv: Option<Conv>,
}

/// Widths of a residual block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    pub input: i64,
    pub output: i64,
    /// Width of the time embedding, if the block has a time term.
    pub time: Option<i64>,
}

impl ResBlock {
    pub fn new(vs: &nn::Path, widths: Widths, norm: Normalisation, init: Init) -> Result<Self> {
        let Widths { input, output, time } = widths;
        let time = match time {
            Some(time) => TimeTerm::Projected(Linear::new(&(vs / "mlp" / "1"), time, output)?),
            None => TimeTerm::None,
        };
        let skip = || Conv::new(&(vs / "res_conv"), input, output, Kernel::POINT, init);
        Ok(Self {
            time,
            block1: Block::new(&(vs / "block1"), input, output, norm, init)?,
            block2: Block::new(&(vs / "block2"), output, output, norm, init)?,
            res_conv: (input != output).then(skip).transpose()?,
        })
    }

    /// `x` is `[N, input, H, W]`, `time` the activated embedding `[N or 1, width]`; gives `[N, output, H, W]`.
    pub fn forward(&self, x: &Tensor, time: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        let mut h = self.block1.forward(x, mode)?;
        match (&self.time, time) {
            (TimeTerm::Constant(term), _) => h = add(h, term)?,
            (TimeTerm::Projected(linear), Some(time)) => h = add(h, &spread(linear, time, mode.compute)?)?,
            (TimeTerm::Projected(_) | TimeTerm::None, _) => {}
        }
        let h = self.block2.forward(&h, mode)?;
        match &self.res_conv {
            Some(skip) => add(h, &skip.forward(x, mode)?),
            None => add(h, x),
        }
    }

    /// The same block for one fixed time embedding, in `kind`.
    pub fn folded(&self, time: Option<&Tensor>, kind: Kind) -> Result<Self> {
        let constant = match (&self.time, time) {
            (TimeTerm::Projected(linear), Some(time)) => TimeTerm::Constant(spread(linear, time, kind)?.f_detach()?),
            (TimeTerm::Constant(term), _) => TimeTerm::Constant(term.f_to_kind(kind)?),
            (TimeTerm::Projected(_) | TimeTerm::None, _) => TimeTerm::None,
        };
        let res_conv = self.res_conv.as_ref().map(|conv| conv.folded(&Norm::None, kind)).transpose()?;
        Ok(Self {
            time: constant,
            block1: self.block1.folded(kind)?,
            block2: self.block2.folded(kind)?,
            res_conv: res_conv.map(|(conv, _)| conv),
        })
    }
}

/// The projected embedding as a term for every pixel: `[N, C, 1, 1]`.
fn spread(linear: &Linear, time: &Tensor, kind: Kind) -> Result<Tensor> {
    linear.forward(time)?.f_unsqueeze(-1)?.f_unsqueeze(-1)?.f_to_kind(kind)
}
