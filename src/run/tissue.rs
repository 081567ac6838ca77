//! The tissue of one slide as outlines and as a picture to check them by.

use crate::geometry::{Scale, Size};
use crate::grid::TissueMask;
use crate::sink::overlay::draw_outlines;
use crate::tile::Outline;
use crate::vectorize::contour::trace_mask;
use crate::vectorize::simplify::simplify;
use image::RgbImage;

/// Class of tissue annotations.
pub const TISSUE_CLASS: &str = "Tissue";

/// Colour of tissue annotations: it is found neither in glass nor in usual stains.
pub const TISSUE_COLOR: [u8; 3] = [0, 140, 60];

/// The mask's pieces in level-0 pixels, cut at the slide's edges; steps of up to `tolerance_px` level-0 pixels are
/// straightened.
pub fn outlines(mask: &TissueMask, tolerance_px: f64) -> Vec<Outline> {
    let (scale, base) = (mask.scale(), mask.base_size());
    let to_base =
        |[x, y]: [f64; 2]| [scale.to_base(x).min(f64::from(base.width)), scale.to_base(y).min(f64::from(base.height))];
    let pieces = trace_mask(&mask.cells(), mask.size());
    pieces.iter().map(|piece| simplify(&piece.map(to_base), tolerance_px)).collect()
}

/// Draws the outlines on a thumbnail of the slide of `base` level-0 pixels.
pub fn overlay(mut thumbnail: RgbImage, base: Size, outlines: &[Outline]) -> RgbImage {
    let longest = thumbnail.width().max(thumbnail.height()).max(1);
    let scale = Scale::new(f64::from(base.width.max(base.height)) / f64::from(longest));
    let width = (f64::from(longest) / 700.0).clamp(1.0, 6.0);
    draw_outlines(&mut thumbnail, outlines, scale, TISSUE_COLOR, width);
    thumbnail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_cut_at_the_slide_and_keep_the_area_of_the_mask() {
        let base = Size::new(25, 18);
        let cells = [true, true, true, false, false, true];
        let mask = TissueMask::from_cells(base, Scale::new(10.0), &cells);
        let found = outlines(&mask, 0.0);
        let area: f64 = found.iter().map(Outline::area).sum();
        assert_eq!((found.len(), area), (1, mask.share() * base.area() as f64));
        assert!(found[0].exterior.iter().all(|[x, y]| *x <= 25.0 && *y <= 18.0));
    }

    #[test]
    fn an_overlay_is_drawn_where_the_tissue_ends() {
        let outline =
            Outline { exterior: vec![[40.0, 40.0], [160.0, 40.0], [160.0, 160.0], [40.0, 160.0]], holes: vec![] };
        let picture = overlay(RgbImage::from_pixel(100, 100, image::Rgb([255; 3])), Size::new(200, 200), &[outline]);
        assert_eq!(picture.get_pixel(50, 50).0, [255; 3]);
        assert!(picture.get_pixel(20, 50).0[0] < 200);
    }
}
