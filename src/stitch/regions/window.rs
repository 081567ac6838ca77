//! The rings of one core, cut where they leave it.

use super::arcs::{Arc, Crack};
use crate::vectorize::contour::{Corner, Marks, STEPS, pixels_ahead, turn};
use std::collections::VecDeque;
use std::ops::Range;

/// A pixel's class, none for background, and the node of its area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pixel {
    pub class: Option<u8>,
    pub node: u64,
}

/// The pixels around the corners that one core owns: those whose lower right pixel is the core's. So every corner of the
/// slide has one owner, and all four pixels around it are known when its owner comes: the core's own, and the last row
/// and column of the cores above and to the left.
pub(super) struct Window<'a> {
    /// Of the core's first pixel.
    pub left: i32,
    /// Of the core's first pixel.
    pub top: i32,
    /// Pixels along each side of the core.
    pub edge: i32,
    /// Of the core's pixels, row by row; empty for a core that is all background.
    pub classes: &'a [Option<u8>],
    /// The core's pixels along its right side; empty as above.
    pub right: &'a [Pixel],
    /// The core's pixels along its lower side; empty as above.
    pub bottom: &'a [Pixel],
    /// The row above the core, from one pixel to the left of it: `edge + 1` pixels at least.
    pub above: &'a [Pixel],
    /// The column to the left of the core: `edge` pixels.
    pub beside: &'a [Pixel],
}

/// What a core has of rings.
#[derive(Default)]
pub(super) struct Traced {
    /// With open ends outside the core.
    pub arcs: Vec<Arc>,
    /// Closed within the core; head and tail mean nothing.
    pub rings: Vec<Arc>,
}

impl Window<'_> {
    /// Every arc and ring through the corners that the core owns, for the areas that `stretches` are of: pixels of the core
    /// that follow each other, with a node of their area.
    pub fn trace(&self, stretches: impl IntoIterator<Item = (Range<usize>, u64)>) -> Traced {
        let mut traced = Traced::default();
        let mut departed = Marks::new(self.classes.len());
        let (right, bottom) = (self.left + self.edge, self.top + self.edge);
        for y in self.top..bottom {
            self.enter(Crack { from: [self.left - 1, y], direction: 0 }, &mut departed, &mut traced);
            self.enter(Crack { from: [right, y], direction: 2 }, &mut departed, &mut traced);
        }
        for x in self.left..right {
            self.enter(Crack { from: [x, self.top - 1], direction: 1 }, &mut departed, &mut traced);
            self.enter(Crack { from: [x, bottom], direction: 3 }, &mut departed, &mut traced);
        }
        // What is left is closed here, and has a top edge that runs rightwards from a corner with a pixel below it.
        let edge = self.edge as usize;
        for (stretch, node) in stretches {
            let class = self.classes[stretch.start];
            for at in stretch {
                let above = at.checked_sub(edge).map_or_else(|| self.above[at + 1].class, |above| self.classes[above]);
                if above != class && !departed.has(at) {
                    let from = [self.left + (at % edge) as i32, self.top + (at / edge) as i32];
                    traced.rings.push(self.follow(Crack { from, direction: 0 }, class, node, &mut departed));
                }
            }
        }
        traced
    }

    /// The class of a pixel of the slide that is inside the window.
    fn class(&self, [x, y]: Corner) -> Option<u8> {
        let (x, y) = (x - self.left, y - self.top);
        if y < 0 {
            self.above[(x + 1) as usize].class
        } else if x < 0 {
            self.beside[y as usize].class
        } else {
            self.classes.get((y * self.edge + x) as usize).copied().flatten()
        }
    }

    /// A pixel of the slide that touches the core's sides, from without or within.
    fn side(&self, [x, y]: Corner) -> Pixel {
        let (x, y) = (x - self.left, y - self.top);
        let found = match () {
            () if y < 0 => self.above.get((x + 1) as usize),
            () if x < 0 => self.beside.get(y as usize),
            () if x + 1 == self.edge => self.right.get(y as usize),
            () => self.bottom.get(x as usize),
        };
        found.copied().unwrap_or_default()
    }

    fn enter(&self, crack: Crack, departed: &mut Marks, traced: &mut Traced) {
        let [left, right] = pixels_ahead(crack.from, crack.direction);
        let Pixel { class, node } = self.side(right);
        // Is there an edge of something to the right of this step?
        if class.is_some() && self.class(left) != class {
            traced.arcs.push(self.follow(crack, class, node, departed));
        }
    }

    fn owns(&self, [x, y]: Corner) -> bool {
        (self.left..self.left + self.edge).contains(&x) && (self.top..self.top + self.edge).contains(&y)
    }

    /// From a crack until the ring leaves the core or comes back to the crack. `departed` marks the owned corners that
    /// a ring has left rightwards.
    fn follow(&self, head: Crack, class: Option<u8>, node: u64, departed: &mut Marks) -> Arc {
        let mut arc = Arc { corners: VecDeque::new(), head, tail: head, node, touches_itself: false };
        loop {
            let Crack { from: [x, y], direction } = arc.tail;
            let corner = [x + STEPS[direction][0], y + STEPS[direction][1]];
            if !self.owns(corner) {
                return arc;
            }
            // Pixels of one class that share an edge are of one area, so classes decide as areas would.
            let [left, right] = pixels_ahead(corner, direction).map(|at| self.class(at) == class);
            arc.touches_itself |= left && !right;
            let next = turn(direction, left, right);
            if next != direction {
                arc.corners.push_back(corner);
            }
            if next == 0 && !self.classes.is_empty() {
                let [x, y] = [corner[0] - self.left, corner[1] - self.top];
                departed.set((y * self.edge + x) as usize);
            }
            arc.tail = Crack { from: corner, direction: next };
            if arc.tail == head {
                return arc;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core of 3 pixels a side at (10, 20), with background around it.
    fn traced(rows: [&str; 3], above: &str, beside: &str) -> Traced {
        let pixel = |byte: u8| Pixel { class: (byte != b'.').then_some(byte), node: 0 };
        let pixels: Vec<Pixel> = rows.iter().flat_map(|row| row.bytes().map(pixel)).collect();
        let classes: Vec<Option<u8>> = pixels.iter().map(|pixel| pixel.class).collect();
        let right: Vec<Pixel> = pixels.iter().skip(2).step_by(3).copied().collect();
        let (above, beside): (Vec<_>, Vec<_>) =
            (above.bytes().map(pixel).collect(), beside.bytes().map(pixel).collect());
        let (classes, right, bottom) = (&classes[..], &right[..], &pixels[6..]);
        let window = Window { left: 10, top: 20, edge: 3, classes, right, bottom, above: &above, beside: &beside };
        window.trace((0..9).filter(|&at| classes[at].is_some()).map(|at| (at..at + 1, 0)))
    }

    #[test]
    fn a_pixel_inside_is_a_ring_and_one_at_the_edge_an_arc() {
        let inside = traced(["a..", "...", "..."], "....", "...");
        assert_eq!((inside.arcs.len(), inside.rings.len()), (0, 1));
        assert_eq!(inside.rings[0].corners, [[11, 20], [11, 21], [10, 21], [10, 20]]);
        let cut = traced(["...", "...", "..a"], "....", "...");
        assert_eq!((cut.arcs.len(), cut.rings.len()), (1, 0), "only its upper left corner is the core's");
        assert_eq!(cut.arcs[0].corners, [[12, 22]]);
    }

    #[test]
    fn seams_are_no_corners() {
        let bar = traced(["...", "aaa", "..."], "....", ".a.");
        let corners: Vec<usize> = bar.arcs.iter().map(|arc| arc.corners.len()).collect();
        assert_eq!((corners, bar.rings.len()), (vec![0, 0], 0), "the upper and the lower edge pass straight through");
    }

    #[test]
    fn a_core_without_pixels_closes_what_touches_it() {
        let above = [None, Some(1), Some(1), None].map(|class| Pixel { class, node: 0 });
        let beside = [Pixel::default(); 3];
        let (classes, right, bottom) = (&[], &[], &[]);
        let empty = Window { left: 10, top: 20, edge: 3, classes, right, bottom, above: &above, beside: &beside };
        let Traced { arcs, rings } = empty.trace([]);
        assert_eq!((arcs.len(), rings.len()), (1, 0));
        assert_eq!(arcs[0].corners, [[12, 20], [10, 20]]);
    }
}
