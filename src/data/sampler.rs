//! Which image each crop of an epoch is cut from.

use crate::config::Balance;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Draws the images of an epoch: a pure function of the seed and the epoch's number, so that a resumed run draws the
/// same ones.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Images by stratum; strata are drawn equally often.
    strata: Vec<Vec<usize>>,
    seed: u64,
    draws: usize,
}

impl Sampler {
    /// `draws` crops an epoch from images that each have a stratum.
    ///
    /// # Panics
    /// Without images.
    pub fn new(images: impl IntoIterator<Item = (usize, String)>, draws: usize, seed: u64) -> Self {
        let mut strata = BTreeMap::<String, Vec<usize>>::new();
        for (image, stratum) in images {
            strata.entry(stratum).or_default().push(image);
        }
        assert!(!strata.is_empty(), "nothing to sample from");
        Self { strata: strata.into_values().collect(), seed, draws }
    }

    /// The images of one epoch, in order. Within a stratum no image comes again before all others have come.
    pub fn epoch(&self, epoch: u64) -> Vec<usize> {
        let mut rng = generator(self.seed, epoch, u64::MAX);
        let mut decks = vec![Vec::new(); self.strata.len()];
        let mut turns = Vec::new();
        let mut picks = Vec::with_capacity(self.draws);
        while picks.len() < self.draws {
            if turns.is_empty() {
                turns = (0..self.strata.len()).collect();
                turns.shuffle(&mut rng);
            }
            let Some(stratum) = turns.pop() else { continue };
            let deck = &mut decks[stratum];
            if deck.is_empty() {
                deck.clone_from(&self.strata[stratum]);
                deck.shuffle(&mut rng);
            }
            picks.extend(deck.pop());
        }
        picks
    }
}

/// The generator of one crop: no two crops of a run share one, whichever thread draws them.
pub fn generator(seed: u64, epoch: u64, position: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, value) in key.chunks_exact_mut(8).zip([seed, epoch, position, 0x736c_6964_6573_7472]) {
        part.copy_from_slice(&value.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Names the stratum of each image from its style, its group and its share of object pixels.
pub fn strata(balance: Balance, styles: &[String], groups: &[String], foreground: &[f64]) -> Vec<String> {
    match balance {
        Balance::None => vec![String::new(); styles.len()],
        Balance::Style => styles.to_vec(),
        Balance::Group => groups.to_vec(),
        Balance::Foreground => {
            let mut order: Vec<usize> = (0..foreground.len()).collect();
            order.sort_by(|&a, &b| foreground[a].total_cmp(&foreground[b]));
            let mut names = vec![String::new(); foreground.len()];
            for (rank, &image) in order.iter().enumerate() {
                names[image] = format!("third {}", rank * 3 / foreground.len());
            }
            names
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_come_equally_often_and_images_take_turns() {
        let images = (0..10).map(|i| (i, if i < 9 { "many" } else { "rare" }.to_owned()));
        let picks = Sampler::new(images, 36, 1).epoch(0);
        assert_eq!(picks.iter().filter(|&&i| i == 9).count(), 18);
        assert!((0..9).all(|i| picks.iter().filter(|&&p| p == i).count() == 2));
    }

    #[test]
    fn an_epoch_depends_on_seed_and_number_alone() {
        let sampler = |seed| Sampler::new((0..20).map(|i| (i, String::new())), 20, seed);
        assert_eq!(sampler(1).epoch(3), sampler(1).epoch(3));
        assert_ne!(sampler(1).epoch(3), sampler(1).epoch(4));
        assert_ne!(sampler(1).epoch(3), sampler(2).epoch(3));
    }

    #[test]
    fn thirds_of_foreground_hold_a_third_each() {
        let names = strata(Balance::Foreground, &vec![String::new(); 6], &[], &[0.9, 0.1, 0.5, 0.2, 0.6, 0.8]);
        assert_eq!(names, ["third 2", "third 0", "third 1", "third 0", "third 1", "third 2"]);
    }
}
