//! Head-and-neck images with Labelbox exports, in folders of images and JSON files.

use super::{Entry, Labelled, MaskKind, Source, files};
use crate::data::label_map::{DrawRules, draw_classes};
use crate::data::labelbox::{CLASSES, Export, LabelledImage, published_corner};
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The data set, found under a folder.
#[derive(Debug)]
pub struct HeadNeck {
    entries: Vec<Entry>,
    /// Image of each entry, with the export and what it says of it.
    images: Vec<(PathBuf, Option<(PathBuf, LabelledImage)>)>,
    skipped: usize,
    folders: usize,
    /// Number of the one class that is wanted.
    class: Option<u32>,
    rules: DrawRules,
}

impl HeadNeck {
    /// Reads every `.json` under `root`; its images lie in the same folder. Images of one folder are a group where there
    /// are several folders. With `class` the masks are binary, that class against the rest.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown `class`; [`Error::Dataset`] if there is no JSON file, or a labelled image is missing
    /// or labelled in two files; [`Error::BadFile`] for a damaged export.
    pub fn open(root: &Path, class: Option<&str>, allow_outside: bool, published: bool) -> Result<Self> {
        let class = class.map(|name| {
            let place = CLASSES.iter().position(|class| *class == name);
            let reason = || format!("is no class; use one of {}", CLASSES.map(|c| format!("`{c}`")).join(", "));
            place.map(|place| place as u32 + 1).ok_or_else(|| Error::config("--class", name, reason()))
        });
        let exports = files::below(root, &["json"])?;
        if exports.is_empty() {
            return Err(Error::dataset(root, "holds no .json file with a Labelbox export"));
        }
        let mut by_folder = BTreeMap::<PathBuf, Vec<PathBuf>>::new();
        for path in exports {
            by_folder.entry(path.parent().unwrap_or(root).to_owned()).or_default().push(path);
        }
        let published = published.then_some(published_corner as _);
        let rules = DrawRules { allow_outside, published };
        let folders = by_folder.len();
        let (entries, images) = (Vec::new(), Vec::new());
        let mut found = Self { entries, images, skipped: 0, folders, class: class.transpose()?, rules };
        for (folder, exports) in by_folder {
            found.add(root, &folder, exports)?;
        }
        let mut stems: Vec<&String> = found.entries.iter().map(|entry| &entry.stem).collect();
        stems.sort_unstable();
        if let Some(pair) = stems.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::dataset(
                root,
                format!("has several images that would be named `{}.png`; rename them", pair[0]),
            ));
        }
        Ok(found)
    }

    fn add(&mut self, root: &Path, folder: &Path, exports: Vec<PathBuf>) -> Result<()> {
        let mut labelled = BTreeMap::<String, (PathBuf, LabelledImage)>::new();
        for path in exports {
            let export = Export::read(&path)?;
            self.skipped += export.skipped.len();
            for image in export.images {
                if let Some((other, _)) = labelled.get(&image.file) {
                    let reason =
                        format!("labels `{}`, which {} labels too; keep one of them", image.file, other.display());
                    return Err(Error::bad_file(path, reason));
                }
                labelled.insert(image.file.clone(), (path.clone(), image));
            }
        }
        let own = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace(['/', '\\'], "_");
        let mut images = files::below(folder, &files::IMAGES)?;
        images.retain(|path| path.parent() == Some(folder));
        for path in images {
            let label = labelled.remove(path.file_name().unwrap_or_default().to_string_lossy().as_ref());
            let (stem, group) = match own.as_str() {
                "" => (files::stem(&path), files::stem(&path)),
                own => (format!("{own}_{}", files::stem(&path)), own.to_owned()),
            };
            let group = if self.folders > 1 { group } else { stem.clone() };
            self.entries.push(Entry { stem, group, labelled: label.is_some(), ..Entry::default() });
            self.images.push((path, label));
        }
        match labelled.pop_first() {
            Some((file, (export, _))) => {
                let reason = format!("labels `{file}`, which is not in {}", folder.display());
                Err(Error::bad_file(export, reason))
            }
            None => Ok(()),
        }
    }
}

impl Source for HeadNeck {
    fn format(&self) -> &'static str {
        "hn"
    }

    fn kind(&self) -> MaskKind {
        match self.class {
            Some(_) => MaskKind::Binary,
            None => MaskKind::Classes(CLASSES.map(str::to_owned).to_vec()),
        }
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize) -> Result<Labelled> {
        let (path, label) = &self.images[entry];
        let image = files::pixels(path)?;
        let size = Size::new(image.width(), image.height());
        let (mut labels, counts) = match label {
            Some((export, label)) => draw_classes(export, &label.shapes, &label.classes, size, self.rules)?,
            None => Default::default(),
        };
        if let Some(class) = self.class {
            labels.iter_mut().for_each(|label| *label = u32::from(*label == class));
        }
        Ok(Labelled { image, labels, counts, mpp: None })
    }

    fn notes(&self) -> Vec<String> {
        let without = self.entries.iter().filter(|entry| !entry.labelled).count();
        let mut notes = Vec::new();
        if self.skipped > 0 {
            notes.push(format!("{} entries are labelled `Skip` and were dropped", self.skipped));
        }
        if without > 0 {
            notes.push(format!("{without} images have no labels: see unlabelled/"));
        }
        notes
    }

    fn knows_groups(&self) -> bool {
        self.folders > 1
    }

    /// In the order of folders and file names, the first four fifths are trained on.
    fn published(&self) -> Result<[Vec<usize>; 2]> {
        let mut train: Vec<usize> = (0..self.entries.len()).filter(|&i| self.entries[i].labelled).collect();
        let test = train.split_off(train.len() * 4 / 5);
        Ok([train, test])
    }
}
