//! Glass and stain as two modes of a histogram: Otsu's threshold, and whether it means anything.

/// Values from 0 to 1 in bins of 1/256.
pub(super) struct Histogram {
    bins: [u64; BINS],
}

const BINS: usize = 256;

/// How often a lower mode is split again: pale and dark tissue part before either parts from a little glass.
const MOST_SPLITS: usize = 4;

/// What counts as glass.
pub(super) struct GlassLimits {
    /// Highest mean of a mode of glass.
    pub mean: f64,
    /// Smallest share of all values.
    pub share: f64,
    /// Smallest distance between the means of two modes.
    pub gap: f64,
    /// The threshold lies at least this far above the glass's median.
    pub least: f64,
    /// The threshold lies at most this many standard deviations above the glass's median, or at `least`.
    pub sigmas: f64,
}

/// What a histogram shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Modes {
    /// Glass and stain, with the threshold between them.
    Both(f64),
    /// Nothing but glass.
    Glass,
    /// No glass, or too little to be told.
    Stain,
}

impl Histogram {
    pub fn new(values: impl Iterator<Item = f32>) -> Self {
        let mut bins = [0; BINS];
        for value in values {
            bins[((value * BINS as f32) as usize).min(BINS - 1)] += 1;
        }
        Self { bins }
    }

    /// Splits the values by Otsu's method, the lower part again until it is glass or of one piece.
    ///
    /// Otsu's threshold lies midway between glass and the bulk of the tissue and would lose pale tissue, so it is
    /// lowered to where the glass's own noise ends.
    pub fn modes(&self, limits: &GlassLimits) -> Modes {
        let total: u64 = self.bins.iter().sum();
        let mut end = BINS;
        for _ in 0..MOST_SPLITS {
            let split = self.otsu(end).filter(|split| split.high_mean - split.low_mean >= limits.gap);
            let Some(split) = split else { break };
            if split.low_mean <= limits.mean {
                let enough = split.low_count as f64 >= limits.share * total as f64;
                return if enough { Modes::Both(self.above_noise(split.end, limits)) } else { Modes::Stain };
            }
            end = split.end;
        }
        let low: u64 = self.bins[..end].iter().sum();
        match (self.mean(0, end) <= limits.mean, end == BINS) {
            (true, true) => Modes::Glass,
            (true, false) if low as f64 >= limits.share * total as f64 => Modes::Both(self.above_noise(end, limits)),
            _ => Modes::Stain,
        }
    }

    /// The threshold above the glass's median that its noise does not reach, at most the bin `end`.
    fn above_noise(&self, end: usize, limits: &GlassLimits) -> f64 {
        let median = percentile(self.bins[..end].iter().copied().enumerate(), 0.5);
        let mut deviations: Vec<(usize, u64)> =
            self.bins[..end].iter().enumerate().map(|(bin, &count)| (bin.abs_diff(median), count)).collect();
        deviations.sort_unstable();
        // 1.4826 makes the median absolute deviation of normal noise its standard deviation.
        let sigma = 1.4826 * percentile(deviations.into_iter(), 0.5) as f64 / BINS as f64;
        let noise = (median as f64 + 0.5) / BINS as f64 + limits.least.max(limits.sigmas * sigma);
        noise.min(end as f64 / BINS as f64)
    }

    /// Otsu's threshold among the bins below `end`, the highest of equals; none if all values share a bin.
    fn otsu(&self, end: usize) -> Option<Split> {
        let count: u64 = self.bins[..end].iter().sum();
        let sum: f64 = self.bins[..end].iter().enumerate().map(|(bin, &n)| value(bin) * n as f64).sum();
        let (mut low_count, mut low_sum) = (0u64, 0.0);
        let mut best: Option<(f64, Split)> = None;
        for (bin, &n) in self.bins[..end].iter().enumerate() {
            low_count += n;
            low_sum += value(bin) * n as f64;
            let high_count = count - low_count;
            if low_count == 0 || high_count == 0 {
                continue;
            }
            let (low_mean, high_mean) = (low_sum / low_count as f64, (sum - low_sum) / high_count as f64);
            let between = low_count as f64 * high_count as f64 * (high_mean - low_mean).powi(2);
            if best.as_ref().is_none_or(|(most, _)| between >= *most) {
                best = Some((between, Split { end: bin + 1, low_count, low_mean, high_mean }));
            }
        }
        best.map(|(_, split)| split)
    }

    fn mean(&self, start: usize, end: usize) -> f64 {
        let bins = self.bins[start..end].iter().enumerate();
        let (sum, count) = bins.fold((0.0, 0), |(sum, all), (bin, &n)| (sum + value(start + bin) * n as f64, all + n));
        sum / count.max(1) as f64
    }
}

struct Split {
    /// First bin of the upper part.
    end: usize,
    low_count: u64,
    low_mean: f64,
    high_mean: f64,
}

/// The value at the middle of a bin.
fn value(bin: usize) -> f64 {
    (bin as f64 + 0.5) / BINS as f64
}

/// The first key, in the order given, at which `share` of the counts is reached; 0 if there are no counts.
pub(super) fn percentile(counts: impl Iterator<Item = (usize, u64)> + Clone, share: f64) -> usize {
    let wanted = counts.clone().map(|(_, count)| count).sum::<u64>() as f64 * share;
    let mut seen = 0;
    let mut reached = counts.filter(|(_, count)| *count > 0).skip_while(|(_, count)| {
        seen += count;
        (seen as f64) < wanted
    });
    reached.next().map_or(0, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GlassLimits = GlassLimits { mean: 0.05, share: 0.05, gap: 0.03, least: 0.03, sigmas: 5.0 };

    fn modes(values: &[(f32, usize)]) -> Modes {
        let values = values.iter().flat_map(|&(value, count)| std::iter::repeat_n(value, count));
        Histogram::new(values).modes(&LIMITS)
    }

    #[test]
    fn the_threshold_lies_just_above_the_glass_so_that_pale_tissue_stays() {
        let Modes::Both(threshold) = modes(&[(0.005, 900), (0.008, 100), (0.08, 50), (0.6, 400)]) else {
            panic!("two modes")
        };
        assert!((0.03..0.06).contains(&threshold), "{threshold}");
    }

    #[test]
    fn noisy_glass_lifts_the_threshold() {
        let noise: Vec<(f32, usize)> = (0..8).map(|i| (0.005 + i as f32 * 0.006, 100)).collect();
        let Modes::Both(threshold) = modes(&[&noise[..], &[(0.5, 300)]].concat()) else { panic!("two modes") };
        assert!(threshold > 0.07, "{threshold}");
    }

    #[test]
    fn one_mode_is_glass_or_stain_by_where_it_lies() {
        assert_eq!(modes(&[(0.01, 1000)]), Modes::Glass);
        assert_eq!(modes(&[(0.01, 1000), (0.02, 1000)]), Modes::Glass);
        assert_eq!(modes(&[(0.3, 1000)]), Modes::Stain);
        assert_eq!(modes(&[(0.2, 500), (0.7, 500)]), Modes::Stain);
        assert_eq!(modes(&[(0.01, 10), (0.7, 990)]), Modes::Stain);
    }

    #[test]
    fn a_little_glass_beside_pale_and_dark_tissue_is_found() {
        assert!(matches!(modes(&[(0.01, 80), (0.2, 500), (0.7, 500)]), Modes::Both(threshold) if threshold < 0.1));
    }
}
