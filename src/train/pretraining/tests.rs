//! What a pre-training promises, on a toy.

use super::*;
use crate::config::AugmentConfig;
use crate::data::{Collection, Loader, Mixture, PatchPlan, Patches, Split, Unit};
use crate::train::{BEST, LAST, Saved};
use image::{Rgb, RgbImage};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CONFIG: &str = r#"
    seed = 3
    name = "toy"
    [input]
    mpp = 1.0
    [network]
    dim = 8
    multipliers = [1, 2]
    [pretext]
    kind = "diffusion"
    steps = 50
    [optimizer]
    kind = "adamw"
    rate = 3e-3
    clip_norm = 1.0
    schedule = "cosine"
    warmup_steps = 2
    [training]
    epochs = 3
    batch = 2
    accumulate = 2
    crop_px = 16
    ema = 0.9
    [[source]]
    kind = "folder"
    path = "images"
"#;
const STEPS: u64 = 4;

/// Pink with a violet bar at a random place.
struct Bars([Unit; 2]);

impl Patches for Bars {
    fn units(&self) -> &[Unit] {
        &self.0
    }

    fn summary(&self) -> String {
        "bars".into()
    }

    fn patch(&self, _: usize, edge: u32, _: &AugmentConfig, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
        let left = rng.random_range(0..edge - 4);
        let bar = |x: u32| (left..left + 4).contains(&x);
        Ok(RgbImage::from_fn(edge, edge, |x, _| Rgb(if bar(x) { [90, 40, 140] } else { [230, 180, 210] })))
    }
}

fn config(more: &[(&str, &str)]) -> PretrainConfig {
    let text = more.iter().fold(CONFIG.to_owned(), |text, (from, to)| text.replace(from, to));
    toml::from_str(&text).unwrap()
}

fn plan(config: &PretrainConfig) -> PatchPlan {
    let augment = AugmentConfig::none();
    PatchPlan { edge: 16, batch: config.crops_per_step(), steps: STEPS, augment, seed: config.seed }
}

fn collection() -> Arc<Collection> {
    let unit = |file: &str| Unit { file: file.into(), group: file.into() };
    Arc::new(Collection::new(vec![(1.0, Box::new(Bars([unit("a"), unit("b")])))]))
}

fn loader(config: &PretrainConfig, first: u64) -> Loader<PatchBatch> {
    let all = collection();
    let table = all.split(0.0, 1, Path::new("x")).unwrap();
    let mixture: Mixture = all.mixture(&table, Split::Train, STEPS as usize * config.crops_per_step(), config.seed);
    all.loader(&Arc::new(mixture), &plan(config), 2, first).unwrap()
}

fn trainer(config: &PretrainConfig) -> Pretrainer {
    Pretrainer::pretrain(config, Device::Cpu, STEPS, Box::new(|_, _, _, _| Ok(()))).unwrap()
}

/// Trains until `stop_at` steps are done; how it ended, and the losses of the steps.
fn fit(trainer: &mut Pretrainer, config: &PretrainConfig, folder: &Path, stop_at: u64) -> (Result<()>, Vec<f64>) {
    let held = collection().batch(&[0, 1, 0, 1], &plan(config), 99, 0).unwrap();
    let stop = AtomicBool::new(false);
    let mut losses = Vec::new();
    let ended = trainer.fit(
        &mut loader(config, trainer.state().step),
        folder,
        &stop,
        &mut |trainer| trainer.pupil().score(trainer.averaged(), &held, 3).map(Some),
        &mut |event| {
            if let PretrainEvent::Step { step, loss, .. } = event {
                losses.push(loss.unwrap());
                stop.store(step >= stop_at, Ordering::Relaxed);
            }
        },
    );
    (ended, losses)
}

fn same(a: &PretrainCheckpoint, b: &PretrainCheckpoint) -> bool {
    a.tensors.keys().eq(b.tensors.keys()) && a.tensors.iter().all(|(name, tensor)| tensor.equal(&b.tensors[name]))
}

#[test]
fn a_run_stopped_within_an_epoch_and_resumed_equals_an_uninterrupted_one_bit_for_bit() {
    for kind in ["kind = \"diffusion\"\n    steps = 50", "kind = \"denoising\"\n    sigma = 0.5"] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&[("kind = \"diffusion\"\n    steps = 50", kind)]);
        let mut whole = trainer(&config);
        // Tests share libtorch's generator, so equal initial weights come from a file and not from the seed.
        let start = dir.path().join("start.safetensors");
        whole.checkpoint().write(&start).unwrap();
        let (ended, losses) = fit(&mut whole, &config, dir.path(), u64::MAX);
        ended.unwrap();
        assert_eq!(losses.len(), 12);
        assert!(losses[8..].iter().sum::<f64>() < losses[..4].iter().sum::<f64>(), "it learns: {losses:?}");

        let mut first = trainer(&config);
        first.restore(&Saved::read(&start).unwrap(), &start).unwrap();
        let (ended, before) = fit(&mut first, &config, dir.path(), 6);
        assert!(matches!(ended, Err(Error::Cancelled)));
        drop(first);
        let path = dir.path().join(LAST);
        let mut second = trainer(&config);
        second.restore(&Saved::read(&path).unwrap(), &path).unwrap();
        let (ended, after) = fit(&mut second, &config, dir.path(), u64::MAX);
        ended.unwrap();

        assert_eq!(losses, [before, after].concat());
        assert!(same(&whole.checkpoint(), &second.checkpoint()));
        let figures = |trainer: &Pretrainer| -> Vec<_> {
            trainer.state().rows.iter().map(|row| (row.epoch, row.step, row.train_loss, row.val_loss)).collect()
        };
        assert_eq!(figures(&whole), figures(&second));
        let best = PretrainCheckpoint::read(&dir.path().join(BEST)).unwrap();
        assert_eq!(Some(best.state.epochs()), second.state().best.map(|best| best.1));
    }
}

#[test]
fn accumulated_parts_give_the_gradient_of_the_whole_batch() {
    let whole = config(&[("batch = 2\n    accumulate = 2", "batch = 4")]);
    let parts = config(&[]);
    let dir = tempfile::tempdir().unwrap();
    let start = dir.path().join("start.safetensors");
    let mut a = trainer(&whole);
    let checkpoint = a.checkpoint();
    checkpoint.write(&start).unwrap();
    let mut b = trainer(&parts);
    let Saved { mut state, tensors } = PretrainCheckpoint::read(&start).unwrap();
    state.config = parts.clone();
    b.restore(&Saved { state, tensors }, &start).unwrap();
    let batch = loader(&parts, 0).next_batch().unwrap();
    let (loss_a, loss_b) = (a.step(&batch, 12).unwrap().unwrap(), b.step(&batch, 12).unwrap().unwrap());
    assert!((loss_a - loss_b).abs() < 1e-5, "{loss_a} {loss_b}");
    let (a, b) = (a.checkpoint(), b.checkpoint());
    for name in a.tensors.keys().filter(|name| name.starts_with("first.")) {
        let (x, y) = (&a.tensors[name], &b.tensors[name]);
        let apart = (x - y).abs().max().double_value(&[]);
        assert!(apart <= 1e-3 * x.abs().max().double_value(&[]) + 1e-7, "{name}: {apart:e}");
    }
}

#[test]
fn a_summed_loss_is_the_mean_times_the_crops_of_a_step() {
    let mean = config(&[]);
    let sum = config(&[("accumulate = 2", "accumulate = 2\n    reduction = \"sum\"")]);
    let first = trainer(&mean);
    let weights = first.checkpoint();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("start.safetensors");
    weights.write(&path).unwrap();
    let step = |config: &PretrainConfig| {
        let mut trainer = trainer(config);
        let Saved { mut state, tensors } = PretrainCheckpoint::read(&path).unwrap();
        state.config = config.clone();
        trainer.restore(&Saved { state, tensors }, &path).unwrap();
        trainer.step(&loader(config, 0).next_batch().unwrap(), 12).unwrap().unwrap()
    };
    let (mean, sum) = (step(&mean), step(&sum));
    assert!((sum - 4.0 * mean).abs() < 1e-4 * sum, "{sum} is four times {mean}");
}

#[test]
fn the_score_is_a_mean_over_images_however_they_are_grouped() {
    let config = config(&[]);
    let trainer = trainer(&config);
    let batch = collection().batch(&[0, 1, 0, 1, 0], &plan(&config), 1, 0).unwrap();
    let scores = [1, 2, 5, 9].map(|part| trainer.pupil().score(trainer.averaged(), &batch, part).unwrap());
    assert!(scores.iter().all(|score| (score - scores[0]).abs() < 1e-6), "{scores:?}");
}

#[test]
fn a_run_goes_on_wherever_its_images_lie_and_not_with_another_task() {
    let old = config(&[]);
    let saved = trainer(&old).checkpoint();
    let path = Path::new("last.safetensors");
    let moved = config(&[("path = \"images\"", "path = \"/elsewhere\"")]);
    trainer(&moved).restore(&saved, path).unwrap();
    let other = config(&[("steps = 50", "steps = 60")]);
    let message = trainer(&other).restore(&saved, path).unwrap_err().to_string();
    assert!(message.contains("`pretext.steps` is 60: was 50"), "{message}");
}

#[test]
fn what_is_shown_is_in_the_range_of_bytes_and_of_the_right_size() {
    let config = config(&[]);
    let trainer = trainer(&config);
    let batch = collection().batch(&[0, 1, 0], &plan(&config), 1, 0).unwrap();
    let [seen, guessed] = trainer.pupil().show(trainer.averaged(), &batch).unwrap();
    assert!([seen, guessed].iter().all(|images| images.len() == 3 && images.iter().all(|i| i.len() == 16 * 16 * 3)));
}
