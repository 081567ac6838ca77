//! The class map of one core: what can be decided within it, and the parts that wait for other cores.

use super::decide::{Decided, Fate, decide};
use super::labels::{Label, Labels, Stretch};
use super::tracer::in_raster_order;
use super::{Limits, Region};
use crate::tile::{Outline, TileSpec};
use crate::vectorize::contour::trace_stretches;
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

/// A part that other cores may add to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// None for background.
    pub class: Option<u8>,
    /// Of background that is too large for a pinhole the number of pixels only.
    pub sums: Sums,
}

/// The class map of one core, in few bytes: it may have to wait for others.
#[derive(Debug, Clone)]
pub struct CoreMap {
    pub(super) spec: TileSpec,
    /// What other cores decide about.
    pub(super) parts: Vec<Part>,
    /// Numbers of parts, and how many pixels of each follow each other, row by row. Numbers after those of the parts are
    /// of the classes in `decided`.
    runs: Vec<(u32, u32)>,
    decided: Vec<Option<u8>>,
    /// A part of background that may be a pinhole and a part of a class that share an edge.
    pub(super) borders: Vec<[u32; 2]>,
    pub(super) sides: Sides<u32>,
    pub(super) complete: Vec<Region>,
}

/// Along the sides of a core: numbers of parts, or pixels.
#[derive(Debug, Clone, Default)]
pub(super) struct Sides<P> {
    pub top: Vec<P>,
    pub left: Vec<P>,
    pub right: Vec<P>,
    pub bottom: Vec<P>,
}

impl CoreMap {
    /// The core of a tile, from the class of each of its pixels (none for background) and the sums of pixels that follow
    /// each other in one row.
    ///
    /// # Panics
    /// Unless the core is a square of `classes.len()` pixels.
    pub fn new(
        spec: &TileSpec,
        classes: &[Option<u8>],
        limits: Limits,
        sums_of: impl Fn(Range<usize>) -> Sums,
    ) -> Self {
        let (size, edge) = (spec.core.size(), spec.core.width);
        assert!(
            size.width == size.height && classes.len() as u64 == size.area(),
            "{size} for {} classes",
            classes.len()
        );
        let labels = Labels::of(classes, edge);
        let sides = Sides::of(&labels);
        let mut on_side = vec![false; labels.parts.len()];
        sides.all().for_each(|&part| on_side[part as usize] = true);
        let Decided { fates, open, classes: decided, complete, borders } = decide(&labels, &on_side, limits);
        let number = |part: u32| match fates[part as usize] {
            Fate::Open(part) => part,
            Fate::Settled(class) | Fate::Complete(_, class) => open.len() as u32 + class,
        };

        let mut parts: Vec<Part> = open.iter().map(|part| Part { class: part.class, sums: Sums::default() }).collect();
        let mut regions: Vec<Region> = complete.into_iter().map(Region::begun).collect();
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for stretch in &labels.stretches {
            match fates[stretch.part as usize] {
                Fate::Open(part) if open[part as usize].class.is_some() || limits.may_be_hole(open[part as usize]) => {
                    parts[part as usize].sums.add(&sums_of(stretch.range()));
                }
                Fate::Open(part) => parts[part as usize].sums.pixels += u64::from(stretch.len()),
                Fate::Settled(_) => {}
                Fate::Complete(region, _) => regions[region as usize].sums.add(&sums_of(stretch.range())),
            }
            let (number, length) = (number(stretch.part), stretch.len());
            match runs.last_mut() {
                Some((last, before)) if *last == number => *before += length,
                _ => runs.push((number, length)),
            }
        }
        let sides = sides.map(number);
        let mut map = Self { spec: *spec, parts, runs, decided, borders, sides, complete: regions };
        map.trace(&labels, &fates, classes);
        map
    }

    /// Regions that lie within the core and stay as they are whatever comes beside it. A caller who wants them before
    /// [`RegionStitcher::add`](super::RegionStitcher::add) gives them out takes them.
    pub fn take_complete(&mut self) -> Vec<Region> {
        std::mem::take(&mut self.complete)
    }

    /// The outlines of the complete regions. They share edges with background alone, so rings that follow classes stay with
    /// them, whatever becomes of open parts.
    fn trace(&mut self, labels: &Labels, fates: &[Fate], classes: &[Option<u8>]) {
        if self.complete.is_empty() {
            return;
        }
        let mut classes = classes.to_vec();
        let mut stretches = Vec::new();
        for stretch in &labels.stretches {
            match fates[stretch.part as usize] {
                Fate::Open(_) => {}
                Fate::Settled(class) => classes[stretch.range()].fill(self.decided[class as usize]),
                Fate::Complete(region, class) => {
                    classes[stretch.range()].fill(self.decided[class as usize]);
                    stretches.push((stretch.range(), region as usize));
                }
            }
        }
        let mut outlines = vec![Outline::default(); self.complete.len()];
        trace_stretches(&classes, self.spec.core.size(), stretches, &mut outlines);
        let [left, top] = [self.spec.column, self.spec.row].map(|at| f64::from(at) * f64::from(self.spec.core.width));
        for (region, outline) in self.complete.iter_mut().zip(outlines) {
            region.outline = in_raster_order(outline.map(|[x, y]| [x + left, y + top]));
        }
    }

    /// The places of pixels that follow each other and the part that they are of, for the open parts; the class of each
    /// pixel goes to `classes`.
    pub(super) fn spread(&self, class_of: &[Option<u8>], classes: &mut Vec<Option<u8>>) -> Vec<(Range<usize>, u32)> {
        let mut open = Vec::new();
        for &(number, length) in &self.runs {
            let from = classes.len();
            let class = match class_of.get(number as usize) {
                Some(&class) => {
                    open.push((from..from + length as usize, number));
                    class
                }
                None => self.decided[number as usize - class_of.len()],
            };
            classes.resize(from + length as usize, class);
        }
        open
    }
}

impl Limits {
    /// Is it background that may be filled?
    pub(super) fn may_be_hole(&self, part: Label) -> bool {
        part.class.is_none() && f64::from(part.pixels) <= self.max_hole_px
    }
}

impl Region {
    fn begun(class: u8) -> Self {
        Self { class, sums: Sums::default(), outline: Outline::default() }
    }
}

impl Sides<u32> {
    fn of(labels: &Labels) -> Self {
        let whole = |row: Option<&[Stretch]>| -> Vec<u32> {
            let row = row.unwrap_or_default().iter();
            row.flat_map(|stretch| repeat_n(stretch.part, stretch.len() as usize)).collect()
        };
        let end = |of: fn(&[Stretch]) -> Option<&Stretch>| -> Vec<u32> {
            labels.rows().filter_map(of).map(|stretch| stretch.part).collect()
        };
        Self {
            top: whole(labels.rows().next()),
            left: end(<[Stretch]>::first),
            right: end(<[Stretch]>::last),
            bottom: whole(labels.rows().next_back()),
        }
    }
}

impl<P> Sides<P> {
    /// Everything along them.
    fn all(&self) -> impl Iterator<Item = &P> {
        self.top.iter().chain(&self.left).chain(&self.right).chain(&self.bottom)
    }

    /// Other things in the places of these.
    pub fn map<Q>(&self, of: impl Fn(P) -> Q) -> Sides<Q>
    where
        P: Copy,
    {
        let side = |side: &[P]| side.iter().map(|&item| of(item)).collect();
        Sides { top: side(&self.top), left: side(&self.left), right: side(&self.right), bottom: side(&self.bottom) }
    }
}
