//! MoNuSeg: images and XML of the same stems, in folders for training and test.

use super::{Entry, Labelled, MaskKind, Source, files, split};
use crate::data::Split;
use crate::data::label_map::{DrawRules, draw_objects};
use crate::data::monuseg::{ImageScope, patient, published_vertex};
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::path::{Path, PathBuf};

/// Test images of the challenge, which the published split divides.
const OFFICIAL_TEST: usize = 14;

/// The data set, found under one or more folders.
#[derive(Debug)]
pub struct MoNuSeg {
    entries: Vec<Entry>,
    /// Image and XML of each entry.
    pairs: Vec<[PathBuf; 2]>,
    rules: DrawRules,
}

impl MoNuSeg {
    /// Finds the pairs under `roots`. Folders whose names hold `train` or `test` make the official parts.
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is no XML, an image or an XML file is alone, or a stem occurs twice.
    pub fn open(roots: &[PathBuf], allow_outside: bool, published: bool) -> Result<Self> {
        let (mut images, mut texts) = (Vec::new(), Vec::new());
        for root in roots {
            images.extend(files::below(root, &files::IMAGES)?);
            texts.extend(files::below(root, &["xml"])?);
        }
        let (mut images, texts) = (files::by_stem(images)?, files::by_stem(texts)?);
        if texts.is_empty() {
            return Err(Error::dataset(&roots[0], "holds no .xml file with annotations"));
        }
        let (mut entries, mut pairs) = (Vec::new(), Vec::new());
        for (stem, text) in texts {
            let Some(image) = images.remove(&stem) else {
                return Err(Error::dataset(
                    text,
                    format!("has no image: `{stem}.tif` is nowhere under the folders given"),
                ));
            };
            let group = patient(&stem);
            let official = official(&image, roots);
            entries.push(Entry { stem, group, official, labelled: true, ..Entry::default() });
            pairs.push([image, text]);
        }
        if let Some((stem, image)) = images.pop_first() {
            return Err(Error::dataset(image, format!("has no annotations: there is no `{stem}.xml`; move it away")));
        }
        let published = published.then_some(published_vertex as _);
        Ok(Self { entries, pairs, rules: DrawRules { allow_outside, published } })
    }
}

/// By the names of the folders from the given one down.
fn official(image: &Path, roots: &[PathBuf]) -> Option<Split> {
    let root = roots.iter().filter(|root| image.starts_with(root)).max_by_key(|root| root.components().count())?;
    let own = root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let below = image.parent()?.strip_prefix(root).ok()?.to_string_lossy().to_lowercase();
    let names = format!("{own}/{below}");
    match (names.contains("train"), names.contains("test")) {
        (true, false) => Some(Split::Train),
        (false, true) => Some(Split::Test),
        _ => None,
    }
}

impl Source for MoNuSeg {
    fn format(&self) -> &'static str {
        "monuseg"
    }

    fn kind(&self) -> MaskKind {
        MaskKind::Instances
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize) -> Result<Labelled> {
        let [image, text] = &self.pairs[entry];
        let image = files::pixels(image)?;
        let found = ImageScope::read(text)?;
        let size = Size::new(image.width(), image.height());
        let (labels, counts) = draw_objects(text, &found.shapes, size, self.rules)?;
        Ok(Labelled { image, labels, counts, mpp: found.mpp })
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// From its own format to JPEG, once more when it was chosen for training or test.
    fn published_jpegs(&self) -> Option<[u32; 2]> {
        Some([2, 1])
    }

    fn knows_groups(&self) -> bool {
        true
    }

    /// The 14 official test images in the order of their names, 11 trained on and 3 tested on: the published order was
    /// that of a file system and cannot be had again.
    fn published(&self) -> Result<[Vec<usize>; 2]> {
        let test: Vec<usize> =
            (0..self.entries.len()).filter(|&i| self.entries[i].official == Some(Split::Test)).collect();
        if test.len() != OFFICIAL_TEST {
            let reason = format!(
                "divides the {OFFICIAL_TEST} official test images, but {} lie in folders with `test` in their names",
                test.len()
            );
            return Err(Error::config("--split", "parity", reason));
        }
        Ok(split::published(&test))
    }
}
