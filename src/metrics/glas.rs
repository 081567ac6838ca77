//! The figures of the gland segmentation challenge (Sirinukunwattana et al. 2017): object F1, object Dice and object
//! Hausdorff distance.

use super::instance::Matching;
use crate::geometry::Size;
use crate::vectorize::landscape::squared_distance;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What the challenge ranks by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GlandScores {
    /// F1 of detection: a predicted object is right if it covers more than half of the true object that it shares most
    /// pixels with, as in the challenge's own program.
    pub f1: f64,
    /// Dice of each object with the one of the other side that it shares most pixels with, 0 without any, weighted by area;
    /// mean of both directions.
    pub dice: f64,
    /// Hausdorff distance in pixels between the same pairs, weighted likewise; an object that shares no pixel is compared
    /// with the nearest one in this distance. The image's diagonal where one side has no object.
    pub hausdorff: f64,
}

/// Scores two label maps of one image; nothing when both are empty.
///
/// # Panics
/// Unless both have `size.area()` entries.
pub fn gland_scores(truth: &[u32], prediction: &[u32], size: Size) -> Option<GlandScores> {
    assert_eq!(truth.len() as u64, size.area(), "one label a pixel of {size}");
    let matching = Matching::of(truth, prediction);
    let (objects, found) = (&matching.truth, &matching.prediction);
    if objects.is_empty() && found.is_empty() {
        return None;
    }
    let shared = |&(t, p): &(u32, u32)| matching.both.get(&(t, p)).copied().unwrap_or(0);
    let of_truth = partners(matching.both.iter().map(|(&(t, p), &both)| (t, p, both)));
    let of_prediction = partners(matching.both.iter().map(|(&(t, p), &both)| (p, t, both)));
    let hits = of_prediction.iter().filter(|&(&p, &t)| 2 * shared(&(t, p)) > objects[&t]).count();
    let f1 = 2.0 * hits as f64 / (objects.len() + found.len()) as f64;
    if objects.is_empty() || found.is_empty() {
        let diagonal = f64::from(size.width).hypot(f64::from(size.height));
        return Some(GlandScores { f1, dice: 0.0, hausdorff: diagonal });
    }
    let dice = |t: u32, p: u32| 2.0 * shared(&(t, p)) as f64 / (objects[&t] + found[&p]) as f64;
    let dice_sides = [
        weighted(objects, |t| of_truth.get(&t).map_or(0.0, |&p| dice(t, p))),
        weighted(found, |p| of_prediction.get(&p).map_or(0.0, |&t| dice(t, p))),
    ];
    let mut shapes = Shapes::new([truth, prediction], size);
    let hausdorff_sides = [
        weighted(objects, |t| match of_truth.get(&t) {
            Some(&p) => shapes.hausdorff(t, p),
            None => shapes.nearest(0, t),
        }),
        weighted(found, |p| match of_prediction.get(&p) {
            Some(&t) => shapes.hausdorff(t, p),
            None => shapes.nearest(1, p),
        }),
    ];
    let mean = |[a, b]: [f64; 2]| (a + b) / 2.0;
    Some(GlandScores { f1, dice: mean(dice_sides), hausdorff: mean(hausdorff_sides) })
}

/// The other object that each one shares most pixels with, the first of equals.
fn partners(pairs: impl Iterator<Item = (u32, u32, u64)>) -> BTreeMap<u32, u32> {
    let mut best = BTreeMap::<u32, (u64, u32)>::new();
    for (one, other, both) in pairs {
        let known = best.entry(one).or_insert((0, 0));
        if both > known.0 {
            *known = (both, other);
        }
    }
    best.into_iter().map(|(one, (_, other))| (one, other)).collect()
}

/// Mean of a value of each object, weighted by area.
fn weighted(areas: &BTreeMap<u32, u64>, mut value: impl FnMut(u32) -> f64) -> f64 {
    let total: u64 = areas.values().sum();
    areas.iter().map(|(&object, &area)| area as f64 / total as f64 * value(object)).sum()
}

/// First and last column, first and last row.
type Bounds = [u32; 4];

/// Objects of both maps with their bounds, and the distances measured so far.
struct Shapes<'a> {
    maps: [&'a [u32]; 2],
    width: usize,
    bounds: [BTreeMap<u32, Bounds>; 2],
    /// The same, to go through quickly.
    flat: [Vec<(u32, Bounds)>; 2],
    known: BTreeMap<(u32, u32), f64>,
}

impl<'a> Shapes<'a> {
    fn new(maps: [&'a [u32]; 2], size: Size) -> Self {
        let width = size.width as usize;
        let bounds = maps.map(|map| {
            let mut bounds = BTreeMap::<u32, Bounds>::new();
            for (y, row) in map.chunks_exact(width).enumerate() {
                let mut x = 0;
                for run in row.chunk_by(|a, b| a == b) {
                    let (first, last, y) = (x as u32, (x + run.len() - 1) as u32, y as u32);
                    x += run.len();
                    if run[0] != 0 {
                        let known = bounds.entry(run[0]).or_insert([first, last, y, y]);
                        *known = [known[0].min(first), known[1].max(last), known[2].min(y), known[3].max(y)];
                    }
                }
            }
            bounds
        });
        let flat = [0, 1].map(|side| bounds[side].iter().map(|(&object, &known)| (object, known)).collect());
        Self { maps, width, bounds, flat, known: BTreeMap::new() }
    }

    /// The smallest distance of an object of one side (0 is truth) to any of the other side. No Hausdorff distance is below
    /// the difference of two bounds on the same side, so candidates come in the order of that, and the search ends where it
    /// reaches the smallest distance found.
    fn nearest(&mut self, side: usize, object: u32) -> f64 {
        let own = self.bounds[side][&object];
        let candidates = self.flat[1 - side].iter().map(|&(other, bounds)| {
            let at_least = (0..4).map(|edge| own[edge].abs_diff(bounds[edge])).max().unwrap_or(0);
            Reverse((at_least, other))
        });
        let mut candidates: BinaryHeap<Reverse<(u32, u32)>> = candidates.collect();
        let mut least = f64::INFINITY;
        while let Some(Reverse((at_least, other))) = candidates.pop() {
            if f64::from(at_least) >= least {
                break;
            }
            let (t, p) = if side == 0 { (object, other) } else { (other, object) };
            least = least.min(self.hausdorff(t, p));
        }
        least
    }

    /// Hausdorff distance in pixels between all pixels of a true and a predicted object.
    fn hausdorff(&mut self, t: u32, p: u32) -> f64 {
        if let Some(&known) = self.known.get(&(t, p)) {
            return known;
        }
        let (a, b) = (self.bounds[0][&t], self.bounds[1][&p]);
        let (left, right) = (a[0].min(b[0]) as usize, a[1].max(b[1]) as usize);
        let (top, bottom) = (a[2].min(b[2]) as usize, a[3].max(b[3]) as usize);
        let window = Size::new((right - left + 1) as u32, (bottom - top + 1) as u32);
        let outside = |map: &[u32], object: u32| -> Vec<bool> {
            let rows = (top..=bottom).map(|y| &map[y * self.width + left..=y * self.width + right]);
            rows.flatten().map(|&label| label != object).collect()
        };
        let masks = [outside(self.maps[0], t), outside(self.maps[1], p)];
        let farthest = |from: &[bool], to: &[bool]| {
            let squared = squared_distance(to, window);
            squared.into_iter().zip(from).filter(|(_, outside)| !**outside).map(|(squared, _)| squared).max()
        };
        let squared = farthest(&masks[0], &masks[1]).max(farthest(&masks[1], &masks[0])).unwrap_or(0);
        let distance = f64::from(squared).sqrt();
        self.known.insert((t, p), distance);
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{Golden, close};
    use proptest::prelude::*;

    #[test]
    fn figures_agree_with_an_independent_computation() {
        for case in Golden::read().cases {
            let ours = gland_scores(&case.truth(), &case.prediction(), case.size());
            close(&case.name, ours.map(|s| s.f1), case.glas.as_ref().map(|s| s.f1));
            close(&case.name, ours.map(|s| s.dice), case.glas.as_ref().map(|s| s.dice));
            close(&case.name, ours.map(|s| s.hausdorff), case.glas.as_ref().map(|s| s.hausdorff));
        }
    }

    proptest! {
        #[test]
        fn the_nearest_object_is_the_one_that_a_search_of_all_finds(labels in proptest::collection::vec(0_u32..40, 2 * 96)) {
            let few = |labels: &[u32]| labels.iter().map(|&l| if l < 6 { l } else { 0 }).collect::<Vec<_>>();
            let (truth, prediction) = (few(&labels[..96]), few(&labels[96..]));
            let mut shapes = Shapes::new([&truth, &prediction], Size::new(12, 8));
            for t in shapes.bounds[0].keys().copied().collect::<Vec<_>>() {
                let others: Vec<u32> = shapes.bounds[1].keys().copied().collect();
                let least = others.iter().map(|&p| shapes.hausdorff(t, p)).fold(f64::INFINITY, f64::min);
                prop_assert_eq!(shapes.nearest(0, t), least);
            }
        }
    }

    #[test]
    fn an_object_of_which_exactly_half_is_covered_is_not_detected() {
        let size = Size::new(4, 1);
        assert_eq!(gland_scores(&[1, 1, 1, 1], &[5, 5, 0, 0], size).unwrap().f1, 0.0);
        assert_eq!(gland_scores(&[1, 1, 1, 1], &[5, 5, 5, 0], size).unwrap().f1, 1.0);
    }
}
