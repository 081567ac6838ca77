//! Figures as GenSelfDiff-HIS computed them, to compare with its tables and for nothing else: each has a flaw.
//!
//! They are means over overlapping patches, not over images. A class that is absent from truth and prediction scores 1.
//! The Hausdorff distance takes the rows of a mask for points, so it is at most the square root of a patch's width and
//! blind to the order of rows. AJI takes each class for one object: it equals IoU for one class, and with several it
//! rewards a region of the wrong class.

use super::instance::Matching;
use super::segmentation::Overlap;
use crate::geometry::Size;

/// Where the patches lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchGrid {
    /// Edge of a patch in pixels.
    pub edge: u32,
    /// From one patch to the next, in pixels. What is left at the right and at the bottom is not looked at.
    pub stride: u32,
}

impl PatchGrid {
    /// 256 pixels every 64.
    pub const PUBLISHED: Self = Self { edge: 256, stride: 64 };

    fn starts(self, pixels: u32) -> impl Iterator<Item = u32> {
        let last = pixels.checked_sub(self.edge);
        last.into_iter().flat_map(move |last| (0..=last).step_by(self.stride as usize))
    }
}

/// Means over the patches of one image, of classes 1 and up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompatScores {
    /// Number of patches.
    pub patches: usize,
    /// Intersection over union, 1 for an absent class.
    pub iou: f64,
    /// F1 of pixels, 1 for an absent class.
    pub f1: f64,
    /// Hausdorff distance of the sets of rows.
    pub hausdorff: f64,
    /// AJI of class numbers, 1 for a patch without any.
    pub aji: f64,
}

/// Scores two class maps, 0 for background; nothing where the image is smaller than a patch.
///
/// # Panics
/// Unless both have `size.area()` entries and `classes` is 2 or more.
pub fn compat_scores(
    truth: &[u8],
    prediction: &[u8],
    size: Size,
    classes: usize,
    grid: PatchGrid,
) -> Option<CompatScores> {
    assert!(classes >= 2, "background and one more");
    assert!(truth.len() as u64 == size.area() && prediction.len() == truth.len(), "one class a pixel of {size}");
    let (mut sums, mut patches) = ([0.0; 4], 0);
    for y in grid.starts(size.height) {
        for x in grid.starts(size.width) {
            let patch = |map: &[u8]| -> Vec<u8> {
                let row = |v: u32| v as usize * size.width as usize + x as usize;
                (y..y + grid.edge).flat_map(|v| &map[row(v)..row(v) + grid.edge as usize]).copied().collect()
            };
            let figures = of_patch(&patch(truth), &patch(prediction), classes, grid.edge as usize);
            sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            patches += 1;
        }
    }
    let [iou, f1, hausdorff, aji] = sums.map(|sum| sum / patches as f64);
    (patches > 0).then_some(CompatScores { patches, iou, f1, hausdorff, aji })
}

fn of_patch(truth: &[u8], prediction: &[u8], classes: usize, edge: usize) -> [f64; 4] {
    let mut sums = [0.0; 3];
    for class in 1..classes as u8 {
        let is = |map: &[u8]| map.iter().map(|&c| c == class).collect::<Vec<bool>>();
        let (t, p) = (is(truth), is(prediction));
        let overlap = Overlap::of(t.iter().copied(), p.iter().copied());
        sums[0] += overlap.iou().unwrap_or(1.0);
        sums[1] += overlap.dice().unwrap_or(1.0);
        sums[2] += row_hausdorff(&t, &p, edge);
    }
    let [iou, f1, hausdorff] = sums.map(|sum| sum / (classes - 1) as f64);
    let numbers = |map: &[u8]| map.iter().map(|&class| u32::from(class)).collect::<Vec<u32>>();
    let aji = Matching::of(&numbers(truth), &numbers(prediction)).aji().unwrap_or(1.0);
    [iou, f1, hausdorff, aji]
}

/// Hausdorff distance of two sets of rows: between rows it is the square root of the number of pixels that differ.
fn row_hausdorff(a: &[bool], b: &[bool], edge: usize) -> f64 {
    let rows = |mask: &[bool]| -> Vec<Vec<u64>> {
        let word = |bits: &[bool]| bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit));
        let mut rows: Vec<Vec<u64>> = mask.chunks_exact(edge).map(|row| row.chunks(64).map(word).collect()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    };
    let (a, b) = (rows(a), rows(b));
    let apart = |one: &[u64], other: &[u64]| one.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    let directed = |from: &[Vec<u64>], to: &[Vec<u64>]| {
        from.iter().filter_map(|one| to.iter().map(|other| apart(one, other)).min()).max().unwrap_or(0)
    };
    f64::from(directed(&a, &b).max(directed(&b, &a))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{Golden, close, unrolled};
    use crate::metrics::surface::Surfaces;

    const SIZE: Size = Size::new(256, 256);

    fn disc(cx: i32, cy: i32, radius: i32) -> Vec<u8> {
        let inside = |i: i32| (i % 256 - cx).pow(2) + (i / 256 - cy).pow(2) <= radius * radius;
        (0..256 * 256).map(|i| u8::from(inside(i))).collect()
    }

    fn one_patch(truth: &[u8], prediction: &[u8], classes: usize) -> CompatScores {
        compat_scores(truth, prediction, SIZE, classes, PatchGrid::PUBLISHED).unwrap()
    }

    #[test]
    fn the_published_hausdorff_distance_is_blind_where_the_true_one_is_not() {
        let base = disc(128, 128, 60);
        let blob = disc(20, 20, 3).iter().zip(&base).map(|(a, b)| a | b).collect();
        let others = [disc(128, 138, 60), disc(138, 128, 60), disc(128, 128, 50), blob];
        let table = Golden::read().compat.table;
        let written = [("0.000", "10.000"), ("4.472", "10.000"), ("4.472", "10.296"), ("2.646", "96.167")];
        for ((row, other), (compat, truth)) in table.iter().zip(&others).zip(written) {
            let ours = one_patch(&base, other, 2).hausdorff;
            close(&row.name, Some(ours), Some(row.compat_hd));
            let mask = |map: &[u8]| map.iter().map(|&c| c != 0).collect::<Vec<_>>();
            let surfaces = Surfaces::of(&mask(&base), &mask(other), SIZE).unwrap();
            close(&row.name, Some(surfaces.hausdorff()), row.true_hd);
            assert_eq!((format!("{ours:.3}"), format!("{:.3}", surfaces.hausdorff())), (compat.into(), truth.into()));
        }
        assert_eq!(one_patch(&[0; 256 * 256], &[1; 256 * 256], 2).hausdorff, 16.0, "its largest value");
        assert_eq!(table[4].compat_hd, 16.0);
    }

    #[test]
    fn figures_over_patches_agree_with_numpy_and_scipy() {
        let many = Golden::read().compat.many;
        let bytes = |runs: &[(u32, usize)]| unrolled(runs).into_iter().map(|class| class as u8).collect::<Vec<_>>();
        let (size, grid) = (Size::new(many.width, many.height), PatchGrid { edge: many.edge, stride: many.stride });
        let ours = compat_scores(&bytes(&many.truth), &bytes(&many.prediction), size, many.classes, grid).unwrap();
        assert_eq!(ours.patches, many.patches);
        for (ours, theirs) in [ours.iou, ours.f1, ours.hausdorff, ours.aji].into_iter().zip(many.figures) {
            close("many", Some(ours), Some(theirs));
        }
    }

    #[test]
    fn aji_of_class_numbers_is_iou_for_one_class_and_rewards_the_wrong_class_with_two() {
        let (truth, moved) = (disc(128, 128, 60), disc(140, 128, 60));
        let scores = one_patch(&truth, &moved, 2);
        assert!((scores.aji - scores.iou).abs() < 1e-12 && scores.iou < 0.9);
        // All of class 1 is called class 2: not a pixel is right.
        let wrong: Vec<u8> = truth.iter().map(|&class| class * 2).collect();
        let scores = one_patch(&truth, &wrong, 3);
        assert_eq!((scores.iou, scores.aji), (0.0, 1.0));
    }

    #[test]
    fn an_absent_class_scores_1_and_edges_are_dropped() {
        let none = vec![0; 319 * 256];
        let scores = compat_scores(&none, &none, Size::new(319, 256), 2, PatchGrid::PUBLISHED).unwrap();
        assert_eq!((scores.patches, scores.iou, scores.f1, scores.hausdorff, scores.aji), (1, 1.0, 1.0, 0.0, 1.0));
        assert_eq!(compat_scores(&[0; 100], &[0; 100], Size::new(10, 10), 2, PatchGrid::PUBLISHED), None);
    }
}
