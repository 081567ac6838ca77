//! Single objects: each lies whole in the tile whose core holds its centroid.

use super::{Finder, Found, Means};
use crate::config::{ClassRole, ModelPackage};
use crate::geometry::Size;
use crate::stitch::objects::{Candidate, Run};
use crate::tile::{ClassBlock, ProbabilityMaps, Tile, TileSpec};
use crate::vectorize::contour::trace;
use crate::vectorize::watershed::instances_within;
use image::RgbImage;

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
        let (spec, size) = (&tile.spec, Size::new(maps.width, maps.height));
        let ModelPackage { classes, postprocessing: post, input, .. } = &self.model;
        let map = instances_within(maps, classes, post, input.mpp, self.on_slide(spec));
        let sums = self.sums(&map.labels, map.count, maps, &tile.rgb, spec);
        let class_of: Vec<usize> = sums.iter().map(|sums| self.likeliest(sums)).collect();

        let mut candidates = Vec::new();
        // One outline each: objects are connected by edges.
        for (label, outline) in trace(&map.labels, size) {
            let index = label as usize - 1;
            let sums = &sums[index];
            let means = self.means(sums);
            if spec.core.contains(means.centroid[0], means.centroid[1]) {
                let outline = outline.map(|[x, y]| [x + spec.tile.x as f64, y + spec.tile.y as f64]);
                let object = self.object(&outline, class_of[index], &means);
                candidates.push(Candidate { object, runs: sums.runs.clone() });
            }
        }
        Found::Objects { candidates, block: self.block(spec, size, &map.labels, &class_of) }
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

    fn block(&self, spec: &TileSpec, size: Size, labels: &[u32], class_of: &[usize]) -> ClassBlock {
        let (left, top) = ((spec.core.x - spec.tile.x) as usize, (spec.core.y - spec.tile.y) as usize);
        let class = |&label: &u32| match label {
            0 => self.background,
            label => class_of[label as usize - 1] as u8,
        };
        let rows = labels.chunks_exact(size.width as usize).skip(top).take(spec.core.height as usize);
        let classes = rows.flat_map(|row| row[left..left + spec.core.width as usize].iter().map(class)).collect();
        ClassBlock { column: spec.column, row: spec.row, core: spec.core, classes }
    }
}
