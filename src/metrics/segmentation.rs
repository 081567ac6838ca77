//! Pixel overlap of two masks.

/// Pixel counts of a truth and a prediction; counts of several images may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    /// Pixels of the truth.
    pub truth: u64,
    /// Pixels of the prediction.
    pub prediction: u64,
    /// Pixels of both.
    pub both: u64,
}

impl Overlap {
    /// Counts two masks of one image.
    ///
    /// # Panics
    /// If the masks differ in length.
    pub fn of(truth: impl ExactSizeIterator<Item = bool>, prediction: impl ExactSizeIterator<Item = bool>) -> Self {
        assert_eq!(truth.len(), prediction.len(), "masks of one image");
        let mut overlap = Self::default();
        for (t, p) in truth.zip(prediction) {
            overlap.truth += u64::from(t);
            overlap.prediction += u64::from(p);
            overlap.both += u64::from(t && p);
        }
        overlap
    }

    /// `2 |T and P| / (|T| + |P|)`; nothing when both are empty, where no figure would mean anything.
    pub fn dice(&self) -> Option<f64> {
        let sum = self.truth + self.prediction;
        (sum > 0).then(|| 2.0 * self.both as f64 / sum as f64)
    }

    /// `|T and P| / |T or P|`; nothing when both are empty.
    pub fn iou(&self) -> Option<f64> {
        let either = self.truth + self.prediction - self.both;
        (either > 0).then(|| self.both as f64 / either as f64)
    }

    /// Share of the prediction that is right; nothing when nothing is predicted.
    pub fn precision(&self) -> Option<f64> {
        (self.prediction > 0).then(|| self.both as f64 / self.prediction as f64)
    }

    /// Share of the truth that is found; nothing when there is nothing to find.
    pub fn recall(&self) -> Option<f64> {
        (self.truth > 0).then(|| self.both as f64 / self.truth as f64)
    }
}

impl std::ops::AddAssign for Overlap {
    fn add_assign(&mut self, other: Self) {
        self.truth += other.truth;
        self.prediction += other.prediction;
        self.both += other.both;
    }
}

/// Dice coefficient of the pixels that are not 0; see [`Overlap::dice`].
///
/// # Panics
/// If the maps differ in length.
pub fn dice(truth: &[u32], prediction: &[u32]) -> Option<f64> {
    Overlap::of(truth.iter().map(|&l| l != 0), prediction.iter().map(|&l| l != 0)).dice()
}

/// Intersection over union of the pixels that are not 0; see [`Overlap::iou`].
///
/// # Panics
/// If the maps differ in length.
pub fn iou(truth: &[u32], prediction: &[u32]) -> Option<f64> {
    Overlap::of(truth.iter().map(|&l| l != 0), prediction.iter().map(|&l| l != 0)).iou()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_overlap_is_known() {
        let (truth, prediction) = ([1, 1, 0, 0], [0, 9, 9, 0]);
        assert_eq!(dice(&truth, &prediction), Some(0.5));
        assert_eq!(iou(&truth, &prediction), Some(1.0 / 3.0));
    }

    #[test]
    fn nothing_against_nothing_has_no_figure_and_against_something_scores_0() {
        assert_eq!(dice(&[0, 0], &[0, 0]), None);
        assert_eq!(iou(&[0, 0], &[0, 0]), None);
        assert_eq!((dice(&[0, 1], &[0, 0]), iou(&[0, 0], &[1, 0])), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn figures_agree_with_numpy() {
        use crate::metrics::confusion::Confusion;
        use crate::metrics::golden::{Golden, close};
        for case in Golden::read().cases {
            let classes = |labels: Vec<u32>| labels.into_iter().map(|label| u8::from(label != 0)).collect::<Vec<_>>();
            let confusion = Confusion::of(&classes(case.truth()), &classes(case.prediction()), 2);
            let overlap = confusion.overlap(1);
            close(&case.name, overlap.dice(), case.pixels.dice);
            close(&case.name, overlap.iou(), case.pixels.iou);
            close(&case.name, overlap.precision(), case.pixels.precision);
            close(&case.name, overlap.recall(), case.pixels.recall);
            close(&case.name, confusion.specificity(1), case.pixels.specificity);
        }
    }

    #[test]
    fn added_counts_give_the_pooled_figure() {
        let mut pooled = Overlap { truth: 1, prediction: 1, both: 1 };
        pooled += Overlap { truth: 3, prediction: 1, both: 0 };
        assert_eq!(pooled.dice(), Some(1.0 / 3.0));
    }
}
