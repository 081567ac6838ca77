//! Objects told apart by shape, by probability and by boundaries, wherever the window lies.

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
