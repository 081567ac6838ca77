//! Square patches on a grid, whole ones only.

use crate::geometry::Size;
use serde::Serialize;

/// Edge and stride of patches, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PatchGrid {
    /// Edge of a patch.
    pub edge: u32,
    /// From one patch to the next, across and down; patches overlap where it is smaller than `edge`.
    pub stride: u32,
}

impl PatchGrid {
    /// Left and top of each patch that lies wholly inside an image of `size`, row by row; none if the image is smaller
    /// than a patch. Up to a stride of pixels along the right and lower edges is in no patch.
    ///
    /// # Panics
    /// If `edge` or `stride` is 0.
    pub fn corners(self, size: Size) -> Vec<[u32; 2]> {
        assert!(self.edge > 0 && self.stride > 0, "patches of {} px every {} px", self.edge, self.stride);
        let along = |length: u32| (0..(length + 1).saturating_sub(self.edge)).step_by(self.stride as usize);
        along(size.height).flat_map(|y| along(size.width).map(move |x| [x, y])).collect()
    }

    /// Columns at the right and rows at the bottom that no patch shows.
    pub fn left_over(self, size: Size) -> [u32; 2] {
        let shown = |length: u32| match length.checked_sub(self.edge) {
            Some(room) => room / self.stride * self.stride + self.edge,
            None => 0,
        };
        [size.width - shown(size.width), size.height - shown(size.height)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_patch_counts_follow() {
        let count = |width, height, stride| PatchGrid { edge: 256, stride }.corners(Size::new(width, height)).len();
        assert_eq!(count(1000, 1000, 64), 144, "MoNuSeg");
        assert_eq!(count(775, 522, 64), 45, "GlaS, the usual size");
        assert_eq!([count(574, 433, 64), count(589, 453, 64), count(567, 430, 64)], [15, 24, 15], "GlaS, others");
        assert_eq!(count(1280, 1024, 256), 20, "head and neck");
    }

    #[test]
    fn patches_lie_inside_and_what_they_miss_is_told() {
        let (grid, size) = (PatchGrid { edge: 256, stride: 64 }, Size::new(1000, 522));
        let corners = grid.corners(size);
        assert_eq!(corners[..2], [[0, 0], [64, 0]]);
        let last = corners[corners.len() - 1];
        assert_eq!(grid.left_over(size), [1000 - (last[0] + 256), 522 - (last[1] + 256)]);
        assert_eq!(grid.left_over(size), [40, 10]);
        assert!(grid.corners(Size::new(255, 600)).is_empty());
    }
}
