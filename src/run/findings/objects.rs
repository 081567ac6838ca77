//! Single objects: each lies whole in the tile whose core holds its centroid.

use super::{Finder, Found, Means};
use crate::config::{ClassRole, ModelPackage};
use crate::geometry::{Model, Rect};
use crate::stitch::objects::{Candidate, Run};
use crate::tile::{ClassBlock, ProbabilityMaps, Tile, TileSpec};
use crate::vectorize::contour::trace;
use crate::vectorize::watershed::instances_within;

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
    /// The objects whose centroids lie in the tile's core, and the class of each pixel of the core.
    pub(super) fn find_objects(&self, tile: &Tile, maps: &ProbabilityMaps) -> Found {
        let spec = &tile.spec;
        let near = spec.core.grown(self.margin);
        let (maps, size) = (&maps.part(spec.tile, near), near.size());
        let ModelPackage { classes, postprocessing: post, input, .. } = &self.model;
        let map = instances_within(maps, classes, post, input.mpp, self.on_slide(near));
        let sums = self.sums(&map.labels, map.count, maps, tile, near);
        let class_of: Vec<usize> = sums.iter().map(|sums| self.likeliest(sums)).collect();

        let mut candidates = Vec::new();
        // One outline each: objects are connected by edges.
        for (label, outline) in trace(&map.labels, size) {
            let index = label as usize - 1;
            let sums = &sums[index];
            let means = self.means(sums);
            if spec.core.contains(means.centroid[0], means.centroid[1]) {
                let outline = outline.map(|[x, y]| [x + near.x as f64, y + near.y as f64]);
                let object = self.object(&outline, class_of[index], &means);
                candidates.push(Candidate { object, runs: sums.runs.clone() });
            }
        }
        Found::Objects { candidates, block: self.block(spec, near, &map.labels, &class_of) }
    }

    /// Sums of each object of `labels`, which lie, as `maps` do, in the part `near` of the tile.
    fn sums(&self, labels: &[u32], count: u32, maps: &ProbabilityMaps, tile: &Tile, near: Rect<Model>) -> Vec<Sums> {
        let empty = Sums { classes: vec![0.0; maps.classes], ..Default::default() };
        let mut sums = vec![empty; count as usize];
        let (width, tile_width) = (near.width as usize, tile.spec.tile.width as usize);
        let (left, top) = ((near.x - tile.spec.tile.x) as usize, (near.y - tile.spec.tile.y) as usize);
        let pixels = tile.rgb.as_raw().as_chunks::<3>().0;
        for (row, labels) in labels.chunks_exact(width.max(1)).enumerate() {
            let (y, rgb) = (near.y + row as i64, &pixels[(top + row) * tile_width + left..][..width]);
            let mut column = 0;
            for run in labels.chunk_by(|a, b| a == b) {
                let from = column;
                column += run.len();
                if run[0] == 0 {
                    continue;
                }
                let sums = &mut sums[run[0] as usize - 1];
                let (first, length) = (near.x + from as i64, run.len() as f64);
                sums.pixels += length;
                sums.x += length * (first as f64 + length / 2.0);
                sums.y += length * (y as f64 + 0.5);
                for pixel in &rgb[from..column] {
                    for (sum, value) in sums.density.iter_mut().zip(pixel) {
                        *sum += self.density[usize::from(*value)];
                    }
                }
                for (class, sum) in sums.classes.iter_mut().enumerate() {
                    let values = &maps.plane(class)[row * width..][from..column];
                    *sum += values.iter().map(|&value| u32::from(value)).sum::<u32>() as f64;
                }
                sums.runs.push([y as i32, first as i32, first as i32 + run.len() as i32]);
            }
        }
        sums
    }

    fn means(&self, sums: &Sums) -> Means {
        let not_background = 255.0 - sums.classes[usize::from(self.background)] / sums.pixels;
        Means {
            centroid: [sums.x / sums.pixels, sums.y / sums.pixels],
            density: sums.density.map(|sum| sum / sums.pixels),
            score: not_background / 255.0,
        }
    }

    /// The class of objects that the pixels speak for most.
    fn likeliest(&self, sums: &Sums) -> usize {
        let classes = self.model.classes.iter().enumerate().filter(|(_, class)| class.role == ClassRole::Object);
        let first_of_equal = |(class, _): &(usize, _)| (sums.classes[*class] as u64, std::cmp::Reverse(*class));
        classes.max_by_key(first_of_equal).map_or(0, |(class, _)| class)
    }

    fn block(&self, spec: &TileSpec, near: Rect<Model>, labels: &[u32], class_of: &[usize]) -> ClassBlock {
        let (left, top) = ((spec.core.x - near.x) as usize, (spec.core.y - near.y) as usize);
        let class = |&label: &u32| match label {
            0 => self.background,
            label => class_of[label as usize - 1] as u8,
        };
        let rows = labels.chunks_exact(near.width as usize).skip(top).take(spec.core.height as usize);
        let classes = rows.flat_map(|row| row[left..left + spec.core.width as usize].iter().map(class)).collect();
        ClassBlock { column: spec.column, row: spec.row, core: spec.core, classes }
    }
}
