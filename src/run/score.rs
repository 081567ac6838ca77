//! Scores of a finished network on every split.

use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::metrics::instance::Matching;
use crate::metrics::segmentation::Overlap;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Figures of one image, with several classes the means over those that it could be scored for; nothing where neither
/// truth nor prediction has an object.
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
    /// Dice of each class of objects.
    #[serde(skip)]
    pub class_dice: Vec<Option<f64>>,
}

/// Columns of `scores.csv`, as in [`ImageScore`].
const COLUMNS: [&str; 12] =
    ["image", "split", "group", "style", "objects", "found", "dice", "aji", "aji_plus", "pq", "sq", "f1"];

impl ImageScore {
    /// Of the pixels and the objects of each class; `names` are image, group and style.
    pub fn of(names: [&str; 3], split: &'static str, classes: &[(Overlap, Matching)]) -> Self {
        let mean = |figure: &dyn Fn(&(Overlap, Matching)) -> Option<f64>| mean(classes.iter().filter_map(figure));
        let count = |at: usize| classes.iter().map(|(_, matching)| matching.counts()[at]).sum();
        Self {
            image: names[0].to_owned(),
            split,
            group: names[1].to_owned(),
            style: names[2].to_owned(),
            objects: count(0),
            found: count(1),
            dice: mean(&|(pixels, _)| pixels.dice()),
            aji: mean(&|(_, matching)| matching.aji()),
            aji_plus: mean(&|(_, matching)| matching.aji_plus()),
            pq: mean(&|(_, matching)| matching.panoptic_quality().map(|q| q.pq)),
            sq: mean(&|(_, matching)| matching.panoptic_quality().map(|q| q.sq)),
            f1: mean(&|(_, matching)| matching.panoptic_quality().map(|q| q.dq)),
            class_dice: classes.iter().map(|(pixels, _)| pixels.dice()).collect(),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
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
    /// Dice of each class by name, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub class_dice: BTreeMap<String, f64>,
}

impl SplitScore {
    /// Of the images of `split`; nothing without any. `classes` are the names where there are several.
    pub(super) fn of(split: &'static str, scores: &[ImageScore], classes: &[String]) -> Option<Self> {
        let scores: Vec<&ImageScore> = scores.iter().filter(|score| score.split == split).collect();
        let mean = |value: &dyn Fn(&ImageScore) -> Option<f64>| {
            mean(scores.iter().filter_map(|score| value(score))).unwrap_or(f64::NAN)
        };
        let of_class = |(at, name): (usize, &String)| (name.clone(), mean(&|score| score.class_dice[at]));
        (!scores.is_empty()).then(|| Self {
            split,
            images: scores.len(),
            objects: scores.iter().map(|score| score.objects).sum(),
            dice: mean(&|s| s.dice),
            aji: mean(&|s| s.aji),
            aji_plus: mean(&|s| s.aji_plus),
            pq: mean(&|s| s.pq),
            sq: mean(&|s| s.sq),
            f1: mean(&|s| s.f1),
            class_dice: classes.iter().enumerate().map(of_class).collect(),
        })
    }

    /// Name and value of every figure; `dice.Class` is one class.
    pub fn figures(&self) -> Vec<(String, f64)> {
        let figures = [
            ("dice", self.dice),
            ("aji", self.aji),
            ("aji_plus", self.aji_plus),
            ("pq", self.pq),
            ("sq", self.sq),
            ("f1", self.f1),
        ];
        let of_classes = self.class_dice.iter().map(|(class, &dice)| (format!("dice.{class}"), dice));
        figures.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(of_classes).collect()
    }
}

impl fmt::Display for SplitScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { split, images, dice, aji, pq, f1, .. } = self;
        write!(f, "{split} ({images} images): Dice {dice:.3}  AJI {aji:.3}  PQ {pq:.3}  F1 {f1:.3}")?;
        self.class_dice.iter().try_for_each(|(class, dice)| write!(f, "  Dice of {class} {dice:.3}"))
    }
}

/// Writes `scores.csv`, one line an image, and `metrics.json`, one entry a split, into a folder. `classes` are the names
/// where there are several.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write_scores(out: &Path, scores: &[ImageScore], splits: &[SplitScore], classes: &[String]) -> Result<()> {
    let path = out.join("scores.csv");
    let failed = || Error::compute::<csv::Error>("writing scores.csv");
    let mut file = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let of_classes = classes.iter().map(|class| format!("dice.{class}"));
    file.write_record(COLUMNS.map(str::to_owned).into_iter().chain(of_classes)).map_err(failed())?;
    for score in scores {
        file.serialize((score, &score.class_dice[..classes.len()])).map_err(failed())?;
    }
    let bytes = file.into_inner().map_err(|e| Error::io("write", &path)(e.into_error()))?;
    write_bytes(&path, &bytes)?;
    let text = serde_json::to_string_pretty(splits).map_err(Error::compute("writing metrics.json"))?;
    write_bytes(&out.join("metrics.json"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(image: &str, split: &'static str, truth: &[u32], found: &[u32]) -> ImageScore {
        let pixels = Overlap::of(truth.iter().map(|&l| l != 0), found.iter().map(|&l| l != 0));
        ImageScore::of([image, "g", ""], split, &[(pixels, Matching::of(truth, found))])
    }

    #[test]
    fn a_split_is_the_mean_of_its_images_without_empty_ones() {
        let scores = [
            score("a", "val", &[1, 1, 0, 0], &[1, 1, 0, 0]),
            score("b", "val", &[1, 1, 0, 0], &[0, 0, 0, 1]),
            score("c", "val", &[0; 4], &[0; 4]),
            score("d", "train", &[1; 4], &[1; 4]),
        ];
        let val = SplitScore::of("val", &scores, &[]).unwrap();
        assert_eq!((val.images, val.objects, val.dice, val.aji, val.pq), (3, 2, 0.5, 0.5, 0.5));
        assert_eq!(SplitScore::of("test", &scores, &[]), None);
    }

    #[test]
    fn classes_are_scored_one_by_one_and_written_each_in_its_column() {
        let class = |truth: &[u32], found: &[u32]| {
            let pixels = Overlap::of(truth.iter().map(|&l| l != 0), found.iter().map(|&l| l != 0));
            (pixels, Matching::of(truth, found))
        };
        let nowhere = class(&[0; 4], &[0; 4]);
        let both = ImageScore::of(["a", "g", ""], "val", &[class(&[1; 4], &[1; 4]), nowhere]);
        let swapped = [class(&[1, 1, 0, 0], &[0, 0, 1, 1]), class(&[0, 0, 1, 1], &[1, 1, 0, 0])];
        let swapped = ImageScore::of(["b", "g", ""], "val", &swapped);
        assert_eq!((both.dice, &both.class_dice), (Some(1.0), &vec![Some(1.0), None]), "the absent class says nothing");
        assert_eq!(
            (swapped.dice, swapped.aji, swapped.objects),
            (Some(0.0), Some(0.0), 2),
            "a wrong class earns nothing"
        );
        let names = ["Tumour".to_owned(), "Stroma".to_owned()];
        let scores = [both, swapped];
        let val = SplitScore::of("val", &scores, &names).unwrap();
        assert_eq!((val.dice, val.class_dice["Tumour"], val.class_dice["Stroma"]), (0.5, 0.5, 0.0));
        let out = tempfile::tempdir().unwrap();
        write_scores(out.path(), &scores, &[val], &names).unwrap();
        let text = std::fs::read_to_string(out.path().join("scores.csv")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("image,split,group,style,objects,")
                && lines[0].ends_with(",f1,dice.Tumour,dice.Stroma")
        );
        assert!(lines[1].starts_with("a,val,g,,1,1,1.0,") && lines[1].ends_with(",1.0,"), "{}", lines[1]);
        assert!(lines[2].ends_with(",0.0,0.0"), "{}", lines[2]);
    }

    #[test]
    fn the_header_names_the_columns_that_are_written() {
        let mut file = csv::Writer::from_writer(Vec::new());
        file.serialize(score("a", "val", &[1], &[1])).unwrap();
        let text = String::from_utf8(file.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap(), COLUMNS.join(","));
    }
}
