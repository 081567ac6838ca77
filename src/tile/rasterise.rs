//! Polygons to runs of cells: every cell that has a part inside, or every cell whose centre is inside.

use super::Outline;
use crate::geometry::Size;

/// Cells that an edge must reach into a cell to touch it; an edge along a border touches neither side.
const TOUCH: f64 = 1e-6;

/// Calls `run(row, from, to)` for runs of cells `from..to` that together are exactly the cells of a raster of `size`
/// with a part inside `outline`, in units of cells, by the even-odd rule over all its rings. Runs may overlap.
pub fn touched(outline: &Outline, size: Size, mut run: impl FnMut(u32, u32, u32)) {
    let edges: Vec<[[f64; 2]; 2]> = outline.rings().flat_map(|ring| ring_edges(ring)).collect();
    for &[a, b] in &edges {
        along(a, b, size, &mut run);
    }
    inside(&edges, size, &mut run);
}

/// As [`touched`], but with the cells whose centre is inside `outline`. A centre on an edge belongs to the polygon to its
/// right or below, so polygons that share edges share no cell. Runs do not overlap.
pub fn centres(outline: &Outline, size: Size, mut run: impl FnMut(u32, u32, u32)) {
    let edges: Vec<[[f64; 2]; 2]> = outline.rings().flat_map(|ring| ring_edges(ring)).collect();
    inside(&edges, size, &mut run);
}

fn ring_edges(ring: &[[f64; 2]]) -> impl Iterator<Item = [[f64; 2]; 2]> + '_ {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| [*a, *b])
}

/// The cells that the edge from `a` to `b` passes through.
fn along(a: [f64; 2], b: [f64; 2], size: Size, run: &mut impl FnMut(u32, u32, u32)) {
    let ([x0, y0], [x1, y1]) = if a[1] <= b[1] { (a, b) } else { (b, a) };
    let (first, end) = cells(y0, y1, size.height);
    for row in first..end {
        let x_at = |y: f64| if y1 > y0 { x0 + (x1 - x0) * (y - y0) / (y1 - y0) } else { x0 };
        let (top, bottom) = (x_at(f64::from(row).max(y0)), x_at(f64::from(row + 1).min(y1)));
        // A level edge has no height to interpolate over.
        let (left, right) = if y1 > y0 { (top.min(bottom), top.max(bottom)) } else { (x0.min(x1), x0.max(x1)) };
        let (from, to) = cells(left, right, size.width);
        if from < to {
            run(row, from, to);
        }
    }
}

/// The cells whose centre is inside.
fn inside(edges: &[[[f64; 2]; 2]], size: Size, run: &mut impl FnMut(u32, u32, u32)) {
    // Edges enter at the first row whose centre they cross and leave after the last one.
    let centre_rows = |[a, b]: &[[f64; 2]; 2]| {
        let (top, bottom) = (a[1].min(b[1]), a[1].max(b[1]));
        let row = |y: f64| (y - 0.5).ceil().clamp(0.0, f64::from(size.height)) as u32;
        (row(top), row(bottom))
    };
    let mut waiting: Vec<(u32, u32, &[[f64; 2]; 2])> = edges
        .iter()
        .map(|edge| (centre_rows(edge), edge))
        .filter(|((first, end), _)| first < end)
        .map(|((first, end), edge)| (first, end, edge))
        .collect();
    waiting.sort_unstable_by_key(|(first, ..)| std::cmp::Reverse(*first));
    let mut active: Vec<(u32, &[[f64; 2]; 2])> = Vec::new();
    let mut crossings: Vec<f64> = Vec::new();
    let mut row = waiting.last().map_or(0, |(first, ..)| *first);
    while !(waiting.is_empty() && active.is_empty()) {
        while let Some((_, end, edge)) = waiting.pop_if(|(first, ..)| *first <= row) {
            active.push((end, edge));
        }
        active.retain(|(end, _)| *end > row);
        let y = f64::from(row) + 0.5;
        crossings.clear();
        crossings.extend(active.iter().map(|(_, [a, b])| a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1])));
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let column = |x: f64| (x - 0.5).ceil().clamp(0.0, f64::from(size.width)) as u32;
            let (from, to) = (column(pair[0]), column(pair[1]));
            if from < to {
                run(row, from, to);
            }
        }
        row += 1;
    }
}

/// The cells of an axis of `length` cells that the closed stretch from `from` to `to` reaches into.
fn cells(from: f64, to: f64, length: u32) -> (u32, u32) {
    let limit = f64::from(length);
    // A level stretch inside a cell touches it, one on a border touches nothing.
    let first = (from + TOUCH).floor().clamp(0.0, limit);
    let end = (to - TOUCH).ceil().clamp(0.0, limit);
    (first as u32, end as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn cells_of(outline: &Outline, size: Size) -> BTreeSet<(u32, u32)> {
        let mut found = BTreeSet::new();
        touched(outline, size, |row, from, to| found.extend((from..to).map(|column| (column, row))));
        found
    }

    fn even_odd(outline: &Outline, x: f64, y: f64) -> bool {
        let crosses =
            |[a, b]: [[f64; 2]; 2]| (a[1] > y) != (b[1] > y) && x < a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]);
        outline.rings().flat_map(|ring| ring_edges(ring)).filter(|edge| crosses(*edge)).count() % 2 == 1
    }

    #[test]
    fn edges_along_cell_borders_add_no_cells() {
        let ring = vec![[1.0, 1.0], [3.0, 1.0], [3.0, 2.0], [1.0, 2.0]];
        let found = cells_of(&Outline { exterior: ring, holes: vec![] }, Size::new(5, 5));
        assert_eq!(found, BTreeSet::from([(1, 1), (2, 1)]));
    }

    #[test]
    fn cells_inside_a_hole_are_left_out_and_its_rim_is_kept() {
        let square = |a: f64, b: f64| vec![[a, a], [b, a], [b, b], [a, b]];
        let outline = Outline { exterior: square(0.0, 7.0), holes: vec![square(1.5, 5.5)] };
        let found = cells_of(&outline, Size::new(7, 7));
        assert_eq!(found.len(), 49 - 9);
        assert!(found.contains(&(1, 1)) && !found.contains(&(2, 2)));
    }

    proptest! {
        #[test]
        fn every_cell_with_a_point_inside_is_found_and_no_distant_cell_is(
            points in prop::collection::vec((-4.0f64..24.0, -4.0f64..24.0), 3..9),
        ) {
            let outline = Outline { exterior: points.into_iter().map(|(x, y)| [x, y]).collect(), holes: vec![] };
            let size = Size::new(20, 20);
            let found = cells_of(&outline, size);
            let mut sampled = BTreeSet::new();
            for sy in 0..size.height * 8 {
                for sx in 0..size.width * 8 {
                    if even_odd(&outline, (f64::from(sx) + 0.5) / 8.0, (f64::from(sy) + 0.5) / 8.0) {
                        sampled.insert((sx / 8, sy / 8));
                    }
                }
            }
            prop_assert!(sampled.is_subset(&found), "lost {:?}", sampled.difference(&found).collect::<Vec<_>>());
            // What sampling misses can only be a cell that an edge clips.
            for (column, row) in found.difference(&sampled) {
                let (cx, cy) = (f64::from(*column) + 0.5, f64::from(*row) + 0.5);
                let near = outline.rings().flat_map(|ring| ring_edges(ring)).any(|edge| distance(edge, cx, cy) < 0.71);
                prop_assert!(near, "cell {column}, {row} is nowhere near");
            }
        }
    }

    fn distance([a, b]: [[f64; 2]; 2], x: f64, y: f64) -> f64 {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let t = ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy).max(1e-12);
        let t = t.clamp(0.0, 1.0);
        (a[0] + t * dx - x).hypot(a[1] + t * dy - y)
    }
}
