//! All sources of a pre-training together, and batches of patches from them.

use super::loader::Loader;
use super::mixture::Mixture;
use super::patch::Patches;
use super::sampler::generator;
use super::splits::{Split, SplitTable};
use crate::config::AugmentConfig;
use crate::error::Result;
use rand::RngExt;
use rand_distr::StandardNormal;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Patches without labels and the chance that a task needs for them, so that a step follows from seed and number alone,
/// whatever device it is computed on.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchBatch {
    /// `N x edge x edge x 3` RGB8.
    pub pixels: Vec<u8>,
    /// `N x 3 x edge x edge` draws from the standard normal distribution.
    pub noise: Vec<f32>,
    /// One number of [0, 1) a patch, for its noise level.
    pub levels: Vec<f64>,
    /// Number of patches.
    pub len: usize,
    /// Edge of a patch.
    pub edge: u32,
}

/// How patches are cut and grouped.
#[derive(Debug, Clone)]
pub struct PatchPlan {
    /// Edge of a patch in pixels.
    pub edge: u32,
    /// Patches a step.
    pub batch: usize,
    /// Steps an epoch.
    pub steps: u64,
    /// Random changes.
    pub augment: AugmentConfig,
    /// Decides every patch.
    pub seed: u64,
}

/// Several sources as one: their units are numbered through.
pub struct Collection {
    sources: Vec<(f64, Box<dyn Patches>)>,
    /// Units of each source.
    ranges: Vec<Range<usize>>,
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.summaries()).finish()
    }
}

impl Collection {
    /// Sources with their weights.
    pub fn new(sources: Vec<(f64, Box<dyn Patches>)>) -> Self {
        let next = |end: &mut usize, source: &(f64, Box<dyn Patches>)| {
            let start = *end;
            *end += source.1.units().len();
            Some(start..*end)
        };
        let ranges = sources.iter().scan(0, next).collect();
        Self { sources, ranges }
    }

    /// One line a source, for people.
    pub fn summaries(&self) -> Vec<String> {
        self.sources.iter().map(|(weight, source)| format!("{}, weight {weight}", source.summary())).collect()
    }

    /// What each unit is for: `share` of each source is held out, whole groups at a time. `place` is named in errors.
    ///
    /// # Errors
    /// There are too few groups.
    pub fn split(&self, share: f64, seed: u64, place: &Path) -> Result<SplitTable> {
        let units = || self.sources.iter().flat_map(|source| source.1.units());
        let number = |(i, range): (usize, &Range<usize>)| vec![format!("source {}", i + 1); range.len()];
        SplitTable::held_out(
            units().map(|unit| unit.file.clone()).collect(),
            units().map(|unit| unit.group.clone()).collect(),
            self.ranges.iter().enumerate().flat_map(number).collect(),
            share,
            seed,
            place,
        )
    }

    /// Draws the units of a split by the sources' weights.
    pub fn mixture(&self, table: &SplitTable, split: Split, draws: usize, seed: u64) -> Mixture {
        let of = |range: &Range<usize>| range.clone().filter(|&unit| table.splits[unit] == split).collect();
        let sources = self.sources.iter().zip(&self.ranges).map(|(source, range)| (source.0, of(range)));
        Mixture::new(sources, draws, seed)
    }

    /// Patches of these units with their noise. `epoch` and `first`, the number of the first one in the epoch, decide the
    /// draws.
    ///
    /// # Errors
    /// An image or slide cannot be read.
    pub fn batch(&self, units: &[usize], plan: &PatchPlan, epoch: u64, first: u64) -> Result<PatchBatch> {
        let values = units.len() * 3 * (plan.edge * plan.edge) as usize;
        let mut batch = PatchBatch {
            pixels: Vec::with_capacity(values),
            noise: Vec::with_capacity(values),
            levels: Vec::with_capacity(units.len()),
            len: units.len(),
            edge: plan.edge,
        };
        for (number, &unit) in units.iter().enumerate() {
            let mut rng = generator(plan.seed, epoch, first + number as u64);
            let source = self.ranges.partition_point(|range| range.end <= unit);
            let own = unit - self.ranges[source].start;
            let patch = self.sources[source].1.patch(own, plan.edge, &plan.augment, &mut rng)?;
            batch.pixels.extend_from_slice(patch.as_raw());
            batch.levels.push(rng.random());
            let normal = (&mut rng).sample_iter::<f32, _>(StandardNormal);
            batch.noise.extend(normal.take(values / units.len()));
        }
        Ok(batch)
    }

    /// Threads that prepare the batches of a run from global step `first`.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn loader(
        self: &Arc<Self>,
        mixture: &Arc<Mixture>,
        plan: &PatchPlan,
        threads: usize,
        first: u64,
    ) -> Result<Loader<PatchBatch>> {
        Loader::preparing(threads, first, || {
            let (all, mixture, plan) = (self.clone(), mixture.clone(), plan.clone());
            let mut drawn = (u64::MAX, Vec::new());
            move |step| {
                let epoch = step / plan.steps;
                if drawn.0 != epoch {
                    drawn = (epoch, mixture.epoch(epoch));
                }
                let first = (step % plan.steps) as usize * plan.batch;
                all.batch(&drawn.1[first..first + plan.batch], &plan, epoch, first as u64)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::patch::Unit;
    use crate::error::Error;
    use image::{Rgb, RgbImage};
    use rand_chacha::ChaCha8Rng;

    /// Units whose patches are all of one colour, which tells them apart.
    struct Plain(Vec<Unit>, u8);

    fn plain(count: usize, colour: u8) -> Box<dyn Patches> {
        let unit = |i: usize| Unit { file: format!("{colour}-{i}"), group: format!("{colour}-{}", i / 2) };
        Box::new(Plain((0..count).map(unit).collect(), colour))
    }

    impl Patches for Plain {
        fn units(&self) -> &[Unit] {
            &self.0
        }

        fn summary(&self) -> String {
            format!("{} plain", self.0.len())
        }

        fn patch(&self, unit: usize, edge: u32, _: &AugmentConfig, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
            if self.1 == 255 {
                return Err(Error::dataset("white.png", "is white"));
            }
            Ok(RgbImage::from_pixel(edge, edge, Rgb([self.1, unit as u8, rng.random()])))
        }
    }

    fn plan() -> PatchPlan {
        PatchPlan { edge: 4, batch: 3, steps: 4, augment: AugmentConfig::none(), seed: 5 }
    }

    fn batches(threads: usize, first: u64, count: usize) -> Vec<PatchBatch> {
        let all = Arc::new(Collection::new(vec![(1.0, plain(6, 10)), (3.0, plain(4, 20))]));
        let table = all.split(0.0, 1, Path::new("x")).unwrap();
        let mixture = Arc::new(all.mixture(&table, Split::Train, 12, 5));
        let mut loader = all.loader(&mixture, &plan(), threads, first).unwrap();
        (0..count).map(|_| loader.next_batch().unwrap()).collect()
    }

    #[test]
    fn batches_do_not_depend_on_the_number_of_threads_or_on_where_one_starts() {
        let one = batches(1, 0, 9);
        assert_eq!(one, batches(3, 0, 9));
        assert_eq!(one[5..], batches(2, 5, 4));
        assert_ne!(one[0], one[4], "epochs differ");
    }

    #[test]
    fn sources_come_by_weight_with_unit_noise_and_levels_of_their_own() {
        let epoch = batches(1, 0, 4);
        let second = epoch.iter().flat_map(|b| b.pixels.chunks(48)).filter(|patch| patch[0] == 20).count();
        assert_eq!(second, 9, "three quarters of twelve");
        let noise: Vec<f32> = epoch.iter().flat_map(|b| b.noise.iter().copied()).collect();
        assert_eq!(noise.len(), 12 * 48);
        let mean = noise.iter().sum::<f32>() / noise.len() as f32;
        let variance = noise.iter().map(|v| v * v).sum::<f32>() / noise.len() as f32;
        assert!(mean.abs() < 0.15 && (variance - 1.0).abs() < 0.2, "{mean} {variance}");
        let mut levels: Vec<u64> = epoch.iter().flat_map(|b| b.levels.iter().map(|v| v.to_bits())).collect();
        levels.sort_unstable();
        levels.dedup();
        assert_eq!(levels.len(), 12);
    }

    #[test]
    fn whole_groups_are_held_out_of_each_source() {
        let all = Collection::new(vec![(1.0, plain(20, 10)), (1.0, plain(20, 20))]);
        let table = all.split(0.2, 3, Path::new("x")).unwrap();
        for range in &all.ranges {
            assert_eq!(range.clone().filter(|&unit| table.splits[unit] == Split::Val).count(), 4);
        }
        assert!((0..40).step_by(2).all(|unit| table.splits[unit] == table.splits[unit + 1]));
        let alone = Collection::new(vec![(1.0, plain(2, 10))]);
        let message = alone.split(0.2, 3, Path::new("slides")).unwrap_err().to_string();
        assert!(message.contains("no image is left for val"), "{message}");
    }

    #[test]
    fn an_unreadable_source_reaches_the_trainer_by_name() {
        let all = Arc::new(Collection::new(vec![(1.0, plain(3, 255))]));
        let table = all.split(0.0, 1, Path::new("x")).unwrap();
        let mixture = Arc::new(all.mixture(&table, Split::Train, 12, 5));
        let mut loader = all.loader(&mixture, &plan(), 2, 0).unwrap();
        assert!(loader.next_batch().unwrap_err().to_string().contains("white.png"));
    }
}
