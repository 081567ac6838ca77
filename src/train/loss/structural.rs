//! The structural error between truth and prediction, over the whole patch or in windows.

use tch::{TchError, Tensor};

type Result<T, E = TchError> = std::result::Result<T, E>;

/// Stability constant.
const C1: f64 = 0.01;
/// Pixels whose error is at most this share of the patch's largest are left out.
const BETA: f64 = 0.1;
/// Standard deviation of a window in pixels.
const SIGMA: f64 = 1.5;
/// Pixels from a window's middle to its edge: 11 x 11, as usual for SSIM.
const RADIUS: i64 = 5;
/// Local variances below this count as this: their root has a finite gradient, and it is small beside [`C1`].
const LEAST_VARIANCE: f64 = 1e-8;

/// Values less their mean, by their spread.
fn standardised(x: &Tensor, mean: &Tensor, deviation: &Tensor) -> Result<Tensor> {
    x.f_sub(mean)?.f_add_scalar(C1)?.f_div(&deviation.f_add_scalar(C1)?)
}

/// 1 where an error counts: it exceeds [`BETA`] of the largest of its image and class. Without a gradient.
fn chosen(error: &Tensor) -> Result<Tensor> {
    let error = error.detach();
    let largest = error.f_amax([2_i64, 3], true)?;
    error.f_gt_tensor(&largest.f_mul_scalar(BETA)?)?.f_to_kind(error.kind())
}

/// `sum(x) / max(count, 1)`: a perfect answer has no error anywhere and no chosen pixel.
fn mean_of_chosen(x: &Tensor, count: &Tensor) -> Result<Tensor> {
    x.f_sum(x.kind())?.f_div(&count.f_sum(x.kind())?.f_clamp_min(1.0)?)
}

/// Mean structural error of the pixels where it is large. The window is the whole patch, and nothing is detached but the
/// choice of pixels. `log_p` and `one_hot` are `[N, C, H, W]`.
pub(super) fn over_patch(log_p: &Tensor, one_hot: &Tensor) -> Result<Tensor> {
    let standardised = |x: &Tensor| {
        let over = [2_i64, 3];
        let mean = x.f_mean_dim(&over[..], true, x.kind())?;
        standardised(x, &mean, &x.f_std_dim(&over[..], true, true)?)
    };
    let error = standardised(one_hot)?.f_sub(&standardised(&log_p.f_exp()?)?)?.f_abs()?;
    let chosen = chosen(&error)?;
    mean_of_chosen(&error.f_mul(&chosen)?, &chosen)
}

/// Cross-entropy of each pixel times the structural error of its true class there, mean over the pixels where that is
/// large. The error is of Gaussian windows, cut off at the patch's edge. Source: Zhao et al. 2019, arXiv 1910.08711,
/// equations 6 to 9.
pub(super) fn in_windows(log_p: &Tensor, one_hot: &Tensor) -> Result<Tensor> {
    let mass = smoothed(&one_hot.f_narrow(0, 0, 1)?.f_narrow(1, 0, 1)?.f_ones_like()?)?;
    let standardised = |x: &Tensor| {
        let mean = smoothed(x)?.f_div(&mass)?;
        let variance = smoothed(&x.f_square()?)?.f_div(&mass)?.f_sub(&mean.f_square()?)?;
        standardised(x, &mean, &variance.f_clamp_min(LEAST_VARIANCE)?.f_sqrt()?)
    };
    let error = standardised(one_hot)?.f_sub(&standardised(&log_p.f_exp()?)?)?.f_abs()?;
    let chosen = chosen(&error)?.f_mul(one_hot)?;
    mean_of_chosen(&error.f_mul(&chosen)?.f_mul(&log_p.f_neg()?)?, &chosen)
}

/// Each plane of `[N, C, H, W]` summed under the window's weights, with zeros outside.
fn smoothed(x: &Tensor) -> Result<Tensor> {
    let size = x.size();
    let weights: Vec<f64> = (-RADIUS..=RADIUS).map(|i| (-((i * i) as f64) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let weights = Tensor::f_from_slice(&weights)?.f_div_scalar(sum)?.f_to_kind(x.kind())?.f_to_device(x.device())?;
    let planes = x.f_reshape([size[0] * size[1], 1, size[2], size[3]])?;
    let along = |x: &Tensor, shape: [i64; 4], padding: [i64; 2]| {
        x.f_conv2d(&weights.f_view(shape)?, None::<&Tensor>, [1, 1], padding, [1, 1], 1)
    };
    let rows = along(&planes, [1, 1, 1, 2 * RADIUS + 1], [0, RADIUS])?;
    along(&rows, [1, 1, 2 * RADIUS + 1, 1], [RADIUS, 0])?.f_reshape(size.as_slice())
}
