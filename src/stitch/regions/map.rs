//! The class map of one core, as parts.

use crate::tile::TileSpec;
use crate::vectorize::pieces::{Connectivity, pieces};

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
    /// The core of a tile, from the class of each of its pixels (none for background) and what to sum of each.
    ///
    /// # Panics
    /// Unless the core is a square of `classes.len()` pixels.
    pub fn new(spec: &TileSpec, classes: &[Option<u8>], sums_of: impl Fn(usize) -> Sums) -> Self {
        let (size, edge) = (spec.core.size(), spec.core.width as usize);
        assert!(size.width == size.height && classes.len() == edge * edge, "{size} for {} classes", classes.len());
        let objects = pieces(classes, size, None, Connectivity::Four);
        let background: Vec<bool> = classes.iter().map(Option::is_none).collect();
        let rest = pieces(&background, size, false, Connectivity::Eight);
        let part_of = |i: usize| match objects.of_pixel[i] {
            0 => objects.count + rest.of_pixel[i] - 1,
            piece => piece - 1,
        };
        let mut parts = vec![Part { class: None, sums: Sums::default() }; (objects.count + rest.count) as usize];
        let (mut runs, mut borders): (Vec<(u32, u32)>, Vec<[u32; 2]>) = (Vec::new(), Vec::new());
        for (i, &class) in classes.iter().enumerate() {
            let number = part_of(i);
            let part = &mut parts[number as usize];
            part.class = class;
            part.sums.add(&sums_of(i));
            match runs.last_mut() {
                Some((last, length)) if *last == number => *length += 1,
                _ => runs.push((number, 1)),
            }
            let before = [(i % edge > 0).then(|| i - 1), i.checked_sub(edge)];
            for other in before.into_iter().flatten().filter(|&other| background[other] != background[i]) {
                let other = part_of(other);
                borders.push(if class.is_none() { [number, other] } else { [other, number] });
            }
        }
        borders.sort_unstable();
        borders.dedup();
        let side = |from: usize, step: usize| (0..edge).map(|n| part_of(from + n * step)).collect();
        let sides = Sides {
            top: side(0, 1),
            left: side(0, edge),
            right: side(edge - 1, edge),
            bottom: side(edge * (edge - 1), 1),
        };
        Self { spec: *spec, parts, runs, borders, sides }
    }
}
