//! Public data sets, folders and annotated slides, made into data sets that training reads as they are.

mod files;
mod folder;
mod glas;
mod hn;
mod monuseg;
mod preview;
mod qupath;
mod split;
mod table;
mod write;

pub use folder::{Folder, FolderLayout};
pub use glas::Glas;
pub use hn::HeadNeck;
pub use monuseg::MoNuSeg;
pub use qupath::{QuPath, QuPathOptions};
pub use split::SplitKind;
pub use table::Columns;

use crate::config::Labels;
use crate::data::label_map::DrawCounts;
use crate::data::{PatchGrid, Split, published_jpeg};
use crate::error::{Error, Result};
use crate::sink::commit::{Attempt, Outcome, is_complete};
use crate::stream::CancellationToken;
use image::RgbImage;
use serde::Serialize;
use split::{Assignment, Part};
use std::path::{Path, PathBuf};
use write::Writer;

/// What to do with the images of any format.
#[derive(Debug, Clone, Serialize)]
pub struct PrepareOptions {
    /// Folder of the data set that is made.
    pub out: PathBuf,
    /// Replace a data set that is there.
    pub force: bool,
    /// How images are divided.
    pub split: SplitKind,
    /// Share of the images for validation: of all with [`SplitKind::Groups`], else of the training images.
    pub val: f64,
    /// Share of the images for the test, with [`SplitKind::Groups`].
    pub test: f64,
    /// Decides between groups of one size.
    pub seed: u64,
    /// Write masks of objects as object and background: objects that touch become one (trap T-18).
    pub binary: bool,
    /// Put images through JPEG as often as the published scripts (trap T-25).
    pub published_images: bool,
    /// Cut images into patches; whole images without it.
    pub patches: Option<PatchGrid>,
    /// Micrometres per pixel of the images, instead of what the format says.
    pub mpp: Option<f64>,
    /// What a CSV says of the images, before what the format says.
    pub table: Option<Columns>,
    /// The command that makes the same data set again, for the manifest.
    pub command: String,
}

/// One image of a source, before its pixels are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// Name of its files in the data set, without ending.
    pub stem: String,
    /// Patient, slide or what else belongs together.
    pub group: String,
    /// Kind of tissue; empty if nobody says.
    pub style: String,
    /// Official part, where there is one.
    pub official: Option<Split>,
    /// Whether it has a mask; others go to the folder of unlabelled images.
    pub labelled: bool,
}

/// An image as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// RGB8.
    pub image: RgbImage,
    /// Object or class of each pixel, row-major; empty for an image without mask.
    pub labels: Vec<u32>,
    /// What became of its outlines.
    pub counts: DrawCounts,
    /// Micrometres per pixel, if the format says so.
    pub mpp: Option<f64>,
}

/// Kind of the masks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskKind {
    /// A number an object, 16 bit.
    Instances,
    /// 0 and 255, 8 bit.
    Binary,
    /// A number a class, 8 bit; these are the classes from 1.
    Classes(Vec<String>),
}

impl MaskKind {
    /// Of masks that training calls so; `classes` are the names for masks of classes.
    ///
    /// # Errors
    /// [`Error::Config`] if masks of classes have no names or one name twice.
    fn of(labels: Labels, classes: &[String]) -> Result<Self> {
        let refuse = |value: &str, reason: &str| Err(Error::config("--class", value, reason));
        match (labels, classes) {
            (Labels::Instances, _) => Ok(Self::Instances),
            (Labels::Binary, _) => Ok(Self::Binary),
            (Labels::Classes, []) => {
                refuse("missing", "masks of classes need a name for each level from 1: --class Tumour --class Stroma")
            }
            (Labels::Classes, names) => {
                match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name) || name.is_empty()) {
                    Some((_, name)) => refuse(name, "every class needs a name of its own"),
                    None => Ok(Self::Classes(names.to_vec())),
                }
            }
        }
    }

    /// What training calls such masks.
    pub fn labels(&self) -> Labels {
        match self {
            Self::Instances => Labels::Instances,
            Self::Binary => Labels::Binary,
            Self::Classes(_) => Labels::Classes,
        }
    }
}

/// Where images and masks come from: one implementation a format.
pub trait Source {
    /// `monuseg`, `glas`, ...
    fn format(&self) -> &'static str;

    /// Kind of the masks.
    fn kind(&self) -> MaskKind;

    /// Every image, sorted by stem or in the format's own order.
    fn entries(&self) -> &[Entry];

    /// Pixels and labels of an image.
    ///
    /// # Errors
    /// Whatever is wrong with its files, by name.
    fn read(&self, entry: usize) -> Result<Labelled>;

    /// What the user should know of the source before anything is written.
    fn notes(&self) -> Vec<String>;

    /// Whether groups are patients or slides; else each image is its own until `--index` names them.
    fn knows_groups(&self) -> bool;

    /// How often the published scripts put an image with a mask and one without through JPEG before it is cut; each patch is
    /// compressed once more. Nothing for a format without published scripts.
    fn published_jpegs(&self) -> Option<[u32; 2]> {
        None
    }

    /// The entries of the published split: those trained on, and those tested on. The others served without labels.
    ///
    /// # Errors
    /// [`Error::Config`] if the format has no published split or the images are not those of it.
    fn published(&self) -> Result<[Vec<usize>; 2]>;
}

/// What a run tells while it goes.
#[derive(Debug)]
pub enum Progress {
    /// A line for the user.
    Note(String),
    /// An image is written.
    Image {
        /// Images so far, this one included.
        done: usize,
        /// Images of the source.
        total: usize,
    },
}

/// What was made; also `manifest.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name and version of this program.
    pub program: String,
    /// The format that was read.
    pub format: String,
    /// As asked for.
    pub options: PrepareOptions,
    /// Kind of the masks.
    pub masks: MaskKind,
    /// Source images in train, val, test and without mask.
    pub images: [usize; 4],
    /// Files in `image/`: images or patches.
    pub files: usize,
    /// Different groups of the labelled images.
    pub groups: usize,
    /// What became of the outlines, over all images.
    pub outlines: DrawCounts,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Kind of the masks that are written.
fn kind(source: &dyn Source, options: &PrepareOptions) -> Result<MaskKind> {
    match (options.binary, source.kind()) {
        (true, MaskKind::Classes(_)) => {
            let reason = "the masks tell classes; make masks of one class with --class instead";
            Err(Error::config("--binary", "given", reason))
        }
        (true, MaskKind::Binary) => Err(Error::config("--binary", "given", "would do nothing: the masks are binary")),
        (true, MaskKind::Instances) => Ok(MaskKind::Binary),
        (false, kind) => Ok(kind),
    }
}

/// Turns through JPEG of images with and without a mask.
fn jpegs(source: &dyn Source, options: &PrepareOptions) -> Result<[u32; 2]> {
    if !options.published_images {
        return Ok([0; 2]);
    }
    source.published_jpegs().ok_or_else(|| {
        let reason = format!("nothing is published of the format {}; remove it", source.format());
        Error::config("--published-images", "given", reason)
    })
}

/// Reads every image of `source` and writes the data set into `options.out`:
///
/// | file | content |
/// |---|---|
/// | `image/`, `mask/` | PNG files of the same names |
/// | `unlabelled/` | PNG files of images without a mask, and of those that a published split trains without labels |
/// | `index.csv` | image, mask, group, split, and what else is known |
/// | `dataset.toml` | the `[data]` table that reads it |
/// | `preview.png` | some images with their outlines |
/// | `manifest.json` | options, counts and notes |
///
/// # Errors
/// [`Error::Cancelled`] after `cancel`; every fault of the source's files, by name. Nothing is left in either case.
pub fn prepare(
    source: &dyn Source,
    options: &PrepareOptions,
    cancel: &CancellationToken,
    tell: &mut dyn FnMut(Progress),
) -> Result<Report> {
    check(options)?;
    let kind = kind(source, options)?;
    let jpegs = jpegs(source, options)?;
    let mut entries = source.entries().to_vec();
    let known = options.table.as_ref().map(|columns| table::apply(columns, &mut entries)).transpose()?;
    let Assignment { parts, divided, notes } = split::assign(source, &entries, options)?;
    let mut notes = [source.notes(), notes].concat();
    if !source.knows_groups() && options.table.as_ref().is_none_or(|columns| columns.group.is_none()) {
        notes.push("each image is a group of its own: name the patients with --index and --group-column".into());
    }
    notes.iter().for_each(|note| tell(Progress::Note(note.clone())));
    let attempt = Attempt::begin(&options.out, options.force)?;
    let mut writer = Writer::new(attempt.folder(), kind.clone(), options.patches, options.published_images)?;
    let mut preview = preview::Preview::new(&parts);
    let mut outlines = DrawCounts::default();
    for (number, entry) in entries.iter().enumerate() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut read = source.read(number)?;
        let from_table = known.as_ref().and_then(|mpps| mpps[number]);
        read.mpp = options.mpp.or(from_table).or(read.mpp);
        outlines.add(read.counts);
        let times = jpegs[usize::from(!matches!(parts[number], Part::Labelled(_)))];
        read.image = published_jpeg::image(read.image, times)?;
        match parts[number] {
            Part::Labelled(split) => {
                preview.add(number, &read, &kind);
                writer.labelled(entry, split, &read)?;
            }
            Part::Unlabelled => writer.unlabelled(entry, &read.image)?,
        }
        tell(Progress::Image { done: number + 1, total: entries.len() });
    }
    let after = [outline_notes(&outlines), writer.notes()].concat();
    after.iter().for_each(|note| tell(Progress::Note(note.clone())));
    notes.extend(after);
    preview.write(&attempt.file("preview.png"))?;
    let files = writer.finish(&options.out, divided)?;
    let report = Report {
        program: format!("slidestream {}", env!("CARGO_PKG_VERSION")),
        format: source.format().to_owned(),
        options: options.clone(),
        masks: kind,
        images: split::counts(&parts),
        files,
        groups: split::groups(&entries, &parts),
        outlines,
        notes,
    };
    let manifest = serde_json::to_vec_pretty(&report).map_err(Error::compute("writing the manifest"))?;
    match attempt.commit(&manifest)? {
        Outcome::Committed => Ok(report),
        Outcome::LostRace => {
            let reason = "was made by another run meanwhile; that one stands";
            Err(Error::config("--out", options.out.display(), reason))
        }
    }
}

fn check(options: &PrepareOptions) -> Result<()> {
    for (name, share) in
        [("--val", options.val), ("--test", options.test), ("--val + --test", options.val + options.test)]
    {
        if !(0.0..=0.9).contains(&share) {
            return Err(Error::config(name, share, "must lie between 0 and 0.9"));
        }
    }
    if let Some(mpp) = options.mpp.filter(|mpp| !(0.01..=100.0).contains(mpp)) {
        return Err(Error::config("--mpp", mpp, "use micrometres per pixel, from 0.01 to 100"));
    }
    if let Some(PatchGrid { edge, stride }) = options.patches
        && (edge < 16 || stride == 0)
    {
        let reason = "a patch has 16 pixels at least, and a stride of 1 at least";
        return Err(Error::config("--patches", format!("{edge} with a stride of {stride}"), reason));
    }
    if options.force && options.out.exists() && !is_complete(&options.out) {
        let reason =
            "--force replaces a data set, but this holds no manifest.json; move it away or name another folder";
        return Err(Error::config("--out", options.out.display(), reason));
    }
    Ok(())
}

/// Refuses an output folder that is, holds or lies in one of the inputs.
///
/// # Errors
/// [`Error::Config`] naming both; [`Error::Io`] if an input is not there.
pub fn keep_apart(out: &Path, inputs: &[PathBuf]) -> Result<()> {
    for input in inputs {
        let found = input.canonicalize().map_err(Error::io("open", input))?;
        // What is not there yet is told by the nearest folder that is.
        let mut place = std::path::absolute(out).map_err(Error::io("read", out))?;
        let mut rest = Vec::new();
        while !place.exists() {
            let Some(name) = place.file_name().map(ToOwned::to_owned) else { break };
            rest.push(name);
            place.pop();
        }
        let mut place = place.canonicalize().map_err(Error::io("open", out))?;
        place.extend(rest.into_iter().rev());
        if found.starts_with(&place) || (found.is_dir() && place.starts_with(&found)) {
            let reason = format!("and the input {} lie in each other; name a folder elsewhere", input.display());
            return Err(Error::config("--out", out.display(), reason));
        }
    }
    Ok(())
}

/// One line for each thing that happened to outlines and that nobody asked for.
fn outline_notes(counts: &DrawCounts) -> Vec<String> {
    let lines = [
        (counts.clipped, "outlines reach beyond their image and were cut at its edge"),
        (counts.left_out, "outlines lie wholly outside or have fewer than three corners and were left out"),
        (counts.without_pixels, "outlines hold no pixel centre and are in no mask"),
        (counts.covered, "objects are covered by smaller ones and are in no mask"),
        (counts.contested_px, "pixels lie in several outlines; objects: the smallest has it, classes: the last"),
    ];
    lines.into_iter().filter(|(count, _)| *count > 0).map(|(count, text)| format!("{count} {text}")).collect()
}
