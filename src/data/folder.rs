//! A folder of images without labels.

use super::cache::Cache;
use super::dataset::{by_stem, resized};
use super::index::{Columns, Index};
use super::mask::{self, decode};
use super::patch::{Patches, Unit, permit, random_patch};
use crate::budget::Budget;
use crate::config::{AugmentConfig, FolderSource, GroupBy};
use crate::error::{Error, Result};
use image::RgbImage;
use rand_chacha::ChaCha8Rng;
use regex::Regex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PNG and JPEG images of a folder at the model's mpp, decoded when they are needed.
#[derive(Debug)]
pub struct ImageFolder {
    folder: PathBuf,
    files: Vec<PathBuf>,
    units: Vec<Unit>,
    /// Model pixels a stored pixel.
    zoom: f64,
    cache: Cache<RgbImage>,
    /// Bytes that decoding may take; shared with everything else that reads.
    budget: Budget,
}

impl ImageFolder {
    /// Finds the images; `name` tells this source's groups from those of others. Pixels are read later.
    ///
    /// # Errors
    /// The folder is missing or has no images; the index lacks a column or names a file that is not there; a file name
    /// does not match the pattern.
    pub fn open(config: &FolderSource, name: &str, mpp: f64, cache_bytes: u64, budget: Budget) -> Result<Self> {
        let found: BTreeMap<String, PathBuf> =
            by_stem(&config.path)?.into_values().map(|path| (file_name(&path), path)).collect();
        let column = match &config.group {
            GroupBy::Column(column) => Some(column.as_str()),
            _ => None,
        };
        let named: BTreeMap<String, Option<String>> = match &config.index {
            None => found.keys().map(|file| (file.clone(), None)).collect(),
            Some(index) => {
                let path = config.path.join(index);
                let columns = Columns { file: &config.file_column, group: column, ..Columns::default() };
                let index = Index::read(&path, &columns)?;
                let count = index.files.len();
                let named: BTreeMap<_, _> =
                    index.files.into_iter().zip(index.rows.into_iter().map(|r| r.group)).collect();
                if named.len() < count {
                    return Err(Error::dataset(path, "names an image twice"));
                }
                if let Some(file) = named.keys().find(|file| !found.contains_key(*file)) {
                    let reason = format!("names `{file}`, which is not in {}", config.path.display());
                    return Err(Error::dataset(path, reason));
                }
                named
            }
        };
        let grouping = Grouping::new(&config.group, name)?;
        let mut files = Vec::with_capacity(named.len());
        let mut units = Vec::with_capacity(named.len());
        for (file, column) in named {
            let path = found[&file].clone();
            let group = match column {
                Some(group) => group,
                None => grouping.of(&file, &path)?,
            };
            files.push(path);
            units.push(Unit { file, group });
        }
        let zoom = config.mpp.unwrap_or(mpp) / mpp;
        Ok(Self { folder: config.path.clone(), files, units, zoom, cache: Cache::new(cache_bytes), budget })
    }

    /// An image at the model's mpp, from memory where it is kept.
    fn image(&self, unit: usize) -> Result<Arc<RgbImage>> {
        if let Some(image) = self.cache.get(unit) {
            return Ok(image);
        }
        let path = &self.files[unit];
        let stored = mask::size(path)?.area() * 3;
        let _permit = permit(&self.budget, stored + (stored as f64 * self.zoom * self.zoom) as u64)?;
        let mut image = decode(path)?.into_rgb8();
        if (self.zoom - 1.0).abs() > 1e-6 {
            image = resized(image, self.zoom)
                .map_err(|source| Error::Compute { what: format!("resampling {}", path.display()), source })?;
        }
        let image = Arc::new(image);
        self.cache.offer(unit, image.as_raw().len() as u64, &image);
        Ok(image)
    }
}

impl Patches for ImageFolder {
    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn summary(&self) -> String {
        format!("{} images of {}", self.units.len(), self.folder.display())
    }

    fn patch(&self, unit: usize, edge: u32, augment: &AugmentConfig, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
        random_patch(&*self.image(unit)?, edge, augment, rng)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How file names become groups.
#[derive(Debug)]
pub struct Grouping<'a> {
    by: &'a GroupBy,
    /// The source's name.
    source: &'a str,
    pattern: Option<Regex>,
}

impl<'a> Grouping<'a> {
    /// Checks the pattern.
    ///
    /// # Errors
    /// [`Error::Config`] for a pattern that is no regular expression.
    pub fn new(by: &'a GroupBy, source: &'a str) -> Result<Self> {
        let pattern = match by {
            GroupBy::Pattern(text) => {
                let bad = |e: regex::Error| Error::config("source.group.pattern", text, e.to_string());
                Some(Regex::new(text).map_err(bad)?)
            }
            _ => None,
        };
        Ok(Self { by, source, pattern })
    }

    /// The group of a file.
    ///
    /// # Errors
    /// [`Error::Dataset`] if its name does not match.
    pub fn of(&self, file: &str, path: &Path) -> Result<String> {
        let Some(pattern) = &self.pattern else {
            return Ok(if *self.by == GroupBy::Source {
                self.source.into()
            } else {
                format!("{} {file}", self.source)
            });
        };
        let found = pattern.captures(file).and_then(|found| found.get(1).or(found.get(0)));
        let found = found.map(|part| part.as_str()).filter(|part| !part.is_empty());
        found.map(str::to_owned).ok_or_else(|| {
            let reason =
                format!("its name gives no group: `source.group.pattern` is `{pattern}` and does not match it");
            Error::dataset(path, reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use rand::SeedableRng;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (i, file) in files.iter().enumerate() {
            RgbImage::from_pixel(20, 10, Rgb([i as u8 * 50; 3])).save(dir.path().join(file)).unwrap();
        }
        std::fs::write(dir.path().join("LICENCE.md"), "free").unwrap();
        dir
    }

    fn open(dir: &Path, more: &str, memory: u64) -> Result<ImageFolder> {
        let config = toml::from_str(&format!("path = {dir:?}\n{more}")).unwrap();
        ImageFolder::open(&config, "source 1", 1.0, 1 << 20, Budget::bytes("training.memory_mb", memory))
    }

    fn groups(folder: &ImageFolder) -> Vec<&str> {
        folder.units().iter().map(|unit| unit.group.as_str()).collect()
    }

    #[test]
    fn groups_come_from_the_names_the_index_or_each_file() {
        let dir =
            folder(&["Polyp__GTxc201-1-400-001.png", "Polyp__GTxc201-2-400-001.png", "Normal__GT33-1-400-001.png"]);
        let by_name = open(dir.path(), "group = { pattern = '__(G[A-Za-z]+\\d+)-' }", 1 << 20).unwrap();
        assert_eq!(groups(&by_name), ["GT33", "GTxc201", "GTxc201"]);
        assert_eq!(groups(&open(dir.path(), "group = \"source\"", 1 << 20).unwrap()), ["source 1"; 3]);
        assert_eq!(groups(&open(dir.path(), "", 1 << 20).unwrap())[0], "source 1 Normal__GT33-1-400-001.png");
        let index = "file,patient\nNormal__GT33-1-400-001.png,P7\n";
        std::fs::write(dir.path().join("index.csv"), index).unwrap();
        let indexed = open(dir.path(), "index = \"index.csv\"\ngroup = { column = \"patient\" }", 1 << 20).unwrap();
        assert_eq!(groups(&indexed), ["P7"], "images that the index leaves out are left out");
    }

    #[test]
    fn a_name_without_a_group_a_bad_pattern_and_an_unknown_file_are_named() {
        let dir = folder(&["a.png", "x1.png"]);
        let message = |more: &str| open(dir.path(), more, 1 << 20).unwrap_err().to_string();
        let unmatched = message("group = { pattern = 'x(.)' }");
        assert!(unmatched.contains("a.png") && unmatched.contains("x(.)"), "{unmatched}");
        assert!(message("group = { pattern = '(' }").contains("source.group.pattern"));
        std::fs::write(dir.path().join("i.csv"), "file\nb.png\n").unwrap();
        assert!(message("index = \"i.csv\"").contains("`b.png`"));
    }

    #[test]
    fn images_are_resampled_to_the_model_and_never_decoded_beyond_the_budget() {
        let dir = folder(&["a.png"]);
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let images = open(dir.path(), "mpp = 0.5", 20 * 10 * 3 * 5 / 4).unwrap();
        assert_eq!(images.image(0).unwrap().dimensions(), (10, 5));
        assert_eq!(images.patch(0, 8, &AugmentConfig::none(), rng).unwrap().dimensions(), (8, 8));
        let small = open(dir.path(), "mpp = 0.5", 100).unwrap();
        let message = small.patch(0, 8, &AugmentConfig::none(), rng).unwrap_err().to_string();
        assert!(message.contains("training.memory_mb"), "{message}");
        std::fs::write(dir.path().join("a.png"), b"torn").unwrap();
        let torn = open(dir.path(), "", 1 << 20).unwrap().patch(0, 8, &AugmentConfig::none(), rng);
        assert!(torn.unwrap_err().to_string().contains("a.png"));
    }
}
