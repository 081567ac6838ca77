//! Do probabilities mean what they say? Expected calibration error and Brier score of pixels.

/// Bins of confidence, of equal width from 0 to 1.
pub const BINS: usize = 15;

/// Pixels whose likeliest class has a probability in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// Number of pixels.
    pub pixels: u64,
    /// Of them, those whose likeliest class is the true one.
    pub right: u64,
    /// Sum of the probabilities of their likeliest class.
    pub confidence: f64,
}

/// Sums over pixels; those of several images may be added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Bin `i` holds confidences above `i / BINS` and up to `(i + 1) / BINS`.
    pub bins: [Bin; BINS],
    squares: f64,
}

impl Calibration {
    /// Adds a pixel whose classes have probabilities in the ratio of `weights` and which is of the class `truth`.
    ///
    /// # Panics
    /// If all weights are 0 or `truth` is not below their number.
    pub fn add(&mut self, weights: &[u32], truth: usize) {
        let total: u32 = weights.iter().sum();
        assert!(total > 0 && truth < weights.len(), "probabilities {weights:?} of a pixel of class {truth}");
        let (mut most, mut likeliest) = (0, 0);
        let mut squares = 0.0;
        for (class, &weight) in weights.iter().enumerate() {
            if weight > most {
                (most, likeliest) = (weight, class);
            }
            let off = f64::from(weight) / f64::from(total) - f64::from(u8::from(class == truth));
            squares += off * off;
        }
        let confidence = f64::from(most) / f64::from(total);
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let bin = &mut self.bins[bin];
        bin.pixels += 1;
        bin.right += u64::from(likeliest == truth);
        bin.confidence += confidence;
        self.squares += squares;
    }

    /// Adds the pixels of another image.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.pixels += more.pixels;
            bin.right += more.right;
            bin.confidence += more.confidence;
        }
        self.squares += other.squares;
    }

    fn pixels(&self) -> Option<f64> {
        let pixels: u64 = self.bins.iter().map(|bin| bin.pixels).sum();
        (pixels > 0).then_some(pixels as f64)
    }

    /// Expected calibration error (Guo et al. 2017): the difference of confidence and accuracy, mean over pixels bin by
    /// bin. Nothing without pixels.
    pub fn ece(&self) -> Option<f64> {
        let off: f64 = self.bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum();
        self.pixels().map(|pixels| off / pixels)
    }

    /// Brier score: half the sum over classes of the squared difference of probability and truth, mean over pixels; for
    /// two classes the squared error of the object's probability. Nothing without pixels.
    pub fn brier(&self) -> Option<f64> {
        self.pixels().map(|pixels| self.squares / 2.0 / pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{CalibrationCase, Golden, close};

    fn of(case: &CalibrationCase) -> Calibration {
        let mut calibration = Calibration::default();
        let pixels = case.truth.len();
        for (at, &truth) in case.truth.iter().enumerate() {
            let weights: Vec<u32> = (0..case.classes).map(|class| case.planes[class * pixels + at]).collect();
            calibration.add(&weights, truth);
        }
        calibration
    }

    #[test]
    fn figures_agree_with_numpy() {
        for case in Golden::read().calibration {
            let ours = of(&case);
            close("ece", ours.ece(), Some(case.ece));
            close("brier", ours.brier(), Some(case.brier));
        }
    }

    #[test]
    fn a_sure_and_right_answer_costs_nothing_and_a_sure_and_wrong_one_all() {
        let mut calibration = Calibration::default();
        assert_eq!((calibration.ece(), calibration.brier()), (None, None));
        calibration.add(&[0, 255], 1);
        assert_eq!((calibration.ece(), calibration.brier()), (Some(0.0), Some(0.0)));
        let mut wrong = Calibration::default();
        wrong.add(&[255, 0], 1);
        assert_eq!((wrong.ece(), wrong.brier()), (Some(1.0), Some(1.0)));
        calibration.merge(&wrong);
        assert_eq!((calibration.ece(), calibration.brier()), (Some(0.5), Some(0.5)));
    }
}
