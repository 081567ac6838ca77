//! From object numbers to the classes that a network learns.

use crate::geometry::Size;

/// Class of the inside of objects; also the object class of binary masks.
pub const INTERIOR: u8 = 1;
/// Class of the rim of objects.
pub const BOUNDARY: u8 = 2;

/// Background 0, interior 1, boundary 2, row-major. A pixel of an object is boundary when a pixel of another object
/// or of the background lies within `boundary_px` of it (Euclidean, pixel centres), so each object keeps a closed
/// rim of its own and touching objects are parted by two rims. What lies outside the image counts as nothing: an
/// object cut by the image's edge has no rim there. With `boundary_px` 0 there is no rim: `labels` are classes already, those
/// of binary masks or of class maps.
///
/// # Panics
/// If `labels` does not have `size.area()` values, or with `boundary_px` 0 one above 255.
pub fn class_map(labels: &[u32], size: Size, boundary_px: u32) -> Vec<u8> {
    assert_eq!(labels.len() as u64, size.area(), "one label a pixel");
    let (width, height) = (size.width as usize, size.height as usize);
    if boundary_px == 0 {
        return labels.iter().map(|&class| u8::try_from(class).expect("classes have 8 bits")).collect();
    }
    let mut classes: Vec<u8> = labels.iter().map(|&label| u8::from(label != 0)).collect();
    let disc = disc(boundary_px as i64);
    for y in 0..height {
        for x in 0..width {
            let here = labels[y * width + x];
            // Only pixels beside another label start a rim; each paints the disc on the other side of the edge.
            let edge = (x > 0 && labels[y * width + x - 1] != here)
                || (x + 1 < width && labels[y * width + x + 1] != here)
                || (y > 0 && labels[(y - 1) * width + x] != here)
                || (y + 1 < height && labels[(y + 1) * width + x] != here);
            if !edge {
                continue;
            }
            for &(dx, dy) in &disc {
                let (u, v) = (x as i64 + dx, y as i64 + dy);
                if u < 0 || v < 0 || u >= width as i64 || v >= height as i64 {
                    continue;
                }
                let at = v as usize * width + u as usize;
                if labels[at] != here && labels[at] != 0 {
                    classes[at] = BOUNDARY;
                }
            }
        }
    }
    classes
}

/// Offsets of at most `radius`, without the centre.
fn disc(radius: i64) -> Vec<(i64, i64)> {
    let square = (-radius..=radius).flat_map(|dy| (-radius..=radius).map(move |dx| (dx, dy)));
    square.filter(|&(dx, dy)| (dx, dy) != (0, 0) && dx * dx + dy * dy <= radius * radius).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn touching_objects_are_parted_by_two_rims() {
        let labels = [1, 1, 1, 1, 2, 2, 2, 2].repeat(3);
        let classes = class_map(&labels, Size::new(8, 3), 1);
        assert_eq!(classes[8..16], [1, 1, 1, 2, 2, 1, 1, 1], "and no rim along the image's edge");
    }

    #[test]
    fn without_rims_labels_are_the_classes() {
        assert_eq!(class_map(&[0, 3, 1, 254], Size::new(2, 2), 0), [0, 3, 1, 254]);
    }

    #[test]
    fn a_square_has_a_closed_rim_of_the_asked_width() {
        let size = Size::new(12, 12);
        let inside = |i: u32| (2..10).contains(&i);
        let labels: Vec<u32> = (0..144).map(|i| u32::from(inside(i % 12) && inside(i / 12)) * 70_000).collect();
        let classes = class_map(&labels, size, 2);
        let count = |class| classes.iter().filter(|&&c| c == class).count();
        assert_eq!((count(0), count(INTERIOR), count(BOUNDARY)), (144 - 64, 16, 48));
    }

    proptest! {
        #[test]
        fn the_rim_is_where_another_label_is_near(labels in proptest::collection::vec(0_u32..3, 80), radius in 1_u32..4) {
            let (width, height) = (10_i64, 8_i64);
            let classes = class_map(&labels, Size::new(10, 8), radius);
            for y in 0..height {
                for x in 0..width {
                    let here = labels[(y * width + x) as usize];
                    let near = (0..height).any(|v| (0..width).any(|u| {
                        labels[(v * width + u) as usize] != here
                            && (u - x).pow(2) + (v - y).pow(2) <= i64::from(radius).pow(2)
                    }));
                    let want = if here == 0 { 0 } else if near { BOUNDARY } else { INTERIOR };
                    prop_assert_eq!(classes[(y * width + x) as usize], want);
                }
            }
        }
    }
}
