//! From one tile's prediction to objects and classes, and from tiles to the slide.

use super::manifest::InputRecord;
use crate::config::{ClassRole, ModelPackage, Task};
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::grid::TilePlan;
use crate::stitch::objects::{Candidate, ObjectStitcher, Run};
use crate::tile::{ClassBlock, Object, Outline, ProbabilityMaps, Tile, TileSpec};
use crate::vectorize::contour::trace;
use crate::vectorize::measure::measure;
use crate::vectorize::simplify::simplify;
use crate::vectorize::watershed::instances_within;
use image::RgbImage;
use std::sync::Arc;
use uuid::Uuid;

/// What has become final.
#[derive(Debug, Default)]
pub(super) struct Final {
    pub objects: Vec<Object>,
    pub block: Option<ClassBlock>,
}

/// What one tile answers for.
#[derive(Debug)]
pub(super) struct Found {
    candidates: Vec<Candidate>,
    block: ClassBlock,
}

/// Finds objects in single tiles; shared by all threads that do.
pub(super) struct Finder {
    model: ModelPackage,
    plan: Arc<TilePlan>,
    /// Micrometres per level-0 pixel.
    mpp: f64,
    /// Of the slide and the model: what makes ids.
    identity: Uuid,
    density: [f64; 256],
}

/// Joins tiles in plan order.
pub(super) struct Joiner {
    stitcher: ObjectStitcher,
}

/// Sums over an object's pixels.
#[derive(Debug, Clone, Default)]
struct Sums {
    runs: Vec<Run>,
    pixels: f64,
    x: f64,
    y: f64,
    /// Optical density of red, green and blue.
    density: [f64; 3],
    /// Probability of each class.
    classes: Vec<f64>,
}

impl Finder {
    /// For a slide and a plan of it.
    ///
    /// # Errors
    /// [`Error::Model`] for a task that is not `instances`.
    pub fn new(model: &ModelPackage, input: &InputRecord, plan: Arc<TilePlan>, mpp: f64) -> Result<Self> {
        if model.task != Task::Instances {
            let reason = "its task is `regions`; this version finds single objects only (`instances`)";
            return Err(Error::model(&model.name, reason));
        }
        let name = format!("{}\n{}", input.quickhash, model.weights.sha256);
        let identity = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
        let density = std::array::from_fn(|value| -((value as f64 + 1.0) / 256.0).log10());
        Ok(Self { model: model.clone(), plan, mpp, identity, density })
    }

    /// The objects whose centroids lie in the tile's core, and the class of each pixel of the core.
    pub fn find(&self, tile: &Tile, maps: &ProbabilityMaps) -> Result<Found> {
        let (spec, size) = (&tile.spec, Size::new(maps.width, maps.height));
        let ModelPackage { classes, postprocessing: post, input, .. } = &self.model;
        let on_slide = self.on_slide(spec);
        let map = instances_within(maps, classes, post, input.mpp, on_slide);
        let sums = self.sums(&map.labels, map.count, maps, &tile.rgb, spec);
        let class_of: Vec<usize> = sums.iter().map(|sums| self.likeliest(sums)).collect();

        let mut candidates = Vec::new();
        // One outline each: objects are connected by edges.
        for (label, outline) in trace(&map.labels, size) {
            let index = label as usize - 1;
            let sums = &sums[index];
            let centroid = [sums.x / sums.pixels, sums.y / sums.pixels];
            if spec.core.contains(centroid[0], centroid[1]) {
                let object = self.object(spec, &outline, sums, class_of[index], centroid);
                candidates.push(Candidate { object, runs: sums.runs.clone() });
            }
        }
        Ok(Found { candidates, block: self.block(spec, size, &map.labels, &class_of) })
    }

    /// Columns and rows of the tile that lie on the slide.
    fn on_slide(&self, spec: &TileSpec) -> [std::ops::Range<u32>; 2] {
        match self.plan.clip(spec.tile) {
            None => [0..0, 0..0],
            Some(part) => {
                let (x, y) = ((part.x - spec.tile.x) as u32, (part.y - spec.tile.y) as u32);
                [x..x + part.width, y..y + part.height]
            }
        }
    }

    fn sums(&self, labels: &[u32], count: u32, maps: &ProbabilityMaps, rgb: &RgbImage, spec: &TileSpec) -> Vec<Sums> {
        let empty = Sums { classes: vec![0.0; maps.classes], ..Default::default() };
        let mut sums = vec![empty; count as usize];
        let width = maps.width as usize;
        let pixels = rgb.as_raw().as_chunks::<3>().0;
        for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            let sums = &mut sums[label as usize - 1];
            let (x, y) = (spec.tile.x + (i % width) as i64, spec.tile.y + (i / width) as i64);
            sums.pixels += 1.0;
            sums.x += x as f64 + 0.5;
            sums.y += y as f64 + 0.5;
            for (sum, value) in sums.density.iter_mut().zip(pixels[i]) {
                *sum += self.density[value as usize];
            }
            for (class, sum) in sums.classes.iter_mut().enumerate() {
                *sum += f64::from(maps.plane(class)[i]);
            }
            match sums.runs.last_mut() {
                Some([last_y, _, to]) if i64::from(*last_y) == y && i64::from(*to) == x => *to += 1,
                _ => sums.runs.push([y as i32, x as i32, x as i32 + 1]),
            }
        }
        sums
    }

    /// The class of objects that the pixels speak for most.
    fn likeliest(&self, sums: &Sums) -> usize {
        let classes = self.model.classes.iter().enumerate().filter(|(_, class)| class.role == ClassRole::Object);
        let first_of_equal = |(class, _): &(usize, _)| (sums.classes[*class] as u64, std::cmp::Reverse(*class));
        classes.max_by_key(first_of_equal).map_or(0, |(class, _)| class)
    }

    fn object(&self, spec: &TileSpec, outline: &Outline, sums: &Sums, class: usize, centroid: [f64; 2]) -> Object {
        let scale = self.plan.scale;
        let measurements = measure(outline, scale.to_base(self.mpp), sums.density.map(|sum| sum / sums.pixels));
        let to_base = |[x, y]: [f64; 2]| [scale.to_base(x + spec.tile.x as f64), scale.to_base(y + spec.tile.y as f64)];
        let outline = simplify(&outline.map(to_base), self.model.postprocessing.simplify_px);
        let background = self.model.classes.iter().position(|class| class.role == ClassRole::Background);
        let not_background = 255.0 - background.map_or(0.0, |class| sums.classes[class]) / sums.pixels;
        Object {
            id: self.id(&outline),
            class,
            score: (not_background / 255.0) as f32,
            centroid: centroid.map(|v| scale.to_base(v)),
            outline,
            measurements,
        }
    }

    /// The same for the same slide, model and outline.
    fn id(&self, outline: &Outline) -> Uuid {
        let corners = outline.exterior.iter().flatten().flat_map(|v| v.to_le_bytes());
        Uuid::new_v5(&self.identity, &corners.collect::<Vec<u8>>())
    }

    fn block(&self, spec: &TileSpec, size: Size, labels: &[u32], class_of: &[usize]) -> ClassBlock {
        let (left, top) = ((spec.core.x - spec.tile.x) as usize, (spec.core.y - spec.tile.y) as usize);
        let background = self.model.classes.iter().position(|class| class.role == ClassRole::Background).unwrap_or(0);
        let class = |&label: &u32| match label {
            0 => background as u8,
            label => class_of[label as usize - 1] as u8,
        };
        let rows = labels.chunks_exact(size.width as usize).skip(top).take(spec.core.height as usize);
        let classes = rows.flat_map(|row| row[left..left + spec.core.width as usize].iter().map(class)).collect();
        ClassBlock { column: spec.column, row: spec.row, core: spec.core, classes }
    }
}

impl Joiner {
    /// Nothing has come yet.
    pub fn new(model: &ModelPackage) -> Self {
        Self { stitcher: ObjectStitcher::new(model.postprocessing.max_overlap) }
    }

    /// Takes the next tile of the plan.
    pub fn join(&mut self, spec: &TileSpec, found: Option<Found>) -> Final {
        match found {
            Some(Found { candidates, block }) => {
                Final { objects: self.stitcher.add(spec, candidates), block: Some(block) }
            }
            None => Final { objects: self.stitcher.add(spec, Vec::new()), block: None },
        }
    }

    /// What was still waiting for neighbours.
    pub fn finish(self) -> Final {
        Final { objects: self.stitcher.finish().0, block: None }
    }
}
