//! Outlines of labelled pixels by crack following: rings run along pixel edges, through pixel corners.
//!
//! Foreground is connected by edges, background by edges and corners. A ring keeps its pixels to the right and turns
//! right wherever it can, so where two pixels of one label touch only at a corner they stay apart; a ring that comes
//! back to such a corner is cut there into simple rings. The result is valid in the sense of OGC Simple Features:
//! rings are simple, touch each other in single points at most, and the inside is connected. The area is the number
//! of pixels exactly, and neighbours run through the same corners.

use super::pieces::{Connectivity, runs};
use crate::geometry::Size;
use crate::tile::{Outline, ring_area};
use std::collections::HashMap;
use std::ops::Range;

/// A pixel corner.
pub type Corner = [i32; 2];

/// Right, down, left, up: clockwise on the screen.
pub const STEPS: [Corner; 4] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/// The direction to turn to at a corner, for a ring that keeps its pixels to the right. `left` and `right` tell whether
/// the pixels ahead on that side belong to the ring's label.
pub fn turn(direction: usize, left: bool, right: bool) -> usize {
    match (left, right) {
        (_, false) => (direction + 1) % 4,
        (true, true) => (direction + 3) % 4,
        (false, true) => direction,
    }
}

/// Outlines of the pieces of `labels` (0, or `false`, is background), in raster order of their first pixels, each with its label.
/// A label whose pixels are not connected by edges gives several outlines. Coordinates are pixel corners:
/// `(0, 0)` to `(width, height)`.
///
/// # Panics
/// Unless `labels` has `size.area()` entries.
pub fn trace<T: PartialEq + Copy + Default>(labels: &[T], size: Size) -> Vec<(T, Outline)> {
    let background = T::default();
    let found = runs(labels, size, background, Connectivity::Four);
    let width = size.width as usize;
    let mut label_of = vec![background; found.count as usize];
    let mut stretches = Vec::new();
    for (y, row) in found.rows().enumerate() {
        for run in row {
            let range = y * width + run.from as usize..y * width + run.to as usize;
            label_of[run.number as usize - 1] = labels[range.start];
            stretches.push((range, run.number as usize - 1));
        }
    }
    let mut outlines = vec![Outline::default(); label_of.len()];
    trace_stretches(labels, size, stretches, &mut outlines);
    label_of.into_iter().zip(outlines).collect()
}

/// Adds the rings of some pieces of `labels` to their outlines. `stretches` are all pixels of these pieces, each a part of a
/// row with the number of its piece, in raster order; pieces are connected by edges.
///
/// # Panics
/// If a stretch or a number is out of range.
pub fn trace_stretches<T: PartialEq + Copy>(
    labels: &[T],
    size: Size,
    stretches: impl IntoIterator<Item = (Range<usize>, usize)>,
    outlines: &mut [Outline],
) {
    let width = size.width as usize;
    let tracer = Tracer { labels, width, height: size.height as usize };
    let mut top_edge_seen = Marks::new(labels.len());
    for (stretch, piece) in stretches {
        let label = labels[stretch.start];
        for start in stretch {
            // Every ring has a top edge that runs rightwards, with another label above.
            if start >= width && labels[start - width] == label || top_edge_seen.has(start) {
                continue;
            }
            let (ring, touches_itself) = tracer.follow(start, &mut top_edge_seen);
            add_ring(&mut outlines[piece], ring, touches_itself);
        }
    }
}

/// Outlines of the pieces of a mask; see [`trace`].
///
/// # Panics
/// Unless `mask` has `size.area()` entries.
pub fn trace_mask(mask: &[bool], size: Size) -> Vec<Outline> {
    trace(mask, size).into_iter().map(|(_, outline)| outline).collect()
}

/// A bit a pixel.
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    /// None of `pixels` is marked.
    pub fn new(pixels: usize) -> Self {
        Self(vec![0; pixels.div_ceil(64)])
    }

    /// Is this pixel marked?
    pub fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    /// Marks a pixel.
    pub fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }
}

/// Adds a traced ring to its piece's outline: as exterior if it runs clockwise, else as a hole. `touches_itself` says
/// that it may pass a corner twice; it is then cut there into simple rings.
pub fn add_ring(outline: &mut Outline, ring: Vec<Corner>, touches_itself: bool) {
    let rings = if touches_itself { cut_at_touches(ring) } else { vec![ring] };
    for ring in rings {
        let ring: Vec<[f64; 2]> = ring.iter().map(|&[x, y]| [f64::from(x), f64::from(y)]).collect();
        if ring_area(&ring) > 0.0 {
            debug_assert!(outline.exterior.is_empty(), "a piece connected by edges has one exterior");
            outline.exterior = ring;
        } else {
            outline.holes.push(ring);
        }
    }
}

/// Cuts a closed walk into rings that pass every corner once.
fn cut_at_touches(walk: Vec<Corner>) -> Vec<Vec<Corner>> {
    let mut rings = Vec::new();
    let mut open: Vec<Corner> = Vec::with_capacity(walk.len());
    let mut place: HashMap<Corner, usize> = HashMap::with_capacity(walk.len());
    for corner in walk {
        if let Some(&from) = place.get(&corner) {
            let ring = open.split_off(from);
            for passed in &ring {
                place.remove(passed);
            }
            rings.push(ring);
        }
        place.insert(corner, open.len());
        open.push(corner);
    }
    rings.push(open);
    rings
}

struct Tracer<'a, T> {
    labels: &'a [T],
    width: usize,
    height: usize,
}

impl<T: PartialEq + Copy> Tracer<'_, T> {
    fn is(&self, label: T, x: i32, y: i32) -> bool {
        x >= 0
            && y >= 0
            && (x as usize) < self.width
            && (y as usize) < self.height
            && self.labels[y as usize * self.width + x as usize] == label
    }

    /// Follows the ring that runs along the top edge of pixel `start`. Labels are enough to tell the piece's pixels: at a corner the
    /// walk meets pixels of another piece with its label only across the corner, where it turns away.
    fn follow(&self, start: usize, top_edge_seen: &mut Marks) -> (Vec<Corner>, bool) {
        let label = self.labels[start];
        let first = [(start % self.width) as i32, (start / self.width) as i32];
        let (mut corner, mut direction) = (first, 0);
        let (mut ring, mut touches_itself) = (Vec::new(), false);
        loop {
            if direction == 0 {
                top_edge_seen.set(corner[1] as usize * self.width + corner[0] as usize);
            }
            corner = [corner[0] + STEPS[direction][0], corner[1] + STEPS[direction][1]];
            let [[left_x, left_y], [right_x, right_y]] = pixels_ahead(corner, direction);
            let (left, right) = (self.is(label, left_x, left_y), self.is(label, right_x, right_y));
            touches_itself |= left && !right;
            let next = turn(direction, left, right);
            if next != direction {
                ring.push(corner);
            }
            direction = next;
            if corner == first && direction == 0 {
                return (ring, touches_itself);
            }
        }
    }
}

/// The pixels ahead of a corner, to the left and to the right of the direction of travel.
pub fn pixels_ahead([x, y]: Corner, direction: usize) -> [Corner; 2] {
    // Around the corner: north-west, north-east, south-east, south-west.
    let around = [[x - 1, y - 1], [x, y - 1], [x, y], [x - 1, y]];
    [around[(direction + 1) % 4], around[(direction + 2) % 4]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn mask(rows: &[&str]) -> (Vec<bool>, Size) {
        let pixels = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        (pixels, Size::new(rows[0].len() as u32, rows.len() as u32))
    }

    #[test]
    fn a_pixel_is_a_clockwise_square() {
        let outlines = trace_mask(&[true], Size::new(1, 1));
        assert_eq!(outlines.len(), 1);
        let corners = outlines[0].exterior.clone();
        assert_eq!(corners, [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
        assert_eq!(ring_area(&corners), 1.0);
    }

    #[test]
    fn a_hole_runs_the_other_way() {
        let (pixels, size) = mask(&["###", "#.#", "###"]);
        let outlines = trace_mask(&pixels, size);
        assert_eq!((outlines.len(), outlines[0].holes.len()), (1, 1));
        assert_eq!(ring_area(&outlines[0].holes[0]), -1.0);
        assert_eq!(outlines[0].area(), 8.0);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_are_two_outlines() {
        let (pixels, size) = mask(&["#.", ".#"]);
        assert_eq!(trace_mask(&pixels, size).len(), 2);
    }

    #[test]
    fn a_loop_closed_by_a_corner_has_a_hole_that_touches_the_exterior() {
        let (pixels, size) = mask(&["##.", "#.#", "###"]);
        let outlines = trace_mask(&pixels, size);
        assert_eq!(outlines.len(), 1);
        assert_eq!(outlines[0].holes.len(), 1, "the enclosed pixel is a hole: {outlines:?}");
        assert_eq!(outlines[0].area(), 7.0);
    }

    #[test]
    fn holes_that_touch_at_a_corner_are_two_rings() {
        let (pixels, size) = mask(&["####", "#.##", "##.#", "####"]);
        let outlines = trace_mask(&pixels, size);
        assert_eq!((outlines.len(), outlines[0].holes.len()), (1, 2));
    }

    #[test]
    fn an_empty_image_has_no_outlines() {
        assert!(trace::<u32>(&[], Size::new(0, 0)).is_empty());
        assert!(trace(&[0_u8; 6], Size::new(3, 2)).is_empty());
    }

    fn labels() -> impl Strategy<Value = (Vec<u32>, Size)> {
        (1u32..14, 1u32..14, 1u32..4).prop_flat_map(|(width, height, most)| {
            let pixels = proptest::collection::vec(0..=most, (width * height) as usize);
            (pixels, Just(Size::new(width, height)))
        })
    }

    proptest! {
        #[test]
        fn area_of_every_label_is_its_pixel_count((labels, size) in labels()) {
            let outlines = trace(&labels, size);
            for label in 1..4 {
                let pixels = labels.iter().filter(|&&l| l == label).count() as f64;
                let area: f64 = outlines.iter().filter(|(l, _)| *l == label).map(|(_, o)| o.area()).sum();
                prop_assert_eq!(pixels, area);
            }
        }

        #[test]
        fn rings_keep_only_corners_and_pass_each_once((labels, size) in labels()) {
            for (_, outline) in trace(&labels, size) {
                prop_assert!(ring_area(&outline.exterior) > 0.0);
                prop_assert!(outline.holes.iter().all(|hole| ring_area(hole) < 0.0));
                for ring in outline.rings() {
                    let corners: HashSet<[i64; 2]> = ring.iter().map(|p| [p[0] as i64, p[1] as i64]).collect();
                    prop_assert_eq!(corners.len(), ring.len());
                    for i in 0..ring.len() {
                        let (a, b, c) = (ring[i], ring[(i + 1) % ring.len()], ring[(i + 2) % ring.len()]);
                        prop_assert!((a[0] == b[0]) != (b[0] == c[0]), "only right angles");
                    }
                }
            }
        }
    }
}
