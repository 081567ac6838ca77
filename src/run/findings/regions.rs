//! Regions: the class of each pixel is decided in its tile, everything else across tiles.

use super::{Final, Finder, Means};
use crate::config::ModelPackage;
use crate::stitch::regions::{CoreMap, FinalCore, Region, Settled, Sums};
use crate::tile::{ClassBlock, Object, ProbabilityMaps, Tile};
use crate::vectorize::class_map::class_map;

/// Optical densities are summed in whole numbers of this unit.
const DENSITY_UNIT: f64 = 1.0 / (1 << 20) as f64;

impl Finder {
    /// The class map of the tile's core; what lies off the slide, or off the area if the model says so, is background.
    pub(super) fn find_regions(&self, tile: &Tile, maps: &ProbabilityMaps) -> CoreMap {
        let spec = &tile.spec;
        let ModelPackage { classes, postprocessing: post, .. } = &self.model;
        let map = class_map(maps, classes, post.foreground_threshold);
        let density = self.density.map(|value| (value / DENSITY_UNIT).round() as u64);
        let [columns, rows] = self.on_slide(spec.tile);
        let (left, top) = ((spec.core.x - spec.tile.x) as usize, (spec.core.y - spec.tile.y) as usize);
        let (width, edge) = (maps.width as usize, spec.core.width as usize);
        let in_tile = |i: usize| (left + i % edge, top + i / edge);
        let class = |i: usize| {
            let (x, y) = in_tile(i);
            let on_slide = columns.contains(&(x as u32)) && rows.contains(&(y as u32));
            let outside = !on_slide || self.is_outside(spec.tile.x + x as i64, spec.tile.y + y as i64);
            if outside { None } else { map.classes[y * width + x] }
        };
        let core: Vec<Option<u8>> = (0..edge * edge).map(class).collect();
        let rgb = tile.rgb.as_raw().as_chunks::<3>().0;
        CoreMap::new(spec, &core, |i| {
            let (x, y) = in_tile(i);
            Sums {
                pixels: 1,
                x: (spec.tile.x + x as i64) as u64,
                y: (spec.tile.y + y as i64) as u64,
                density: rgb[y * width + x].map(|value| density[usize::from(value)]),
                probability: u64::from(map.probability[y * width + x]),
            }
        })
    }

    pub(super) fn settled(&self, Settled { regions, cores }: Settled) -> Final {
        let objects = regions.iter().map(|region| self.region(region)).collect();
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
