//! Slides with annotations drawn in QuPath: regions of the slide as images, the objects in them as masks.

use super::{Entry, Labelled, MaskKind, Source, files};
use crate::config::Labels;
use crate::data::geojson::{Annotation, AnnotationLimits, Annotations};
use crate::data::label_map::{DrawRules, Shape, draw_classes, draw_objects};
use crate::error::{Error, Result};
use crate::geometry::{Model, Rect, Scale};
use crate::slide::{self, Limits, SlideSource};
use crate::stream::resample::{self, Reduction};
use crate::tile::Outline;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pixels of one image at most: 10,000 x 10,000. Larger ones belong into several regions.
const MOST_PIXELS: u64 = 100_000_000;

/// A level counts as fine enough if it is coarser than the images by at most this share.
const TOLERANCE: f64 = 0.01;

/// What an annotation without a class is called.
const UNCLASSIFIED: &str = "unclassified";

/// Share of its bounding box that a rectangle must fill.
const RECTANGLE: f64 = 0.999;

/// How annotations become images and masks.
#[derive(Debug, Clone)]
pub struct QuPathOptions {
    /// Slides.
    pub slides: Vec<PathBuf>,
    /// GeoJSON file of the one slide, or folder with `STEM.geojson` for each.
    pub annotations: PathBuf,
    /// Classes whose annotations are objects; all that are no regions if empty. For masks of classes these are the levels
    /// from 1, and where several claim a pixel the later one has it.
    pub classes: Vec<String>,
    /// Annotations are regions if their class begins so, in capitals or not.
    pub region_class: String,
    /// Micrometres per pixel of the images; the slide's own without it.
    pub mpp: Option<f64>,
    /// Micrometres per pixel of slides that do not say so.
    pub slide_mpp: Option<f64>,
    /// Rim around the annotations where no region is drawn, in micrometres.
    pub margin_um: f64,
    /// Kind of the masks.
    pub labels: Labels,
}

/// Slides, their regions and the objects in them.
pub struct QuPath {
    entries: Vec<Entry>,
    crops: Vec<Crop>,
    slides: Vec<Annotated>,
    kind: MaskKind,
    notes: Vec<String>,
}

/// A slide with its objects.
struct Annotated {
    slide: Arc<dyn SlideSource>,
    path: PathBuf,
    objects: Vec<Annotation>,
    reduction: Reduction,
    /// Pixels of the images to level 0.
    scale: Scale,
    mpp: f64,
}

/// One image to be.
struct Crop {
    slide: usize,
    rect: Rect<Model>,
}

impl QuPath {
    /// Reads every annotation file and finds the regions; of the slides only the headers are read.
    ///
    /// # Errors
    /// Faults of slides and files by name; [`Error::BadFile`] naming the feature for a region that is no rectangle or too
    /// large, for objects of several classes that nobody chose from, or for a file without objects.
    pub fn open(options: &QuPathOptions) -> Result<Self> {
        let kind = MaskKind::of(options.labels, &options.classes)?;
        let mut found = Self { entries: vec![], crops: vec![], slides: vec![], kind, notes: vec![] };
        let mut stems = BTreeSet::new();
        for path in &options.slides {
            let stem = files::stem(path);
            if !stems.insert(stem.clone()) {
                return Err(Error::config("SLIDE", path.display(), "another slide has the same stem; rename one"));
            }
            let text = annotations_of(&stem, options)?;
            found.add(&stem, path, &text, options)?;
        }
        Ok(found)
    }

    fn add(&mut self, stem: &str, path: &Path, text: &Path, options: &QuPathOptions) -> Result<()> {
        let slide = slide::open(path, &Limits::default())?;
        let slide_mpp = slide::mpp(slide.as_ref(), options.slide_mpp)?;
        let mpp = options.mpp.unwrap_or(slide_mpp);
        let (reduction, scale) = reduction(slide.as_ref(), slide_mpp, mpp)?;
        let mut annotations = Annotations::read(text, &AnnotationLimits::default())?;
        annotations.check_inside(slide.info().size())?;
        self.notes.extend(annotations.notes.iter().map(|note| format!("{}: {note}", text.display())));
        let is_region = |feature: &Annotation| {
            let class = feature.class.as_deref().unwrap_or_default().to_lowercase();
            class.starts_with(&options.region_class.to_lowercase())
        };
        let (regions, objects): (Vec<_>, Vec<_>) = annotations.features.into_iter().partition(is_region);
        let objects = self.chosen(text, objects, options)?;
        let whole = Rect::<Model>::whole(scale.size_of(slide.info().size()));
        let mut rects = Vec::new();
        for region in &regions {
            for outline in &region.outlines {
                let at =
                    |reason: String| Error::bad_file(text, format!("feature {}, a region, {reason}", region.index));
                rects.push(rectangle(outline, scale, whole).map_err(at)?);
            }
        }
        if regions.is_empty() {
            let around = around(&objects, scale, options.margin_um / mpp, whole);
            let rect = around.map_err(|reason| Error::bad_file(text, reason))?;
            self.notes.push(format!(
                "{}: no annotation of class `{}`; one image around all objects, in which whatever is not annotated counts \
                 as background",
                text.display(),
                options.region_class
            ));
            rects.push(rect);
        }
        let slide_number = self.slides.len();
        let inside = |object: &Annotation| rects.iter().any(|rect| meets(object, scale, *rect));
        let outside = objects.iter().filter(|object| !inside(object)).count();
        if outside > 0 {
            self.notes.push(format!("{}: {outside} objects lie in no region and are in no mask", text.display()));
        }
        for (number, rect) in rects.into_iter().enumerate() {
            let (stem, group) = (format!("{stem}_r{:03}", number + 1), stem.to_owned());
            self.entries.push(Entry { stem, group, labelled: true, ..Entry::default() });
            self.crops.push(Crop { slide: slide_number, rect });
        }
        self.slides.push(Annotated { slide, path: text.to_owned(), objects, reduction, scale, mpp });
        Ok(())
    }

    /// Level of an object in masks of classes; 1 in others.
    fn level(&self, object: &Annotation) -> u32 {
        let MaskKind::Classes(names) = &self.kind else { return 1 };
        let class = object.class.as_deref().unwrap_or(UNCLASSIFIED);
        names.iter().position(|name| name == class).map_or(0, |at| at as u32 + 1)
    }

    /// The annotations that are objects.
    fn chosen(&mut self, text: &Path, objects: Vec<Annotation>, options: &QuPathOptions) -> Result<Vec<Annotation>> {
        let name = |object: &Annotation| object.class.clone().unwrap_or_else(|| UNCLASSIFIED.into());
        let there: BTreeSet<String> = objects.iter().map(name).collect();
        let list = || there.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(", ");
        if there.is_empty() {
            return Err(Error::bad_file(text, "holds regions but no objects; annotate the objects in them"));
        }
        if options.classes.is_empty() {
            if there.len() > 1 {
                let reason = format!(
                    "holds objects of the classes {}, and masks know one kind; choose with --class, more than once for several, or tell them apart with --labels classes",
                    list()
                );
                return Err(Error::bad_file(text, reason));
            }
            return Ok(objects);
        }
        let all = objects.len();
        let kept: Vec<Annotation> =
            objects.into_iter().filter(|object| options.classes.contains(&name(object))).collect();
        if kept.is_empty() {
            let reason = format!("holds no object of the classes chosen; it has {}", list());
            return Err(Error::bad_file(text, reason));
        }
        if kept.len() < all {
            let left_out = all - kept.len();
            self.notes.push(format!("{}: {left_out} objects of other classes were left out", text.display()));
        }
        Ok(kept)
    }
}

fn annotations_of(stem: &str, options: &QuPathOptions) -> Result<PathBuf> {
    let given = &options.annotations;
    if !given.is_dir() {
        if options.slides.len() > 1 {
            let reason = "is one file for several slides; name a folder with STEM.geojson for each";
            return Err(Error::config("--annotations", given.display(), reason));
        }
        return Ok(given.clone());
    }
    let names = ["geojson", "json", "geojson.gz"].map(|ending| given.join(format!("{stem}.{ending}")));
    let found = names.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| {
        let reason = format!("holds no `{stem}.geojson` for the slide `{stem}`");
        Error::config("--annotations", given.display(), reason)
    })
}

/// The level to read and how its pixels become those of the images: the coarsest that is not coarser.
fn reduction(slide: &dyn SlideSource, slide_mpp: f64, mpp: f64) -> Result<(Reduction, Scale)> {
    let ratio = mpp / slide_mpp;
    if !(ratio.is_finite() && ratio >= 1.0 - TOLERANCE) {
        let reason = format!("{} has {slide_mpp} µm per pixel and shows nothing finer", slide.path().display());
        return Err(Error::config("--mpp", mpp, reason));
    }
    let levels = slide.info().levels.iter().enumerate();
    let (level, info) = levels
        .rev()
        .find(|(_, info)| info.downsample <= ratio * (1.0 + TOLERANCE))
        .ok_or_else(|| Error::Internal(format!("{}: no level is as fine as level 0", slide.path().display())))?;
    Ok((Reduction { level: level as u32, ratio: ratio / info.downsample }, Scale::new(ratio)))
}

/// The image that a region becomes.
fn rectangle(outline: &Outline, scale: Scale, whole: Rect<Model>) -> Result<Rect<Model>, String> {
    let (low, high) = outline.bounds().ok_or("has no corners")?;
    let filled = outline.area() / ((high[0] - low[0]) * (high[1] - low[1]));
    if !outline.holes.is_empty() || filled < RECTANGLE {
        return Err(format!(
            "is no upright rectangle (it fills {:.1} % of its bounds): what lies beside it would count as background; draw a \
             rectangle",
            filled * 100.0
        ));
    }
    cut(low, high, scale, whole)
}

/// One image around all objects.
fn around(objects: &[Annotation], scale: Scale, margin: f64, whole: Rect<Model>) -> Result<Rect<Model>, String> {
    let all = objects.iter().flat_map(|object| &object.outlines).filter_map(Outline::bounds);
    let (low, high) = all
        .reduce(|(a, b), (c, d)| ([a[0].min(c[0]), a[1].min(c[1])], [b[0].max(d[0]), b[1].max(d[1])]))
        .ok_or("has no corners")?;
    let margin = scale.to_base(margin);
    cut(low.map(|value| value - margin), high.map(|value| value + margin), scale, whole)
        .map_err(|reason| format!("the image around all objects {reason}"))
}

fn cut(low: [f64; 2], high: [f64; 2], scale: Scale, whole: Rect<Model>) -> Result<Rect<Model>, String> {
    let pixel = |value: f64| scale.from_base(value).round() as i64;
    let ([left, top], [right, bottom]) = (low.map(pixel), high.map(pixel));
    let rect = Rect::new(left, top, (right - left).max(0) as u32, (bottom - top).max(0) as u32);
    let rect = rect.intersection(&whole).ok_or("is smaller than a pixel of the images")?;
    if rect.size().area() > MOST_PIXELS {
        return Err(format!("would be {} pixels, more than {MOST_PIXELS}; draw smaller regions", rect.size()));
    }
    Ok(rect)
}

/// Do the bounds of the object and the image have a part in common?
fn meets(object: &Annotation, scale: Scale, rect: Rect<Model>) -> bool {
    object.outlines.iter().filter_map(Outline::bounds).any(|(low, high)| {
        let ([left, top], [right, bottom]) = (low.map(|v| scale.from_base(v)), high.map(|v| scale.from_base(v)));
        left < rect.right() as f64 && right > rect.x as f64 && top < rect.bottom() as f64 && bottom > rect.y as f64
    })
}

impl Source for QuPath {
    fn format(&self) -> &'static str {
        "qupath"
    }

    fn kind(&self) -> MaskKind {
        self.kind.clone()
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize) -> Result<Labelled> {
        let Crop { slide, rect } = &self.crops[entry];
        let rect = *rect;
        let Annotated { slide, path, objects, reduction, scale, mpp } = &self.slides[*slide];
        let image = resample::read(slide.as_ref(), reduction, rect)?;
        let place = |[x, y]: [f64; 2]| [scale.from_base(x) - rect.x as f64, scale.from_base(y) - rect.y as f64];
        let shape = |object: &Annotation| Shape {
            place: format!("feature {}", object.index),
            outlines: object.outlines.iter().map(|outline| outline.map(place)).collect(),
        };
        let mut seen: Vec<&Annotation> = objects.iter().filter(|object| meets(object, *scale, rect)).collect();
        seen.sort_by_key(|object| self.level(object));
        let shapes: Vec<Shape> = seen.iter().copied().map(shape).collect();
        let rules = DrawRules { allow_outside: false, published: None };
        let levels: Vec<u32> = seen.iter().map(|object| self.level(object)).collect();
        let (labels, counts) = match self.kind {
            MaskKind::Instances => draw_objects(path, &shapes, rect.size(), rules)?,
            MaskKind::Binary | MaskKind::Classes(_) => draw_classes(path, &shapes, &levels, rect.size(), rules)?,
        };
        Ok(Labelled { image, labels, counts, mpp: Some(*mpp) })
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn knows_groups(&self) -> bool {
        true
    }

    fn published(&self) -> Result<[Vec<usize>; 2]> {
        let reason = "slides of your own have no published split; use --split groups, or official with --split-column";
        Err(Error::config("--split", "parity", reason))
    }
}
