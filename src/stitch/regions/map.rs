//! The class map of one core, as parts.

use crate::tile::TileSpec;
use crate::vectorize::pieces::{Connectivity, Run, runs};
use std::iter::repeat_n;
use std::ops::Range;

/// What is summed over the pixels of a region. Whole numbers, so that the sum does not depend on the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Number of pixels.
    pub pixels: u64,
    /// Column of each pixel, model pixels of the slide.
    pub x: u64,
    /// Row of each pixel, model pixels of the slide.
    pub y: u64,
    /// Optical density of red, green and blue, in units of the caller's.
    pub density: [u64; 3],
    /// Probability of being no background, 255 for 1.
    pub probability: u64,
}

impl Sums {
    /// Adds those of other pixels.
    pub fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.x += other.x;
        self.y += other.y;
        self.probability += other.probability;
        for (sum, value) in self.density.iter_mut().zip(other.density) {
            *sum += value;
        }
    }
}

/// Connected pixels of one class within a core: objects by edges, background by edges and corners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// None for background.
    pub class: Option<u8>,
    pub sums: Sums,
}

/// The class map of one core, in few bytes: it may have to wait for others.
#[derive(Debug, Clone)]
pub struct CoreMap {
    pub(super) spec: TileSpec,
    pub(super) parts: Vec<Part>,
    /// Number of a part and how many pixels of it follow each other, row by row.
    pub(super) runs: Vec<(u32, u32)>,
    /// A part of background and a part of a class that share an edge.
    pub(super) borders: Vec<[u32; 2]>,
    pub(super) sides: Sides,
}

/// Numbers of the parts along the sides of a core.
#[derive(Debug, Clone, Default)]
pub(super) struct Sides {
    pub top: Vec<u32>,
    pub left: Vec<u32>,
    pub right: Vec<u32>,
    pub bottom: Vec<u32>,
}

impl CoreMap {
    /// The core of a tile, from the class of each of its pixels (none for background) and the sums of pixels that follow
    /// each other in one row.
    ///
    /// # Panics
    /// Unless the core is a square of `classes.len()` pixels.
    pub fn new(spec: &TileSpec, classes: &[Option<u8>], sums_of: impl Fn(Range<usize>) -> Sums) -> Self {
        let (size, edge) = (spec.core.size(), spec.core.width as usize);
        assert!(size.width == size.height && classes.len() == edge * edge, "{size} for {} classes", classes.len());
        let objects = runs(classes, size, None, Connectivity::Four);
        let background: Vec<bool> = classes.iter().map(Option::is_none).collect();
        let rest = runs(&background, size, false, Connectivity::Eight);
        let mut map = Self {
            spec: *spec,
            parts: vec![Part { class: None, sums: Sums::default() }; (objects.count + rest.count) as usize],
            runs: Vec::new(),
            borders: Vec::new(),
            sides: Sides::default(),
        };
        let mut above: Vec<Stretch> = Vec::new();
        for (y, (objects_here, rest_here)) in objects.rows().zip(rest.rows()).enumerate() {
            let row = stretches(objects_here, rest_here, objects.count);
            for stretch in &row {
                let from = y * edge + stretch.from as usize;
                let part = &mut map.parts[stretch.part as usize];
                part.class = classes[from];
                part.sums.add(&sums_of(from..y * edge + stretch.to as usize));
                let length = stretch.to - stretch.from;
                match map.runs.last_mut() {
                    Some((last, before)) if *last == stretch.part => *before += length,
                    _ => map.runs.push((stretch.part, length)),
                }
            }
            map.add_borders(&above, &row);
            map.add_sides(&row, y == 0, y + 1 == edge);
            above = row;
        }
        map.borders.sort_unstable();
        map.borders.dedup();
        map
    }

    /// Edges between background and objects within a row and between it and the one above.
    fn add_borders(&mut self, above: &[Stretch], row: &[Stretch]) {
        let mut border = |a: &Stretch, b: &Stretch| match (a.is_background, b.is_background) {
            (true, false) => self.borders.push([a.part, b.part]),
            (false, true) => self.borders.push([b.part, a.part]),
            _ => {}
        };
        row.windows(2).for_each(|pair| border(&pair[0], &pair[1]));
        let mut first = 0;
        for stretch in row {
            while above.get(first).is_some_and(|other| other.to <= stretch.from) {
                first += 1;
            }
            above[first..].iter().take_while(|other| other.from < stretch.to).for_each(|other| border(other, stretch));
        }
    }

    fn add_sides(&mut self, row: &[Stretch], is_top: bool, is_bottom: bool) {
        let whole = || row.iter().flat_map(|stretch| repeat_n(stretch.part, (stretch.to - stretch.from) as usize));
        if is_top {
            self.sides.top.extend(whole());
        }
        if is_bottom {
            self.sides.bottom.extend(whole());
        }
        self.sides.left.extend(row.first().map(|stretch| stretch.part));
        self.sides.right.extend(row.last().map(|stretch| stretch.part));
    }
}

/// Pixels of one part that follow each other in a row.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: u32,
    to: u32,
    part: u32,
    is_background: bool,
}

/// A row from end to end: background lies between the objects. Parts of background are numbered after `objects`.
fn stretches(objects_here: &[Run], rest_here: &[Run], objects: u32) -> Vec<Stretch> {
    let of = |run: &Run, part: u32, is_background: bool| Stretch { from: run.from, to: run.to, part, is_background };
    let mut row: Vec<Stretch> = objects_here.iter().map(|run| of(run, run.number - 1, false)).collect();
    row.extend(rest_here.iter().map(|run| of(run, objects + run.number - 1, true)));
    row.sort_unstable_by_key(|stretch| stretch.from);
    row
}
