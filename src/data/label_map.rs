//! From outlines to numbered pixels.

use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::tile::{Outline, rasterise};
use serde::Serialize;
use std::path::Path;

/// Most objects of one image: a mask has 16 bits.
pub const MOST_OBJECTS: usize = 65_535;

/// One object as it was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Where it is in its file, for people: `region 12`.
    pub place: String,
    /// Pixels of the image, a pixel covering `[x, x + 1) x [y, y + 1)`; the even-odd rule holds in each outline.
    pub outlines: Vec<Outline>,
}

/// Moves a vertex onto the whole numbers that a published script drew with.
pub type Snap = fn([f64; 2], Size) -> [f64; 2];

/// How shapes become pixels.
#[derive(Debug, Clone, Copy)]
pub struct DrawRules {
    /// Leave out shapes that lie wholly outside or have fewer than three corners; else they are errors.
    pub allow_outside: bool,
    /// As a published script: vertices are moved to whole numbers, which mean pixel centres, and pixels on edges are
    /// inside. Without it the pixels are those whose centres lie inside the outlines as they are.
    pub published: Option<Snap>,
}

/// What became of the shapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DrawCounts {
    /// Shapes with pixels in the mask.
    pub objects: u64,
    /// Shapes that reach beyond the image and are cut at its edge.
    pub clipped: u64,
    /// Shapes left out, since they lie wholly outside or have fewer than three corners.
    pub left_out: u64,
    /// Shapes inside that hold no pixel centre.
    pub without_pixels: u64,
    /// Shapes whose every pixel belongs to another shape.
    pub covered: u64,
    /// Pixels that more than one shape claims.
    pub contested_px: u64,
}

impl DrawCounts {
    /// Adds those of another image.
    pub fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.clipped += other.clipped;
        self.left_out += other.left_out;
        self.without_pixels += other.without_pixels;
        self.covered += other.covered;
        self.contested_px += other.contested_px;
    }
}

/// Row, first column, one past the last column.
type Run = (u32, u32, u32);

/// Numbers the shapes of `path` from 1 in their order and draws them on an image of `size`: row-major, 0 is background.
/// A pixel that several shapes claim goes to the smallest of them, of equal ones to the first: so no small nucleus
/// vanishes under a large one, whatever the order in the file.
///
/// # Errors
/// [`Error::BadFile`] naming the first shape that lies wholly outside or has fewer than three corners, unless
/// `allow_outside`; [`Error::Limit`] for more than [`MOST_OBJECTS`].
pub fn draw_objects(path: &Path, shapes: &[Shape], size: Size, rules: DrawRules) -> Result<(Vec<u32>, DrawCounts)> {
    let mut counts = DrawCounts::default();
    let drawn = runs(path, shapes, size, rules, &mut counts)?;
    if drawn.len() > MOST_OBJECTS {
        return Err(Error::Limit {
            path: path.to_owned(),
            what: "the number of objects, of which a 16 bit mask holds no more;".into(),
            value: drawn.len() as u64,
            limit: MOST_OBJECTS as u64,
            name: "MOST_OBJECTS",
        });
    }
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by_key(|&object| std::cmp::Reverse((area(&drawn[object].1), object)));
    let numbered = order.into_iter().map(|object| (object as u32 + 1, drawn[object].1.as_slice()));
    let labels = paint(numbered, size, &mut counts);
    let mut seen = vec![false; drawn.len() + 1];
    labels.iter().for_each(|&label| seen[label as usize] = true);
    counts.objects = seen[1..].iter().filter(|seen| **seen).count() as u64;
    counts.covered = drawn.len() as u64 - counts.objects;
    Ok((labels, counts))
}

/// Draws shapes with their class numbers, each over those before it.
///
/// # Errors
/// As [`draw_objects`], without a limit to their number.
pub fn draw_classes(
    path: &Path,
    shapes: &[Shape],
    classes: &[u32],
    size: Size,
    rules: DrawRules,
) -> Result<(Vec<u32>, DrawCounts)> {
    let mut counts = DrawCounts::default();
    let drawn = runs(path, shapes, size, rules, &mut counts)?;
    counts.objects = drawn.len() as u64;
    let numbered = drawn.iter().map(|(shape, runs)| (classes[*shape], runs.as_slice()));
    Ok((paint(numbered, size, &mut counts), counts))
}

fn paint<'a>(drawn: impl Iterator<Item = (u32, &'a [Run])>, size: Size, counts: &mut DrawCounts) -> Vec<u32> {
    let mut labels = vec![0; size.area() as usize];
    let mut claims = vec![0_u8; labels.len()];
    for (label, runs) in drawn {
        for &(row, from, to) in runs {
            let start = row as usize * size.width as usize;
            let pixels = start + from as usize..start + to as usize;
            labels[pixels.clone()].fill(label);
            claims[pixels].iter_mut().for_each(|claims| *claims = claims.saturating_add(1));
        }
    }
    counts.contested_px = claims.into_iter().filter(|claims| *claims > 1).count() as u64;
    labels
}

fn area(runs: &[Run]) -> u64 {
    runs.iter().map(|(_, from, to)| u64::from(to - from)).sum()
}

/// The pixels of each shape that has some, with the shape's number, each pixel once.
fn runs(
    path: &Path,
    shapes: &[Shape],
    size: Size,
    rules: DrawRules,
    counts: &mut DrawCounts,
) -> Result<Vec<(usize, Vec<Run>)>> {
    let mut found = Vec::with_capacity(shapes.len());
    for (number, shape) in shapes.iter().enumerate() {
        match fault(shape, size) {
            Some(_) if rules.allow_outside => {
                counts.left_out += 1;
                continue;
            }
            Some(fault) => {
                let reason = format!("{} {fault}; mend it, or leave such shapes out with --allow-outside", shape.place);
                return Err(Error::bad_file(path, reason));
            }
            None => counts.clipped += u64::from(reaches_out(shape, size)),
        }
        let mut runs = Vec::new();
        for outline in &shape.outlines {
            match rules.published {
                None => rasterise::centres(outline, size, |row, from, to| runs.push((row, from, to))),
                Some(snap) => with_edges(&outline.map(|p| snap(p, size)), size, &mut runs),
            }
        }
        let runs = joined(runs);
        if runs.is_empty() {
            counts.without_pixels += 1;
        } else {
            found.push((number, runs));
        }
    }
    Ok(found)
}

/// Why this shape cannot be drawn, if so.
fn fault(shape: &Shape, size: Size) -> Option<String> {
    if let Some(outline) = shape.outlines.iter().find(|outline| outline.exterior.len() < 3) {
        return Some(format!("has {} corners where three are needed", outline.exterior.len()));
    }
    let ([left, top], [right, bottom]) = bounds(shape)?;
    let outside = right <= 0.0 || bottom <= 0.0 || left >= f64::from(size.width) || top >= f64::from(size.height);
    let reason =
        || format!("spans ({left}, {top}) to ({right}, {bottom}), which is wholly outside the image of {size} pixels");
    outside.then(reason)
}

fn reaches_out(shape: &Shape, size: Size) -> bool {
    bounds(shape).is_some_and(|([left, top], [right, bottom])| {
        left < 0.0 || top < 0.0 || right > f64::from(size.width) || bottom > f64::from(size.height)
    })
}

fn bounds(shape: &Shape) -> Option<([f64; 2], [f64; 2])> {
    let all = shape.outlines.iter().filter_map(Outline::bounds);
    all.reduce(|(a, b), (c, d)| ([a[0].min(c[0]), a[1].min(c[1])], [b[0].max(d[0]), b[1].max(d[1])]))
}

/// The pixels that scikit-image's `draw.polygon` gives an outline of whole numbers, which mean pixel centres: those with
/// an odd number of edges to their right or to their left, and the corners. That is the even-odd rule with the pixels on
/// edges, but for those where edges cross each other.
fn with_edges(outline: &Outline, size: Size, runs: &mut Vec<Run>) {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let moved = outline.map(|[x, y]| [x + 0.5, y + 0.5]);
    rasterise::centres(&moved, size, |row, from, to| runs.push((row, from, to)));
    // What lies on the other edges, in a mirror.
    let turned = moved.map(|[x, y]| [width - x, height - y]);
    let back = |row: u32, from: u32, to: u32| (size.height - 1 - row, size.width - to, size.width - from);
    rasterise::centres(&turned, size, |row, from, to| runs.push(back(row, from, to)));
    for &[x, y] in outline.rings().flatten() {
        if (0.0..width).contains(&x) && (0.0..height).contains(&y) {
            runs.push((y as u32, x as u32, x as u32 + 1));
        }
    }
}

/// Sorted, with runs that overlap or touch made one.
fn joined(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable();
    let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
    for (row, from, to) in runs {
        match joined.last_mut() {
            Some(last) if last.0 == row && from <= last.2 => last.2 = last.2.max(to),
            _ => joined.push((row, from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
