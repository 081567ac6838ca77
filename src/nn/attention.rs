//! Linear and full self-attention over pixels, 4 heads of 32 channels.

use super::layers::{Conv, Kernel, Norm, Result, add};
use super::{Init, Mode};
use tch::{Kind, Tensor, nn};

pub(super) const HEADS: i64 = 4;
pub(super) const HEAD_WIDTH: i64 = 32;
pub(super) const INNER: i64 = HEADS * HEAD_WIDTH;

/// `x + attention(norm(x))`.
#[derive(Debug)]
pub(super) struct Attention {
    pub norm: Norm,
    pub to_qkv: Conv,
    pub to_out: Conv,
    /// Linear attention ends in a normalisation of its own, full attention does not.
    pub linear_norm: Option<Norm>,
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
        // Channels lie last in memory, so that this is a view; each of the three is [N, pixels, heads, 32].
        let tokens = projected.f_permute([0, 2, 3, 1])?.f_reshape([n, height * width, 3, HEADS, HEAD_WIDTH])?;
        let (q, k, v) = (tokens.f_select(2, 0)?, tokens.f_select(2, 1)?, tokens.f_select(2, 2)?);
        let seen = if self.linear_norm.is_some() { linear(&q, &k, &v)? } else { full(&q, &k, &v)? };
        let seen = seen.f_transpose(1, 2)?.f_reshape([n, height, width, INNER])?.f_permute([0, 3, 1, 2])?;
        let mut out = self.to_out.forward(&seen, mode)?;
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

/// Arguments `[N, pixels, heads, 32]`, result `[N, heads, pixels, 32]`.
fn linear(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    // Softmax and products sum in float32 inside and round once.
    let kind = q.f_kind()?;
    let q = q.f_softmax(-1, kind)?;
    // [N, heads, 32, pixels]. Sums over pixels that lie side by side are pairwise, which only float32 can show; lower
    // precisions are spared the copy.
    let k = match kind {
        Kind::Float => k.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_softmax(-1, kind)?,
        _ => k.f_softmax(1, kind)?.f_permute([0, 2, 3, 1])?,
    };
    let scale = (HEAD_WIDTH as f64).powf(-0.5);
    let context = k.f_matmul(&v.f_transpose(1, 2)?)?.f_mul_scalar(scale)?;
    q.f_transpose(1, 2)?.f_matmul(&context)
}

/// Arguments `[N, pixels, heads, 32]`, result `[N, heads, pixels, 32]`.
fn full(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let head_first = |x: &Tensor| x.f_transpose(1, 2)?.f_contiguous();
    let mask: Option<&Tensor> = None;
    // Softmax and sums are in float32 inside; the default scale is 1 / sqrt(32).
    let (q, k, v) = (head_first(q)?, head_first(k)?, head_first(v)?);
    Tensor::f_scaled_dot_product_attention(&q, &k, &v, mask, 0.0, false, None, false)
}
