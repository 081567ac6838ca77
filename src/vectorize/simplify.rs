//! Outlines with fewer corners that stay valid.
//!
//! A corner is removed if every corner dropped so far between its two neighbours stays within the tolerance of the new
//! edge, and if the triangle that the removal cuts off or adds holds no other corner of the outline: then no
//! edge can come to cross another (Visvalingam's triangles with the emptiness test of topology-preserving
//! simplification). Corners are removed in the order of their triangles' areas.

use crate::tile::Outline;
use rstar::{AABB, RTree, primitives::GeomWithData};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

type Point = [f64; 2];
type Indexed = GeomWithData<Point, usize>;

/// Fewest corners that a ring keeps.
const FEWEST: usize = 4;

/// The outline with corners removed, no dropped corner farther than `tolerance` (units of the outline's frame) from the
/// edge that replaces it. A valid outline stays valid; a tolerance of 0 changes nothing. Each outline is simplified by
/// itself, so neighbours may come to overlap or part by up to twice the tolerance.
pub fn simplify(outline: &Outline, tolerance: f64) -> Outline {
    if tolerance <= 0.0 {
        return outline.clone();
    }
    let mut rings = Rings::new(outline);
    let mut queue: BinaryHeap<Candidate> = (0..rings.corners.len()).map(|i| rings.candidate(i)).collect();
    while let Some(candidate) = queue.pop() {
        let i = candidate.corner;
        if rings.version[i] != candidate.version || !rings.removable(i, tolerance) {
            continue;
        }
        for neighbour in rings.remove(i) {
            queue.push(rings.candidate(neighbour));
        }
    }
    rings.outline()
}

/// A corner that may go, smallest triangle first.
#[derive(PartialEq)]
struct Candidate {
    area: f64,
    corner: usize,
    version: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.area.total_cmp(&self.area).then(other.corner.cmp(&self.corner))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All rings of an outline as linked corners.
struct Rings {
    corners: Vec<Point>,
    before: Vec<usize>,
    after: Vec<usize>,
    /// Raised when a corner's neighbours change; `u32::MAX` once it is removed.
    version: Vec<u32>,
    ring: Vec<usize>,
    left_in_ring: Vec<usize>,
    /// First and one past the last corner of each ring.
    span: Vec<(usize, usize)>,
    index: RTree<Indexed>,
}

impl Rings {
    fn new(outline: &Outline) -> Self {
        let (mut corners, mut span) = (Vec::new(), Vec::new());
        let (mut before, mut after, mut ring) = (Vec::new(), Vec::new(), Vec::new());
        for points in outline.rings() {
            let (from, to) = (corners.len(), corners.len() + points.len());
            corners.extend_from_slice(points);
            before.extend((from..to).map(|i| if i == from { to - 1 } else { i - 1 }));
            after.extend((from..to).map(|i| if i + 1 == to { from } else { i + 1 }));
            ring.extend(std::iter::repeat_n(span.len(), points.len()));
            span.push((from, to));
        }
        let index = RTree::bulk_load(corners.iter().enumerate().map(|(i, &p)| Indexed::new(p, i)).collect());
        let left_in_ring = span.iter().map(|(from, to)| to - from).collect();
        Self { version: vec![0; corners.len()], corners, before, after, ring, left_in_ring, span, index }
    }

    fn candidate(&self, i: usize) -> Candidate {
        let [a, b, c] = self.triangle(i);
        Candidate { area: cross(a, b, c).abs(), corner: i, version: self.version[i] }
    }

    fn triangle(&self, i: usize) -> [Point; 3] {
        [self.corners[self.before[i]], self.corners[i], self.corners[self.after[i]]]
    }

    fn removable(&self, i: usize, tolerance: f64) -> bool {
        if self.left_in_ring[self.ring[i]] <= FEWEST {
            return false;
        }
        let [a, b, c] = self.triangle(i);
        let (before, after) = (self.before[i], self.after[i]);
        let (from, to) = self.span[self.ring[i]];
        let mut dropped = before;
        loop {
            dropped = if dropped + 1 == to { from } else { dropped + 1 };
            if dropped == after {
                break;
            }
            if distance_to_edge(self.corners[dropped], a, c) > tolerance {
                return false;
            }
        }
        let low = [a[0].min(b[0]).min(c[0]), a[1].min(b[1]).min(c[1])];
        let high = [a[0].max(b[0]).max(c[0]), a[1].max(b[1]).max(c[1])];
        // Another ring's corner on one of the three points blocks as well: near a touch nothing is moved.
        !self
            .index
            .locate_in_envelope_intersecting(AABB::from_corners(low, high))
            .any(|other| ![before, i, after].contains(&other.data) && in_triangle(*other.geom(), a, b, c))
    }

    /// Removes a corner and returns its two neighbours.
    fn remove(&mut self, i: usize) -> [usize; 2] {
        let (before, after) = (self.before[i], self.after[i]);
        self.after[before] = after;
        self.before[after] = before;
        self.left_in_ring[self.ring[i]] -= 1;
        self.index.remove(&Indexed::new(self.corners[i], i));
        self.version[i] = u32::MAX;
        self.version[before] += 1;
        self.version[after] += 1;
        [before, after]
    }

    fn outline(&self) -> Outline {
        let kept = |&(from, to): &(usize, usize)| -> Vec<Point> {
            (from..to).filter(|&i| self.version[i] != u32::MAX).map(|i| self.corners[i]).collect()
        };
        let mut rings = self.span.iter().map(kept);
        Outline { exterior: rings.next().unwrap_or_default(), holes: rings.collect() }
    }
}

/// Twice the signed area of the triangle.
fn cross(a: Point, b: Point, c: Point) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Is the point in the triangle or on its rim?
fn in_triangle(p: Point, a: Point, b: Point, c: Point) -> bool {
    let sides = [cross(a, b, p), cross(b, c, p), cross(c, a, p)];
    !(sides.iter().any(|&s| s < 0.0) && sides.iter().any(|&s| s > 0.0))
}

fn distance_to_edge(p: Point, a: Point, b: Point) -> f64 {
    let (along, length) = ([b[0] - a[0], b[1] - a[1]], (b[0] - a[0]).hypot(b[1] - a[1]));
    if length == 0.0 {
        return (p[0] - a[0]).hypot(p[1] - a[1]);
    }
    let share = (((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / (length * length)).clamp(0.0, 1.0);
    (p[0] - a[0] - share * along[0]).hypot(p[1] - a[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::vectorize::contour::trace_mask;

    fn disc(radius: f64) -> Outline {
        let n = (2.0 * radius) as u32 + 4;
        let middle = f64::from(n) / 2.0;
        let inside = |i: u32| {
            let (x, y) = (f64::from(i % n) + 0.5 - middle, f64::from(i / n) + 0.5 - middle);
            x.hypot(y) < radius
        };
        let mask: Vec<bool> = (0..n * n).map(inside).collect();
        trace_mask(&mask, Size::new(n, n)).remove(0)
    }

    #[test]
    fn no_tolerance_changes_nothing() {
        let outline = disc(20.0);
        assert_eq!(simplify(&outline, 0.0), outline);
    }

    #[test]
    fn a_disc_loses_most_corners_and_little_area() {
        let outline = disc(40.0);
        let simple = simplify(&outline, 1.5);
        assert!(simple.exterior.len() * 2 < outline.exterior.len(), "{} corners", simple.exterior.len());
        assert!((simple.area() / outline.area() - 1.0).abs() < 0.02, "{} of {}", simple.area(), outline.area());
    }

    #[test]
    fn every_dropped_corner_is_within_the_tolerance_of_the_result() {
        let outline = disc(30.0);
        let simple = simplify(&outline, 1.5).exterior;
        for &corner in &outline.exterior {
            let edges = (0..simple.len()).map(|i| (simple[i], simple[(i + 1) % simple.len()]));
            let nearest = edges.map(|(a, b)| distance_to_edge(corner, a, b)).fold(f64::INFINITY, f64::min);
            assert!(nearest <= 1.5, "{corner:?} is {nearest} away");
        }
    }

    #[test]
    fn a_ring_never_falls_below_four_corners() {
        let square = trace_mask(&[true], Size::new(1, 1)).remove(0);
        assert_eq!(simplify(&square, 100.0), square);
    }
}
