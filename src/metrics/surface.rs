//! How far two outlines lie apart: Hausdorff distance, its 95th percentile, mean distance, surface Dice.

use super::quantile::quantile;
use crate::geometry::Size;
use crate::vectorize::landscape::squared_distance;

/// Distances in pixels from the boundary pixels of each of two masks to the nearest one of the other. A boundary pixel is
/// a pixel of the mask beside (by an edge) a pixel outside it or the image's edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Surfaces {
    /// From the truth's boundary, sorted.
    truth: Vec<f64>,
    /// From the prediction's, sorted.
    prediction: Vec<f64>,
    /// One mask is empty: all distances are the image's diagonal.
    one_sided: bool,
}

impl Surfaces {
    /// Measures two masks of one image, in time proportional to its pixels; nothing where both are empty. Where one is
    /// empty every distance is the image's diagonal, so that such an image costs much but not infinitely much.
    ///
    /// # Panics
    /// Unless both have `size.area()` entries.
    pub fn of(truth: &[bool], prediction: &[bool], size: Size) -> Option<Self> {
        let (a, b) = (boundary(truth, size), boundary(prediction, size));
        let count = |boundary: &[bool]| boundary.iter().filter(|&&on| on).count();
        let (in_truth, in_prediction) = (count(&a), count(&b));
        if in_truth == 0 && in_prediction == 0 {
            return None;
        }
        if in_truth == 0 || in_prediction == 0 {
            let diagonal = f64::from(size.width).hypot(f64::from(size.height));
            let far = |pixels| vec![diagonal; pixels];
            return Some(Self { truth: far(in_truth), prediction: far(in_prediction), one_sided: true });
        }
        Some(Self { truth: distances(&a, &b, size), prediction: distances(&b, &a, size), one_sided: false })
    }

    /// Is one of the masks empty?
    pub fn one_sided(&self) -> bool {
        self.one_sided
    }

    /// Hausdorff distance: the farthest boundary pixel from the other boundary.
    pub fn hausdorff(&self) -> f64 {
        self.larger(1.0)
    }

    /// The same for the nearest 95 % of each boundary's pixels; the larger of the two sides.
    pub fn hausdorff_95(&self) -> f64 {
        self.larger(0.95)
    }

    fn larger(&self, share: f64) -> f64 {
        let sides = [&self.truth, &self.prediction].into_iter().filter(|side| !side.is_empty());
        sides.map(|side| quantile(side, share)).fold(0.0, f64::max)
    }

    /// Average symmetric surface distance: the mean over the pixels of both boundaries.
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.truth.iter().chain(&self.prediction).sum();
        sum / (self.truth.len() + self.prediction.len()) as f64
    }

    /// Share of the pixels of both boundaries that lie within `tolerance` pixels of the other one (Nikolov et al. 2018);
    /// 0 where one mask is empty.
    pub fn dice(&self, tolerance: f64) -> f64 {
        if self.one_sided {
            return 0.0;
        }
        let within = |side: &[f64]| side.partition_point(|&distance| distance <= tolerance);
        let near = within(&self.truth) + within(&self.prediction);
        near as f64 / (self.truth.len() + self.prediction.len()) as f64
    }
}

/// Pixels of the mask with an edge neighbour outside the mask or outside the image.
fn boundary(mask: &[bool], size: Size) -> Vec<bool> {
    let (width, height) = (size.width as usize, size.height as usize);
    assert_eq!(mask.len(), width * height, "one value a pixel of {size}");
    let mut on = vec![false; mask.len()];
    for y in 0..height {
        for x in 0..width {
            let i = y * width + x;
            let inner = x > 0
                && x + 1 < width
                && y > 0
                && y + 1 < height
                && mask[i - 1]
                && mask[i + 1]
                && mask[i - width]
                && mask[i + width];
            on[i] = mask[i] && !inner;
        }
    }
    on
}

/// From each pixel of `from` to the nearest of `to`, sorted.
fn distances(from: &[bool], to: &[bool], size: Size) -> Vec<f64> {
    let elsewhere: Vec<bool> = to.iter().map(|&on| !on).collect();
    let squared = squared_distance(&elsewhere, size);
    let mut found: Vec<f64> =
        from.iter().zip(squared).filter(|(on, _)| **on).map(|(_, squared)| f64::from(squared).sqrt()).collect();
    found.sort_unstable_by(f64::total_cmp);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{Golden, close, mask};

    #[test]
    fn distances_agree_with_scipy() {
        let golden = Golden::read();
        for case in &golden.cases {
            let ours = Surfaces::of(&mask(&case.truth()), &mask(&case.prediction()), case.size());
            let theirs = case.surface.as_ref();
            assert_eq!(ours.is_some(), theirs.is_some(), "{}", case.name);
            let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
            assert_eq!(ours.one_sided(), theirs.one_sided, "{}", case.name);
            close(&case.name, Some(ours.hausdorff()), Some(theirs.hd));
            close(&case.name, Some(ours.hausdorff_95()), Some(theirs.hd95));
            close(&case.name, Some(ours.mean()), Some(theirs.assd));
            close(&case.name, Some(ours.dice(golden.tolerance_px)), Some(theirs.surface_dice));
        }
    }

    #[test]
    fn a_mask_against_nothing_is_a_diagonal_away_and_never_agrees() {
        let size = Size::new(4, 3);
        let mut one = [false; 12];
        one[5] = true;
        let surfaces = Surfaces::of(&one, &[false; 12], size).unwrap();
        assert_eq!((surfaces.hausdorff(), surfaces.mean(), surfaces.dice(100.0)), (5.0, 5.0, 0.0));
        assert_eq!(Surfaces::of(&[false; 12], &[false; 12], size), None);
    }
}
