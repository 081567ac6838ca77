//! The figures of one image, and the columns that they stand in.

use super::truth::Classes;
use crate::config::EvaluateConfig;
use crate::geometry::Size;
use crate::metrics::calibration::Calibration;
use crate::metrics::compat::{CompatScores, PatchGrid, compat_scores};
use crate::metrics::confusion::Confusion;
use crate::metrics::glas::gland_scores;
use crate::metrics::instance::Matching;
use crate::metrics::surface::Surfaces;
use crate::run::scene::Scene;

/// Unit of a figure and which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Between 0 and 1, the more the better.
    Share,
    /// Between 0 and 1, the less the better.
    Error,
    /// Micrometres, the less the better.
    Micrometres,
    /// Square root of a number of pixels, the less the better.
    Rows,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Share | Self::Error => "",
            Self::Micrometres => "um",
            Self::Rows => "sqrt(px)",
        }
    }

    pub fn more_is_better(self) -> bool {
        self == Self::Share
    }
}

/// What is measured of each class, in the order of [`of_class`].
const OF_CLASS: [(&str, Unit); 22] = [
    ("dice", Unit::Share),
    ("iou", Unit::Share),
    ("precision", Unit::Share),
    ("recall", Unit::Share),
    ("specificity", Unit::Share),
    ("hd_um", Unit::Micrometres),
    ("hd95_um", Unit::Micrometres),
    ("assd_um", Unit::Micrometres),
    ("surface_dice", Unit::Share),
    ("aji", Unit::Share),
    ("aji_plus", Unit::Share),
    ("pq", Unit::Share),
    ("dq", Unit::Share),
    ("sq", Unit::Share),
    ("f1_50", Unit::Share),
    ("f1_60", Unit::Share),
    ("f1_70", Unit::Share),
    ("f1_80", Unit::Share),
    ("f1_90", Unit::Share),
    ("glas_f1", Unit::Share),
    ("glas_dice", Unit::Share),
    ("glas_hausdorff_um", Unit::Micrometres),
];
/// Number of the first ones, which need no objects.
const WITHOUT_OBJECTS: usize = 9;
const OF_PROBABILITIES: [(&str, Unit); 2] = [("ece", Unit::Error), ("brier", Unit::Error)];
const OF_PATCHES: [(&str, Unit); 4] =
    [("compat_iou", Unit::Share), ("compat_f1", Unit::Share), ("compat_hd", Unit::Rows), ("compat_aji", Unit::Share)];

/// One column of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub unit: Unit,
}

/// The columns of a run. With several classes of objects, a name alone is the mean over the classes that an image could be
/// scored for, and `name.Class` is one class.
pub(super) fn columns(classes: &Classes, compat: bool) -> Vec<Column> {
    let column = |name: String, unit| Column { name, unit };
    let of_class = of_class_names(classes.objects);
    let mut columns: Vec<Column> = of_class.iter().map(|&(name, unit)| column(name.into(), unit)).collect();
    if classes.count() > 2 {
        for class in &classes.names[1..] {
            columns.extend(of_class.iter().map(|&(name, unit)| column(format!("{name}.{class}"), unit)));
        }
    }
    let patches = if compat { OF_PATCHES.as_slice() } else { &[] };
    columns.extend(OF_PROBABILITIES.iter().chain(patches).map(|&(name, unit)| column(name.into(), unit)));
    columns
}

fn of_class_names(objects: bool) -> &'static [(&'static str, Unit)] {
    if objects { &OF_CLASS } else { &OF_CLASS[..WITHOUT_OBJECTS] }
}

/// What an image adds to the figures of all images together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pooled {
    pub confusion: Confusion,
    pub calibration: Calibration,
    /// True objects, predicted objects, pairs with IoU above 0.5.
    pub objects: [u64; 3],
    /// Classes that the truth has and the prediction has not, and the other way round, over images.
    pub missed: u64,
    pub invented: u64,
    /// Patches of the compat figures.
    pub patches: u64,
}

impl Pooled {
    pub fn new(classes: usize) -> Self {
        Self {
            confusion: Confusion::new(classes),
            calibration: Calibration::default(),
            objects: [0; 3],
            missed: 0,
            invented: 0,
            patches: 0,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.confusion.add(&other.confusion);
        self.calibration.merge(&other.calibration);
        self.objects.iter_mut().zip(other.objects).for_each(|(sum, more)| *sum += more);
        self.missed += other.missed;
        self.invented += other.invented;
        self.patches += other.patches;
    }
}

/// An image as masks and as the model see it.
pub(super) struct Seen<'a> {
    pub size: Size,
    pub truth: &'a Scene,
    pub prediction: &'a Scene,
    /// Likeliest class of each pixel, for the compat figures.
    pub likeliest: &'a [u8],
    pub calibration: Calibration,
    /// Micrometres per pixel of all this.
    pub mpp: f64,
}

/// The figures of an image in the order of [`columns`]: nothing where truth and prediction are both without the class, so
/// that there is nothing to be right or wrong about.
pub(super) fn measure(seen: Seen, classes: &Classes, config: &EvaluateConfig) -> (Vec<Option<f64>>, Pooled) {
    let count = classes.count();
    let confusion = Confusion::of(&seen.truth.classes, &seen.prediction.classes, count);
    let mut pooled = Pooled { confusion, calibration: Calibration::default(), ..Pooled::new(count) };
    let single: Vec<Vec<Option<f64>>> =
        (1..count as u8).map(|class| of_class(&seen, class, classes.objects, config, &mut pooled)).collect();
    let mut values: Vec<Option<f64>> =
        (0..single[0].len()).map(|at| mean(single.iter().filter_map(|figures| figures[at]))).collect();
    if count > 2 {
        values.extend(single.concat());
    }
    values.extend([seen.calibration.ece(), seen.calibration.brier()]);
    pooled.calibration = seen.calibration;
    if config.compat {
        let scores = compat_scores(&seen.truth.classes, seen.likeliest, seen.size, count, PatchGrid::PUBLISHED);
        pooled.patches = scores.map_or(0, |scores| scores.patches as u64);
        let figures = |s: CompatScores| [s.iou, s.f1, s.hausdorff, s.aji].map(Some);
        values.extend(scores.map_or([None; 4], figures));
    }
    (values, pooled)
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn of_class(seen: &Seen, class: u8, objects: bool, config: &EvaluateConfig, pooled: &mut Pooled) -> Vec<Option<f64>> {
    let at = usize::from(class);
    let overlap = pooled.confusion.overlap(at);
    pooled.missed += u64::from(overlap.truth > 0 && overlap.prediction == 0);
    pooled.invented += u64::from(overlap.truth == 0 && overlap.prediction > 0);
    let surfaces = Surfaces::of(&seen.truth.mask(class), &seen.prediction.mask(class), seen.size);
    let surface = |figure: fn(&Surfaces) -> f64| surfaces.as_ref().map(|s| figure(s) * seen.mpp);
    // Specificity has a value even where the class is absent from both; such an image is not scored for the class at all.
    let scored = overlap.truth + overlap.prediction > 0;
    let mut figures = vec![
        overlap.dice(),
        overlap.iou(),
        overlap.precision(),
        overlap.recall(),
        pooled.confusion.specificity(at).filter(|_| scored),
        surface(Surfaces::hausdorff),
        surface(Surfaces::hausdorff_95),
        surface(Surfaces::mean),
        surfaces.as_ref().map(|s| s.dice(config.tolerance_um / seen.mpp)),
    ];
    if objects {
        let (truth, prediction) = (seen.truth.objects_of(class), seen.prediction.objects_of(class));
        let matching = Matching::of(&truth, &prediction);
        pooled.objects.iter_mut().zip(matching.counts()).for_each(|(sum, more)| *sum += more);
        let quality = matching.panoptic_quality();
        figures.extend([matching.aji(), matching.aji_plus()]);
        figures.extend([quality.map(|q| q.pq), quality.map(|q| q.dq), quality.map(|q| q.sq)]);
        figures.extend([0.5, 0.6, 0.7, 0.8, 0.9].map(|threshold| matching.f1_above(threshold)));
        let glands = gland_scores(&truth, &prediction, seen.size);
        figures.extend([glands.map(|g| g.f1), glands.map(|g| g.dice), glands.map(|g| g.hausdorff * seen.mpp)]);
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MaskKind;
    use crate::infer::fake::FakeSegmenter;

    fn scene(classes: &[u8]) -> Scene {
        Scene { classes: classes.to_vec(), objects: classes.iter().map(|&class| u32::from(class)).collect() }
    }

    fn measured(truth: &[u8], prediction: &[u8]) -> impl Fn(&str) -> Option<f64> {
        let classes = Classes::of(&FakeSegmenter::region_package(0.5, 64, 16), MaskKind::Classes).unwrap();
        let config = EvaluateConfig { compat: true, ..EvaluateConfig::default() };
        let (truth, prediction) = (scene(truth), scene(prediction));
        let seen = Seen {
            size: Size::new(truth.classes.len() as u32, 1),
            likeliest: &prediction.classes,
            truth: &truth,
            prediction: &prediction,
            calibration: Calibration::default(),
            mpp: 0.5,
        };
        let (values, _) = measure(seen, &classes, &config);
        let columns = columns(&classes, true);
        assert_eq!(values.len(), columns.len());
        move |name| values[columns.iter().position(|column| column.name == name).expect("a column")]
    }

    #[test]
    fn a_class_that_is_nowhere_is_not_scored_and_the_mean_is_of_the_others() {
        let of = measured(&[0, 1, 1, 0], &[0, 1, 0, 0]);
        assert_eq!((of("dice.Nucleus"), of("dice.Stroma")), (Some(2.0 / 3.0), None));
        assert_eq!((of("specificity.Stroma"), of("hd_um.Stroma"), of("pq.Stroma")), (None, None, None));
        assert_eq!(of("dice"), of("dice.Nucleus"));
        assert_eq!(of("compat_iou"), None, "the image is smaller than a patch");
    }

    #[test]
    fn distances_are_in_micrometres() {
        let of = measured(&[1, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 1, 0]);
        assert_eq!((of("hd_um.Nucleus"), of("assd_um"), of("surface_dice")), (Some(2.0), Some(2.0), Some(0.0)));
        assert_eq!(of("glas_hausdorff_um"), Some(2.0));
    }
}
