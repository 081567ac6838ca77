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
        let normed = self.norm.forward(x.shallow_clone(), mode)?;
        let seen = match self.linear_norm {
            Some(_) if !mode.train && mode.compute != Kind::Float => self.seen_together(&normed, mode)?,
            _ => self.seen_apart(&normed, mode)?,
        };
        let seen = seen.f_reshape([n, height, width, INNER])?.f_permute([0, 3, 1, 2])?;
        let mut out = self.to_out.forward(&seen, mode)?;
        if let Some(norm) = &self.linear_norm {
            out = norm.forward(out, mode)?;
        }
        add(out, &x)
    }

    /// `[N, pixels, heads, 32]`.
    fn seen_apart(&self, normed: &Tensor, mode: Mode) -> Result<Tensor> {
        let (n, _, height, width) = normed.size4()?;
        let projected = self.to_qkv.forward(normed, mode)?;
        // Channels lie last in memory, so that this is a view; each of the three is [N, pixels, heads, 32].
        let tokens = projected.f_permute([0, 2, 3, 1])?.f_reshape([n, height * width, 3, HEADS, HEAD_WIDTH])?;
        let (q, k, v) = (tokens.f_select(2, 0)?, tokens.f_select(2, 1)?, tokens.f_select(2, 2)?);
        let seen = if self.linear_norm.is_some() { linear(&q, &k, &v)? } else { full(&q, &k, &v)? };
        seen.f_transpose(1, 2)
    }

    /// `[N, pixels, heads * 32]` of linear attention in 16 bits. Queries, keys and values come from three convolutions, so that
    /// each lies in one piece.
    fn seen_together(&self, normed: &Tensor, mode: Mode) -> Result<Tensor> {
        let (n, _, height, width) = normed.size4()?;
        let part = |number: i64| -> Result<Tensor> {
            let weight = self.to_qkv.weight.f_narrow(0, number * INNER, INNER)?;
            let part = Conv { weight, bias: None, kernel: Kernel::POINT }.forward(normed, mode)?;
            part.f_permute([0, 2, 3, 1])?.f_reshape([n, height * width, INNER])
        };
        together(&part(0)?, &part(1)?, &part(2)?)
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

/// As [`linear`], with arguments and result `[N, pixels, heads * 32]`. The heads stay side by side in memory and share two products:
/// four times the arithmetic, of which what crosses heads is thrown away, and none of the copies, which take longer.
fn together(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (kind, (n, pixels, _)) = (q.f_kind()?, q.size3()?);
    let q = q.f_reshape([n, pixels, HEADS, HEAD_WIDTH])?.f_softmax(-1, kind)?.f_reshape([n, pixels, INNER])?;
    let k = k.f_softmax(1, kind)?;
    let heads = Tensor::f_eye(HEADS, (kind, q.device()))?.f_mul_scalar((HEAD_WIDTH as f64).powf(-0.5))?;
    let own = heads.f_kron(&Tensor::f_ones([HEAD_WIDTH; 2], (kind, q.device()))?)?;
    let context = product(&k.f_transpose(1, 2)?, v)?.f_mul(&own)?;
    product(&q, &context)
}

/// Matrix products of the pairs. A single one by `mm`, which takes a transposed matrix as it lies; `matmul` copies it on a CPU.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.size3()?.0 == 1 { a.f_squeeze_dim(0)?.f_mm(&b.f_squeeze_dim(0)?)?.f_unsqueeze(0) } else { a.f_matmul(b) }
}

/// Arguments `[N, pixels, heads, 32]`, result `[N, heads, pixels, 32]`.
fn full(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let head_first = |x: &Tensor| x.f_transpose(1, 2)?.f_contiguous();
    let mask: Option<&Tensor> = None;
    // Softmax and sums are in float32 inside; the default scale is 1 / sqrt(32).
    let (q, k, v) = (head_first(q)?, head_first(k)?, head_first(v)?);
    Tensor::f_scaled_dot_product_attention(&q, &k, &v, mask, 0.0, false, None, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn heads_side_by_side_see_what_heads_apart_see() {
        for n in [1, 2] {
            let [q, k, v] = [0; 3].map(|_| Tensor::randn([n, 60, INNER], (Kind::Float, Device::Cpu)));
            let [a, b, c] = [&q, &k, &v].map(|x| x.view([n, 60, HEADS, HEAD_WIDTH]));
            let apart = linear(&a, &b, &c).unwrap().transpose(1, 2).reshape([n, 60, INNER]);
            let worst = (apart - together(&q, &k, &v).unwrap()).abs().max().double_value(&[]);
            assert!(worst < 1e-6, "off by {worst}");
        }
    }
}
