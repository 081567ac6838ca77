//! What the loop promises, on a toy.

use super::*;
use crate::config::{NetworkSpec, NoiseProcess, NoiseSchedule};
use crate::data::{CropPlan, Dataset, Loader, Sampler};
use crate::train::{BEST, Checkpoint, LAST};
use image::{GrayImage, Luma, Rgb, RgbImage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CONFIG: &str = r#"
    seed = 3
    [model]
    name = "toy"
    version = "0.1.0"
    title = "Discs"
    license = "CC0-1.0"
    object = "Disc"
    [data]
    root = ""
    labels = "instances"
    group = "look_alike"
    [network]
    dim = 8
    multipliers = [1, 2]
    normalisation = "batch"
    attention = false
    time_embedding = false
    [input]
    mpp = 0.5
    tile_px = 32
    halo_px = 8
    range = [-1.0, 1.0]
    [optimizer]
    kind = "adamw"
    rate = 3e-3
    weight_decay = 0.01
    clip_norm = 1.0
    schedule = "cosine"
    warmup_steps = 2
    [training]
    epochs = 3
    batch = 4
    crop_px = 32
    ema = 0.9
    max_bad_steps = 3
"#;
const STEPS: u64 = 4;

struct Toy {
    dir: tempfile::TempDir,
    data: Arc<Dataset>,
    config: FinetuneConfig,
}

fn toy() -> Toy {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["image", "mask"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for i in 0..6_u32 {
        let disc = |x: u32, y: u32| (x as i32 - 12 - 3 * i as i32).pow(2) + (y as i32 - 20).pow(2) < 60;
        let image =
            RgbImage::from_fn(48, 40, |x, y| if disc(x, y) { Rgb([90, 40, 130]) } else { Rgb([230, 200, 220]) });
        image.save(dir.path().join(format!("image/{i}.png"))).unwrap();
        let mask = GrayImage::from_fn(48, 40, |x, y| Luma([u8::from(disc(x, y))]));
        mask.save(dir.path().join(format!("mask/{i}.png"))).unwrap();
    }
    let mut config: FinetuneConfig = toml::from_str(CONFIG).unwrap();
    config.data.root = dir.path().to_owned();
    let data = Arc::new(Dataset::open(&config.data, config.input.mpp).unwrap());
    Toy { dir, data, config }
}

impl Toy {
    fn loader(&self, first: u64) -> Loader {
        let plan = CropPlan {
            edge: 32,
            batch: 4,
            steps: STEPS,
            boundary_px: 2,
            augment: self.config.augment.clone(),
            seed: self.config.seed,
        };
        let sampler = Arc::new(Sampler::new((0..6).map(|i| (i, String::new())), STEPS as usize * 4, 3));
        Loader::start(self.data.clone(), sampler, &plan, 2, first).unwrap()
    }

    /// Trains until `stop_at` steps are done; the result of `fit` and the losses of the steps.
    fn fit(&self, trainer: &mut Trainer, stop_at: u64) -> (Result<()>, Vec<f64>) {
        let stop = AtomicBool::new(false);
        let predictor = crate::train::Predictor::new(&self.config, Device::Cpu);
        let mut losses = Vec::new();
        let ended = trainer.fit(
            &mut self.loader(trainer.state().step),
            self.dir.path(),
            &stop,
            &mut |trainer| predictor.validate(trainer.averaged(), &self.data, &[0, 5], 2, trainer.loss()),
            &mut |event| {
                if let Event::Step { step, loss, .. } = event {
                    losses.push(loss.unwrap());
                    stop.store(step >= stop_at, Ordering::Relaxed);
                }
            },
        );
        (ended, losses)
    }
}

fn largest_difference(a: &Checkpoint, b: &Checkpoint) -> f64 {
    assert!(a.tensors.keys().eq(b.tensors.keys()));
    let difference = |(a, b): (&Tensor, &Tensor)| (a - b).abs().max().double_value(&[]);
    a.tensors.values().zip(b.tensors.values()).map(difference).fold(0.0, f64::max)
}

#[test]
fn a_run_stopped_within_an_epoch_and_resumed_ends_with_the_same_numbers() {
    let toy = toy();
    let mut whole = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    // Tests share libtorch's generator, so equal initial weights come from a file and not from the seed.
    let start = toy.dir.path().join("start.safetensors");
    whole.checkpoint().write(&start).unwrap();
    let (ended, losses) = toy.fit(&mut whole, u64::MAX);
    ended.unwrap();
    assert_eq!(losses.len(), 12);
    assert!(losses[8..].iter().sum::<f64>() < losses[..4].iter().sum::<f64>(), "it learns: {losses:?}");

    let mut first = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    first.restore(&Checkpoint::read(&start).unwrap(), &start).unwrap();
    let (ended, before) = toy.fit(&mut first, 6);
    assert!(matches!(ended, Err(Error::Cancelled)));
    drop(first);
    let path = toy.dir.path().join(LAST);
    let mut second = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    second.restore(&Checkpoint::read(&path).unwrap(), &path).unwrap();
    let (ended, after) = toy.fit(&mut second, u64::MAX);
    ended.unwrap();

    let all: Vec<f64> = before.into_iter().chain(after).collect();
    assert!(losses.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-6), "{losses:?} {all:?}");
    assert!(largest_difference(&whole.checkpoint(), &second.checkpoint()) < 1e-6);
    for (a, b) in whole.state().rows.iter().zip(&second.state().rows) {
        assert!((a.train_loss.unwrap() - b.train_loss.unwrap()).abs() < 1e-6);
        assert!((a.val_dice.unwrap() - b.val_dice.unwrap()).abs() < 1e-6);
    }
    assert_eq!(whole.state().best.map(|b| b.1), second.state().best.map(|b| b.1));
    let best = Checkpoint::read(&toy.dir.path().join(BEST)).unwrap();
    assert_eq!(Some(best.state.epochs()), second.state().best.map(|b| b.1));
}

#[test]
fn a_run_with_a_start_frozen_parts_and_noise_resumes_exactly_on_either_side_of_the_thaw() {
    let mut toy = toy();
    toy.config.network = NetworkSpec { dim: 8, multipliers: vec![1, 2], step: 5, ..NetworkSpec::default() };
    toy.config.start = StartConfig {
        from: Some("pre".into()),
        step: 5,
        noise: true,
        process: Some(NoiseProcess { steps: 20, schedule: NoiseSchedule::REFERENCE }),
        freeze: vec!["encoder".into()],
        freeze_epochs: 1,
        layer_decay: 0.8,
        head_rate: 2.0,
        ..StartConfig::default()
    };
    let start = toy.dir.path().join("start.safetensors");
    let mut whole = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    whole.checkpoint().write(&start).unwrap();
    let encoder = |trainer: &Trainer| trainer.live.vs.variables()["net.downs.0.0.block1.proj.weight"].detach().copy();
    let first_weights = encoder(&whole);
    toy.fit(&mut whole, u64::MAX).0.unwrap();
    assert!(!encoder(&whole).equal(&first_weights), "thawed after an epoch");
    for stop_at in [2, STEPS, 6] {
        let mut first = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
        first.restore(&Checkpoint::read(&start).unwrap(), &start).unwrap();
        assert!(matches!(toy.fit(&mut first, stop_at).0, Err(Error::Cancelled)));
        assert_eq!(encoder(&first).equal(&first_weights), stop_at <= STEPS, "frozen for an epoch, at {stop_at}");
        let path = toy.dir.path().join(LAST);
        let mut second = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
        second.restore(&Checkpoint::read(&path).unwrap(), &path).unwrap();
        toy.fit(&mut second, u64::MAX).0.unwrap();
        let apart = largest_difference(&whole.checkpoint(), &second.checkpoint());
        assert!(apart < 1e-6, "stopped at {stop_at}: {apart}");
    }
}

#[test]
fn steps_that_are_not_finite_change_nothing_and_stop_the_run_after_the_limit() {
    let toy = toy();
    let mut trainer = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    let mut loader = toy.loader(0);
    trainer.step(&loader.next_batch().unwrap(), 12).unwrap().unwrap();
    let name = "net.final_conv.1.bias";
    let mut bias = trainer.live.vs.variables()[name].shallow_clone();
    tch::no_grad(|| _ = bias.fill_(f64::NAN));
    let before = trainer.checkpoint();
    let kept: BTreeMap<String, Tensor> = before.tensors.iter().map(|(k, v)| (k.clone(), v.copy())).collect();
    for skipped in 1..3 {
        assert_eq!(trainer.step(&loader.next_batch().unwrap(), 12).unwrap(), None);
        assert_eq!(trainer.state().skipped, skipped);
    }
    let message = trainer.step(&loader.next_batch().unwrap(), 12).unwrap_err().to_string();
    assert!(message.contains("3 steps in a row"), "{message}");
    for (name, tensor) in trainer.checkpoint().tensors {
        let same = tensor.equal(&kept[&name]) || name.ends_with("final_conv.1.bias");
        assert!(same, "{name} changed in a skipped step");
    }
}

#[test]
fn resuming_under_another_configuration_is_refused_by_field() {
    let toy = toy();
    let trainer = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    let path = toy.dir.path().join(LAST);
    trainer.checkpoint().write(&path).unwrap();
    let mut changed = toy.config.clone();
    changed.optimizer.rate = 1e-5;
    changed.data.root = "/elsewhere".into();
    let mut other = Trainer::new(&changed, Device::Cpu, STEPS).unwrap();
    let message = other.restore(&Checkpoint::read(&path).unwrap(), &path).unwrap_err().to_string();
    assert!(message.contains("`optimizer.rate` is 0.00001: was 0.003"), "{message}");
}

#[test]
fn a_torn_checkpoint_is_refused() {
    let toy = toy();
    let trainer = Trainer::new(&toy.config, Device::Cpu, STEPS).unwrap();
    let path = toy.dir.path().join(LAST);
    trainer.checkpoint().write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("not a checkpoint"));
}
