//! Where unlabelled images come from: folders of images and whole slides, in any mixture.

use super::TissueConfig;
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One `[[source]]` of a pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceConfig {
    /// A folder of PNG and JPEG images, such as the `image` folder of a labelled set.
    Folder(FolderSource),
    /// Whole slides, whose tissue is read at random places while training; nothing is written to the disk.
    Slides(SlidesSource),
}

/// A folder of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSource {
    /// The folder.
    pub path: PathBuf,
    /// Micrometres per pixel of the images, when it differs from `input.mpp`: they are resampled to it.
    #[serde(default)]
    pub mpp: Option<f64>,
    /// Share of the crops that come from here, against the other sources' weights. Within it each image comes as often.
    #[serde(default = "one")]
    pub weight: f64,
    /// Which images belong together.
    #[serde(default)]
    pub group: GroupBy,
    /// CSV with one line an image, relative to `path`, for `group = { column = "patient" }`; images that it does not name
    /// are left out.
    #[serde(default)]
    pub index: Option<PathBuf>,
    /// Column of the index with the image's file name.
    #[serde(default = "file_column")]
    pub file_column: String,
}

/// Whole slides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlidesSource {
    /// Slides, and folders whose files are all slides.
    pub paths: Vec<PathBuf>,
    /// Micrometres per pixel of the finest level, for slides that do not tell it or tell it wrongly.
    #[serde(default)]
    pub mpp: Option<f64>,
    /// Share of the crops that come from here, against the other sources' weights. Within it each slide comes as often,
    /// and within a slide each piece of tissue.
    #[serde(default = "one")]
    pub weight: f64,
    /// Which slides belong together.
    #[serde(default)]
    pub group: GroupBy,
    /// Slides that are kept open at once; others are opened again when their turn comes.
    #[serde(default = "open_slides")]
    pub open: usize,
    /// How tissue is told from glass.
    #[serde(default)]
    pub tissue: TissueConfig,
}

/// Which images belong together (patient, case, slide): they are never divided between training and validation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Each file for itself. Right for slides of one patient each; for several images of one patient it puts
    /// near-duplicates on both sides, and the validation then flatters (trap 8).
    #[default]
    File,
    /// All of the source are one group.
    Source,
    /// What the first parenthesis of a regular expression matches in the file name, or the whole match without one:
    /// `'__(G[A-Za-z]+\d+)-'`.
    Pattern(String),
    /// Column of the index.
    Column(String),
}

fn one() -> f64 {
    1.0
}
fn file_column() -> String {
    "file".into()
}
fn open_slides() -> usize {
    16
}

impl SourceConfig {
    /// Share of the crops, against the other sources' weights.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Folder(folder) => folder.weight,
            Self::Slides(slides) => slides.weight,
        }
    }

    /// How images are grouped.
    pub fn group(&self) -> &GroupBy {
        match self {
            Self::Folder(folder) => &folder.group,
            Self::Slides(slides) => &slides.group,
        }
    }

    /// Takes relative paths from `base`.
    pub(super) fn anchor(&mut self, base: &Path) {
        let paths = match self {
            Self::Folder(folder) => std::slice::from_mut(&mut folder.path),
            Self::Slides(slides) => &mut slides.paths[..],
        };
        for path in paths.iter_mut().filter(|path| path.is_relative()) {
            *path = base.join(&*path);
        }
    }

    /// As it decides the run's numbers, whatever the place of the files.
    pub fn without_places(&self) -> Self {
        let mut plain = self.clone();
        match &mut plain {
            Self::Folder(folder) => folder.path = PathBuf::new(),
            Self::Slides(slides) => {
                slides.open = 0;
                slides.paths.iter_mut().for_each(|path| *path = path.file_name().unwrap_or_default().into());
            }
        }
        plain
    }

    pub(super) fn validate(&self) -> Result<()> {
        within("source.weight", self.weight(), 1e-9, 1e9)?;
        let mpp = match self {
            Self::Folder(folder) => folder.mpp,
            Self::Slides(slides) => slides.mpp,
        };
        mpp.map_or(Ok(()), |mpp| within("source.mpp", mpp, 1e-3, 1e3))?;
        match self {
            Self::Folder(folder) => {
                let column = matches!(folder.group, GroupBy::Column(_));
                if column && folder.index.is_none() {
                    let reason = "`group` asks for a column of it; name the CSV file";
                    return Err(Error::config("source.index", "missing", reason));
                }
            }
            Self::Slides(slides) => {
                if slides.paths.is_empty() {
                    return Err(Error::config("source.paths", "[]", "name at least one slide or folder"));
                }
                if let GroupBy::Column(name) = &slides.group {
                    let reason = "slides have no index; use `file`, `source` or a pattern";
                    return Err(Error::config("source.group.column", name, reason));
                }
                within("source.open", slides.open as f64, 1.0, 65_536.0)?;
                slides.tissue.validate()?;
            }
        }
        Ok(())
    }
}
