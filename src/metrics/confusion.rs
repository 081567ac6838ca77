//! Pixels of each true class by predicted class.

use super::segmentation::Overlap;

/// Counts of pixels by true and predicted class; counts of several images may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `classes x classes`, a row a true class.
    counts: Vec<u64>,
}

impl Confusion {
    /// No pixel of any of `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts two class maps of one image.
    ///
    /// # Panics
    /// If they differ in length or hold a class that is not below `classes`.
    pub fn of(truth: &[u8], prediction: &[u8], classes: usize) -> Self {
        assert_eq!(truth.len(), prediction.len(), "class maps of one image");
        let mut confusion = Self::new(classes);
        for (&t, &p) in truth.iter().zip(prediction) {
            let (t, p) = (usize::from(t), usize::from(p));
            assert!(t < classes && p < classes, "class {t} or {p} of {classes}");
            confusion.counts[t * classes + p] += 1;
        }
        confusion
    }

    /// Pixels of each true class, a row each, by predicted class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes)
    }

    /// Adds the counts of another image.
    ///
    /// # Panics
    /// If it has another number of classes.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.classes, other.classes, "confusions of the same classes");
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
    }

    /// Pixels of one class in the truth, in the prediction and in both.
    pub fn overlap(&self, class: usize) -> Overlap {
        Overlap {
            truth: self.rows().nth(class).map_or(0, |row| row.iter().sum()),
            prediction: self.rows().map(|row| row[class]).sum(),
            both: self.counts[class * self.classes + class],
        }
    }

    /// Share of the pixels that are not of the class in truth which are not of it in the prediction either; nothing
    /// where all pixels are of the class.
    pub fn specificity(&self, class: usize) -> Option<f64> {
        let Overlap { truth, prediction, both } = self.overlap(class);
        let negative = self.counts.iter().sum::<u64>() - truth;
        (negative > 0).then(|| (negative - (prediction - both)) as f64 / negative as f64)
    }

    /// Share of the pixels of the right class; nothing without pixels.
    pub fn accuracy(&self) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let right: u64 = (0..self.classes).map(|class| self.counts[class * self.classes + class]).sum();
        (all > 0).then(|| right as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_counted_against_all_others() {
        let mut confusion = Confusion::of(&[0, 0, 1, 1, 2, 2], &[0, 1, 1, 2, 2, 2], 3);
        assert_eq!(confusion.rows().collect::<Vec<_>>(), [[1, 1, 0], [0, 1, 1], [0, 0, 2]]);
        assert_eq!(confusion.overlap(1), Overlap { truth: 2, prediction: 2, both: 1 });
        assert_eq!(confusion.specificity(1), Some(0.75));
        assert_eq!(confusion.accuracy(), Some(4.0 / 6.0));
        confusion.add(&Confusion::of(&[1], &[1], 3));
        assert_eq!(confusion.overlap(1), Overlap { truth: 3, prediction: 3, both: 2 });
        assert_eq!(Confusion::of(&[1, 1], &[1, 0], 2).specificity(1), None, "no pixel is negative");
    }
}
