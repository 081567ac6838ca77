//! Linear and full self-attention over pixels, 4 heads of 32 channels.

use super::layers::{Conv, Kernel, Norm, Result, add};
use super::{Init, Mode};
use tch::{Kind, Tensor, nn};

const HEADS: i64 = 4;
const HEAD_WIDTH: i64 = 32;
const INNER: i64 = HEADS * HEAD_WIDTH;

/// `x + attention(norm(x))`.
#[derive(Debug)]
pub(super) struct Attention {
    norm: Norm,
    to_qkv: Conv,
    to_out: Conv,
    /// Linear attention ends in a normalisation of its own, full attention does not.
    linear_norm: Option<Norm>,
}

impl Attention {
    /// Attention at a cost linear in the number of pixels.
    pub fn linear(vs: &nn::Path, channels: i64, init: Init) -> Result<Self> {
        let vs = vs / "fn";
        let inner = &vs / "fn";
        let out = &inner / "to_out";
        Ok(Self {
            norm: Norm::group(&(&vs / "norm"), channels, 1, init)?,
            to_qkv: Conv::without_bias(&(&inner / "to_qkv"), channels, 3 * INNER, Kernel::POINT, init)?,
            to_out: Conv::new(&(&out / "0"), INNER, channels, Kernel::POINT, init)?,
            linear_norm: Some(Norm::group(&(&out / "1"), channels, 1, init)?),
        })
    }

    /// Attention of every pixel to every pixel.
    pub fn full(vs: &nn::Path, channels: i64, init: Init) -> Result<Self> {
        let vs = vs / "fn";
        let inner = &vs / "fn";
        Ok(Self {
            norm: Norm::group(&(&vs / "norm"), channels, 1, init)?,
            to_qkv: Conv::without_bias(&(&inner / "to_qkv"), channels, 3 * INNER, Kernel::POINT, init)?,
            to_out: Conv::new(&(&inner / "to_out"), INNER, channels, Kernel::POINT, init)?,
            linear_norm: None,
        })
    }

    /// `[N, C, H, W]` to the same.
    pub fn forward(&self, x: Tensor, mode: Mode) -> Result<Tensor> {
        let (n, _, height, width) = x.size4()?;
        let projected = self.to_qkv.forward(&self.norm.forward(x.shallow_clone(), mode)?, mode)?;
        // [N, heads, 32, pixels]
        let heads = |part: &Tensor| part.f_reshape([n, HEADS, HEAD_WIDTH, height * width]);
        let parts = projected.f_chunk(3, 1)?;
        let (q, k, v) = (heads(&parts[0])?, heads(&parts[1])?, heads(&parts[2])?);
        let seen = if self.linear_norm.is_some() { linear(&q, &k, &v)? } else { full(&q, &k, &v)? };
        let mut out = self.to_out.forward(&seen.f_reshape([n, INNER, height, width])?, mode)?;
        if let Some(norm) = &self.linear_norm {
            out = norm.forward(out, mode)?;
        }
        add(out, &x)
    }

    /// The same with parameters in `kind`.
    pub fn folded(&self, kind: Kind) -> Result<Self> {
        let detached = |norm: &Norm| norm.detached();
        Ok(Self {
            norm: detached(&self.norm)?,
            to_qkv: self.to_qkv.folded(&Norm::None, kind)?.0,
            to_out: self.to_out.folded(&Norm::None, kind)?.0,
            linear_norm: self.linear_norm.as_ref().map(detached).transpose()?,
        })
    }
}

/// All arguments and the result `[N, heads, 32, pixels]`.
fn linear(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let kind = q.f_kind()?;
    let scale = (HEAD_WIDTH as f64).powf(-0.5);
    let q = q.f_softmax(-2, Kind::Float)?.f_mul_scalar(scale)?.f_to_kind(kind)?;
    let k = k.f_softmax(-1, Kind::Float)?;
    // The context sums over every pixel: kept in float32.
    let context = k.f_matmul(&v.f_to_kind(Kind::Float)?.f_transpose(-1, -2)?)?.f_to_kind(kind)?;
    context.f_transpose(-1, -2)?.f_matmul(&q)
}

/// All arguments and the result `[N, heads, 32, pixels]`.
fn full(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let tokens = |x: &Tensor| x.f_transpose(-1, -2)?.f_contiguous();
    let mask: Option<&Tensor> = None;
    // Softmax and sums are in float32 inside; the default scale is 1 / sqrt(32).
    let (q, k, v) = (tokens(q)?, tokens(k)?, tokens(v)?);
    Tensor::f_scaled_dot_product_attention(&q, &k, &v, mask, 0.0, false, None, false)?.f_transpose(-1, -2)
}
