//! Folders of images and masks with the same stems, and an optional index.

use super::cache::Cache;
use super::index::{Columns, Index};
use super::mask::{self, binary, decode, grey};
use crate::config::{DataConfig, Labels};
use crate::error::{Error, Result};
use crate::geometry::Size;
use fast_image_resize as fir;
use image::RgbImage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An image and its mask at the model's mpp.
#[derive(Debug, Clone)]
pub struct Sample {
    /// RGB8.
    pub image: RgbImage,
    /// Object number of each pixel, row-major, or its class; 0 is background. Binary masks have the one object 1.
    pub labels: Vec<u32>,
}

impl Sample {
    /// Width and height.
    pub fn size(&self) -> Size {
        Size::new(self.image.width(), self.image.height())
    }

    fn bytes(&self) -> u64 {
        self.size().area() * 7
    }
}

/// One line of the index, or one image of the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// File name of the image.
    pub file: String,
    /// Where the image is.
    pub image: PathBuf,
    /// Where the mask is.
    pub mask: PathBuf,
    /// As stored, before any resampling.
    pub size: Size,
    /// Value of the group column.
    pub group: Option<String>,
    /// Value of the style column; empty without one.
    pub style: String,
    /// Value of the split column.
    pub split: Option<String>,
    /// Model pixels a stored pixel: below 1 the image is reduced.
    pub zoom: f64,
}

/// Images with masks, checked to exist in pairs and to agree in size.
#[derive(Debug)]
pub struct Dataset {
    /// Sorted by file name.
    pub items: Vec<Item>,
    labels: Labels,
    /// Names of the classes that masks of classes may hold, background first; any level up to 255 while it is empty.
    classes: Vec<String>,
    cache: Cache<Sample>,
}

const IMAGE_TYPES: [&str; 3] = ["png", "jpg", "jpeg"];

impl Dataset {
    /// Finds the pairs and reads the sizes; pixels are read by [`sample`](Self::sample). `mpp` is the model's.
    ///
    /// # Errors
    /// A folder is missing or has no images; an image has no mask or one of another size; the index lacks a column
    /// or names a file that is not there; a value of a column cannot be used.
    pub fn open(config: &DataConfig, mpp: f64) -> Result<Self> {
        let (images, masks) = (config.root.join(&config.images), config.root.join(&config.masks));
        let (image_files, mask_files) = (by_stem(&images)?, by_stem(&masks)?);
        let index = match &config.index {
            Some(path) => Some(Index::read(&config.root.join(path), &Columns::of(config))?),
            None => None,
        };
        let files: Vec<(String, PathBuf)> = match &index {
            Some(index) => index.files.iter().map(|file| (stem(Path::new(file)), images.join(file))).collect(),
            None => image_files.iter().map(|(stem, path)| (stem.clone(), path.clone())).collect(),
        };
        let mut items = Vec::with_capacity(files.len());
        for (line, (stem, image)) in files.into_iter().enumerate() {
            let Some(mask) = mask_files.get(&stem) else {
                let reason = format!("has no mask: {} holds no `{stem}.png`", masks.display());
                return Err(Error::dataset(image, reason));
            };
            let size = mask::size(&image)?;
            let mask_size = mask::size(mask)?;
            if size != mask_size {
                let reason = format!("is {mask_size} pixels, but its image {} is {size}", image.display());
                return Err(Error::dataset(mask, reason));
            }
            let row = index.as_ref().map(|index| &index.rows[line]);
            let own = row.and_then(|row| row.mpp).or(config.mpp).unwrap_or(mpp);
            items.push(Item {
                file: image.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                image,
                mask: mask.clone(),
                size,
                group: row.and_then(|row| row.group.clone()),
                style: row.and_then(|row| row.style.clone()).unwrap_or_default(),
                split: row.and_then(|row| row.split.clone()),
                zoom: own / mpp,
            });
        }
        items.sort_by(|a, b| a.file.cmp(&b.file));
        if let Some(pair) = items.windows(2).find(|pair| pair[0].file == pair[1].file) {
            return Err(Error::dataset(&pair[0].image, "is named twice in the index"));
        }
        Ok(Self { items, labels: config.labels, classes: Vec::new(), cache: Cache::new(config.cache_mb << 20) })
    }

    /// Says which classes masks of classes may hold, background first: a mask with another level is then refused.
    pub fn set_classes(&mut self, names: Vec<String>) {
        self.classes = names;
        self.cache.clear();
    }

    /// Sets each image's micrometres per pixel, for a model at `mpp`. What was kept at another size is forgotten.
    ///
    /// # Panics
    /// Unless there is one value an image.
    pub fn set_pixel_sizes(&mut self, images: &[f64], mpp: f64) {
        assert_eq!(images.len(), self.items.len(), "one pixel size an image");
        for (item, own) in self.items.iter_mut().zip(images) {
            item.zoom = own / mpp;
        }
        self.cache.clear();
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Never true for an opened dataset.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// One image with its labels at the model's mpp, from memory where it is kept.
    ///
    /// # Errors
    /// A file cannot be decoded; a mask has colours, or grey levels that are neither 0/1 nor 0/255, or those of no class.
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn sample(&self, index: usize) -> Result<Arc<Sample>> {
        if let Some(sample) = self.cache.get(index) {
            return Ok(sample);
        }
        let sample = Arc::new(self.read(index)?);
        self.cache.offer(index, sample.bytes(), &sample);
        Ok(sample)
    }

    /// One image as stored, before any resampling; never kept.
    pub(super) fn stored(&self, index: usize) -> Result<Sample> {
        let item = &self.items[index];
        let image = decode(&item.image)?.into_rgb8();
        let labels = match self.labels {
            Labels::Instances => grey(&item.mask)?,
            Labels::Binary => binary(&item.mask)?,
            Labels::Classes => self.classes_of(&item.mask, item.size)?,
        };
        Ok(Sample { image, labels })
    }

    fn classes_of(&self, mask: &Path, size: Size) -> Result<Vec<u32>> {
        let levels = grey(mask)?;
        let most = if self.classes.is_empty() { u32::from(u8::MAX) } else { self.classes.len() as u32 - 1 };
        let Some(at) = levels.iter().position(|&level| level > most) else { return Ok(levels) };
        let (x, y) = (at % size.width as usize, at / size.width as usize);
        let named: Vec<String> = self.classes.iter().enumerate().map(|(i, name)| format!("{i} {name}")).collect();
        let reason = format!(
            "has the value {} at column {x}, row {y}, but the classes are 0 to {most} ({}); name it in a [[model.class]], \
             or mend the mask",
            levels[at],
            named.join(", ")
        );
        Err(Error::dataset(mask, reason))
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let item = &self.items[index];
        let Sample { image, labels } = self.stored(index)?;
        if (item.zoom - 1.0).abs() < 1e-6 {
            return Ok(Sample { image, labels });
        }
        resample(image, &labels, item.zoom)
            .map_err(|source| Error::Compute { what: format!("resampling {}", item.image.display()), source })
    }
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The images of a folder by stem.
pub(super) fn by_stem(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if !IMAGE_TYPES.contains(&extension.as_str()) {
            continue;
        }
        if let Some(other) = found.insert(stem(&path), path.clone()) {
            return Err(Error::dataset(path, format!("has the same stem as {}; keep one", other.display())));
        }
    }
    if found.is_empty() {
        return Err(Error::dataset(folder, "holds no .png, .jpg or .jpeg file"));
    }
    Ok(found)
}

/// The image through a triangle filter as wide as the reduction asks for, `zoom` new pixels an old one.
pub(super) fn resized(image: RgbImage, zoom: f64) -> Result<RgbImage, crate::error::BoxError> {
    let (width, height) = image.dimensions();
    let scaled = |n: u32| ((f64::from(n) * zoom).round() as u32).max(1);
    let (new_width, new_height) = (scaled(width), scaled(height));
    let source = fir::images::Image::from_vec_u8(width, height, image.into_raw(), fir::PixelType::U8x3)?;
    let mut target = fir::images::Image::new(new_width, new_height, fir::PixelType::U8x3);
    let filter = fir::ResizeAlg::Convolution(fir::FilterType::Bilinear);
    fir::Resizer::new().resize(&source, &mut target, &fir::ResizeOptions::new().resize_alg(filter))?;
    RgbImage::from_raw(new_width, new_height, target.into_vec()).ok_or_else(|| "a buffer of the wrong size".into())
}

/// The image [`resized`], the labels by nearest pixel centre.
fn resample(image: RgbImage, labels: &[u32], zoom: f64) -> Result<Sample, crate::error::BoxError> {
    let (width, height) = image.dimensions();
    let image = resized(image, zoom)?;
    let (new_width, new_height) = image.dimensions();
    let nearest = |i: u32, n: u32, new: u32| ((f64::from(i) + 0.5) * f64::from(n) / f64::from(new)) as usize;
    let columns: Vec<usize> = (0..new_width).map(|x| nearest(x, width, new_width)).collect();
    let row = |y: u32| nearest(y, height, new_height) * width as usize;
    let labels = (0..new_height).flat_map(|y| columns.iter().map(move |x| labels[row(y) + x])).collect();
    Ok(Sample { image, labels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, ImageBuffer, Luma};

    fn config(root: &Path, labels: &str) -> DataConfig {
        toml::from_str(&format!("root = {:?}\nlabels = \"{labels}\"\ngroup = \"look_alike\"", root)).unwrap()
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("image")).unwrap();
        std::fs::create_dir(dir.path().join("mask")).unwrap();
        dir
    }

    fn save(root: &Path, name: &str, size: (u32, u32), mask: &[u16]) {
        RgbImage::new(size.0, size.1).save(root.join("image").join(name)).unwrap();
        let mask = ImageBuffer::<Luma<u16>, _>::from_raw(size.0, size.1, mask.to_vec()).unwrap();
        mask.save(root.join("mask").join(name)).unwrap();
    }

    #[test]
    fn sixteen_bit_labels_survive() {
        let dir = folder();
        save(dir.path(), "a.png", (2, 2), &[0, 300, 65_535, 1]);
        let data = Dataset::open(&config(dir.path(), "instances"), 0.5).unwrap();
        assert_eq!(data.sample(0).unwrap().labels, [0, 300, 65_535, 1]);
    }

    #[test]
    fn a_level_that_is_no_class_is_refused_with_its_place() {
        let dir = folder();
        save(dir.path(), "a.png", (3, 2), &[0, 1, 2, 0, 3, 0]);
        let mut data = Dataset::open(&config(dir.path(), "classes"), 0.5).unwrap();
        assert_eq!(data.sample(0).unwrap().labels, [0, 1, 2, 0, 3, 0]);
        data.set_classes(["Background", "Tumour", "Stroma"].map(str::to_owned).to_vec());
        let error = data.sample(0).unwrap_err().to_string();
        let named = ["mask/a.png", "value 3 at column 1, row 1", "0 to 2 (0 Background, 1 Tumour, 2 Stroma)"];
        assert!(named.iter().all(|part| error.contains(part)), "{error}");
    }

    #[test]
    fn binary_masks_are_cut_in_the_middle_or_at_one() {
        let dir = folder();
        save(dir.path(), "a.png", (1, 1), &[0]);
        let soft = GrayImage::from_raw(4, 1, vec![0, 127, 128, 255]).unwrap();
        RgbImage::new(4, 1).save(dir.path().join("image/a.png")).unwrap();
        soft.save(dir.path().join("mask/a.png")).unwrap();
        let data = Dataset::open(&config(dir.path(), "binary"), 0.5).unwrap();
        assert_eq!(data.sample(0).unwrap().labels, [0, 0, 1, 1]);
        GrayImage::from_raw(4, 1, vec![0, 1, 1, 0]).unwrap().save(dir.path().join("mask/a.png")).unwrap();
        let data = Dataset::open(&config(dir.path(), "binary"), 0.5).unwrap();
        assert_eq!(data.sample(0).unwrap().labels, [0, 1, 1, 0]);
        GrayImage::from_raw(4, 1, vec![0, 1, 2, 0]).unwrap().save(dir.path().join("mask/a.png")).unwrap();
        let data = Dataset::open(&config(dir.path(), "binary"), 0.5).unwrap();
        assert!(data.sample(0).unwrap_err().to_string().contains("grey level of 2"));
    }

    #[test]
    fn bad_folders_are_named() {
        let dir = folder();
        let open = || Dataset::open(&config(dir.path(), "instances"), 0.5).map(|_| ()).unwrap_err().to_string();
        assert!(open().contains("holds no .png"), "{}", open());
        RgbImage::new(2, 2).save(dir.path().join("image/a.png")).unwrap();
        GrayImage::new(2, 2).save(dir.path().join("mask/b.png")).unwrap();
        assert!(open().contains("image/a.png: has no mask"), "{}", open());
        GrayImage::new(3, 2).save(dir.path().join("mask/a.png")).unwrap();
        assert!(open().contains("mask/a.png: is 3 x 2 pixels"), "{}", open());
    }

    #[test]
    fn resampling_to_the_models_mpp_keeps_labels_whole_numbers() {
        let dir = folder();
        save(dir.path(), "a.png", (4, 2), &[7, 7, 0, 9, 7, 7, 0, 9]);
        let mut config = config(dir.path(), "instances");
        config.mpp = Some(1.0);
        let sample = Dataset::open(&config, 0.5).unwrap().sample(0).unwrap();
        assert_eq!(sample.size(), Size::new(8, 4));
        assert_eq!(sample.labels[..8], [7, 7, 7, 7, 0, 0, 9, 9]);
    }
}
