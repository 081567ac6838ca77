//! Where images, masks and what is known of them come from.

use super::Folders;
use crate::config::{DataConfig, EvaluateConfig, Labels, MaskKind, SplitBy};
use crate::data::{Dataset, pixel_size};
use crate::error::{Error, Result};
use crate::geometry::Size;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names of the columns, the first one that is there counts.
const FILE_COLUMNS: [&str; 2] = ["file", "image"];
const GROUP_COLUMNS: [&str; 4] = ["group", "patient", "case", "slide"];
const MPP_COLUMN: &str = "mpp";
const SPLIT_COLUMN: &str = "split";
/// Names of the folders inside a dataset.
const IMAGE_FOLDERS: [&str; 2] = ["image", "images"];
const MASK_FOLDERS: [&str; 4] = ["mask", "masks", "label", "labels"];
const INDEX: &str = "index.csv";

/// Most pixels of an image, and of all images in work, at the model's mpp: distances, labels and probabilities of all of
/// them are held at once.
pub(super) const MOST_PIXELS: u64 = 1 << 27;
/// Most that an image may be enlarged for a model; beyond it there is nothing left to see.
const MOST_ENLARGED: f64 = 4.0;

/// The images to score.
pub(super) struct Source {
    pub data: Dataset,
    /// Numbers of the images in the dataset, sorted by file name.
    pub chosen: Vec<usize>,
    /// Column that names the groups; each image is its own group without one.
    pub group_column: Option<String>,
}

impl Source {
    /// Finds the images and checks that every one has a mask of its size and a pixel size.
    pub fn open(folders: &Folders, config: &EvaluateConfig, kind: MaskKind, model_mpp: f64) -> Result<Self> {
        let places = Places::of(folders)?;
        let columns = places.index.as_deref().map(Columns::read).transpose()?;
        let group_column = group_column(folders, places.index.as_deref(), columns.as_ref())?;
        let has = |name: &str| columns.as_ref().is_some_and(|columns| columns.has(name));
        let mpp_column = has(MPP_COLUMN).then(|| MPP_COLUMN.to_owned());
        check_pixel_size(config, kind, &places, mpp_column.is_some())?;
        if let Some(split) = folders.split.as_ref().filter(|_| !has(SPLIT_COLUMN)) {
            let reason = "the index must say in a column `split` what each image is for; name one with --index";
            return Err(Error::config("--split", split, reason));
        }
        let labels = if kind == MaskKind::Binary { Labels::Binary } else { Labels::Instances };
        let file_column = columns.as_ref().map(Columns::file).transpose()?.unwrap_or(FILE_COLUMNS[0]).to_owned();
        let wanted = DataConfig {
            root: PathBuf::new(),
            images: places.images.clone(),
            masks: places.masks.clone(),
            labels,
            index: places.index.clone(),
            file_column,
            group: group_column.clone(),
            split_by: SplitBy::Group,
            train_share: 1.0,
            look_alike_threshold: 0.0,
            style: None,
            split: folders.split.as_ref().map(|_| SPLIT_COLUMN.to_owned()),
            val_share: 0.0,
            test_share: 0.0,
            keep_in_train: Vec::new(),
            mpp: config.mpp,
            mpp_column,
            object_diameter_um: None,
            boundary_px: 1,
            cache_mb: 1024,
        };
        let mut data = Dataset::open(&wanted, model_mpp)?;
        if let Some(diameter) = config.object_diameter_um {
            let groups: Vec<String> = data.items.iter().map(|i| i.group.clone().unwrap_or(i.file.clone())).collect();
            let sizes = pixel_size::estimate(&data, &groups, diameter)?;
            data.set_pixel_sizes(&sizes, model_mpp);
        }
        let chosen = chosen(&data, folders, &places)?;
        for &image in &chosen {
            let item = &data.items[image];
            if kind != MaskKind::Binary && item.mask.extension().is_some_and(|e| !e.eq_ignore_ascii_case("png")) {
                let reason = "is a JPEG file, which changes numbers; store masks as PNG";
                return Err(Error::dataset(&item.mask, reason));
            }
            check_zoom(&item.image, item.size, item.zoom, model_mpp)?;
        }
        Ok(Self { data, chosen, group_column })
    }

    /// Pixels of each chosen image at the model's mpp.
    pub fn pixels(&self) -> Vec<u64> {
        let items = self.chosen.iter().map(|&image| &self.data.items[image]);
        items.map(|item| (item.size.area() as f64 * item.zoom * item.zoom).ceil() as u64).collect()
    }
}

fn check_zoom(image: &Path, size: Size, zoom: f64, model_mpp: f64) -> Result<()> {
    if zoom > MOST_ENLARGED {
        let reason = format!(
            "has {} micrometres per pixel, more than {MOST_ENLARGED} times as coarse as the model's {model_mpp}",
            zoom * model_mpp
        );
        return Err(Error::dataset(image, reason));
    }
    let pixels = size.area() as f64 * zoom * zoom;
    if pixels > MOST_PIXELS as f64 {
        let reason = format!(
            "would have {:.0} million pixels at the model's {model_mpp} micrometres, over the limit of {}; cut it into fields",
            pixels / 1e6,
            MOST_PIXELS / 1_000_000
        );
        return Err(Error::dataset(image, reason));
    }
    Ok(())
}

fn check_pixel_size(config: &EvaluateConfig, kind: MaskKind, places: &Places, in_index: bool) -> Result<()> {
    let index = places.index.as_deref().map_or("no index".into(), |path| path.display().to_string());
    if in_index {
        let given = [("--mpp", config.mpp), ("--object-diameter", config.object_diameter_um)];
        return match given.into_iter().find_map(|(option, value)| value.map(|value| (option, value))) {
            Some((option, value)) => {
                let reason = format!("{index} has a column `{MPP_COLUMN}` already; remove the option or the column");
                Err(Error::config(option, value, reason))
            }
            None => Ok(()),
        };
    }
    if let Some(diameter) = config.object_diameter_um.filter(|_| kind != MaskKind::Instances) {
        let reason = "needs masks that number single objects (--labels instances); give --mpp";
        return Err(Error::config("--object-diameter", diameter, reason));
    }
    if config.mpp.is_none() && config.object_diameter_um.is_none() {
        let reason = format!(
            "nothing says how large a pixel of the images is ({index} has no column `{MPP_COLUMN}`); give --mpp, or \
             --object-diameter where nobody knows"
        );
        return Err(Error::config("--mpp", "missing", reason));
    }
    Ok(())
}

fn chosen(data: &Dataset, folders: &Folders, places: &Places) -> Result<Vec<usize>> {
    let Some(split) = &folders.split else { return Ok((0..data.len()).collect()) };
    let of = |i: &usize| data.items[*i].split.as_deref() == Some(split);
    let chosen: Vec<usize> = (0..data.len()).filter(of).collect();
    if chosen.is_empty() {
        let there: BTreeSet<&str> = data.items.iter().filter_map(|item| item.split.as_deref()).collect();
        let there = there.into_iter().collect::<Vec<_>>().join(", ");
        let index = places.index.as_deref().unwrap_or(Path::new(INDEX)).display();
        return Err(Error::config("--split", split, format!("{index} has no such image; it has: {there}")));
    }
    Ok(chosen)
}

fn group_column(folders: &Folders, index: Option<&Path>, columns: Option<&Columns>) -> Result<Option<String>> {
    match (&folders.group, columns) {
        (Some(name), None) => {
            Err(Error::config("--group", name, "is a column of an index, but there is none; name it with --index"))
        }
        (Some(name), Some(columns)) if !columns.has(name) => {
            let reason = format!("{} has: {}", index.unwrap_or(Path::new("")).display(), columns.names.join(", "));
            Err(Error::config("--group", name, reason))
        }
        (Some(name), Some(_)) => Ok(Some(name.clone())),
        (None, columns) => {
            let there = |name: &&str| columns.is_some_and(|columns| columns.has(name));
            Ok(GROUP_COLUMNS.into_iter().find(there).map(str::to_owned))
        }
    }
}

/// The folders and the index, found.
struct Places {
    images: PathBuf,
    masks: PathBuf,
    index: Option<PathBuf>,
}

impl Places {
    fn of(folders: &Folders) -> Result<Self> {
        if let Some(dataset) = &folders.dataset {
            let index = folders.index.clone().unwrap_or_else(|| dataset.join(INDEX));
            if !index.is_file() {
                let reason = format!("{} is not there; name the CSV with --index", index.display());
                return Err(Error::dataset(dataset, reason));
            }
            let images = within_dataset(dataset, &folders.images, &IMAGE_FOLDERS, "--images")?;
            let masks = within_dataset(dataset, &folders.masks, &MASK_FOLDERS, "--masks")?;
            return Ok(Self { images, masks, index: Some(index) });
        }
        let needed = |path: &Option<PathBuf>, option: &str| {
            let missing = || Error::config(option, "missing", "give --images and --masks, or --dataset");
            path.clone().ok_or_else(missing)
        };
        let (images, masks) = (needed(&folders.images, "--images")?, needed(&folders.masks, "--masks")?);
        Ok(Self { images, masks, index: folders.index.clone() })
    }
}

/// The folder that was asked for, or the only one of the usual names.
fn within_dataset(dataset: &Path, asked: &Option<PathBuf>, usual: &[&str], option: &str) -> Result<PathBuf> {
    if let Some(asked) = asked {
        return Ok(asked.clone());
    }
    let there: Vec<PathBuf> = usual.iter().map(|name| dataset.join(name)).filter(|path| path.is_dir()).collect();
    match there.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::dataset(dataset, format!("has none of the folders {}; give {option}", usual.join(", ")))),
        more => {
            let names = more.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ");
            Err(Error::dataset(dataset, format!("has {names}; say with {option} which one counts")))
        }
    }
}

/// The header of an index.
struct Columns {
    path: PathBuf,
    names: Vec<String>,
}

impl Columns {
    fn read(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let headers = reader.headers().map_err(|e| Error::dataset(path, e.to_string()))?;
        Ok(Self { path: path.to_owned(), names: headers.iter().map(str::to_owned).collect() })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|there| there == name)
    }

    fn file(&self) -> Result<&'static str> {
        FILE_COLUMNS.into_iter().find(|name| self.has(name)).ok_or_else(|| {
            let reason = format!("has no column {}; it has: {}", FILE_COLUMNS.join(" or "), self.names.join(", "));
            Error::dataset(&self.path, reason)
        })
    }
}
