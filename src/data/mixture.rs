//! Which image or slide each crop of an epoch comes from, when there are several sources.

use super::sampler::generator;
use rand::seq::SliceRandom;

/// Draws the units of an epoch: each source gets its share of the crops to the nearest whole number, and within a source
/// no unit comes again before all others have come. A pure function of the seed and the epoch's number.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// Weight and units of each source.
    sources: Vec<(f64, Vec<usize>)>,
    draws: usize,
    seed: u64,
}

impl Mixture {
    /// `draws` crops an epoch. Sources without units take no part.
    ///
    /// # Panics
    /// Without a unit, or with a weight that is not above 0.
    pub fn new(sources: impl IntoIterator<Item = (f64, Vec<usize>)>, draws: usize, seed: u64) -> Self {
        let sources: Vec<_> = sources.into_iter().filter(|source| !source.1.is_empty()).collect();
        assert!(!sources.is_empty() && sources.iter().all(|source| source.0 > 0.0), "nothing to draw from");
        Self { sources, draws, seed }
    }

    /// The units of one epoch, in order.
    pub fn epoch(&self, epoch: u64) -> Vec<usize> {
        let mut rng = generator(self.seed, epoch, u64::MAX);
        let total: f64 = self.sources.iter().map(|source| source.0).sum();
        let mut picks = Vec::with_capacity(self.draws);
        let mut weight = 0.0;
        for (share, units) in &self.sources {
            weight += share;
            // Shares end where the weights so far end, so that rounding errors do not add up.
            let end = (self.draws as f64 * weight / total).round() as usize;
            while picks.len() < end {
                let mut deck = units.clone();
                deck.shuffle(&mut rng);
                deck.truncate(end - picks.len());
                picks.append(&mut deck);
            }
        }
        picks.shuffle(&mut rng);
        picks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_get_their_shares_and_units_take_turns() {
        let mixture = Mixture::new([(3.0, (0..10).collect()), (1.0, vec![10, 11]), (9.0, vec![])], 40, 1);
        let picks = mixture.epoch(0);
        assert_eq!(picks.len(), 40);
        assert!((0..10).all(|unit| picks.iter().filter(|&&p| p == unit).count() == 3));
        assert!((10..12).all(|unit| picks.iter().filter(|&&p| p == unit).count() == 5));
        assert!(picks[..20].contains(&10) || picks[..20].contains(&11), "sources are mixed");
    }

    #[test]
    fn shares_that_are_no_whole_numbers_fill_the_epoch_all_the_same() {
        let mixture = Mixture::new((0..7).map(|i| (1.0, vec![i])), 10, 2);
        let picks = mixture.epoch(3);
        assert_eq!(picks.len(), 10);
        assert!((0..7).all(|unit| (1..=2).contains(&picks.iter().filter(|&&p| p == unit).count())));
        assert_eq!(picks, mixture.epoch(3));
        assert_ne!(picks, mixture.epoch(4));
    }
}
