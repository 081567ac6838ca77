//! `slidestream prepare` on small data sets made here in the formats of the real ones.

pub(crate) mod formats;
mod slides;

use crate::common;
use image::{DynamicImage, RgbImage};
use slidestream::config::{DataConfig, Labels};
use slidestream::data::{Dataset, PatchGrid, Split, SplitTable};
use slidestream::error::{Error, Result};
use slidestream::run::prepare::{
    Columns, Folder, FolderLayout, PrepareOptions, Progress, Report, Source, SplitKind, keep_apart, prepare,
};
use slidestream::stream::CancellationToken;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn options(out: &Path, split: SplitKind) -> PrepareOptions {
    PrepareOptions {
        out: out.to_owned(),
        force: false,
        split,
        val: 0.25,
        test: if split == SplitKind::Groups { 0.25 } else { 0.0 },
        seed: 3,
        binary: false,
        published_images: false,
        patches: None,
        mpp: None,
        table: None,
        command: "slidestream prepare".into(),
    }
}

pub(crate) fn make(source: &dyn Source, options: &PrepareOptions) -> Result<Report> {
    prepare(source, options, &CancellationToken::new(), &mut |_| {})
}

/// Message of the error that must come.
fn refused<T>(result: Result<T>) -> String {
    result.map(|_| ()).expect_err("must be refused").to_string()
}

/// The data set as training opens it, by the table that was written beside it.
fn as_training_reads(out: &Path) -> (Dataset, SplitTable, DataConfig) {
    let text = std::fs::read_to_string(out.join("dataset.toml")).unwrap();
    let mut table: toml::Table = toml::from_str(&text).unwrap();
    let config: DataConfig = table.remove("data").unwrap().try_into().unwrap();
    let data = Dataset::open(&config, 0.5).unwrap();
    let splits = SplitTable::make(&data, &config, 1).unwrap();
    (data, splits, config)
}

/// Stems of the images of a split, sorted.
fn stems(table: &SplitTable, split: Split) -> Vec<String> {
    table.of(split).into_iter().map(|i| table.files[i].trim_end_matches(".png").to_owned()).collect()
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Images `image/N.png` of 40 x 30 pixels with two objects each, masks beside them, `index.csv` with two images a patient.
fn toy_folder(root: &Path, images: u32) -> FolderLayout {
    for name in ["image", "mask"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    let mut index = "file,patient,part\n".to_owned();
    for i in 0..images {
        let label = |x: u32, y: u32| match (x, y) {
            (3..=12, 4..=14) => 1,
            (20..=33, 8..=20) => 300 + i as u16,
            _ => 0,
        };
        RgbImage::from_fn(40, 30, |x, y| {
            if label(x, y) > 0 { image::Rgb([90, 40, 140]) } else { image::Rgb([230, 210, 225]) }
        })
        .save(root.join(format!("image/{i}.png")))
        .unwrap();
        image::ImageBuffer::from_fn(40, 30, |x, y| image::Luma([label(x, y)]))
            .save(root.join(format!("mask/{i}.png")))
            .unwrap();
        index += &format!("{i}.png,P{},{}\n", i / 2, ["train", "val", "test"][i as usize / 2 % 3]);
    }
    std::fs::write(root.join("index.csv"), index).unwrap();
    FolderLayout {
        root: root.to_owned(),
        images: "image".into(),
        masks: "mask".into(),
        mask_suffix: String::new(),
        labels: Labels::Instances,
        classes: Vec::new(),
    }
}

fn columns(root: &Path) -> Columns {
    Columns {
        path: root.join("index.csv"),
        file: "file".into(),
        group: Some("patient".into()),
        style: None,
        split: None,
        mpp: None,
    }
}

#[test]
fn a_folder_becomes_a_data_set_that_training_reads_with_whole_patients_in_one_split() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("in"), dir.path().join("out"));
    let folder = Folder::open(&toy_folder(&source, 16)).unwrap();
    let mut options = options(&out, SplitKind::Groups);
    options.table = Some(columns(&source));
    options.mpp = Some(0.5);
    let report = make(&folder, &options).unwrap();
    let (data, table, config) = as_training_reads(&out);
    assert_eq!((data.len(), report.files, report.groups, report.outlines.objects), (16, 16, 8, 32));
    assert_eq!(config.group.as_deref(), Some("group"));
    for split in Split::ALL {
        assert!(!table.of(split).is_empty(), "{split:?}");
    }
    for (i, item) in data.items.iter().enumerate() {
        let stem: usize = item.file.trim_end_matches(".png").parse().unwrap();
        assert_eq!(table.groups[i], format!("P{}", stem / 2));
        let sample = data.sample(i).unwrap();
        assert_eq!(sample.labels[10 * 40 + 25], 300 + stem as u32, "numbers above 255 survive");
        assert_eq!(item.zoom, 1.0);
    }
    assert!(out.join("preview.png").is_file() && out.join("manifest.json").is_file());
}

#[test]
fn patches_keep_the_split_and_the_group_of_their_image() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("in"), dir.path().join("out"));
    let folder = Folder::open(&toy_folder(&source, 16)).unwrap();
    let mut options = options(&out, SplitKind::Groups);
    options.table = Some(columns(&source));
    options.patches = Some(PatchGrid { edge: 16, stride: 8 });
    let report = make(&folder, &options).unwrap();
    let (data, table, _) = as_training_reads(&out);
    // 4 columns (0, 8, 16, 24) of 40 pixels, 2 rows (0, 8) of 30.
    assert_eq!((report.files, data.len()), (16 * 8, 16 * 8));
    assert!(report.notes.iter().any(|note| note.contains("0 columns at the right and 6 rows")), "{:?}", report.notes);
    let mut split_of = BTreeMap::new();
    for i in 0..data.len() {
        let source = table.files[i].split('_').next().unwrap().to_owned();
        assert_eq!(*split_of.entry(source).or_insert(table.splits[i]), table.splits[i]);
    }
    let at = table.files.iter().position(|file| file == "5_y00008_x00016.png").unwrap();
    let sample = data.sample(at).unwrap();
    assert_eq!(sample.labels[0], 0);
    assert_eq!((sample.labels[4], sample.labels[3 * 16 + 15]), (305, 305), "pixel (20, 8) is the object's corner");
    options.out = dir.path().join("large");
    options.patches = Some(PatchGrid { edge: 64, stride: 64 });
    assert!(refused(make(&folder, &options)).contains("has only 40 x 30 pixels"));
    assert!(!options.out.exists());
}

#[test]
fn the_column_with_the_official_parts_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("in"), dir.path().join("out"));
    let folder = Folder::open(&toy_folder(&source, 6)).unwrap();
    let mut options = options(&out, SplitKind::Official);
    assert!(refused(make(&folder, &options)).contains("belongs to no official part"));
    options.table = Some(Columns { split: Some("part".into()), ..columns(&source) });
    make(&folder, &options).unwrap();
    let (_, table, _) = as_training_reads(&out);
    assert_eq!(Split::ALL.map(|split| stems(&table, split)), [["0", "1"], ["2", "3"], ["4", "5"]]);
    options.split = SplitKind::Parity;
    options.out = dir.path().join("parity");
    assert!(refused(make(&folder, &options)).contains("no published split"));
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(&toy_folder(&dir.path().join("in"), 8)).unwrap();
    let out = dir.path().join("results/out");
    let cancel = CancellationToken::new();
    let mut tell = |progress| {
        if matches!(progress, Progress::Image { done: 3, .. }) {
            cancel.cancel();
        }
    };
    let ended = prepare(&folder, &options(&out, SplitKind::Groups), &cancel, &mut tell);
    assert!(matches!(ended, Err(Error::Cancelled)));
    assert!(files(&dir.path().join("results")).is_empty());
}

#[test]
fn a_data_set_that_is_there_is_replaced_only_on_request_and_anything_else_never() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("in");
    let folder = Folder::open(&toy_folder(&source, 8)).unwrap();
    let mut options = options(&dir.path().join("out"), SplitKind::Groups);
    make(&folder, &options).unwrap();
    assert!(refused(make(&folder, &options)).contains("--force replaces it"));
    options.force = true;
    options.seed = 4;
    make(&folder, &options).unwrap();
    let manifest = std::fs::read_to_string(options.out.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"seed\": 4"), "{manifest}");
    std::fs::remove_file(options.out.join("manifest.json")).unwrap();
    assert!(refused(make(&folder, &options)).contains("holds no manifest.json"));
    for out in [source.clone(), source.join("out"), dir.path().to_owned()] {
        assert!(refused(keep_apart(&out, std::slice::from_ref(&source))).contains("lie in each other"), "{out:?}");
    }
    keep_apart(&dir.path().join("new/deep"), &[source]).unwrap();
}

#[test]
fn faults_of_a_folder_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("in");
    let layout = toy_folder(&root, 4);
    let open = || refused(Folder::open(&layout));
    let out = dir.path().join("out");
    let (image, mask) = (root.join("image/1.png"), root.join("mask/1.png"));
    let bytes = std::fs::read(&mask).unwrap();
    std::fs::remove_file(&mask).unwrap();
    assert!(open().contains("image/1.png: has no mask"), "{}", open());
    RgbImage::new(40, 30).save(root.join("mask/1.jpg")).unwrap();
    assert!(open().contains("mask/1.jpg: is a JPEG"), "{}", open());
    std::fs::remove_file(root.join("mask/1.jpg")).unwrap();
    DynamicImage::new_luma16(39, 30).save(&mask).unwrap();
    let read = || refused(make(&Folder::open(&layout).unwrap(), &options(&out, SplitKind::Groups)));
    assert!(read().contains("mask/1.png: is 39 x 30 pixels, but its image"), "{}", read());
    std::fs::write(&mask, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read().contains("mask/1.png"), "{}", read());
    std::fs::write(&mask, bytes).unwrap();
    std::fs::remove_file(&image).unwrap();
    assert!(open().contains("mask/1.png: has no image"), "{}", open());
    assert!(files(dir.path()).iter().all(|name| name == "in"), "nothing is left: {:?}", files(dir.path()));
}

#[test]
fn too_few_groups_are_refused_with_a_cure() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("in");
    let folder = Folder::open(&toy_folder(&root, 2)).unwrap();
    let mut options = options(&dir.path().join("out"), SplitKind::Groups);
    options.table = Some(columns(&root));
    let message = refused(make(&folder, &options));
    assert!(message.contains("no image is left for val: 2 images in 1 groups"), "{message}");
    (options.val, options.test) = (0.0, 0.0);
    let report = make(&folder, &options).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("no image is for validation")), "{:?}", report.notes);
    options.val = 1.5;
    assert!(refused(make(&folder, &options)).contains("`--val` is 1.5"));
}

#[test]
fn the_command_makes_a_data_set_and_says_what_to_look_at() {
    let dir = tempfile::tempdir().unwrap();
    toy_folder(&dir.path().join("in"), 16);
    let run = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"))
            .current_dir(dir.path())
            .args(["prepare", "folder", "in", "--labels", "instances", "--out", "out"])
            .args(more)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, said, _) = run(&["--index", "in/index.csv", "--group-column", "patient"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("images in 8 groups") && said.contains("out/preview.png"), "{said}");
    assert!(files(&dir.path().join("out")).contains("dataset.toml"));
    let (code, _, faults) = run(&[]);
    assert!(code == Some(1) && faults.contains("--force"), "{faults}");
    let (_, _, faults) = run(&["--force", "--split", "official", "--test", "0.2"]);
    assert!(faults.contains("`--test` is 0.2: counts with --split groups only"), "{faults}");
    let (_, _, faults) = run(&["--force", "--index", "in/index.csv", "--split-column", "part"]);
    assert!(faults.contains("--split official only"), "{faults}");
}

#[test]
fn the_gland_and_nucleus_images_at_hand_are_taken() {
    let cases = [("nuclei_dsb2018", "label", Labels::Instances), ("glands_ebhi", "mask", Labels::Binary)];
    for (name, masks, labels) in cases {
        let Some(root) = common::data(name) else { return };
        let dir = tempfile::tempdir().unwrap();
        let (images, mask_suffix, classes) = ("image".into(), String::new(), Vec::new());
        let layout = FolderLayout { root, images, masks: masks.into(), mask_suffix, labels, classes };
        let folder = Folder::open(&layout).unwrap();
        let few = Few { inner: &folder, entries: folder.entries()[..12].to_vec() };
        let out: PathBuf = dir.path().join("out");
        make(&few, &options(&out, SplitKind::Groups)).unwrap();
        let (data, table, _) = as_training_reads(&out);
        assert_eq!(data.len(), 12, "{name}");
        assert!(!table.of(Split::Val).is_empty());
        for i in 0..12 {
            let read = folder.read(i).unwrap();
            let sample = data.sample(i).unwrap();
            assert_eq!(read.labels, sample.labels, "{name}");
            assert_eq!(read.image.as_raw(), sample.image.as_raw(), "{name}");
        }
    }
}

/// The first images of a source.
struct Few<'a> {
    inner: &'a Folder,
    entries: Vec<slidestream::run::prepare::Entry>,
}

impl Source for Few<'_> {
    fn format(&self) -> &'static str {
        self.inner.format()
    }
    fn kind(&self) -> slidestream::run::prepare::MaskKind {
        self.inner.kind()
    }
    fn entries(&self) -> &[slidestream::run::prepare::Entry] {
        &self.entries
    }
    fn read(&self, entry: usize) -> Result<slidestream::run::prepare::Labelled> {
        self.inner.read(entry)
    }
    fn notes(&self) -> Vec<String> {
        self.inner.notes()
    }
    fn knows_groups(&self) -> bool {
        self.inner.knows_groups()
    }
    fn published(&self) -> Result<[Vec<usize>; 2]> {
        self.inner.published()
    }
}
