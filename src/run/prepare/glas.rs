//! GlaS: BMP images with numbered masks, in one folder.

use super::{Entry, Labelled, MaskKind, Source, files, split};
use crate::data::Split;
use crate::data::glas::{GLAS_MPP, Grade, Part, annotation, grades, part};
use crate::data::label_map::DrawCounts;
use crate::data::published_jpeg;
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Images of parts A and B of the official test set, which the published split divides.
const OFFICIAL_TEST: [usize; 2] = [60, 20];

/// How often the published scripts put a mask through JPEG.
const MASK_JPEGS: u32 = 2;

/// The data set, found under a folder.
#[derive(Debug)]
pub struct Glas {
    entries: Vec<Entry>,
    /// Official part and number of each entry.
    parts: Vec<(Part, u32)>,
    /// Image and mask of each entry.
    pairs: Vec<[PathBuf; 2]>,
    graded: bool,
    published: bool,
}

impl Glas {
    /// Finds `train_N.bmp`, `testA_N.bmp`, `testB_N.bmp` and their `_anno.bmp` under `root`, and `Grade.csv`, which tells
    /// the patients. `published` masks are those that two turns through JPEG leave (trap T-5).
    ///
    /// # Errors
    /// [`Error::Dataset`] if there is no image, an image or a mask is alone, a BMP has another name, or `Grade.csv` does not
    /// hold an image.
    pub fn open(root: &Path, published: bool) -> Result<Self> {
        let mut found = files::by_stem(files::below(root, &["bmp"])?)?;
        let tables: Vec<PathBuf> = files::below(root, &["csv"])?;
        let table =
            tables.iter().find(|path| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("Grade.csv")));
        let grades = table.map(|path| grades(path)).transpose()?;
        let stems: Vec<String> = found.keys().filter(|stem| part(stem).is_some()).cloned().collect();
        if stems.is_empty() {
            return Err(Error::dataset(root, "holds no image named train_N.bmp, testA_N.bmp or testB_N.bmp"));
        }
        let mut images = Vec::with_capacity(stems.len());
        for stem in stems {
            let (Some(image), Some(part)) = (found.remove(&stem), part(&stem)) else { continue };
            let Some(mask) = found.remove(&format!("{stem}_anno")) else {
                return Err(Error::dataset(image, format!("has no mask: there is no `{stem}_anno.bmp`")));
            };
            let grade = match &grades {
                None => Grade { patient: stem.clone(), grade: String::new() },
                Some(grades) => grades.get(&stem).cloned().ok_or_else(|| {
                    Error::dataset(table.map_or(root, PathBuf::as_path), format!("has no line for the image `{stem}`"))
                })?,
            };
            images.push((part, stem, grade, [image, mask]));
        }
        if let Some((stem, path)) = found.pop_first() {
            let reason = match stem.strip_suffix("_anno") {
                Some(image) => format!("has no image: there is no `{image}.bmp`"),
                None => "is neither an image of GlaS nor a mask (train_N, testA_N, testB_N, with _anno); move it away"
                    .into(),
            };
            return Err(Error::dataset(path, reason));
        }
        images.sort_by_key(|(part, ..)| *part);
        let (entries, parts, pairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut glas = Self { entries, parts, pairs, graded: grades.is_some(), published };
        for (part, stem, Grade { patient, grade }, pair) in images {
            let official = Some(if part.0 == Part::Train { Split::Train } else { Split::Test });
            glas.entries.push(Entry { stem, group: patient, style: grade, official, labelled: true });
            glas.parts.push(part);
            glas.pairs.push(pair);
        }
        Ok(glas)
    }
}

impl Source for Glas {
    fn format(&self) -> &'static str {
        "glas"
    }

    fn kind(&self) -> MaskKind {
        MaskKind::Instances
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize) -> Result<Labelled> {
        let [image, mask] = &self.pairs[entry];
        let pixels = files::pixels(image)?;
        let (size, labels) = annotation(mask)?;
        let own = Size::new(pixels.width(), pixels.height());
        if size != own {
            return Err(Error::dataset(mask, format!("is {size} pixels, but its image {} is {own}", image.display())));
        }
        let labels = if self.published { published_jpeg::mask(&labels, size, MASK_JPEGS)? } else { labels };
        let objects = labels.iter().collect::<BTreeSet<_>>().iter().filter(|label| ***label != 0).count() as u64;
        let counts = DrawCounts { objects, ..DrawCounts::default() };
        Ok(Labelled { image: pixels, labels, counts, mpp: Some(GLAS_MPP) })
    }

    fn notes(&self) -> Vec<String> {
        if self.graded {
            return Vec::new();
        }
        vec!["no Grade.csv tells the patients; the 165 images of GlaS come from 16 sections, so images of one section may be \
              in training and in test"
            .into()]
    }

    /// From its own format to JPEG, once more when it was chosen for training or test.
    fn published_jpegs(&self) -> Option<[u32; 2]> {
        Some([2, 1])
    }

    fn knows_groups(&self) -> bool {
        self.graded
    }

    fn published(&self) -> Result<[Vec<usize>; 2]> {
        let of = |wanted| self.parts.iter().filter(|(part, _)| *part == wanted).count();
        let there = [of(Part::TestA), of(Part::TestB)];
        if there != OFFICIAL_TEST {
            let [a, b] = OFFICIAL_TEST;
            let reason = format!(
                "divides the {a} images testA and the {b} images testB, but there are {} and {}",
                there[0], there[1]
            );
            return Err(Error::config("--split", "parity", reason));
        }
        // Sorted by part and number, which is the published order: testA_1 is 0, testB_1 is 60.
        let test: Vec<usize> = (0..self.parts.len()).filter(|&i| self.parts[i].0 != Part::Train).collect();
        Ok(split::published(&test))
    }
}
