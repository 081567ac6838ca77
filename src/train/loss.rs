//! The loss of a segmentation network, from logits.

use crate::config::LossConfig;
use crate::error::{Error, Result};
use tch::{TchError, Tensor};

/// A weighted sum of terms; see [`LossConfig`].
#[derive(Debug, Clone)]
pub struct Loss {
    config: LossConfig,
}

/// The loss and the values of its terms; terms of weight 0 are absent.
#[derive(Debug)]
pub struct LossTerms {
    /// The weighted sum, a scalar with its gradient.
    pub total: Tensor,
    /// Name and unweighted value of each term.
    pub terms: Vec<(&'static str, Tensor)>,
}

/// Stability constant of the structural-similarity term.
const C1: f64 = 0.01;
/// Pixels whose error is at most this share of the patch's largest are left out of the structural-similarity term.
const BETA: f64 = 0.1;

impl Loss {
    /// A loss for a network of `classes` planes.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn new(config: &LossConfig, classes: usize) -> Result<Self> {
        config.validate(classes)?;
        Ok(Self { config: config.clone() })
    }

    /// `logits` are `[N, C, H, W]`, `classes` `[N, H, W]` of int64. Every term is a mean over pixels, so the value
    /// does not depend on the batch's size. Source: GenSelfDiff-HIS, section III-C; Zhao et al. 2019 for `ss`.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn compute(&self, logits: &Tensor, classes: &Tensor) -> Result<LossTerms> {
        self.f_compute(logits, classes).map_err(Error::compute("computing the loss"))
    }

    fn f_compute(&self, logits: &Tensor, classes: &Tensor) -> Result<LossTerms, TchError> {
        let log_p = logits.f_log_softmax(1, None)?;
        let planes = logits.size()[1];
        let one_hot = classes.f_one_hot(planes)?.f_permute([0, 3, 1, 2])?.f_to_kind(log_p.kind())?;
        let pixels = classes.numel() as f64;
        let config = &self.config;
        let mut terms = Vec::new();
        if config.ss > 0.0 {
            terms.push(("ss", config.ss, structural(&log_p, &one_hot, pixels)?));
        }
        if config.focal > 0.0 {
            terms.push(("focal", config.focal, focal(&log_p, &one_hot, config.gamma, pixels)?));
        }
        if config.ce > 0.0 {
            let value = if config.class_weights.is_empty() {
                cross_entropy(&log_p, &one_hot, pixels)?
            } else {
                weighted_cross_entropy(&log_p, &one_hot, &config.class_weights)?
            };
            terms.push(("ce", config.ce, value));
        }
        if config.dice > 0.0 {
            terms.push(("dice", config.dice, soft_dice(&log_p.f_exp()?, &one_hot)?));
        }
        let mut total = Tensor::f_zeros([], (log_p.kind(), log_p.device()))?;
        for (_, weight, value) in &terms {
            total = total.f_add(&value.f_mul_scalar(*weight)?)?;
        }
        Ok(LossTerms { total, terms: terms.into_iter().map(|(name, _, value)| (name, value.detach())).collect() })
    }
}

fn cross_entropy(log_p: &Tensor, one_hot: &Tensor, pixels: f64) -> Result<Tensor, TchError> {
    one_hot.f_mul(log_p)?.f_sum(log_p.kind())?.f_mul_scalar(-1.0 / pixels)
}

/// Mean weighted by the class of each pixel.
fn weighted_cross_entropy(log_p: &Tensor, one_hot: &Tensor, weights: &[f64]) -> Result<Tensor, TchError> {
    let weights = Tensor::from_slice(weights).f_to_kind(log_p.kind())?.f_to_device(log_p.device())?;
    let weighted = one_hot.f_mul(&weights.f_view([1, -1, 1, 1])?)?;
    let sum = weighted.f_sum(log_p.kind())?;
    weighted.f_mul(log_p)?.f_sum(log_p.kind())?.f_neg()?.f_div(&sum)
}

/// Values less their mean over the patch, by their spread.
fn standardised(x: &Tensor) -> Result<Tensor, TchError> {
    let over = [2_i64, 3];
    let mean = x.f_mean_dim(&over[..], true, x.kind())?;
    let deviation = x.f_std_dim(&over[..], true, true)?;
    x.f_sub(&mean)?.f_add_scalar(C1)?.f_div(&deviation.f_add_scalar(C1)?)
}

/// The batch's cross-entropy times the mean structural error of the pixels where it is large. The window is the
/// whole patch, and nothing is detached but the choice of pixels.
fn structural(log_p: &Tensor, one_hot: &Tensor, pixels: f64) -> Result<Tensor, TchError> {
    let error = standardised(one_hot)?.f_sub(&standardised(&log_p.f_exp()?)?)?.f_abs()?;
    let largest = error.detach().f_amax([2_i64, 3], true)?;
    let chosen = error.detach().f_gt_tensor(&largest.f_mul_scalar(BETA)?)?.f_to_kind(log_p.kind())?;
    // A perfect answer has no error anywhere and no chosen pixel.
    let mean = error.f_mul(&chosen)?.f_sum(log_p.kind())?.f_div(&chosen.f_sum(log_p.kind())?.f_clamp_min(1.0)?)?;
    cross_entropy(log_p, one_hot, pixels)?.f_mul(&mean)
}

fn focal(log_p: &Tensor, one_hot: &Tensor, gamma: f64, pixels: f64) -> Result<Tensor, TchError> {
    let miss = log_p.f_exp()?.f_neg()?.f_add_scalar(1.0)?.f_clamp_min(0.0)?;
    let weight = if gamma == 2.0 { miss.f_square()? } else { miss.f_pow_tensor_scalar(gamma)? };
    weight.f_mul(one_hot)?.f_mul(log_p)?.f_sum(log_p.kind())?.f_mul_scalar(-1.0 / pixels)
}

/// 1 less the Dice coefficient of the whole batch, mean over the classes other than background. One pixel is added
/// to both sides of the fraction, so that a class that is in neither counts as found.
fn soft_dice(p: &Tensor, one_hot: &Tensor) -> Result<Tensor, TchError> {
    let over = [0_i64, 2, 3];
    let foreground = p.size()[1] - 1;
    let sum = |x: &Tensor| x.f_sum_dim_intlist(&over[..], false, x.kind())?.f_narrow(0, 1, foreground);
    let both = sum(&p.f_mul(one_hot)?)?.f_mul_scalar(2.0)?.f_add_scalar(1.0)?;
    let either = sum(p)?.f_add(&sum(one_hot)?)?.f_add_scalar(1.0)?;
    both.f_div(&either)?.f_mean(p.kind())?.f_neg()?.f_add_scalar(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    const LABELS: [i64; 16] = [0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1];

    fn config(ss: f64, focal: f64, ce: f64, dice: f64) -> LossConfig {
        LossConfig { ss, focal, ce, dice, ..LossConfig::default() }
    }

    /// Logits whose softmax is p1 = 0.1 + 0.8 i / 15 and p0 = 1 - p1, in double precision.
    fn golden() -> (Tensor, Tensor) {
        let p1: Vec<f64> = (0..16).map(|i| 0.1 + 0.8 * f64::from(i) / 15.0).collect();
        let logits: Vec<f64> = p1.iter().map(|p| (1.0 - p).ln()).chain(p1.iter().map(|p| p.ln())).collect();
        let logits = Tensor::from_slice(&logits).view([1, 2, 4, 4]).set_requires_grad(true);
        (logits, Tensor::from_slice(&LABELS).view([1, 4, 4]))
    }

    #[test]
    fn the_golden_vector_of_the_reference_holds_to_1e9() {
        let (logits, labels) = golden();
        let loss = Loss::new(&config(1.0, 1.0, 1.0, 0.0), 2).unwrap().compute(&logits, &labels).unwrap();
        let want = [("ss", 0.884_587_662_8), ("focal", 0.363_100_793_5), ("ce", 0.792_076_361_6)];
        for ((name, value), (wanted, number)) in loss.terms.iter().zip(want) {
            assert_eq!(*name, wanted);
            assert!((value.double_value(&[]) - number).abs() < 1e-9, "{name}: {}", value.double_value(&[]));
        }
        let sum: f64 = want.iter().map(|term| term.1).sum();
        assert!((loss.total.double_value(&[]) - sum).abs() < 1e-9);
    }

    #[test]
    fn saturated_logits_give_finite_values_and_gradients() {
        let logits = Tensor::from_slice(&[300.0_f32, -300.0, -300.0, 300.0]).repeat([2]).view([1, 2, 2, 2]);
        let logits = logits.set_requires_grad(true);
        let labels = Tensor::from_slice(&[0_i64, 1, 1, 0]).view([1, 2, 2]);
        let loss = Loss::new(&config(1.0, 1.0, 1.0, 1.0), 2).unwrap().compute(&logits, &labels).unwrap();
        loss.total.backward();
        assert!(loss.total.double_value(&[]).is_finite());
        assert_eq!(logits.grad().isfinite().all().int64_value(&[]), 1);
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (logits, labels) = golden();
        let loss = Loss::new(&config(0.7, 1.3, 0.5, 0.9), 2).unwrap();
        loss.compute(&logits, &labels).unwrap().total.backward();
        let gradient = logits.grad();
        for at in [0_i64, 7, 20, 31] {
            let moved = |by: f64| {
                let step = Tensor::zeros([32], (Kind::Double, Device::Cpu));
                let _ = step.get(at).fill_(by);
                let logits = logits.detach() + step.view([1, 2, 4, 4]);
                loss.compute(&logits, &labels).unwrap().total.double_value(&[])
            };
            let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((gradient.view([-1]).double_value(&[at]) - numeric).abs() < 1e-6);
        }
    }

    #[test]
    fn a_perfect_answer_costs_nothing_and_class_weights_follow_torch() {
        let (logits, labels) = golden();
        let sure = (labels.one_hot(2).permute([0, 3, 1, 2]).to_kind(Kind::Double) * 200.0) - 100.0;
        let loss = Loss::new(&config(1.0, 1.0, 1.0, 1.0), 2).unwrap().compute(&sure, &labels).unwrap();
        assert!(loss.total.double_value(&[]).abs() < 1e-9);
        let weights = LossConfig { class_weights: vec![0.2, 0.8], ..config(0.0, 0.0, 1.0, 0.0) };
        let ours = Loss::new(&weights, 2).unwrap().compute(&logits, &labels).unwrap();
        let w = Tensor::from_slice(&[0.2_f64, 0.8]);
        let torch = logits.cross_entropy_loss(&labels, Some(&w), tch::Reduction::Mean, -100, 0.0);
        assert!((ours.total.double_value(&[]) - torch.double_value(&[])).abs() < 1e-12);
    }
}
