//! The loss of a segmentation network, from logits.

mod structural;

use crate::config::{LossConfig, SsMode};
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
            let value = match config.ss_mode {
                SsMode::Patch => {
                    structural::over_patch(&log_p, &one_hot)?.f_mul(&cross_entropy(&log_p, &one_hot, pixels)?)?
                }
                SsMode::Local => structural::in_windows(&log_p, &one_hot)?,
            };
            terms.push(("ss", config.ss, value));
        }
        if config.focal > 0.0 {
            terms.push(("focal", config.focal, focal(&log_p, &one_hot, config)?));
        }
        if config.ce > 0.0 {
            terms.push(("ce", config.ce, weighted_mean(&log_p, &one_hot, &config.class_weights)?));
        }
        if config.dice > 0.0 {
            terms.push(("dice", config.dice, tversky(&log_p.f_exp()?, &one_hot, [0.5, 0.5])?));
        }
        if config.tversky > 0.0 {
            let costs = [config.tversky_alpha, config.tversky_beta];
            terms.push(("tversky", config.tversky, tversky(&log_p.f_exp()?, &one_hot, costs)?));
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

/// Less the mean of the true class's `values`, weighted by the class of each pixel; no weights are 1 each.
fn weighted_mean(values: &Tensor, one_hot: &Tensor, weights: &[f64]) -> Result<Tensor, TchError> {
    let weighted = if weights.is_empty() {
        one_hot.shallow_clone()
    } else {
        let weights = Tensor::from_slice(weights).f_to_kind(values.kind())?.f_to_device(values.device())?;
        one_hot.f_mul(&weights.f_view([1, -1, 1, 1])?)?
    };
    let sum = weighted.f_sum(values.kind())?;
    weighted.f_mul(values)?.f_sum(values.kind())?.f_neg()?.f_div(&sum)
}

fn focal(log_p: &Tensor, one_hot: &Tensor, config: &LossConfig) -> Result<Tensor, TchError> {
    let miss = log_p.f_exp()?.f_neg()?.f_add_scalar(1.0)?.f_clamp_min(0.0)?;
    let factor = if config.gamma == 2.0 { miss.f_square()? } else { miss.f_pow_tensor_scalar(config.gamma)? };
    weighted_mean(&factor.f_mul(log_p)?, one_hot, &config.class_weights)
}

/// 1 less the Tversky index of the whole batch, mean over the classes other than background; with costs of 1/2 it is the
/// Dice coefficient. Half a pixel is added to both sides of the fraction, so that a class that is in neither counts as
/// found. `costs` are of a false positive and of a false negative. Source: Salehi et al. 2017, arXiv 1706.05721.
fn tversky(p: &Tensor, one_hot: &Tensor, costs: [f64; 2]) -> Result<Tensor, TchError> {
    let over = [0_i64, 2, 3];
    let foreground = p.size()[1] - 1;
    let sum = |x: &Tensor| x.f_sum_dim_intlist(&over[..], false, x.kind())?.f_narrow(0, 1, foreground);
    let both = sum(&p.f_mul(one_hot)?)?;
    let (extra, missed) = (sum(p)?.f_sub(&both)?, sum(one_hot)?.f_sub(&both)?);
    let found = both.f_add_scalar(0.5)?;
    let all = found.f_add(&extra.f_mul_scalar(costs[0])?)?.f_add(&missed.f_mul_scalar(costs[1])?)?;
    found.f_div(&all)?.f_mean(p.kind())?.f_neg()?.f_add_scalar(1.0)
}

#[cfg(test)]
mod tests;
