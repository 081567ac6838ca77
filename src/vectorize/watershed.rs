//! From class probabilities to separate objects.
//!
//! The landscape is the distance to the rim of the interior, times the probability of interior, smoothed. Distance finds
//! the necks between nuclei that the model has merged, probability finds the dips that it left between them, and where
//! the model draws a boundary there is no path at all. Pixels are taken from the highest down, each joins the basin of its
//! highest neighbour, and where two basins meet the lower one is swallowed unless its peak stands out enough above the
//! meeting point. Boundary pixels then join the object that reaches them in the fewest steps.
//!
//! Ties are broken by (value, y, x) and every step depends on a pixel's surroundings alone, so an object does not change
//! with the position of the window that it is seen through, as long as it lies inside with a margin.

use super::landscape::{smooth, squared_distance};
use super::pieces::{Connectivity, pieces};
use crate::config::{ClassRole, ModelClass, Postprocessing};
use crate::geometry::Size;
use crate::tile::ProbabilityMaps;
use std::ops::Range;

/// Holes in the interior up to so many pixels are noise: they would tear the distances apart.
const PINHOLE_PX: u64 = 4;

/// The number of an object for each pixel, row-major; 0 is background. Each object is connected by edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    /// Width and height.
    pub size: Size,
    /// `size.area()` numbers, counted from 1 in raster order of the objects' first pixels.
    pub labels: Vec<u32>,
    /// Number of objects.
    pub count: u32,
}

/// The separate objects in maps of `mpp` micrometres per pixel; a pixel is of class `classes[i]` with the probability
/// in plane `i`.
///
/// # Panics
/// Unless there is one class a plane.
pub fn instances(maps: &ProbabilityMaps, classes: &[ModelClass], post: &Postprocessing, mpp: f64) -> LabelMap {
    instances_within(maps, classes, post, mpp, [0..maps.width, 0..maps.height])
}

/// As [`instances`], with everything outside the columns and rows of `within` taken for background: what of a tile
/// lies off the slide.
///
/// # Panics
/// Unless there is one class a plane.
pub fn instances_within(
    maps: &ProbabilityMaps,
    classes: &[ModelClass],
    post: &Postprocessing,
    mpp: f64,
    [columns, rows]: [Range<u32>; 2],
) -> LabelMap {
    assert_eq!(maps.classes, classes.len(), "one class a plane");
    let size = Size::new(maps.width, maps.height);
    let mut foreground =
        at_least(&sum_of(maps, classes, |role| role != ClassRole::Background), post.foreground_threshold);
    for (y, row) in foreground.chunks_exact_mut(maps.width.max(1) as usize).enumerate() {
        let inside = rows.contains(&(y as u32));
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel &= inside && columns.contains(&(x as u32));
        }
    }
    let interior_probability = sum_of(maps, classes, |role| role == ClassRole::Object);
    let mut interior = at_least(&interior_probability, post.seed_threshold);
    for (pixel, inside) in interior.iter_mut().zip(&foreground) {
        *pixel &= inside;
    }
    fill_pinholes(&mut interior, &foreground, size);
    let landscape = landscape(&interior, &interior_probability, size, post.seed_sigma_px);
    let mut labels = basins(&landscape, &interior, size, post.seed_prominence);
    grow_into(&mut labels, &foreground, size);
    let pixels = |area_um2: f64| (area_um2 / (mpp * mpp)).max(0.0);
    fill_holes(&mut labels, size, pixels(post.max_hole_um2));
    keep_large(labels, size, pixels(post.min_area_um2))
}

/// The summed planes of the classes with a wanted role, 255 for 1.
pub(super) fn sum_of(maps: &ProbabilityMaps, classes: &[ModelClass], wanted: impl Fn(ClassRole) -> bool) -> Vec<u8> {
    let mut sum = vec![0u8; maps.width as usize * maps.height as usize];
    for (plane, _) in classes.iter().enumerate().filter(|(_, class)| wanted(class.role)) {
        for (total, &value) in sum.iter_mut().zip(maps.plane(plane)) {
            *total = total.saturating_add(value);
        }
    }
    sum
}

pub(super) fn at_least(probability: &[u8], threshold: f32) -> Vec<bool> {
    let threshold = (threshold * 255.0).ceil().max(1.0) as u16;
    probability.iter().map(|&value| u16::from(value) >= threshold).collect()
}

/// A pinhole has no pixel that the model takes for background, touches none, and does not leave the window.
fn fill_pinholes(interior: &mut [bool], foreground: &[bool], size: Size) {
    let rim: Vec<bool> =
        foreground.iter().zip(interior.iter()).map(|(foreground, inside)| *foreground & !inside).collect();
    let holes = pieces(&rim, size, false, Connectivity::Eight);
    let mut fill: Vec<bool> = holes.areas().iter().map(|&area| area <= PINHOLE_PX).collect();
    fill[0] = false;
    let width = size.width as usize;
    for (i, &hole) in holes.of_pixel.iter().enumerate().filter(|(_, hole)| **hole != 0) {
        if fill[hole as usize] {
            fill[hole as usize] = !on_edge(i, size)
                && [i - width, i, i + width]
                    .into_iter()
                    .all(|row| foreground[row - 1] && foreground[row] && foreground[row + 1]);
        }
    }
    for (pixel, &hole) in interior.iter_mut().zip(&holes.of_pixel) {
        *pixel |= fill[hole as usize];
    }
}

fn on_edge(i: usize, size: Size) -> bool {
    let (x, y) = (i % size.width as usize, i / size.width as usize);
    x == 0 || y == 0 || x + 1 == size.width as usize || y + 1 == size.height as usize
}

fn landscape(interior: &[bool], probability: &[u8], size: Size, sigma: f32) -> Vec<f32> {
    let distance = squared_distance(interior, size);
    let height = |(&squared, &p): (&i32, &u8)| (squared as f32).sqrt() * f32::from(p) / 255.0;
    let mut heights: Vec<f32> = distance.iter().zip(probability).map(height).collect();
    smooth(&mut heights, size, sigma);
    heights
}

/// Basins of the peaks inside the mask. A peak whose height above the highest path to a higher peak is less than
/// `prominence` times its height is part of that peak's basin.
pub fn basins(landscape: &[f32], mask: &[bool], size: Size, prominence: f32) -> Vec<u32> {
    // A rim of one pixel outside the mask spares every neighbour the question whether it exists.
    let (width, padded) = (size.width as usize, size.width as usize + 2);
    let area = padded * (size.height as usize + 2);
    let (mut heights, mut labels) = (vec![0f32; area], vec![0u32; area]);
    // Highest first; heights are 0 or more, so their bits sort as they do. Ties go by y, then x.
    let mut order: Vec<u64> = Vec::new();
    for (y, (row, inside)) in landscape.chunks_exact(width.max(1)).zip(mask.chunks_exact(width.max(1))).enumerate() {
        let first = (y + 1) * padded + 1;
        for (x, (&height, _)) in row.iter().zip(inside).enumerate().filter(|(_, (_, inside))| **inside) {
            let height = height.max(0.0);
            heights[first + x] = height;
            order.push(u64::from(!height.to_bits()) << 32 | (first + x) as u64);
        }
    }
    order.sort_unstable();
    // Disjoint sets of basins; index 0 is unused. A root is the highest peak of its set.
    let (mut parent, mut peak) = (vec![0u32], vec![0f32]);
    for entry in order {
        let i = (entry & u64::from(u32::MAX)) as usize;
        let height = heights[i];
        let mut joined: Option<(f32, u32)> = None;
        let mut met = [0u32; 4];
        // Up, left, right, down.
        for (met, neighbour) in met.iter_mut().zip([i - padded, i - 1, i + 1, i + padded]) {
            if labels[neighbour] == 0 {
                continue;
            }
            *met = root_of(&mut parent, labels[neighbour]);
            if joined.is_none_or(|(highest, _)| heights[neighbour] > highest) {
                joined = Some((heights[neighbour], *met));
            }
        }
        let Some((_, root)) = joined else {
            labels[i] = parent.len() as u32;
            parent.push(labels[i]);
            peak.push(height);
            continue;
        };
        labels[i] = root;
        for other in met.into_iter().filter(|&other| other != 0 && other != root) {
            let (a, b) = (root_of(&mut parent, root), root_of(&mut parent, other));
            // Of equal peaks the one found first counts as higher.
            let higher = if (peak[a as usize], b) > (peak[b as usize], a) { a } else { b };
            let lower = a ^ b ^ higher;
            if a != b && peak[lower as usize] - height < prominence * peak[lower as usize] {
                parent[lower as usize] = higher;
            }
        }
    }
    let rows = labels.chunks_exact(padded).skip(1).take(size.height as usize);
    rows.flat_map(|row| &row[1..=width]).map(|&label| root_of(&mut parent, label)).collect()
}

fn root_of(parent: &mut [u32], mut number: u32) -> u32 {
    while parent[number as usize] != number {
        parent[number as usize] = parent[parent[number as usize] as usize];
        number = parent[number as usize];
    }
    number
}

/// Up, left, right, down.
fn neighbours(i: usize, size: Size, width: usize) -> [Option<usize>; 4] {
    let x = i % width;
    let area = width * size.height as usize;
    [
        i.checked_sub(width),
        (x > 0).then(|| i - 1),
        (x + 1 < width).then_some(i + 1),
        (i + width < area).then_some(i + width),
    ]
}

/// Foreground without a label joins the object that reaches it in the fewest steps along edges; of several, the one
/// above, then left, right, below.
fn grow_into(labels: &mut [u32], foreground: &[bool], size: Size) {
    let width = size.width as usize;
    let label_beside = |labels: &[u32], i: usize| {
        neighbours(i, size, width).into_iter().flatten().map(|n| labels[n]).find(|&label| label != 0)
    };
    // What is reached in the next step, with the label that it then takes.
    let mut front: Vec<(usize, u32)> = (0..labels.len())
        .filter(|&i| foreground[i] && labels[i] == 0)
        .filter_map(|i| label_beside(labels, i).map(|label| (i, label)))
        .collect();
    while !front.is_empty() {
        for &(i, label) in &front {
            labels[i] = label;
        }
        let mut next: Vec<usize> = Vec::new();
        for &(i, _) in &front {
            next.extend(neighbours(i, size, width).into_iter().flatten().filter(|&n| foreground[n] && labels[n] == 0));
        }
        next.sort_unstable();
        next.dedup();
        // Labels of earlier steps alone are seen, so the order inside a step does not matter.
        front = next.into_iter().filter_map(|i| label_beside(labels, i).map(|label| (i, label))).collect();
    }
}

/// Fills background enclosed by one object, up to `most` pixels.
fn fill_holes(labels: &mut [u32], size: Size, most: f64) {
    let width = size.width as usize;
    let background: Vec<bool> = labels.iter().map(|&label| label == 0).collect();
    let holes = pieces(&background, size, false, Connectivity::Eight);
    // The only label around each hole; none if there are several or the hole leaves the window.
    let mut around: Vec<Option<u32>> = holes.areas().iter().map(|&area| (area as f64 <= most).then_some(0)).collect();
    around[0] = None;
    for (i, &hole) in holes.of_pixel.iter().enumerate() {
        let around = &mut around[hole as usize];
        if around.is_none() {
            continue;
        }
        for neighbour in neighbours(i, size, width) {
            match (neighbour.map(|n| labels[n]), *around) {
                (Some(0), _) | (_, None) => {}
                (Some(label), Some(seen)) if seen == 0 || seen == label => *around = Some(label),
                _ => *around = None,
            }
        }
    }
    for (label, &hole) in labels.iter_mut().zip(&holes.of_pixel) {
        if let Some(filled) = around[hole as usize] {
            *label = filled;
        }
    }
}

/// Drops objects under `least` pixels and numbers the others in raster order.
fn keep_large(mut labels: Vec<u32>, size: Size, least: f64) -> LabelMap {
    let most = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut area = vec![0u64; most + 1];
    for stretch in labels.chunk_by(|a, b| a == b) {
        area[stretch[0] as usize] += stretch.len() as u64;
    }
    let mut number = vec![0u32; most + 1];
    let mut count = 0;
    for label in labels.iter_mut().filter(|label| **label != 0) {
        let old = *label as usize;
        if number[old] == 0 && area[old] as f64 >= least {
            count += 1;
            number[old] = count;
        }
        *label = number[old];
    }
    LabelMap { size, labels, count }
}

#[cfg(test)]
mod tests;
