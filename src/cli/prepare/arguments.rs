//! What `slidestream prepare` takes.

use crate::config::Labels;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Make a data set that `finetune` reads: PNG images and masks, an index with groups and splits, a preview.
///
/// Images of one patient, slide or other group stay in one split. The data set appears whole or not at all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare monuseg MoNuSegTraining MoNuSegTest --out data/monuseg --split official
  slidestream prepare glas Warwick_QU_Dataset --out data/glas --split parity
  slidestream prepare hn annotated --out data/hn
  slidestream prepare folder mine --labels binary --out data/mine --mpp 0.5
  slidestream prepare qupath a.svs b.svs --annotations exported --mpp 0.5 --out data/slides

Each format has a --help of its own; docs/prepare.md tells the rules.")]
pub struct PrepareArgs {
    #[command(subcommand)]
    pub(super) format: Format,
}

/// One variant a format.
#[derive(Debug, Subcommand)]
pub(super) enum Format {
    Monuseg(MonusegArgs),
    Glas(GlasArgs),
    Hn(HnArgs),
    Folder(FolderArgs),
    Qupath(QupathArgs),
}

/// MoNuSeg: images and XML of Aperio ImageScope, one mask number a nucleus.
///
/// A pixel that several nuclei claim goes to the smallest of them. The official parts follow from `train` and `test` in
/// the names of the folders.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare monuseg MoNuSegTraining MoNuSegTest --out data/monuseg --split official
  slidestream prepare monuseg MoNuSeg --out data/parity --split parity \\
      --patches 256 --stride 64 --published-masks")]
pub(super) struct MonusegArgs {
    /// Folders with images and XML files, at any depth.
    #[arg(required = true, value_name = "FOLDER")]
    pub roots: Vec<PathBuf>,
    #[command(flatten)]
    pub outlines: OutlineArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// GlaS: BMP images with numbered masks; Grade.csv tells the patients.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare glas Warwick_QU_Dataset --out data/glas
  slidestream prepare glas Warwick_QU_Dataset --out data/parity --split parity --val 0 \\
      --patches 256 --stride 64 --binary --published-masks --published-images")]
pub(super) struct GlasArgs {
    /// Folder with train_N.bmp, testA_N.bmp, testB_N.bmp and their _anno.bmp.
    #[arg(value_name = "FOLDER")]
    pub root: PathBuf,
    /// Keep of the glands what the published scripts keep: pixels that are still white after two turns through JPEG.
    #[arg(long)]
    pub published_masks: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Head and neck: images with polygons exported from Labelbox, in one folder or in several.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare hn annotated --out data/hn --class Malignant
  slidestream prepare hn annotated --out data/hn-classes --split parity \\
      --patches 256 --published-masks")]
pub(super) struct HnArgs {
    /// Folder with JSON exports, each beside its images.
    #[arg(value_name = "FOLDER")]
    pub root: PathBuf,
    /// Make binary masks of one class; without it a mask holds the number of each pixel's class.
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    #[command(flatten)]
    pub outlines: OutlineArgs,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// A folder of images and a folder of masks with the same names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare folder mine --labels instances --out data/mine --mpp 0.5
  slidestream prepare folder mine --masks label --labels binary --out data/mine --index mine/index.csv \\
      --group-column patient --style-column stain
  slidestream prepare folder tissue --labels classes --class Tumour --class Stroma --out data/tissue --mpp 1")]
pub(super) struct FolderArgs {
    /// Folder that both lie in.
    #[arg(value_name = "FOLDER")]
    pub root: PathBuf,
    /// Folder of images in it: PNG, JPEG, TIFF or BMP.
    #[arg(long, value_name = "DIR", default_value = "image")]
    pub images: PathBuf,
    /// Folder of masks in it: PNG, TIFF or BMP.
    #[arg(long, value_name = "DIR", default_value = "mask")]
    pub masks: PathBuf,
    /// What the masks' names have behind the images' names, such as `_mask`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub mask_suffix: String,
    /// Kind of the masks.
    #[arg(long, value_enum)]
    pub labels: LabelKind,
    /// With --labels classes: what the levels 1, 2, ... of the masks are, in this order.
    #[arg(long = "class", value_name = "NAME")]
    pub classes: Vec<String>,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Slides with annotations exported from QuPath as GeoJSON.
///
/// Each rectangle of class `Region*` becomes an image and the annotations in it its mask. Without such rectangles one image
/// around all annotations is made. The slide is the group.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  slidestream prepare qupath a.svs b.svs --annotations exported --mpp 0.5 --out data/slides
  slidestream prepare qupath a.svs --annotations a.geojson --class Tumor --labels binary \\
      --mpp 2 --out data/a --val 0 --test 0
  slidestream prepare qupath a.svs b.svs --annotations exported --labels classes --class Stroma --class Tumor \\
      --mpp 1 --out data/tissue")]
pub(super) struct QupathArgs {
    /// Slide or image files.
    #[arg(required = true, value_name = "SLIDE")]
    pub slides: Vec<PathBuf>,
    /// GeoJSON of the one slide, or a folder with STEM.geojson for each.
    #[arg(long, value_name = "PATH")]
    pub annotations: PathBuf,
    /// Class whose annotations are objects; may be given more than once. Needed where there are several. With --labels
    /// classes these are the levels 1, 2, ... of the masks; where several claim a pixel, the later one has it.
    #[arg(long = "class", value_name = "NAME")]
    pub classes: Vec<String>,
    /// Annotations whose class begins so are regions.
    #[arg(long, value_name = "NAME", default_value = "Region")]
    pub region_class: String,
    /// Rim around the annotations where no region is drawn, in micrometres.
    #[arg(long, value_name = "MICROMETRES", default_value_t = 20.0)]
    pub margin: f64,
    /// Micrometres per pixel of slides that do not say so.
    #[arg(long, value_name = "MICROMETRES")]
    pub slide_mpp: Option<f64>,
    /// Kind of the masks.
    #[arg(long, value_enum, default_value = "instances")]
    pub labels: LabelKind,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// How outlines become pixels.
#[derive(Debug, Args)]
pub(super) struct OutlineArgs {
    /// Leave out and count outlines that lie wholly outside their image or have fewer than three corners.
    #[arg(long)]
    pub allow_outside: bool,
    /// Move corners to whole pixels as the published scripts do, and take pixels on edges for inside.
    #[arg(long)]
    pub published_masks: bool,
}

#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// Folder of the data set to make.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace the data set that is there.
    #[arg(long)]
    pub force: bool,
    /// By whole groups, by the official parts, or as in the published work.
    #[arg(long, value_enum, default_value = "groups")]
    pub split: SplitArg,
    /// Share of the images for validation; with official and parity, of the training images.
    #[arg(long, value_name = "SHARE", default_value_t = 0.15)]
    pub val: f64,
    /// Share of the images for the test, with --split groups [default: 0.15].
    #[arg(long, value_name = "SHARE")]
    pub test: Option<f64>,
    /// Decides between groups of one size.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Cut images into square patches of this edge, in pixels; they keep the split of their image.
    #[arg(long, value_name = "PIXELS")]
    pub patches: Option<u32>,
    /// Pixels from one patch to the next [default: the patch's edge].
    #[arg(long, value_name = "PIXELS", requires = "patches")]
    pub stride: Option<u32>,
    /// Make binary masks out of object numbers; objects that touch become one.
    #[arg(long)]
    pub binary: bool,
    /// Put images (MoNuSeg, GlaS) through JPEG as often as the published scripts do.
    #[arg(long)]
    pub published_images: bool,
    /// Micrometres per pixel of the images, instead of what the format says.
    #[arg(long, value_name = "MICROMETRES")]
    pub mpp: Option<f64>,
    /// CSV with one line an image.
    #[arg(long, value_name = "CSV")]
    pub index: Option<PathBuf>,
    /// Its column with the image's file name or stem.
    #[arg(long, value_name = "NAME", default_value = "file", requires = "index")]
    pub file_column: String,
    /// Its column with the patient or slide: images of one stay together.
    #[arg(long, value_name = "NAME", requires = "index")]
    pub group_column: Option<String>,
    /// Its column with the kind of tissue or stain: each is shared out on its own.
    #[arg(long, value_name = "NAME", requires = "index")]
    pub style_column: Option<String>,
    /// Its column with train, val or test, for --split official.
    #[arg(long, value_name = "NAME", requires = "index")]
    pub split_column: Option<String>,
    /// Its column with micrometres per pixel.
    #[arg(long, value_name = "NAME", requires = "index")]
    pub mpp_column: Option<String>,
    /// Say nothing but the result and errors.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SplitArg {
    Groups,
    Official,
    Parity,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LabelKind {
    /// A number an object.
    Instances,
    /// 0 and 1, or 0 and 255.
    Binary,
    /// A number a class; --class names them.
    Classes,
}

impl From<LabelKind> for Labels {
    fn from(kind: LabelKind) -> Self {
        match kind {
            LabelKind::Instances => Self::Instances,
            LabelKind::Binary => Self::Binary,
            LabelKind::Classes => Self::Classes,
        }
    }
}
