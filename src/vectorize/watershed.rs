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
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const MPP: f64 = 0.5;

    fn classes() -> Vec<ModelClass> {
        let class = |name: &str, role| ModelClass { name: name.into(), role, color: [0; 3] };
        vec![
            class("Background", ClassRole::Background),
            class("Nucleus", ClassRole::Object),
            class("Rim", ClassRole::Boundary),
        ]
    }

    fn post() -> Postprocessing {
        Postprocessing { min_area_um2: 5.0, max_hole_um2: 5.0, ..Postprocessing::default() }
    }

    /// Maps of a window at (`left`, `top`) of an endless plane on which `probability` gives interior and boundary.
    fn maps(left: i32, top: i32, edge: u32, probability: impl Fn(i32, i32) -> (u8, u8)) -> ProbabilityMaps {
        let area = (edge * edge) as usize;
        let mut values = vec![0; 3 * area];
        for i in 0..area {
            let (x, y) = ((i as u32 % edge) as i32 + left, (i as u32 / edge) as i32 + top);
            let (interior, rim) = probability(x, y);
            (values[i], values[area + i], values[2 * area + i]) = (255 - interior - rim, interior, rim);
        }
        ProbabilityMaps { classes: 3, width: edge, height: edge, values }
    }

    fn in_disc(x: i32, y: i32, [cx, cy, r]: [i32; 3]) -> bool {
        (x - cx).pow(2) + (y - cy).pow(2) <= r * r
    }

    fn found(edge: u32, probability: impl Fn(i32, i32) -> (u8, u8)) -> LabelMap {
        instances(&maps(0, 0, edge, probability), &classes(), &post(), MPP)
    }

    #[test]
    fn touching_discs_without_a_boundary_between_them_are_two() {
        let discs = [[20, 30, 10], [37, 30, 10]];
        let map = found(64, |x, y| (if discs.iter().any(|&d| in_disc(x, y, d)) { 255 } else { 0 }, 0));
        assert_eq!(map.count, 2);
        assert_ne!(map.labels[30 * 64 + 20], map.labels[30 * 64 + 37]);
    }

    #[test]
    fn a_dip_in_the_probability_separates_what_the_shape_does_not() {
        let bar = |x: i32, y: i32| (10..54).contains(&x) && (20..34).contains(&y);
        let whole = found(64, |x, y| (if bar(x, y) { 255 } else { 0 }, 0));
        assert_eq!(whole.count, 1);
        let level = |x: i32| if (x - 32).abs() < 3 { 140 } else { 255 };
        assert_eq!(found(64, |x, y| (if bar(x, y) { level(x) } else { 0 }, 0)).count, 2);
    }

    #[test]
    fn an_ellipse_is_one_object() {
        let map = found(80, |x, y| (if (x - 40).pow(2) * 9 + (y - 40).pow(2) * 36 <= 90 * 90 { 255 } else { 0 }, 0));
        assert_eq!(map.count, 1);
    }

    #[test]
    fn boundary_pixels_join_the_nearest_object() {
        let map = found(40, |x, y| match (x, y) {
            (5..35, 10..30) if (18..22).contains(&x) => (0, 255),
            (5..35, 10..30) => (255, 0),
            _ => (0, 0),
        });
        assert_eq!(map.count, 2);
        let row: Vec<u32> = (16..24).map(|x| map.labels[20 * 40 + x]).collect();
        assert_eq!(row, [1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn small_holes_are_filled_and_large_ones_and_small_objects_are_not_kept() {
        let hole = |r: i32| {
            found(64, move |x, y| {
                let ring = in_disc(x, y, [32, 32, 20]) && !in_disc(x, y, [32, 32, r]);
                (if ring || in_disc(x, y, [3, 3, 1]) { 255 } else { 0 }, 0)
            })
        };
        // 5 um2 are 20 pixels at 0.5 um.
        assert!(hole(2).labels[32 * 64 + 32] != 0);
        assert!(hole(5).labels[32 * 64 + 32] == 0);
        assert_eq!(hole(2).labels[3 * 64 + 3], 0, "five pixels are less than 5 um2");
    }

    #[test]
    fn what_lies_off_the_slide_is_background() {
        let all = maps(0, 0, 32, |_, _| (255, 0));
        let map = instances_within(&all, &classes(), &post(), MPP, [0..20, 4..32]);
        let kept = |i: usize| i % 32 < 20 && i / 32 >= 4;
        assert!(map.labels.iter().enumerate().all(|(i, &label)| (label == 1) == kept(i)));
    }

    /// Blobs of varying confidence, crowded enough to touch; the same for the same place on the plane.
    fn crowd(x: i32, y: i32) -> (u8, u8) {
        let (column, row) = (x.div_euclid(14), y.div_euclid(14));
        let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (column + dx, row + dy)));
        let height = near.map(|(c, r)| {
            let hash = (c.wrapping_mul(73_856_093) ^ r.wrapping_mul(19_349_663)).wrapping_mul(83_492_791) as u32 >> 8;
            let (cx, cy) = (c * 14 + 3 + (hash % 9) as i32, r * 14 + 3 + (hash / 9 % 9) as i32);
            let radius = 4.0 + f64::from(hash / 81 % 5);
            (radius - f64::from(x - cx).hypot(f64::from(y - cy))) * 40.0 + 128.0
        });
        (height.fold(0.0, f64::max).min(255.0) as u8, 0)
    }

    /// Objects wholly inside the square of the plane, as sets of its pixels.
    fn objects_inside(left: i32, top: i32, edge: u32, [low, high]: [i32; 2]) -> BTreeSet<Vec<[i32; 2]>> {
        let map = instances(&maps(left, top, edge, crowd), &classes(), &post(), MPP);
        let mut objects = vec![Vec::new(); map.count as usize + 1];
        for (i, &label) in map.labels.iter().enumerate() {
            objects[label as usize].push([(i as u32 % edge) as i32 + left, (i as u32 / edge) as i32 + top]);
        }
        let inside = |object: &Vec<[i32; 2]>| object.iter().flatten().all(|v| (low..high).contains(v));
        objects.into_iter().skip(1).filter(inside).collect()
    }

    #[test]
    fn objects_do_not_depend_on_the_position_of_the_window() {
        let reference = objects_inside(-100, -100, 400, [0, 200]);
        assert!(reference.len() > 100, "{} objects", reference.len());
        for (left, top, edge) in [(-60, -60, 320), (-61, -83, 337), (-97, -45, 300)] {
            assert_eq!(objects_inside(left, top, edge, [0, 200]), reference, "window at ({left}, {top})");
        }
    }
}
