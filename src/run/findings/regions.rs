//! Regions: the class of each pixel is decided in its tile, everything else across tiles.

use super::{Final, Finder, Found, Means};
use crate::config::ModelPackage;
use crate::stitch::regions::{CoreMap, FinalCore, Limits, Region, Settled, Sums};
use crate::tile::{ClassBlock, Object, ProbabilityMaps, Tile};
use crate::vectorize::class_map::class_map;

/// Optical densities are summed in whole numbers of this unit.
const DENSITY_UNIT: f64 = 1.0 / (1 << 20) as f64;

impl Finder {
    /// The class map of the tile's core and the regions within it; what lies off the slide, or off the area if the model
    /// says so, is background.
    pub(super) fn find_regions(&self, tile: &Tile, maps: &ProbabilityMaps) -> Found {
        let spec = &tile.spec;
        let ModelPackage { classes, postprocessing: post, .. } = &self.model;
        let map = class_map(maps, classes, post.foreground_threshold);
        let density = self.density.map(|value| (value / DENSITY_UNIT).round() as u32);
        let [columns, rows] = self.on_slide(spec.tile);
        let (left, top) = ((spec.core.x - spec.tile.x) as usize, (spec.core.y - spec.tile.y) as usize);
        let (width, edge) = (maps.width as usize, spec.core.width as usize);
        let mut core: Vec<Option<u8>> = vec![None; edge * edge];
        for (row, classes) in core.chunks_exact_mut(edge).enumerate() {
            let y = top + row;
            if !rows.contains(&(y as u32)) {
                continue;
            }
            let [from, to] = [columns.start, columns.end].map(|x| (x as usize).clamp(left, left + edge));
            let here = &mut classes[from - left..to - left];
            here.copy_from_slice(&map.classes[y * width + from..y * width + to]);
            if post.inside_area {
                let inside = |x: usize| self.is_inside(spec.tile.x + (from + x) as i64, spec.tile.y + y as i64);
                here.iter_mut().enumerate().filter(|(x, _)| !inside(*x)).for_each(|(_, class)| *class = None);
            }
        }
        let rgb = tile.rgb.as_raw().as_chunks::<3>().0;
        let limits = Limits::new(post, self.model.input.mpp);
        let mut core = CoreMap::new(spec, &core, limits, |run| {
            let (x, y, length) = (left + run.start % edge, top + run.start / edge, run.len());
            let pixels = y * width + x..y * width + x + length;
            let first = (spec.tile.x + x as i64) as u64;
            let mut sums = Sums {
                pixels: length as u64,
                x: (first..first + length as u64).sum(),
                y: (spec.tile.y + y as i64) as u64 * length as u64,
                probability: map.probability[pixels.clone()].iter().map(|&value| u64::from(value)).sum(),
                ..Sums::default()
            };
            for pixel in &rgb[pixels] {
                for (sum, &value) in sums.density.iter_mut().zip(pixel) {
                    *sum += u64::from(density[usize::from(value)]);
                }
            }
            sums
        });
        let complete = core.take_complete().iter().map(|region| self.region(region)).collect();
        Found::Regions { core: Box::new(core), complete }
    }

    /// What has become final, after the objects that were complete before.
    pub(super) fn settled(&self, mut objects: Vec<Object>, Settled { regions, cores }: Settled) -> Final {
        objects.extend(regions.iter().map(|region| self.region(region)));
        Final { objects, blocks: cores.into_iter().map(|core| self.core(core)).collect() }
    }

    fn region(&self, Region { class, sums, outline }: &Region) -> Object {
        let mean = |sum: u64| sum as f64 / sums.pixels as f64;
        let means = Means {
            centroid: [mean(sums.x) + 0.5, mean(sums.y) + 0.5],
            density: sums.density.map(|sum| mean(sum) * DENSITY_UNIT),
            score: mean(sums.probability) / 255.0,
        };
        self.object(outline, usize::from(*class), &means)
    }

    fn core(&self, FinalCore { spec, classes }: FinalCore) -> ClassBlock {
        let classes = classes.into_iter().map(|class| class.unwrap_or(self.background)).collect();
        ClassBlock { column: spec.column, row: spec.row, core: spec.core, classes }
    }
}
