//! Matching of two label maps object by object: AJI, AJI+, panoptic quality, F1.

use std::collections::BTreeMap;

/// Areas of the objects of two label maps and of their common parts. Labels are any numbers but 0.
#[derive(Debug, Clone, Default)]
pub struct Matching {
    pub(super) truth: BTreeMap<u32, u64>,
    pub(super) prediction: BTreeMap<u32, u64>,
    /// Common pixels of each pair that has any, by (truth, prediction).
    pub(super) both: BTreeMap<(u32, u32), u64>,
}

/// Panoptic quality and its factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PanopticQuality {
    /// Detection quality: F1 of pairs with IoU above 0.5.
    pub dq: f64,
    /// Segmentation quality: mean IoU of those pairs; 0 without any.
    pub sq: f64,
    /// Their product.
    pub pq: f64,
}

impl Matching {
    /// Counts two label maps of one image.
    ///
    /// # Panics
    /// If they differ in length.
    pub fn of(truth: &[u32], prediction: &[u32]) -> Self {
        assert_eq!(truth.len(), prediction.len(), "label maps of one image");
        let mut matching = Self::default();
        // Labels change rarely along a row: runs are counted, not pixels.
        let mut pairs = truth.iter().copied().zip(prediction.iter().copied());
        let Some(mut run) = pairs.next() else { return matching };
        let mut length = 1;
        for pair in pairs {
            if pair != run {
                matching.add(run, length);
                (run, length) = (pair, 0);
            }
            length += 1;
        }
        matching.add(run, length);
        matching
    }

    fn add(&mut self, (truth, prediction): (u32, u32), pixels: u64) {
        if truth != 0 {
            *self.truth.entry(truth).or_default() += pixels;
        }
        if prediction != 0 {
            *self.prediction.entry(prediction).or_default() += pixels;
        }
        if truth != 0 && prediction != 0 {
            *self.both.entry((truth, prediction)).or_default() += pixels;
        }
    }

    fn is_empty(&self) -> bool {
        self.truth.is_empty() && self.prediction.is_empty()
    }

    fn union(&self, pair: (u32, u32), both: u64) -> u64 {
        self.truth[&pair.0] + self.prediction[&pair.1] - both
    }

    fn iou(&self, pair: (u32, u32), both: u64) -> f64 {
        both as f64 / self.union(pair, both) as f64
    }

    /// Aggregated Jaccard index as in HoVer-Net's `get_fast_aji` (Kumar et al. 2017): each true object takes the
    /// prediction of largest IoU, which several may share; the first of equals in label order. Unpaired objects of
    /// both sides add their areas to the union. Nothing when both maps are empty.
    pub fn aji(&self) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        let (mut inter, mut union) = (0, 0);
        let mut used = std::collections::BTreeSet::new();
        let mut chosen = BTreeMap::<u32, (f64, u32, u64)>::new();
        for (&(truth, prediction), &both) in &self.both {
            let iou = self.iou((truth, prediction), both);
            let best = chosen.entry(truth).or_insert((0.0, 0, 0));
            if iou > best.0 {
                *best = (iou, prediction, both);
            }
        }
        for (truth, area) in &self.truth {
            match chosen.get(truth) {
                Some(&(_, prediction, both)) => {
                    inter += both;
                    union += self.union((*truth, prediction), both);
                    used.insert(prediction);
                }
                None => union += area,
            }
        }
        union += self.prediction.iter().filter(|(label, _)| !used.contains(label)).map(|(_, area)| area).sum::<u64>();
        Some(inter as f64 / union as f64)
    }

    /// AJI+ as in HoVer-Net's `get_fast_aji_plus`: pairs are one to one and maximise the sum of IoU. Nothing when both
    /// maps are empty.
    pub fn aji_plus(&self) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        let pairs = self.best_pairing();
        let inter: u64 = pairs.iter().map(|pair| self.both[pair]).sum();
        let mut union: u64 = pairs.iter().map(|&pair| self.union(pair, self.both[&pair])).sum();
        let (truths, predictions): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let unpaired = |areas: &BTreeMap<u32, u64>, paired: &[u32]| {
            areas.iter().filter(|(label, _)| !paired.contains(label)).map(|(_, area)| area).sum::<u64>()
        };
        union += unpaired(&self.truth, &truths) + unpaired(&self.prediction, &predictions);
        Some(inter as f64 / union as f64)
    }

    /// Pairs with an IoU strictly above `threshold`. From 0.5 up no object can be in two.
    fn pairs_above(&self, threshold: f64) -> impl Iterator<Item = f64> + '_ {
        self.both.iter().map(|(&pair, &both)| self.iou(pair, both)).filter(move |&iou| iou > threshold)
    }

    /// Panoptic quality (Kirillov et al. 2019) of pairs with IoU above 0.5. Nothing when both maps are empty.
    pub fn panoptic_quality(&self) -> Option<PanopticQuality> {
        if self.is_empty() {
            return None;
        }
        let (count, sum) = self.pairs_above(0.5).fold((0.0, 0.0), |(n, sum), iou| (n + 1.0, sum + iou));
        let dq = 2.0 * count / (self.truth.len() + self.prediction.len()) as f64;
        let sq = if count > 0.0 { sum / count } else { 0.0 };
        Some(PanopticQuality { dq, sq, pq: dq * sq })
    }

    /// True objects, predicted objects and pairs with IoU above 0.5, for pooling over images.
    pub fn counts(&self) -> [u64; 3] {
        [self.truth.len() as u64, self.prediction.len() as u64, self.pairs_above(0.5).count() as u64]
    }

    /// F1 of detection at IoU above 0.5. Nothing when both maps are empty.
    pub fn f1(&self) -> Option<f64> {
        self.panoptic_quality().map(|quality| quality.dq)
    }

    /// F1 of detection at IoU strictly above `threshold`. Nothing when both maps are empty.
    ///
    /// # Panics
    /// If `threshold` is below 0.5, where an object could be in two pairs.
    pub fn f1_above(&self, threshold: f64) -> Option<f64> {
        assert!(threshold >= 0.5, "pairs at an IoU of {threshold} are not one to one");
        let objects = self.truth.len() + self.prediction.len();
        (objects > 0).then(|| 2.0 * self.pairs_above(threshold).count() as f64 / objects as f64)
    }

    /// The one-to-one pairs of largest total IoU, by successive best augmenting paths in each connected group of
    /// overlapping objects, which are small.
    fn best_pairing(&self) -> Vec<(u32, u32)> {
        let mut groups = Vec::<(Vec<u32>, Vec<u32>)>::new();
        for &(truth, prediction) in self.both.keys() {
            let touches = |group: &(Vec<u32>, Vec<u32>)| group.0.contains(&truth) || group.1.contains(&prediction);
            let mut joined = (vec![truth], vec![prediction]);
            let mut at = 0;
            while at < groups.len() {
                if touches(&groups[at]) {
                    let group = groups.swap_remove(at);
                    joined.0.extend(group.0);
                    joined.1.extend(group.1);
                } else {
                    at += 1;
                }
            }
            for side in [&mut joined.0, &mut joined.1] {
                side.sort_unstable();
                side.dedup();
            }
            groups.push(joined);
        }
        let mut pairs: Vec<_> = groups.iter().flat_map(|(rows, columns)| self.assign(rows, columns)).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Hungarian algorithm (Jonker-Volgenant form) on the costs `-IoU` of one group.
    fn assign(&self, rows: &[u32], columns: &[u32]) -> Vec<(u32, u32)> {
        let size = rows.len().max(columns.len());
        let cost = |i: usize, j: usize| match (rows.get(i), columns.get(j)) {
            (Some(&t), Some(&p)) => self.both.get(&(t, p)).map_or(0.0, |&both| -self.iou((t, p), both)),
            _ => 0.0,
        };
        // Index 0 is the unmatched state; row_of[j] is the row of column j.
        let (mut u, mut v) = (vec![0.0; size + 1], vec![0.0; size + 1]);
        let mut row_of = vec![0_usize; size + 1];
        for i in 1..=size {
            row_of[0] = i;
            let mut column = 0;
            let (mut least, mut from) = (vec![f64::INFINITY; size + 1], vec![0_usize; size + 1]);
            let mut done = vec![false; size + 1];
            while row_of[column] != 0 {
                done[column] = true;
                let row = row_of[column];
                let (mut delta, mut next) = (f64::INFINITY, 0);
                for j in (1..=size).filter(|&j| !done[j]) {
                    let reduced = cost(row - 1, j - 1) - u[row] - v[j];
                    if reduced < least[j] {
                        (least[j], from[j]) = (reduced, column);
                    }
                    if least[j] < delta {
                        (delta, next) = (least[j], j);
                    }
                }
                for j in 0..=size {
                    if done[j] {
                        u[row_of[j]] += delta;
                        v[j] -= delta;
                    } else {
                        least[j] -= delta;
                    }
                }
                column = next;
            }
            while column != 0 {
                row_of[column] = row_of[from[column]];
                column = from[column];
            }
        }
        let pair = |j: usize| Some((*rows.get(row_of[j] - 1)?, *columns.get(j - 1)?));
        (1..=size).filter_map(pair).filter(|pair| self.both.contains_key(pair)).collect()
    }
}

/// [`Matching::aji`] of two label maps.
///
/// # Panics
/// If the maps differ in length.
pub fn aji(truth: &[u32], prediction: &[u32]) -> Option<f64> {
    Matching::of(truth, prediction).aji()
}

/// [`Matching::panoptic_quality`] of two label maps.
///
/// # Panics
/// If the maps differ in length.
pub fn panoptic_quality(truth: &[u32], prediction: &[u32]) -> Option<PanopticQuality> {
    Matching::of(truth, prediction).panoptic_quality()
}

/// [`Matching::f1`] of two label maps.
///
/// # Panics
/// If the maps differ in length.
pub fn f1(truth: &[u32], prediction: &[u32]) -> Option<f64> {
    Matching::of(truth, prediction).f1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        truth: Vec<u32>,
        prediction: Vec<u32>,
        aji: Option<f64>,
        aji_plus: Option<f64>,
        quality: Option<[f64; 3]>,
    }

    fn close(name: &str, ours: Option<f64>, theirs: Option<f64>) {
        match (ours, theirs) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{name}: {a} instead of {b}"),
            (a, b) => assert_eq!(a, b, "{name}"),
        }
    }

    #[test]
    fn figures_agree_with_an_independent_computation() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/golden/instance_metrics.json")).unwrap();
        assert_eq!(cases.len(), 16);
        for case in cases {
            let matching = Matching::of(&case.truth, &case.prediction);
            close(&case.name, matching.aji(), case.aji);
            close(&case.name, matching.aji_plus(), case.aji_plus);
            let quality = matching.panoptic_quality();
            close(&case.name, quality.map(|q| q.dq), case.quality.map(|q| q[0]));
            close(&case.name, quality.map(|q| q.sq), case.quality.map(|q| q[1]));
            close(&case.name, quality.map(|q| q.pq), case.quality.map(|q| q[2]));
            close(&case.name, matching.f1(), case.quality.map(|q| q[0]));
        }
    }

    #[test]
    fn f1_falls_with_the_overlap_asked_for_as_computed_from_masks() {
        use crate::metrics::golden::Golden;
        for case in Golden::read().cases {
            let matching = Matching::of(&case.truth(), &case.prediction());
            for (threshold, theirs) in [0.5, 0.6, 0.7, 0.8, 0.9].into_iter().zip(case.f1) {
                close(&case.name, matching.f1_above(threshold), theirs);
            }
        }
    }

    #[test]
    fn a_prediction_may_serve_two_truths_in_aji_but_not_in_aji_plus() {
        let (truth, prediction) = ([1, 1, 2, 2], [7, 7, 7, 7]);
        let matching = Matching::of(&truth, &prediction);
        assert_eq!(matching.aji(), Some(4.0 / 8.0));
        assert_eq!(matching.aji_plus(), Some(2.0 / 6.0));
        assert_eq!(matching.counts(), [2, 1, 0], "an IoU of exactly 0.5 is no match");
    }
}
