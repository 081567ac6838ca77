//! The configurations that ship with the project: valid, and of use for the data sets that they name.

use crate::prepare::formats::{LEFT, RIGHT, glas, hn, monuseg_image};
use crate::prepare::{make, options};
use image::{GrayImage, Luma, Rgb, RgbImage};
use slidestream::config::{FinetuneConfig, Labels, ModelPackage, PretrainConfig, SourceConfig, StartConfig, Study};
use slidestream::data::PatchGrid;
use slidestream::run::finetune::{FinetuneOptions, finetune};
use slidestream::run::prepare::{Folder, FolderLayout, Glas, HeadNeck, MoNuSeg, Source, SplitKind};
use slidestream::run::pretrain::{PretrainOptions, pretrain};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

#[test]
fn every_configuration_that_ships_is_valid() {
    let mut counts = [0; 4];
    for entry in std::fs::read_dir(configs()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let kind = ["base", "source", "model", "classes"].into_iter().position(|key| table.contains_key(key));
        let read = match kind {
            Some(0) => Study::read(&path).map(drop),
            Some(1) => PretrainConfig::read(&path).map(drop),
            Some(2) => FinetuneConfig::read(&path).map(drop),
            Some(3) => described(table).validate(),
            _ => panic!("{}: is no study, pre-training, fine-tuning or description of a model", path.display()),
        };
        read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        counts[kind.unwrap()] += 1;
    }
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

/// A description for `models import`, with the table that it makes.
fn described(mut table: toml::Table) -> ModelPackage {
    let weights = toml::Table::from_iter(["file", "sha256"].map(|key| (key.to_owned(), toml::Value::from("x"))));
    table.insert("weights".into(), weights.into());
    table.try_into().expect("a description of a model")
}

#[test]
fn a_configuration_fits_the_pre_training_that_its_first_comment_names() {
    let mut seen = 0;
    for entry in std::fs::read_dir(configs()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let comments = text.lines().take_while(|line| line.starts_with('#'));
        let Some(named) = comments.filter_map(|line| line.split_once("--from runs/")).next() else { continue };
        let named: String = named.1.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        let pretraining = PretrainConfig::read(&configs().join(format!("{named}.toml"))).unwrap();
        let network = pretraining.network;
        let config = FinetuneConfig::read(&path).unwrap();
        if toml::from_str::<toml::Table>(&text).unwrap().contains_key("network") {
            assert_eq!(config.network, network, "{}", path.display());
        }
        if let Some(radius) = network.receptive_radius_px() {
            assert!(config.input.halo_px >= radius, "{}: the network sees {radius} px", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 5, "{seen} configurations name a pre-training");
}

/// A small data set in the form of the real one, opened as the configuration's first comment says.
fn source(set: &str, parity: bool, root: &Path) -> Box<dyn Source> {
    match set {
        "glas" => {
            glas(root, 3);
            Box::new(Glas::open(root, parity).unwrap())
        }
        "monuseg" => {
            (0..6).for_each(|i| monuseg_image(root, "train", &format!("TCGA-A{i}-1234-01Z-00-DX1"), &[LEFT, RIGHT]));
            (0..14).for_each(|i| monuseg_image(root, "test", &format!("TCGA-B{i:02}-1234-01Z-00-DX1"), &[LEFT, RIGHT]));
            Box::new(MoNuSeg::open(&[root.to_owned()], false, parity).unwrap())
        }
        "hn" => {
            hn(root, 11);
            Box::new(HeadNeck::open(root, None, false, parity).unwrap())
        }
        _ => {
            for (part, i) in ["image", "mask"].into_iter().flat_map(|part| (0..9).map(move |i| (part, i))) {
                std::fs::create_dir_all(root.join(part)).unwrap();
                let disc = |x: u32, y: u32| x.abs_diff(8 + i).pow(2) + y.abs_diff(9).pow(2) < 30;
                let path = root.join(format!("{part}/{i}.png"));
                let colour = |x, y| if disc(x, y) { Rgb([90, 40, 130]) } else { Rgb([230, 200, 220]) };
                match part {
                    "image" => RgbImage::from_fn(24, 20, colour).save(path).unwrap(),
                    _ => GrayImage::from_fn(24, 20, |x, y| Luma([255 * u8::from(disc(x, y))])).save(path).unwrap(),
                }
            }
            let (images, masks) = ("image".into(), "mask".into());
            let (root, mask_suffix, classes) = (root.to_owned(), String::new(), Vec::new());
            let labels = Labels::Binary;
            Box::new(Folder::open(&FolderLayout { root, images, masks, mask_suffix, labels, classes }).unwrap())
        }
    }
}

/// Prepares the data set, pre-trains for one step where the configuration starts from a pre-training, and fine-tunes for one
/// step with a small network. All else is as the files say.
fn one_step(set: &str, parity: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (data, runs) = (dir.path().join("data"), dir.path().join("runs"));
    let split = match (set, parity) {
        ("folder", _) | ("glas" | "hn", false) => SplitKind::Groups,
        (_, true) => SplitKind::Parity,
        (_, false) => SplitKind::Official,
    };
    let mut options = options(&data, split);
    if parity {
        (options.val, options.patches) = (0.0, Some(PatchGrid { edge: 16, stride: 4 }));
        options.binary = matches!(set, "glas" | "monuseg");
        options.published_images = options.binary;
    }
    options.mpp = (set == "folder").then_some(0.5);
    make(&*source(set, parity, &dir.path().join("raw")), &options).unwrap();

    let name = if parity { format!("{set}-parity") } else { set.to_owned() };
    let mut config = FinetuneConfig::read_unchecked(&configs().join(format!("{name}.toml"))).unwrap();
    assert!(config.data.root.ends_with(format!("../data/{name}")) && config.model.name == name);
    (config.network.dim, config.network.multipliers) = (8, vec![1, 2]);
    (config.training.epochs, config.training.steps_per_epoch, config.training.batch) = (1, 1, 2);
    (config.training.crop_px, config.input.tile_px, config.input.halo_px) = (16, 48, 16);
    config.data.root = data.clone();
    if parity {
        let mut before = PretrainConfig::read(&configs().join("pretrain-parity.toml")).unwrap();
        before.network.clone_from(&config.network);
        (before.training.epochs, before.training.steps_per_epoch, before.training.batch) = (1, 1, 2);
        (before.training.crop_px, before.training.val_crops) = (16, 2);
        let SourceConfig::Folder(folder) = &mut before.source[0] else { panic!("a folder") };
        // Of the few images without labels that the small head-and-neck set has no tenth can be held out.
        let unlabelled = data.join("unlabelled");
        let enough = std::fs::read_dir(&unlabelled).is_ok_and(|files| files.count() > 10);
        folder.path = if enough { unlabelled } else { data.join("image") };
        let out = runs.join("pretrain");
        let options =
            PretrainOptions { config: before, out: out.clone(), resume: false, device: "cpu".into(), threads: 1 };
        pretrain(&options, &AtomicBool::new(false), &mut |_| {}).unwrap();
        assert!(config.start.from.replace(out).unwrap().ends_with("../runs/pretrain-parity"));
    } else {
        assert_eq!(config.start, StartConfig::default());
    }
    config.validate().unwrap();
    let (out, command) = (runs.join("finetune"), "slidestream finetune".to_owned());
    let options =
        FinetuneOptions { config, out: out.clone(), resume: false, device: "cpu".into(), threads: 1, command };
    finetune(&options, &AtomicBool::new(false), &mut |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(out.join(&name).join("model.toml").is_file());
    let split = std::fs::read_to_string(out.join("split.csv")).unwrap();
    for part in ["train", "val", "test"] {
        assert!(split.lines().any(|line| line.ends_with(&format!(",{part}"))), "{name}: nothing in {part}");
    }
}

#[test]
fn glands_of_glas_are_prepared_and_trained_on_as_the_files_say() {
    one_step("glas", true);
    one_step("glas", false);
}

#[test]
fn nuclei_of_monuseg_are_prepared_and_trained_on_as_the_files_say() {
    one_step("monuseg", true);
    one_step("monuseg", false);
}

#[test]
fn head_and_neck_classes_are_prepared_and_trained_on_as_the_files_say() {
    one_step("hn", true);
    one_step("hn", false);
}

#[test]
fn folders_are_prepared_and_trained_on_as_the_files_say() {
    one_step("folder", true);
    one_step("folder", false);
}

#[test]
fn parity_files_say_what_was_published() {
    for set in ["glas", "monuseg", "hn", "folder"] {
        let read = |name: &str| FinetuneConfig::read(&configs().join(format!("{name}.toml"))).unwrap();
        let (first, own) = (read("glas-parity"), read(&format!("{set}-parity")));
        let same = (&own.network, &own.augment, &own.loss, &own.optimizer, &own.training, &own.start, own.seed);
        let all =
            (&first.network, &first.augment, &first.loss, &first.optimizer, &first.training, &first.start, first.seed);
        assert_eq!(same, all, "{set}");
        assert_eq!(
            (own.optimizer.betas, own.input.range, own.training.batch, own.training.epochs),
            ([0.5, 0.999], [0.0, 1.0], 8, 150)
        );
    }
}
