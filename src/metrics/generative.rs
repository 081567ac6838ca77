//! How like real images drawn ones are, from features of both: Fréchet and kernel distance, and copies of training images.

use crate::error::{Error, Result};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// One row of features an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    rows: DMatrix<f64>,
}

impl Features {
    /// From the features of one image after another, `dims` each.
    ///
    /// # Errors
    /// [`Error::Internal`] if they are no whole number of images; [`Error::Compute`] if one is not finite.
    pub fn new(values: &[f32], dims: usize) -> Result<Self> {
        if dims == 0 || !values.len().is_multiple_of(dims) {
            return Err(Error::Internal(format!("{} features of {dims} an image", values.len())));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let reason = format!("feature {} of image {} is {}", at % dims, at / dims, values[at]);
            return Err(Error::compute("describing the images")(reason));
        }
        let wide: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        Ok(Self { rows: DMatrix::from_row_slice(values.len() / dims, dims, &wide) })
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.rows.nrows()
    }

    /// Features an image.
    pub fn dims(&self) -> usize {
        self.rows.ncols()
    }

    /// Rows less their mean, by the root of one less than their number: their product with themselves is the covariance.
    /// Where there are more images than features, as few rows of the same product.
    fn factor(&self) -> DMatrix<f64> {
        let mean = self.rows.row_mean();
        let scale = ((self.images() - 1) as f64).sqrt().recip();
        let mut centred = self.rows.clone();
        centred.row_iter_mut().for_each(|mut row| row -= &mean);
        centred *= scale;
        if self.images() > self.dims() { centred.qr().r() } else { centred }
    }

    fn squares(&self) -> Vec<f64> {
        self.rows.row_iter().map(|row| row.norm_squared()).collect()
    }
}

/// Squared Fréchet distance of the normal distributions with the means and covariances (divisor n - 1) of two sets. Source:
/// Heusel et al. 2017, arXiv 1706.08500. The trace of the root of the product of both covariances is taken as the sum of the
/// singular values of the product of their factors, so that no root of a nearly singular matrix is needed.
///
/// # Errors
/// [`Error::Config`] with fewer than two images on a side; [`Error::Internal`] for unlike features.
pub fn frechet(a: &Features, b: &Features) -> Result<f64> {
    alike(a, b, 2)?;
    let (fa, fb) = (a.factor(), b.factor());
    let apart = (a.rows.row_mean() - b.rows.row_mean()).norm_squared();
    let shared: f64 = (&fa * fb.transpose()).singular_values().iter().sum();
    Ok((apart + fa.norm_squared() + fb.norm_squared() - 2.0 * shared).max(0.0))
}

fn alike(a: &Features, b: &Features, least: usize) -> Result<()> {
    if a.dims() != b.dims() {
        return Err(Error::Internal(format!("{} features against {}", a.dims(), b.dims())));
    }
    let fewest = a.images().min(b.images());
    if fewest < least {
        return Err(Error::config("images", fewest, format!("at least {least} are needed in each folder")));
    }
    Ok(())
}

/// Kernel distance of two sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KernelDistance {
    /// Of all images at once.
    pub all: f64,
    /// Mean over random subsets.
    pub mean: f64,
    /// Standard deviation over them, divisor n.
    pub spread: f64,
    /// Number of subsets.
    pub subsets: usize,
    /// Images of each side in a subset.
    pub size: usize,
}

/// Squared maximum mean discrepancy with the kernel `(x y / d + 1)^3`, without bias, so it may fall below 0. Source:
/// Binkowski et al. 2018, arXiv 1801.01401.
///
/// # Errors
/// [`Error::Config`] if a side has fewer images than `size`, or `size` is under 2 or `subsets` 0.
pub fn kernel(a: &Features, b: &Features, subsets: usize, size: usize, seed: u64) -> Result<KernelDistance> {
    alike(a, b, 2)?;
    let fewest = a.images().min(b.images());
    if !(2..=fewest).contains(&size) {
        let reason = format!("must lie between 2 and {fewest}, the images of the smaller folder");
        return Err(Error::config("--kid-size", size, reason));
    }
    if subsets == 0 {
        return Err(Error::config("--kid-subsets", 0, "must be 1 or more"));
    }
    let (aa, bb, ab) = (kernels(a, a), kernels(b, b), kernels(a, b));
    let every = |n: usize| (0..n).collect::<Vec<_>>();
    let all = discrepancy(&aa, &bb, &ab, &every(a.images()), &every(b.images()));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = |n| sample(&mut rng, n, size).into_vec();
    let values: Vec<f64> =
        (0..subsets).map(|_| discrepancy(&aa, &bb, &ab, &draw(a.images()), &draw(b.images()))).collect();
    let mean = values.iter().sum::<f64>() / subsets as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / subsets as f64;
    Ok(KernelDistance { all, mean, spread: variance.sqrt(), subsets, size })
}

fn kernels(a: &Features, b: &Features) -> DMatrix<f64> {
    (&a.rows * b.rows.transpose()).map(|product| (product / a.dims() as f64 + 1.0).powi(3))
}

fn discrepancy(aa: &DMatrix<f64>, bb: &DMatrix<f64>, ab: &DMatrix<f64>, rows: &[usize], columns: &[usize]) -> f64 {
    let sum = |k: &DMatrix<f64>, rows: &[usize], columns: &[usize]| -> f64 {
        columns.iter().map(|&j| rows.iter().map(|&i| k[(i, j)]).sum::<f64>()).sum()
    };
    // Without the kernel of an image with itself.
    let within = |k: &DMatrix<f64>, of: &[usize]| {
        let own: f64 = of.iter().map(|&i| k[(i, i)]).sum();
        (sum(k, of, of) - own) / (of.len() * (of.len() - 1)) as f64
    };
    within(aa, rows) + within(bb, columns) - 2.0 * sum(ab, rows, columns) / (rows.len() * columns.len()) as f64
}

/// The nearest training images of drawn ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Of each drawn image: the nearest training images with their distances, nearest first.
    pub nearest: Vec<Vec<(usize, f64)>>,
    /// Distance of each training image to the nearest other one, ascending.
    pub among_training: Vec<f64>,
    /// Drawn images at most this far from a training image are suspicious.
    pub threshold: f64,
    /// Share of the training images that are as near to another one: 1 %, or more where there are fewer than 100.
    pub share: f64,
    /// The suspicious ones, nearest first.
    pub suspicious: Vec<usize>,
}

/// Share of the training images that lie nearer to another one than the threshold, as far as their number allows.
const NEAREST_SHARE: f64 = 0.01;

/// Looks for drawn images that are copies of training images: those nearer to one than all but 1 % of the training
/// images are to each other. `count` neighbours are kept of each.
///
/// # Errors
/// [`Error::Config`] with fewer than two training images; [`Error::Internal`] for unlike features.
pub fn neighbours(drawn: &Features, training: &Features, count: usize) -> Result<Neighbours> {
    alike(drawn, training, 1)?;
    alike(training, training, 2)?;
    let closest = |from: &Features, count: usize, skip_own: bool| -> Vec<Vec<(usize, f64)>> {
        let products = &from.rows * training.rows.transpose();
        let (own, theirs) = (from.squares(), training.squares());
        let of = |i: usize| {
            let distance = |j: usize| (own[i] + theirs[j] - 2.0 * products[(i, j)]).max(0.0).sqrt();
            let others = (0..training.images()).filter(|&j| !(skip_own && i == j));
            let mut all: Vec<(usize, f64)> = others.map(|j| (j, distance(j))).collect();
            all.sort_by(|a, b| a.1.total_cmp(&b.1));
            all.truncate(count);
            all
        };
        (0..from.images()).map(of).collect()
    };
    let mut among: Vec<f64> = closest(training, 1, true).iter().map(|row| row[0].1).collect();
    among.sort_by(f64::total_cmp);
    let threshold = among[(NEAREST_SHARE * (among.len() - 1) as f64).floor() as usize];
    let share = among.iter().filter(|&&distance| distance <= threshold).count() as f64 / among.len() as f64;
    let nearest = closest(drawn, count.max(1), false);
    let mut suspicious: Vec<usize> = (0..nearest.len()).filter(|&i| nearest[i][0].1 <= threshold).collect();
    suspicious.sort_by(|&a, &b| nearest[a][0].1.total_cmp(&nearest[b][0].1));
    Ok(Neighbours { nearest, among_training: among, threshold, share, suspicious })
}

#[cfg(test)]
mod tests;
