//! Scores of a finished network on every split.

use crate::error::{Error, Result};
use crate::metrics::instance::Matching;
use crate::metrics::segmentation::Overlap;
use crate::train::write_whole;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Figures of one image; nothing where neither truth nor prediction has an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ImageScore {
    pub image: String,
    pub split: &'static str,
    pub group: String,
    pub style: String,
    /// Objects in the truth.
    pub objects: u64,
    /// Objects found.
    pub found: u64,
    pub dice: Option<f64>,
    pub aji: Option<f64>,
    pub aji_plus: Option<f64>,
    pub pq: Option<f64>,
    pub sq: Option<f64>,
    /// F1 of detection at an IoU above 0.5, which is also the detection quality.
    pub f1: Option<f64>,
}

impl ImageScore {
    /// Scores labels against labels; `pixels` counts the same by pixel.
    pub fn of(names: [&str; 3], split: &'static str, pixels: Overlap, matching: &Matching) -> Self {
        let quality = matching.panoptic_quality();
        let [objects, found, _] = matching.counts();
        Self {
            image: names[0].to_owned(),
            split,
            group: names[1].to_owned(),
            style: names[2].to_owned(),
            objects,
            found,
            dice: pixels.dice(),
            aji: matching.aji(),
            aji_plus: matching.aji_plus(),
            pq: quality.map(|q| q.pq),
            sq: quality.map(|q| q.sq),
            f1: quality.map(|q| q.dq),
        }
    }
}

/// Means over the images of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitScore {
    /// `train`, `val` or `test`.
    pub split: &'static str,
    /// Number of images.
    pub images: usize,
    /// Objects in the truth.
    pub objects: u64,
    /// Dice of the objects' pixels.
    pub dice: f64,
    /// Aggregated Jaccard index.
    pub aji: f64,
    /// The same with one-to-one pairs.
    pub aji_plus: f64,
    /// Panoptic quality.
    pub pq: f64,
    /// Segmentation quality: mean IoU of the pairs.
    pub sq: f64,
    /// F1 of detection at an IoU above 0.5.
    pub f1: f64,
}

impl SplitScore {
    /// Of the images of `split`; nothing without any.
    pub(super) fn of(split: &'static str, scores: &[ImageScore]) -> Option<Self> {
        let scores: Vec<&ImageScore> = scores.iter().filter(|score| score.split == split).collect();
        let mean = |value: fn(&ImageScore) -> Option<f64>| {
            let values: Vec<f64> = scores.iter().filter_map(|score| value(score)).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        (!scores.is_empty()).then(|| Self {
            split,
            images: scores.len(),
            objects: scores.iter().map(|score| score.objects).sum(),
            dice: mean(|s| s.dice),
            aji: mean(|s| s.aji),
            aji_plus: mean(|s| s.aji_plus),
            pq: mean(|s| s.pq),
            sq: mean(|s| s.sq),
            f1: mean(|s| s.f1),
        })
    }

    /// Name and value of every figure.
    pub fn figures(&self) -> [(&'static str, f64); 6] {
        [
            ("dice", self.dice),
            ("aji", self.aji),
            ("aji_plus", self.aji_plus),
            ("pq", self.pq),
            ("sq", self.sq),
            ("f1", self.f1),
        ]
    }
}

impl fmt::Display for SplitScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { split, images, dice, aji, pq, f1, .. } = self;
        write!(f, "{split} ({images} images): Dice {dice:.3}  AJI {aji:.3}  PQ {pq:.3}  F1 {f1:.3}")
    }
}

/// Writes `scores.csv`, one line an image, and `metrics.json`, one entry a split, into a folder.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write_scores(out: &Path, scores: &[ImageScore], splits: &[SplitScore]) -> Result<()> {
    let path = out.join("scores.csv");
    let mut file = csv::Writer::from_writer(Vec::new());
    for score in scores {
        file.serialize(score).map_err(Error::compute("writing scores.csv"))?;
    }
    let bytes = file.into_inner().map_err(|e| Error::io("write", &path)(e.into_error()))?;
    write_whole(&path, &bytes)?;
    let text = serde_json::to_string_pretty(splits).map_err(Error::compute("writing metrics.json"))?;
    write_whole(&out.join("metrics.json"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(image: &str, split: &'static str, truth: &[u32], found: &[u32]) -> ImageScore {
        let pixels = Overlap::of(truth.iter().map(|&l| l != 0), found.iter().map(|&l| l != 0));
        ImageScore::of([image, "g", ""], split, pixels, &Matching::of(truth, found))
    }

    #[test]
    fn a_split_is_the_mean_of_its_images_without_empty_ones() {
        let scores = [
            score("a", "val", &[1, 1, 0, 0], &[1, 1, 0, 0]),
            score("b", "val", &[1, 1, 0, 0], &[0, 0, 0, 1]),
            score("c", "val", &[0; 4], &[0; 4]),
            score("d", "train", &[1; 4], &[1; 4]),
        ];
        let val = SplitScore::of("val", &scores).unwrap();
        assert_eq!((val.images, val.objects, val.dice, val.aji, val.pq), (3, 2, 0.5, 0.5, 0.5));
        assert_eq!(SplitScore::of("test", &scores), None);
    }
}
