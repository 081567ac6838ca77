//! How sure a mean over images is.

use super::quantile::quantile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The middle 95 % of a mean's bootstrap distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// Interval of the mean of `values`, of which `groups` says which belong together: whole groups (patients, or images where
/// each is its own group) are drawn with replacement, as many as there are, `resamples` times; a mean is over the values of
/// the groups drawn. Nothing with fewer than two groups, where nothing could vary.
///
/// # Panics
/// Unless there is one group a value and at least one resample.
pub fn mean_interval(values: &[f64], groups: &[usize], resamples: u32, seed: u64) -> Option<Interval> {
    assert!(values.len() == groups.len() && resamples > 0, "one group a value, and some resamples");
    let mut sums = BTreeMap::<usize, (f64, u64)>::new();
    for (value, group) in values.iter().zip(groups) {
        let (sum, count) = sums.entry(*group).or_default();
        *sum += value;
        *count += 1;
    }
    let sums: Vec<(f64, u64)> = sums.into_values().collect();
    if sums.len() < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let drawn = (0..sums.len()).map(|_| sums[rng.random_range(0..sums.len())]);
            let (sum, count) = drawn.fold((0.0, 0), |(sum, count), (s, n)| (sum + s, count + n));
            sum / count as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Some(Interval { low: quantile(&means, 0.025), high: quantile(&means, 0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::Golden;

    #[test]
    fn intervals_agree_with_400_000_resamples_of_numpy() {
        let golden = Golden::read().bootstrap;
        let ours = mean_interval(&golden.values, &golden.groups, 20_000, 3).unwrap();
        assert!((ours.low - golden.low).abs() < 2e-3 && (ours.high - golden.high).abs() < 2e-3, "{ours:?}");
        assert!(ours.low < golden.mean && golden.mean < ours.high);
    }

    #[test]
    fn images_of_one_patient_count_as_one() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 4) / 4.0).collect();
        let alone: Vec<usize> = (0..40).collect();
        let together: Vec<usize> = (0..40).map(|i| i % 4).collect();
        let width = |groups: &[usize]| mean_interval(&values, groups, 2_000, 1).map(|i| i.high - i.low).unwrap();
        assert!(width(&together) > 2.0 * width(&alone));
        assert_eq!(mean_interval(&values, &[0; 40], 100, 1), None, "one patient says nothing of others");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let (values, groups) = ([0.1, 0.5, 0.9, 0.3], [0, 1, 2, 3]);
        let draw = |seed| mean_interval(&values, &groups, 500, seed);
        assert_eq!(draw(4), draw(4));
    }
}
