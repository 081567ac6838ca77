//! A folder of images and a folder of masks.

use super::{Entry, Labelled, MaskKind, Source, files};
use crate::config::Labels;
use crate::data::label_map::DrawCounts;
use crate::data::mask;
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where images and masks lie and what the masks mean.
#[derive(Debug, Clone)]
pub struct FolderLayout {
    /// Folder that both lie in.
    pub root: PathBuf,
    /// Folder of images.
    pub images: PathBuf,
    /// Folder of masks.
    pub masks: PathBuf,
    /// End of the masks' stems behind the images' stems, such as `_mask`.
    pub mask_suffix: String,
    /// Kind of the masks.
    pub labels: Labels,
    /// Names of the classes that levels 1, 2, ... of masks of classes stand for; none for other masks.
    pub classes: Vec<String>,
}

/// Pairs of images and masks.
#[derive(Debug)]
pub struct Folder {
    entries: Vec<Entry>,
    /// Image and mask of each entry.
    pairs: Vec<[PathBuf; 2]>,
    kind: MaskKind,
}

impl Folder {
    /// Finds the pairs.
    ///
    /// # Errors
    /// [`Error::Config`] unless masks of classes, and no others, have names; [`Error::Dataset`] if a folder has no image, an image or a mask is alone, a stem occurs twice, or a mask is JPEG.
    pub fn open(layout: &FolderLayout) -> Result<Self> {
        let kind = MaskKind::of(layout.labels, &layout.classes)?;
        let (images, masks) = (layout.root.join(&layout.images), layout.root.join(&layout.masks));
        let mut mask_files = files::by_stem(flat(&masks)?)?;
        if let Some(jpeg) = mask_files.values().find(|path| files::has_ending(path, &["jpg", "jpeg"])) {
            let reason = "is a JPEG, which changes the numbers at every edge; save masks as PNG, TIFF or BMP";
            return Err(Error::dataset(jpeg, reason));
        }
        let (mut entries, mut pairs) = (Vec::new(), Vec::new());
        for (stem, image) in files::by_stem(flat(&images)?)? {
            let name = format!("{stem}{}", layout.mask_suffix);
            let Some(mask) = mask_files.remove(&name) else {
                return Err(Error::dataset(image, format!("has no mask: {} holds no `{name}.png`", masks.display())));
            };
            entries.push(Entry { group: stem.clone(), stem, labelled: true, ..Entry::default() });
            pairs.push([image, mask]);
        }
        if let Some((_, mask)) = mask_files.pop_first() {
            let reason = format!("has no image of its name in {}; move it away", images.display());
            return Err(Error::dataset(mask, reason));
        }
        Ok(Self { entries, pairs, kind })
    }
}

/// The images of one folder; never empty.
fn flat(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files::below(folder, &files::IMAGES)?;
    found.retain(|path| path.parent() == Some(folder));
    if found.is_empty() {
        return Err(Error::dataset(folder, format!("holds no image ({})", files::IMAGES.join(", "))));
    }
    Ok(found)
}

impl Source for Folder {
    fn format(&self) -> &'static str {
        "folder"
    }

    fn kind(&self) -> MaskKind {
        self.kind.clone()
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize) -> Result<Labelled> {
        let [image, mask] = &self.pairs[entry];
        let pixels = files::pixels(image)?;
        let size = Size::new(pixels.width(), pixels.height());
        let found = mask::size(mask)?;
        if found != size {
            return Err(Error::dataset(
                mask,
                format!("is {found} pixels, but its image {} is {size}", image.display()),
            ));
        }
        let labels = match self.kind {
            MaskKind::Instances | MaskKind::Classes(_) => mask::grey(mask)?,
            MaskKind::Binary => mask::binary(mask)?,
        };
        if let (MaskKind::Classes(names), Some(most)) = (&self.kind, labels.iter().max())
            && *most as usize > names.len()
        {
            let reason =
                format!("has the value {most}, but --class names {} classes; name every level from 1", names.len());
            return Err(Error::dataset(mask, reason));
        }
        let numbers: BTreeSet<u32> = labels.iter().copied().filter(|label| *label != 0).collect();
        let counts = DrawCounts { objects: numbers.len() as u64, ..DrawCounts::default() };
        Ok(Labelled { image: pixels, labels, counts, mpp: None })
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn knows_groups(&self) -> bool {
        false
    }

    fn published(&self) -> Result<[Vec<usize>; 2]> {
        let reason = "a folder has no published split; use --split groups, or official with --split-column";
        Err(Error::config("--split", "parity", reason))
    }
}
