//! The embedding of a diffusion step.

use super::layers::{Linear, Result};
use tch::{Device, Kind, Tensor, nn};

/// Sines and cosines of the step, then two linear layers with GELU (erf) between them.
#[derive(Debug)]
pub(super) struct TimeEmbedding {
    dim: i64,
    first: Linear,
    second: Linear,
}

impl TimeEmbedding {
    /// From `dim` sines and cosines to `4 * dim` features.
    pub fn new(vs: &nn::Path, dim: i64) -> Result<Self> {
        let first = Linear::new(&(vs / "1"), dim, 4 * dim)?;
        Ok(Self { dim, first, second: Linear::new(&(vs / "3"), 4 * dim, 4 * dim)? })
    }

    /// `steps` is `[N]`, whole numbers from 0; gives `[N, 4 * dim]` in float32.
    pub fn forward(&self, steps: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(&sinusoids(steps, self.dim)?)?.f_gelu("none")?;
        self.second.forward(&x)
    }
}

/// `dim / 2` sines, then as many cosines, of the step times frequencies that fall from 1 to exactly 1/10000: `[N, dim]`.
fn sinusoids(steps: &Tensor, dim: i64) -> Result<Tensor> {
    let half = dim / 2;
    let fall = -(10_000f64.ln()) / (half - 1) as f64;
    let frequencies: Vec<f32> = (0..half).map(|i| (i as f64 * fall).exp() as f32).collect();
    let frequencies = Tensor::f_from_slice(&frequencies)?.f_to_device(steps.device())?;
    let angles = steps.f_to_kind(Kind::Float)?.f_unsqueeze(1)?.f_mul(&frequencies.f_unsqueeze(0)?)?;
    Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 1)
}

/// A step for one image: what a segmentation network is fed.
pub(super) fn one_step(step: u32, device: Device) -> Result<Tensor> {
    Tensor::f_full([1], i64::from(step), (Kind::Int64, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_come_before_cosines_and_the_last_frequency_is_a_ten_thousandth() {
        let values = Vec::<f32>::try_from(sinusoids(&Tensor::from_slice(&[0i64, 3]), 64).unwrap().view(-1)).unwrap();
        assert_eq!(&values[..64], [vec![0.0; 32], vec![1.0; 32]].concat());
        assert!((values[64] - 3f32.sin()).abs() < 1e-6 && (values[96] - 3f32.cos()).abs() < 1e-6);
        assert!((values[64 + 31] - 3e-4f32.sin()).abs() < 1e-9);
    }
}
