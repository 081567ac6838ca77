//! Complete outlines from the class map of core after core.

use super::Region;
use super::arcs::OpenArcs;
use super::forest::Forest;
use super::frontier::{END, Edges, Frontier, Place};
use super::map::{Sides, Sums};
use super::window::{Pixel, Traced, Window};
use crate::tile::Outline;
use crate::vectorize::contour::{Corner, add_ring};
use std::ops::Range;

/// Follows the edges of every region, core by core, and gives a region out when its exterior has closed.
#[derive(Debug)]
pub(super) struct Tracer {
    edge: usize,
    areas: Forest<Area>,
    frontier: Frontier<Pixel>,
    arcs: OpenArcs,
    /// Nodes of the areas whose exteriors are closed, in the order of closing.
    closed: Vec<u64>,
}

/// A core whose classes are final, as far as other cores may add to it.
pub(super) struct Core<'a> {
    pub place: Place,
    /// Of each pixel, row by row.
    pub classes: &'a [Option<u8>],
    /// Pixels that follow each other, and the part that they are of.
    pub stretches: &'a [(Range<usize>, u32)],
    /// Parts along the sides.
    pub sides: &'a Sides<u32>,
    /// The area that a part belongs to; none for background.
    pub area_of: &'a [Option<u32>],
    /// Parts of one class that share edges, together: class and sums.
    pub areas: &'a [(u8, Sums)],
}

/// A region that is not complete.
#[derive(Debug)]
struct Area {
    class: u8,
    sums: Sums,
    /// Rings that are closed.
    outline: Outline,
}

impl Area {
    fn add(&mut self, mut other: Self) {
        self.sums.add(&other.sums);
        // The fewer move, so that each hole moves seldom; their order is made good in the end.
        if other.outline.holes.len() > self.outline.holes.len() {
            std::mem::swap(&mut self.outline, &mut other.outline);
        }
        self.outline.holes.append(&mut other.outline.holes);
        if self.outline.exterior.is_empty() {
            self.outline.exterior = other.outline.exterior;
        }
    }
}

impl Tracer {
    /// For cores of `edge` pixels a side.
    pub fn new(edge: usize) -> Self {
        Self {
            edge,
            areas: Forest::default(),
            frontier: Frontier::new(edge),
            arcs: OpenArcs::default(),
            closed: Vec::new(),
        }
    }

    /// Takes the next core. Gives the regions that are complete, but for those which the core had complete before.
    pub fn add(&mut self, core: &Core<'_>) -> Vec<Region> {
        let place = core.place;
        if self.frontier.begins_row(place) {
            let nodes = self.frontier.pixels().filter(|pixel| pixel.class.is_some()).map(|pixel| pixel.node);
            self.areas.sweep(nodes.chain(self.arcs.nodes()));
        }
        self.pass_gaps(place);
        // A core whose areas touch no side is no different from one that does not come.
        if !core.areas.is_empty() {
            let added = |&(class, sums): &(u8, Sums)| self.areas.add(Area { class, sums, outline: Outline::default() });
            let nodes: Vec<u64> = core.areas.iter().map(added).collect();
            let pixel = |part: u32| match core.area_of[part as usize] {
                Some(area) => Pixel { class: Some(core.areas[area as usize].0), node: nodes[area as usize] },
                None => Pixel::default(),
            };
            let sides = core.sides.map(pixel);
            self.join_seams(place, &sides);
            let stretches = core.stretches.iter().filter_map(|(range, part)| {
                core.area_of[*part as usize].map(|area| (range.clone(), nodes[area as usize]))
            });
            self.trace(place, core.classes, &sides, stretches);
            self.frontier.pass(place, Some(Edges { right: sides.right, bottom: sides.bottom }));
        }
        self.complete()
    }

    /// The regions that end with the last core.
    pub fn finish(&mut self) -> Vec<Region> {
        self.pass_gaps(END);
        debug_assert!(self.arcs.is_empty(), "every ring closes where no core comes");
        self.complete()
    }

    fn join_seams(&mut self, place: Place, sides: &Sides<Pixel>) {
        let margin = self.frontier.margin(place);
        let above = sides.top.iter().zip(&margin.above[1..=self.edge]);
        let beside = sides.left.iter().zip(&margin.beside);
        let mut last = None;
        for (own, other) in above.chain(beside) {
            // Along a seam the same two areas meet pixel after pixel.
            if let Some(other) = other
                && own.class.is_some()
                && own.class == other.class
                && last.replace((own.node, other.node)) != Some((own.node, other.node))
            {
                self.areas.unite(own.node, other.node, Area::add);
            }
        }
    }

    /// Follows the rings through the corners of a place; without classes there is background only.
    fn trace(
        &mut self,
        (row, column): Place,
        classes: &[Option<u8>],
        Sides { right, bottom, .. }: &Sides<Pixel>,
        stretches: impl IntoIterator<Item = (Range<usize>, u64)>,
    ) {
        let margin = self.frontier.margin((row, column));
        let known =
            |pixels: &[Option<Pixel>]| -> Vec<Pixel> { pixels.iter().map(|pixel| pixel.unwrap_or_default()).collect() };
        let (above, beside) = (known(&margin.above), known(&margin.beside));
        let edge = self.edge as i32;
        let (left, top) = (column as i32 * edge, row as i32 * edge);
        let window = Window { left, top, edge, classes, right, bottom, above: &above, beside: &beside };
        let Traced { arcs, rings } = window.trace(stretches);
        let closed: Vec<_> = arcs.into_iter().filter_map(|arc| self.arcs.add(arc)).chain(rings).collect();
        for ring in closed {
            if let Some(area) = self.areas.value(ring.node) {
                let open = area.outline.exterior.is_empty();
                add_ring(&mut area.outline, Vec::<Corner>::from(ring.corners), ring.touches_itself);
                if open && !area.outline.exterior.is_empty() {
                    self.closed.push(ring.node);
                }
            }
        }
    }

    fn pass_gaps(&mut self, to: Place) {
        for gap in self.frontier.gaps(to) {
            self.trace(gap, &[], &Sides::default(), []);
            self.frontier.pass(gap, None);
        }
    }

    /// Takes out the regions whose exteriors have closed: no core can come that has a part of them.
    fn complete(&mut self) -> Vec<Region> {
        let mut regions = Vec::with_capacity(self.closed.len());
        for node in std::mem::take(&mut self.closed) {
            if let Some(Area { class, sums, outline }) = self.areas.take(node) {
                regions.push(Region { class, sums, outline: in_raster_order(outline) });
            }
        }
        regions
    }

    /// Nodes and areas, corners of open arcs, and corners of closed rings that are held.
    #[cfg(test)]
    pub fn held(&self) -> [usize; 3] {
        let rings = self.areas.values().flat_map(|area| area.outline.rings());
        [self.areas.held(), self.arcs.corners(), rings.map(Vec::len).sum()]
    }
}

/// Every ring from its first corner in raster order, and the holes in the order of those: the same whatever the cores.
pub(super) fn in_raster_order(mut outline: Outline) -> Outline {
    let order = |a: &[f64; 2], b: &[f64; 2]| a[1].total_cmp(&b[1]).then(a[0].total_cmp(&b[0]));
    for ring in std::iter::once(&mut outline.exterior).chain(&mut outline.holes) {
        let first = ring.iter().enumerate().min_by(|(_, a), (_, b)| order(a, b)).map_or(0, |(at, _)| at);
        ring.rotate_left(first);
    }
    // Two holes may begin at one corner, where they touch; the next corner tells them apart.
    outline.holes.sort_by(|a, b| order(&a[0], &b[0]).then_with(|| order(&a[1], &b[1])));
    outline
}
