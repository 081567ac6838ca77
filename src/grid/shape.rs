//! Shapes of a mask of 0 and 255: growing, shrinking, small pieces and holes.

use crate::grid::runs::Pieces;
use image::GrayImage;
use imageproc::distance_transform::Norm;
use imageproc::morphology;

/// A length in cells of `um` micrometres; at most what an 8-bit distance can hold.
pub(super) fn radius(length_um: f64, um: f64) -> u8 {
    (length_um / um).round().min(254.0) as u8
}

/// Grows by `radius` cells, in an octagon: a square and a diamond after one another.
pub(super) fn dilate(mask: &mut GrayImage, radius: u8) {
    let (square, diamond) = octagon(radius);
    morphology::dilate_mut(mask, Norm::LInf, square);
    morphology::dilate_mut(mask, Norm::L1, diamond);
}

/// Shrinks by `radius` cells, in an octagon; what is outside the image shrinks nothing.
pub(super) fn erode(mask: &mut GrayImage, radius: u8) {
    let (square, diamond) = octagon(radius);
    morphology::erode_mut(mask, Norm::LInf, square);
    morphology::erode_mut(mask, Norm::L1, diamond);
}

/// The square and the diamond that make a near-regular octagon, as radii.
fn octagon(radius: u8) -> (u8, u8) {
    let square = (f64::from(radius) * (std::f64::consts::SQRT_2 - 1.0)).round() as u8;
    (square, radius - square)
}

/// Closes gaps up to twice `radius` wide.
pub(super) fn close(mask: &mut GrayImage, radius: u8) {
    // Without a margin, what lies near the border would grow up to it and stay there.
    let margin = u32::from(radius);
    let mut wide = GrayImage::new(mask.width() + 2 * margin, mask.height() + 2 * margin);
    image::imageops::replace(&mut wide, mask, margin.into(), margin.into());
    dilate(&mut wide, radius);
    erode(&mut wide, radius);
    *mask = image::imageops::crop_imm(&wide, margin, margin, mask.width(), mask.height()).to_image();
}

/// Clears pieces, joined across corners, of fewer than `least` cells and counts them.
pub(super) fn drop_small(mask: &mut GrayImage, least: f64) -> usize {
    Pieces::new(mask, 255, true).paint(mask, 0, |area, _| (area as f64) < least)
}

/// Fills holes, not joined across corners, of fewer than `most` cells that do not touch the border.
pub(super) fn fill_holes(mask: &mut GrayImage, most: f64) {
    Pieces::new(mask, 0, false).paint(mask, 255, |area, at_border| !at_border && (area as f64) < most);
}

/// Keeps only pieces, joined across corners, of at least `least` cells and those that touch the border.
pub(super) fn keep_large_or_at_border(mask: &mut GrayImage, least: f64) {
    Pieces::new(mask, 255, true).paint(mask, 0, |area, at_border| !at_border && (area as f64) < least);
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;

    fn mask(rows: &[&str]) -> GrayImage {
        let at = |x: u32, y: u32| rows[y as usize].as_bytes()[x as usize];
        GrayImage::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| Luma([u8::from(at(x, y) == b'#') * 255]))
    }

    #[test]
    fn small_pieces_go_and_are_counted() {
        let mut image = mask(&["##...", "#...#", ".#..."]);
        assert_eq!(drop_small(&mut image, 3.0), 1);
        assert_eq!(image, mask(&["##...", "#....", ".#..."]));
    }

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        let mut image = mask(&["#####", "#.#..", "###.#", "#####"]);
        fill_holes(&mut image, 2.0);
        assert_eq!(image, mask(&["#####", "###..", "###.#", "#####"]));
    }

    #[test]
    fn closing_bridges_a_gap_and_keeps_the_outer_edge() {
        let bar = "..##..##..";
        let mut image = mask(&["..........", bar, bar, bar, bar, ".........."]);
        close(&mut image, 1);
        let closed = "..######..";
        assert_eq!(image, mask(&["..........", bar, closed, closed, bar, ".........."]));
        assert_eq!((radius(24.0, 8.0), radius(1e9, 1.0)), (3, 254));
    }

    #[test]
    fn a_point_grows_to_a_round_shape_of_the_radius() {
        let mut image = GrayImage::new(41, 41);
        image.put_pixel(20, 20, Luma([255]));
        dilate(&mut image, 12);
        for (x, y, value) in image.enumerate_pixels() {
            let distance = (f64::from(x) - 20.0).hypot(f64::from(y) - 20.0);
            assert!(if value.0[0] > 0 { distance < 13.5 } else { distance > 11.0 }, "{x}, {y}");
        }
        erode(&mut image, 12);
        assert_eq!(image.iter().filter(|value| **value > 0).count(), 1);
        assert_eq!((octagon(0), octagon(1), octagon(3)), ((0, 0), (0, 1), (1, 2)));
    }

    #[test]
    fn small_pieces_at_the_border_can_be_kept() {
        let mut image = mask(&["#....", "..#..", "....."]);
        keep_large_or_at_border(&mut image, 2.0);
        assert_eq!(image, mask(&["#....", ".....", "....."]));
    }
}
