//! Size, shape and staining of one object.

use crate::tile::{Measurement, Outline};

/// Names of all measurements, in the order of [`measure`].
pub const NAMES: [&str; 8] = [
    "Area µm^2",
    "Perimeter µm",
    "Circularity",
    "Solidity",
    "Max diameter µm",
    "Min diameter µm",
    "Hematoxylin OD mean",
    "Eosin OD mean",
];

/// A digital circle's midpoint polygon is longer than the circle by this factor (Kulpa 1977).
const KULPA: f64 = 0.948;

/// Ruifrok and Johnston's stain vectors: optical density in red, green and blue, length 1 (hematoxylin, eosin, rest).
const STAINS: [[f64; 3]; 3] = [[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]];

/// Measures an object: `outline` runs along pixel corners, in pixels of `um_per_px`; `od` is its mean optical density
/// (log10) in red, green and blue.
///
/// Area is the number of pixels. Perimeter is that of the polygon through the midpoints of the pixel edges, corrected
/// for digitisation, holes included. Circularity is 4 pi area / perimeter^2, at most 1. Solidity is area by that of the
/// convex hull. Diameters are those of the convex hull between parallel lines. Stain densities are unmixed by the vectors
/// of Ruifrok and Johnston (2001).
pub fn measure(outline: &Outline, um_per_px: f64, od: [f64; 3]) -> Vec<Measurement> {
    let area = outline.area();
    let perimeter: f64 = outline.rings().map(|ring| KULPA * midpoint_length(ring)).sum();
    let hull = convex_hull(&outline.exterior);
    let (max, min) = diameters(&hull);
    let circularity = (4.0 * std::f64::consts::PI * area / (perimeter * perimeter)).min(1.0);
    let [hematoxylin, eosin] = stains(od);
    let values = [
        area * um_per_px * um_per_px,
        perimeter * um_per_px,
        circularity,
        area / crate::tile::ring_area(&hull).abs(),
        max * um_per_px,
        min * um_per_px,
        hematoxylin,
        eosin,
    ];
    NAMES.iter().zip(values).map(|(&name, value)| Measurement { name, value }).collect()
}

/// Length of the polygon through the midpoints of the unit edges that `ring` is made of.
fn midpoint_length(ring: &[[f64; 2]]) -> f64 {
    // Along a straight edge of n pixels lie n midpoints, n - 1 apart; each corner is cut by a diagonal of half pixels.
    let edges: f64 = pairs(ring).map(|(a, b)| (b[0] - a[0]).abs() + (b[1] - a[1]).abs() - 1.0).sum();
    edges + ring.len() as f64 * std::f64::consts::FRAC_1_SQRT_2
}

fn pairs(ring: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

fn cross(o: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

/// Corners of the convex hull in order (Andrew's monotone chain).
fn convex_hull(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = &[f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for &point in points {
            while chain.len() > 1 && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0 {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut sorted.iter());
    hull.extend(half(&mut sorted.iter().rev()));
    hull
}

/// Largest and smallest distance between two parallel lines that hold the hull between them.
fn diameters(hull: &[[f64; 2]]) -> (f64, f64) {
    let square = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let max = hull.iter().enumerate().flat_map(|(i, &a)| hull[i..].iter().map(move |&b| square(a, b)));
    let width = |(a, b): ([f64; 2], [f64; 2])| {
        hull.iter().map(|&p| cross(a, b, p).abs()).fold(0.0, f64::max) / square(a, b).sqrt()
    };
    (max.fold(0.0, f64::max).sqrt(), pairs(hull).map(width).fold(f64::INFINITY, f64::min))
}

/// Densities of hematoxylin and eosin that make up `od`, by Cramer's rule.
fn stains(od: [f64; 3]) -> [f64; 2] {
    let [h, e, rest] = STAINS;
    let det = |a: [f64; 3], b: [f64; 3], c: [f64; 3]| {
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    };
    let whole = det(h, e, rest);
    [det(od, e, rest) / whole, det(h, od, rest) / whole]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::vectorize::contour::trace_mask;

    fn measured(size: u32, inside: impl Fn(f64, f64) -> bool) -> Vec<f64> {
        let pixel = |i: u32| inside(f64::from(i % size) + 0.5, f64::from(i / size) + 0.5);
        let mask: Vec<bool> = (0..size * size).map(pixel).collect();
        let outlines = trace_mask(&mask, Size::new(size, size));
        measure(&outlines[0], 0.5, [0.0; 3]).iter().map(|m| m.value).collect()
    }

    fn near(value: f64, truth: f64, share: f64) -> bool {
        (value / truth - 1.0).abs() < share
    }

    #[test]
    fn a_disc_measures_as_a_disc() {
        let radius = 20.0;
        let values = measured(64, |x, y| (x - 32.0).hypot(y - 32.0) < radius);
        let [area, perimeter, circularity, solidity, max, min] = values[..6] else { panic!("eight measurements") };
        assert!(near(area, std::f64::consts::PI * 100.0, 0.01), "{area}");
        assert!(near(perimeter, std::f64::consts::PI * 20.0, 0.03), "{perimeter}");
        assert!(circularity > 0.94 && solidity > 0.95, "{circularity} {solidity}");
        assert!(near(max, 20.0, 0.05) && near(min, 20.0, 0.05), "{max} {min}");
    }

    #[test]
    fn a_bar_is_long_narrow_and_not_circular() {
        let values = measured(64, |x, y| (4.0..60.0).contains(&x) && (30.0..34.0).contains(&y));
        let [area, _, circularity, solidity, max, min] = values[..6] else { panic!("eight measurements") };
        assert_eq!((area, min, solidity), (56.0, 2.0, 1.0));
        assert!(near(max, 56_f64.hypot(4.0) / 2.0, 1e-9) && circularity < 0.3, "{max} {circularity}");
    }

    #[test]
    fn pure_stains_are_unmixed() {
        let mixed = [0, 1, 2].map(|i| 0.7 * STAINS[0][i] + 0.2 * STAINS[1][i]);
        let [hematoxylin, eosin] = stains(mixed);
        assert!((hematoxylin - 0.7).abs() < 1e-9 && (eosin - 0.2).abs() < 1e-9);
    }
}
