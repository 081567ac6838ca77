//! From one tile's prediction to objects and classes, and from tiles to the slide.

mod objects;
mod regions;

use super::manifest::InputRecord;
use super::segment::Planned;
use crate::config::{ClassRole, ModelPackage, Task};
use crate::error::{Error, Result};
use crate::geometry::{Model, Rect};
use crate::grid::{TilePlan, TissueMask};
use crate::stitch::objects::{Candidate, ObjectStitcher};
use crate::stitch::regions::{CoreMap, Limits, RegionStitcher};
use crate::tile::{ClassBlock, Object, Outline, ProbabilityMaps, Tile, TileSpec};
use crate::vectorize::measure::measure;
use crate::vectorize::simplify::simplify;
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// What has become final.
#[derive(Debug, Default)]
pub(super) struct Final {
    pub objects: Vec<Object>,
    pub blocks: Vec<ClassBlock>,
}

/// What one tile answers for.
#[derive(Debug)]
pub(super) enum Found {
    Objects { candidates: Vec<Candidate>, block: ClassBlock },
    Regions { core: Box<CoreMap>, complete: Vec<Object> },
}

/// Finds objects in single tiles; shared by all threads that do.
pub(super) struct Finder {
    model: ModelPackage,
    plan: Arc<TilePlan>,
    /// What is looked at.
    area: Arc<TissueMask>,
    /// Micrometres per level-0 pixel.
    mpp: f64,
    /// Of the slide and the model: what makes ids.
    identity: Uuid,
    /// Optical density of each grey value.
    density: [f64; 256],
    /// Index of the background.
    background: u8,
    /// Pixels around a core in which objects are sought.
    margin: u32,
}

/// Joins tiles in plan order.
pub(super) struct Joiner<'a> {
    finder: &'a Finder,
    stitcher: Stitcher,
}

enum Stitcher {
    Objects(ObjectStitcher),
    Regions(Box<RegionStitcher>),
}

/// Means over an object's pixels.
struct Means {
    /// Centre of gravity, model pixels of the slide.
    centroid: [f64; 2],
    /// Optical density of red, green and blue.
    density: [f64; 3],
    /// Probability of the object, 0 to 1.
    score: f64,
}

impl Finder {
    /// For a slide and a plan of it.
    ///
    /// # Errors
    /// [`Error::Model`] for more classes than a byte can number.
    pub fn new(model: &ModelPackage, input: &InputRecord, planned: &Planned) -> Result<Self> {
        if model.classes.len() > 256 {
            let reason = format!("it has {} classes; 256 can be told apart in classes.tif", model.classes.len());
            return Err(Error::model(&model.name, reason));
        }
        let name = format!("{}\n{}", input.quickhash, model.weights.sha256);
        let identity = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
        let density = std::array::from_fn(|value| -((value as f64 + 1.0) / 256.0).log10());
        let background = model.classes.iter().position(|class| class.role == ClassRole::Background).unwrap_or(0) as u8;
        let margin = search_margin(model);
        let Planned { mpp, plan, area, .. } = planned.clone();
        Ok(Self { model: model.clone(), plan, area, mpp, identity, density, background, margin })
    }

    /// What the tile answers for: the objects whose centroids lie in its core, or the core's share of regions; and the
    /// class of each pixel of the core.
    pub fn find(&self, tile: &Tile, maps: &ProbabilityMaps) -> Result<Found> {
        Ok(match self.model.task {
            Task::Instances => self.find_objects(tile, maps),
            Task::Regions => self.find_regions(tile, maps),
        })
    }

    /// Joins what is found; nothing has come yet.
    pub fn joiner(&self) -> Joiner<'_> {
        let stitcher = match self.model.task {
            Task::Instances => Stitcher::Objects(ObjectStitcher::new(self.model.postprocessing.max_overlap)),
            Task::Regions => {
                let limits = Limits::new(&self.model.postprocessing, self.model.input.mpp);
                Stitcher::Regions(Box::new(RegionStitcher::new(self.model.core_px(), limits)))
            }
        };
        Joiner { finder: self, stitcher }
    }

    /// Columns and rows of `window` that lie on the slide, counted from its corner.
    fn on_slide(&self, window: Rect<Model>) -> [Range<u32>; 2] {
        match self.plan.clip(window) {
            None => [0..0, 0..0],
            Some(part) => {
                let (x, y) = ((part.x - window.x) as u32, (part.y - window.y) as u32);
                [x..x + part.width, y..y + part.height]
            }
        }
    }

    /// Does this pixel of the slide lie in the area that is looked at?
    fn is_inside(&self, x: i64, y: i64) -> bool {
        let base = |v: i64| self.plan.scale.to_base(v as f64 + 0.5);
        self.area.contains(base(x), base(y))
    }

    /// The object with an outline along pixel corners, in model pixels of the slide.
    fn object(&self, outline: &Outline, class: usize, means: &Means) -> Object {
        let scale = self.plan.scale;
        let measurements = measure(outline, scale.to_base(self.mpp), means.density);
        let on_base = outline.map(|point| point.map(|v| scale.to_base(v)));
        let outline = simplify(&on_base, self.model.postprocessing.simplify_px);
        let centroid = means.centroid.map(|v| scale.to_base(v));
        Object { id: self.id(&outline), class, score: means.score as f32, centroid, outline, measurements }
    }

    /// The same for the same slide, model and outline.
    fn id(&self, outline: &Outline) -> Uuid {
        let corners = outline.exterior.iter().flatten().flat_map(|v| v.to_le_bytes());
        Uuid::new_v5(&self.identity, &corners.collect::<Vec<u8>>())
    }
}

/// Pixels around a core that can be part of an object whose centroid lies in it, or that the network sees as it would
/// in any other tile, whichever is more; at most the halo.
fn search_margin(ModelPackage { network, input, postprocessing: post, .. }: &ModelPackage) -> u32 {
    let Some(radius) = network.receptive_radius_px() else { return input.halo_px };
    let diameter = (2.0 * post.max_radius_um / input.mpp).ceil() as u32;
    input.halo_px.saturating_sub(radius).max(diameter).min(input.halo_px)
}

impl Joiner<'_> {
    /// Takes the next tile of the plan; none for a tile that failed.
    pub fn join(&mut self, spec: &TileSpec, found: Option<Found>) -> Result<Final> {
        Ok(match (&mut self.stitcher, found) {
            (Stitcher::Objects(stitcher), Some(Found::Objects { candidates, block })) => {
                Final { objects: stitcher.add(spec, candidates), blocks: vec![block] }
            }
            (Stitcher::Objects(stitcher), None) => {
                Final { objects: stitcher.add(spec, Vec::new()), blocks: Vec::new() }
            }
            (Stitcher::Regions(stitcher), Some(Found::Regions { core, complete })) => {
                self.finder.settled(complete, stitcher.add(*core))
            }
            (Stitcher::Regions(_), None) => Final::default(),
            _ => return Err(Error::Internal("objects and regions of one model".into())),
        })
    }

    /// What was still waiting for neighbours.
    pub fn finish(self) -> Final {
        match self.stitcher {
            Stitcher::Objects(stitcher) => Final { objects: stitcher.finish().0, blocks: Vec::new() },
            Stitcher::Regions(stitcher) => self.finder.settled(Vec::new(), stitcher.finish()),
        }
    }
}
