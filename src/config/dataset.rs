//! Images, masks, and how they are divided.

use super::Task;
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Kind of the masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Each object has its own number, 8 or 16 bit: classes background, object (interior) and boundary.
    Instances,
    /// 0 or 255 (values from 128 up count as object), or 0 or 1: classes background and object.
    Binary,
    /// 0 for background, else the number of a class in `[[model.class]]`, from 1.
    Classes,
}

impl Labels {
    /// What a model trained on such masks finds.
    pub fn task(self) -> Task {
        match self {
            Self::Instances => Task::Instances,
            Self::Binary | Self::Classes => Task::Regions,
        }
    }

    /// As written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Binary => "binary",
            Self::Classes => "classes",
        }
    }
}

/// What is never divided between training, validation and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// A patient, slide or look: `group` names it.
    #[default]
    Group,
    /// Nothing but the image itself, as published (trap T-8): neighbours of one slide fall into training and validation, and
    /// the figures are too good. For comparisons with published figures alone.
    Patch,
}

/// Images, masks, and how they are divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder that `images`, `masks` and `index` lie in.
    pub root: PathBuf,
    /// Folder of images (PNG or JPEG, RGB or grey).
    #[serde(default = "default_images")]
    pub images: PathBuf,
    /// Folder of masks: PNG files with the images' stems.
    #[serde(default = "default_masks")]
    pub masks: PathBuf,
    /// Kind of the masks.
    pub labels: Labels,
    /// CSV with one line an image; without it every image of the folder is used.
    #[serde(default)]
    pub index: Option<PathBuf>,
    /// Column of the index with the image's file name.
    #[serde(default = "default_file_column")]
    pub file_column: String,
    /// Column that says which images belong together (patient, case, slide), or `look_alike`: groups computed from
    /// the images themselves. Groups are never divided between splits. Without it the split is refused, unless
    /// `split` is given.
    #[serde(default)]
    pub group: Option<String>,
    /// What is never divided between splits.
    #[serde(default)]
    pub split_by: SplitBy,
    /// Distance in units of Lab colour difference up to which images join one look-alike group.
    #[serde(default = "default_look_alike")]
    pub look_alike_threshold: f64,
    /// Column with the kind of tissue or stain: the split is stratified by it and `balance = "style"` uses it.
    #[serde(default)]
    pub style: Option<String>,
    /// Column with `train`, `val` or `test` when the split is already made. With `split_by = "patch"` it has `train` and
    /// `test` only, and `val_share` of the former is held out patch by patch.
    #[serde(default)]
    pub split: Option<String>,
    /// Share of the images for validation.
    #[serde(default = "default_share")]
    pub val_share: f64,
    /// Share of the images that is only looked at in the end; 0 for none.
    #[serde(default)]
    pub test_share: f64,
    /// Share of the training groups that is trained on, at least one group; the others are left out. Smaller shares of one
    /// seed are parts of larger ones. For asking what fewer annotations would have done.
    #[serde(default = "all")]
    pub train_share: f64,
    /// Images whose groups are trained on, whatever the draw says: for the few that show what the others lack. They then
    /// measure nothing, so say so where figures are given. Not together with `split`.
    #[serde(default)]
    pub keep_in_train: Vec<String>,
    /// Micrometres per pixel of the images, when they differ from `input.mpp`: they are resampled to it.
    #[serde(default)]
    pub mpp: Option<f64>,
    /// Column with micrometres per pixel of each image; goes before `mpp`.
    #[serde(default)]
    pub mpp_column: Option<String>,
    /// How wide the objects really are, in micrometres, for images of unknown pixel size: each group's is estimated from
    /// the median diameter of its objects. Not together with `mpp` or `mpp_column`.
    #[serde(default)]
    pub object_diameter_um: Option<f64>,
    /// Width of the boundary class inside each object, in pixels at `input.mpp`.
    #[serde(default = "default_boundary")]
    pub boundary_px: u32,
    /// Decoded images kept in memory, in mebibytes; the rest is read again when needed.
    #[serde(default = "default_cache")]
    pub cache_mb: u64,
}

fn default_images() -> PathBuf {
    "image".into()
}
fn default_masks() -> PathBuf {
    "mask".into()
}
fn default_file_column() -> String {
    "file".into()
}
fn default_look_alike() -> f64 {
    5.3
}
fn default_share() -> f64 {
    0.15
}
fn all() -> f64 {
    1.0
}
fn default_boundary() -> u32 {
    2
}
fn default_cache() -> u64 {
    1024
}

impl DataConfig {
    pub(super) fn validate(&self) -> Result<()> {
        within("data.val_share", self.val_share, 0.0, 0.9)?;
        within("data.test_share", self.test_share, 0.0, 0.9)?;
        within("data.val_share plus data.test_share", self.val_share + self.test_share, 0.0, 0.9)?;
        within("data.train_share", self.train_share, 1e-6, 1.0)?;
        within("data.look_alike_threshold", self.look_alike_threshold, 0.0, f64::MAX)?;
        within("data.boundary_px", f64::from(self.boundary_px), 1.0, 16.0)?;
        if self.labels != Labels::Instances && self.boundary_px != default_boundary() {
            let reason = format!("would do nothing: only `instances` masks have a rim, not `{}`", self.labels.name());
            return Err(Error::config("data.boundary_px", self.boundary_px, reason));
        }
        if let Some(mpp) = self.mpp {
            within("data.mpp", mpp, 1e-3, 1e3)?;
        }
        if let Some(diameter) = self.object_diameter_um {
            within("data.object_diameter_um", diameter, 0.1, 1e4)?;
            if self.labels != Labels::Instances {
                let reason = format!(
                    "is measured on single objects, which `{}` masks do not tell; give `data.mpp`",
                    self.labels.name()
                );
                return Err(Error::config("data.object_diameter_um", diameter, reason));
            }
            if self.mpp.is_some() || self.mpp_column.is_some() {
                let reason = "estimates the pixel size that `data.mpp` or `data.mpp_column` states; give one of them";
                return Err(Error::config("data.object_diameter_um", diameter, reason));
            }
        }
        if let (Some(split), Some(image)) = (&self.split, self.keep_in_train.first()) {
            let reason = format!("column `{split}` already says what each image is for; give one of them");
            return Err(Error::config("data.keep_in_train", image, reason));
        }
        let columns = [&self.group, &self.style, &self.split, &self.mpp_column];
        let named = columns.into_iter().flatten().find(|name| self.index.is_none() && *name != "look_alike");
        if let Some(name) = named {
            return Err(Error::config("data.index", "missing", format!("column `{name}` is asked for, but no index")));
        }
        if let (SplitBy::Patch, Some(_)) = (self.split_by, &self.group) {
            let reason = "divides image by image, but `data.group` says otherwise; give one of them";
            return Err(Error::config("data.split_by", "patch", reason));
        }
        if self.group.is_none() && self.split.is_none() && self.split_by == SplitBy::Group {
            let reason = "name the column with the patient or slide, or `look_alike`; crops of one slide in training \
                          and validation would make the figures worthless";
            return Err(Error::config("data.group", "missing", reason));
        }
        Ok(())
    }
}
