//! Regions across tiles: the class map of core after core, in plan order, becomes complete polygons with holes.
//!
//! ```text
//! class map of a core -> parts that lie within it ---------------------------------> regions
//!                     -> parts along its sides -> sieve (specks and pinholes) -> tracer -> regions
//! ```
//! What lies within a core is decided and traced in it alone, on any thread; only what touches its sides is joined here.
//! The polygons are those of the whole class map, exactly, whatever the size of the cores: their areas are pixel counts,
//! and seams leave no trace. Where no core comes there is background. What is held is the outlines of regions that are not
//! complete, two rows of pixels along the seams, and the cores that wait for the sieve's decision.

mod arcs;
mod decide;
mod forest;
mod frontier;
mod labels;
mod map;
mod sieve;
#[cfg(test)]
mod tests;
mod tracer;
mod window;

pub use map::{CoreMap, Sums};

use crate::config::Postprocessing;
use crate::geometry::{Rect, Size};
use crate::tile::{Outline, TileSpec};
use sieve::{Sieve, Sieved};
use tracer::{Core, Tracer};

/// What counts as a speck or a pinhole, in pixels of the class map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Regions of fewer pixels, filled holes included, are background.
    pub min_area_px: f64,
    /// Background up to so many pixels that one class surrounds is of this class.
    pub max_hole_px: f64,
}

impl Limits {
    /// Those of a model, for pixels of `mpp` micrometres.
    pub fn new(post: &Postprocessing, mpp: f64) -> Self {
        let pixels = |um2: f64| um2 / (mpp * mpp);
        Self { min_area_px: pixels(post.min_area_um2), max_hole_px: pixels(post.max_hole_um2) }
    }
}

/// Connected pixels of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Index of the class.
    pub class: u8,
    /// Over its pixels.
    pub sums: Sums,
    /// Model pixels of the slide; every ring begins at its first corner in raster order.
    pub outline: Outline,
}

/// The final classes of one core.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalCore {
    /// Where it lies.
    pub spec: TileSpec,
    /// Of each pixel of the core, row by row; none for background.
    pub classes: Vec<Option<u8>>,
}

/// What has become final.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// Complete regions.
    pub regions: Vec<Region>,
    /// Cores, in plan order.
    pub cores: Vec<FinalCore>,
}

/// Joins the cores of a plan; see the [module](self).
#[derive(Debug)]
pub struct RegionStitcher {
    sieve: Sieve,
    tracer: Tracer,
}

impl RegionStitcher {
    /// For cores of `core_px` pixels a side.
    ///
    /// # Panics
    /// If `core_px` is 0.
    pub fn new(core_px: u32, limits: Limits) -> Self {
        assert!(core_px > 0, "cores without pixels");
        Self { sieve: Sieve::new(core_px as usize, limits), tracer: Tracer::new(core_px as usize) }
    }

    /// Takes the next core of the plan. Cores that are left out, because there is no tissue or the tile failed, are
    /// background.
    pub fn add(&mut self, mut core: CoreMap) -> Settled {
        let mut settled = Settled { regions: core.take_complete(), cores: Vec::new() };
        for sieved in self.sieve.add(core) {
            self.trace(sieved, &mut settled);
        }
        settled
    }

    /// What was still waiting, after the last core.
    pub fn finish(mut self) -> Settled {
        self.end()
    }

    fn end(&mut self) -> Settled {
        let mut settled = Settled::default();
        for sieved in self.sieve.finish() {
            self.trace(sieved, &mut settled);
        }
        settled.regions.extend(self.tracer.finish());
        settled
    }

    fn trace(&mut self, sieved: Sieved, settled: &mut Settled) {
        let (area_of, areas) = sieved.areas();
        let Sieved { map, class_of } = sieved;
        let mut classes = Vec::with_capacity(map.spec.core.size().area() as usize);
        let stretches = map.spread(&class_of, &mut classes);
        settled.regions.extend(self.tracer.add(&Core {
            place: (map.spec.row, map.spec.column),
            classes: &classes,
            stretches: &stretches,
            sides: &map.sides,
            area_of: &area_of,
            areas: &areas,
        }));
        settled.cores.push(FinalCore { spec: map.spec, classes });
    }
}

/// The class map of a whole image (none for background) without specks and pinholes: what a slide's `classes.tif` would
/// have of it.
///
/// # Panics
/// Unless `classes` has `size.area()` entries.
pub fn without_specks(classes: &[Option<u8>], size: Size, limits: Limits) -> Vec<Option<u8>> {
    assert_eq!(classes.len() as u64, size.area(), "one class a pixel of {size}");
    let edge = size.width.max(size.height).max(1);
    let (width, padding) = (size.width as usize, (edge - size.width) as usize);
    let mut square = Vec::with_capacity(edge as usize * edge as usize);
    for row in classes.chunks_exact(width.max(1)) {
        square.extend_from_slice(row);
        square.extend(std::iter::repeat_n(None, padding));
    }
    square.resize(edge as usize * edge as usize, None);
    let core = Rect::new(0, 0, edge, edge);
    let spec = TileSpec { index: 0, column: 0, row: 0, tile: core, core };
    let sums = |run: std::ops::Range<usize>| Sums { pixels: run.len() as u64, ..Sums::default() };
    let mut sieve = Sieve::new(edge as usize, limits);
    let mut sieved = sieve.add(CoreMap::new(&spec, &square, limits, sums));
    sieved.extend(sieve.finish());
    let mut classes = Vec::with_capacity(square.len());
    sieved.iter().for_each(|Sieved { map, class_of }| drop(map.spread(class_of, &mut classes)));
    classes.chunks_exact(edge as usize).take(size.height as usize).flat_map(|row| row[..width].to_vec()).collect()
}
