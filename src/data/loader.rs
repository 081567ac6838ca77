//! Threads that prepare batches ahead of the trainer.

use super::augment::random_crop;
use super::dataset::Dataset;
use super::sampler::{Sampler, generator};
use crate::config::AugmentConfig;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Crops of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `N x edge x edge x 3` RGB8.
    pub pixels: Vec<u8>,
    /// `N x edge x edge` classes.
    pub classes: Vec<u8>,
    /// Number of crops.
    pub len: usize,
    /// Edge of a crop.
    pub edge: u32,
}

/// How crops are cut and grouped.
#[derive(Debug, Clone)]
pub struct CropPlan {
    /// Edge of a crop in pixels.
    pub edge: u32,
    /// Crops a batch.
    pub batch: usize,
    /// Batches an epoch.
    pub steps: u64,
    /// Width of the boundary class, 0 for two classes.
    pub boundary_px: u32,
    /// Random changes.
    pub augment: AugmentConfig,
    /// Decides every crop.
    pub seed: u64,
}

/// Hands out the batches of step after step, epoch after epoch. They depend on what is asked alone, not on the number of
/// threads: thread `t` of `n` prepares steps `t`, `t + n`, ... and keeps at most two ahead.
#[derive(Debug)]
pub struct Loader<B = Batch> {
    lanes: Vec<flume::Receiver<Result<B>>>,
    threads: Vec<JoinHandle<()>>,
    next: usize,
}

impl Loader {
    /// Starts preparing from global step `first` (step 0 of epoch 0 is 0).
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        data: Arc<Dataset>,
        sampler: Arc<Sampler>,
        plan: &CropPlan,
        threads: usize,
        first: u64,
    ) -> Result<Self> {
        Self::preparing(threads, first, || {
            let (data, sampler, plan) = (data.clone(), sampler.clone(), plan.clone());
            let mut epoch = (u64::MAX, Vec::new());
            move |step| {
                if epoch.0 != step / plan.steps {
                    epoch = (step / plan.steps, sampler.epoch(step / plan.steps));
                }
                prepare(&data, &epoch.1, &plan, step)
            }
        })
    }
}

impl<B: Send + 'static> Loader<B> {
    /// Starts preparing from global step `first`. Each thread gets a worker of its own, which makes the batch of a step.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn preparing<W>(threads: usize, first: u64, mut worker: impl FnMut() -> W) -> Result<Self>
    where
        W: FnMut(u64) -> Result<B> + Send + 'static,
    {
        let mut loader = Self { lanes: Vec::new(), threads: Vec::new(), next: 0 };
        for lane in 0..threads as u64 {
            let (sender, receiver) = flume::bounded(1);
            let mut make = worker();
            let work = move || {
                for step in (first + lane..).step_by(threads) {
                    let batch = make(step);
                    let failed = batch.is_err();
                    if sender.send(batch).is_err() || failed {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name(format!("crops-{lane}")).spawn(work);
            loader.threads.push(thread.map_err(Error::compute("starting a thread that prepares crops"))?);
            loader.lanes.push(receiver);
        }
        Ok(loader)
    }

    /// The batch of the next step; waits for it.
    ///
    /// # Errors
    /// An image cannot be read, or a thread panicked.
    pub fn next_batch(&mut self) -> Result<B> {
        let lane = self.next;
        self.next = (self.next + 1) % self.lanes.len();
        self.lanes[lane].recv().map_err(|_| Error::Internal("a thread that prepares crops ended".into()))?
    }
}

impl<B> Drop for Loader<B> {
    fn drop(&mut self) {
        // Without its receiver a thread's next send fails, and it ends.
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            // A panic has already been printed; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn prepare(data: &Dataset, picks: &[usize], plan: &CropPlan, step: u64) -> Result<Batch> {
    let (epoch, first) = (step / plan.steps, (step % plan.steps) as usize * plan.batch);
    let images = &picks[first..(first + plan.batch).min(picks.len())];
    crops(data, images, plan, epoch, first as u64)
}

/// A crop of each of these images, changed as `plan` says. `epoch` and `first`, the number of the first one in the epoch,
/// decide the draws.
///
/// # Errors
/// An image cannot be read.
pub fn crops(data: &Dataset, images: &[usize], plan: &CropPlan, epoch: u64, first: u64) -> Result<Batch> {
    let area = (plan.edge * plan.edge) as usize;
    let mut batch = Batch {
        pixels: Vec::with_capacity(images.len() * area * 3),
        classes: Vec::with_capacity(images.len() * area),
        len: images.len(),
        edge: plan.edge,
    };
    for (position, &image) in (first..).zip(images) {
        let sample = data.sample(image)?;
        let mut rng = generator(plan.seed, epoch, position);
        let crop = random_crop(&sample, plan.edge, plan.boundary_px, &plan.augment, &mut rng)?;
        batch.pixels.extend_from_slice(crop.image.as_raw());
        batch.classes.extend_from_slice(&crop.classes);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb, RgbImage};

    fn data() -> (tempfile::TempDir, Arc<Dataset>) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["image", "mask"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for i in 0..5_u8 {
            let name = format!("{i}.png");
            let image = RgbImage::from_fn(40, 40, |x, y| Rgb([x as u8 * 5, y as u8 * 5, i * 40]));
            image.save(dir.path().join("image").join(&name)).unwrap();
            let mask = GrayImage::from_fn(40, 40, |x, y| Luma([u8::from(x > 20 && y > 20)]));
            mask.save(dir.path().join("mask").join(&name)).unwrap();
        }
        let config = format!("root = {:?}\nlabels = \"instances\"\ngroup = \"look_alike\"", dir.path());
        let data = Dataset::open(&toml::from_str(&config).unwrap(), 0.5).unwrap();
        (dir, Arc::new(data))
    }

    fn batches(data: &Arc<Dataset>, threads: usize, first: u64, count: usize) -> Vec<Batch> {
        let plan = CropPlan {
            edge: 32,
            batch: 3,
            steps: 4,
            boundary_px: 1,
            augment: AugmentConfig { scale: [0.5, 2.0], ..AugmentConfig::default() },
            seed: 9,
        };
        let sampler = Arc::new(Sampler::new((0..5).map(|i| (i, String::new())), 12, 9));
        let mut loader = Loader::start(data.clone(), sampler, &plan, threads, first).unwrap();
        (0..count).map(|_| loader.next_batch().unwrap()).collect()
    }

    #[test]
    fn batches_do_not_depend_on_the_number_of_threads_or_on_where_one_starts() {
        let (_dir, data) = data();
        let one = batches(&data, 1, 0, 9);
        assert_eq!(one, batches(&data, 3, 0, 9));
        assert_eq!(one[5..], batches(&data, 2, 5, 4));
        assert_ne!(one[0], one[4], "epochs differ");
    }

    #[test]
    fn an_unreadable_image_reaches_the_trainer_by_name() {
        let (dir, data) = data();
        std::fs::write(dir.path().join("image/2.png"), b"not a picture").unwrap();
        let plan = CropPlan { edge: 32, batch: 5, steps: 1, boundary_px: 1, augment: AugmentConfig::none(), seed: 1 };
        let sampler = Arc::new(Sampler::new((0..5).map(|i| (i, String::new())), 5, 1));
        let mut loader = Loader::start(data, sampler, &plan, 2, 0).unwrap();
        assert!(loader.next_batch().unwrap_err().to_string().contains("2.png"));
    }
}
