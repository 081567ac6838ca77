//! A coarse raster of tissue over a whole slide, one bit a cell.

use crate::geometry::{Base, Rect, Scale, Size};
use crate::tile::{Outline, rasterise};

/// Most cells that [`TissueMask::from_outlines`] spends on a slide; a bit each.
const OUTLINE_CELLS: u64 = 1 << 25;

/// Cells that a rectangle must reach into a cell to count as touching it: above the rounding of f64 coordinates,
/// far below a pixel.
const TOUCH: f64 = 1e-6;

/// Which parts of a slide are to be looked at: square cells that share the slide's top left corner.
///
/// A cell is tissue or not as a whole. The last column and row may reach beyond the slide.
#[derive(Debug, Clone, PartialEq)]
pub struct TissueMask {
    base: Size,
    scale: Scale,
    size: Size,
    words: usize,
    bits: Vec<u64>,
    notes: Vec<String>,
}

impl TissueMask {
    /// A mask without tissue for a slide of `base` level-0 pixels, in cells of `scale`.
    pub fn empty(base: Size, scale: Scale) -> Self {
        let size = scale.size_of(base);
        let words = (size.width as usize).div_ceil(64);
        Self { base, scale, size, words, bits: vec![0; words * size.height as usize], notes: Vec::new() }
    }

    /// A mask that takes the whole slide for tissue: one cell.
    pub fn whole(base: Size) -> Self {
        let mut mask = Self::empty(base, Scale::new(f64::from(base.width.max(base.height).max(1))));
        mask.set(0, 0);
        mask
    }

    /// A mask of given cells: `cells` is row-major and has `scale.size_of(base)` values.
    ///
    /// # Panics
    /// If `cells` has another length.
    pub fn from_cells(base: Size, scale: Scale, cells: &[bool]) -> Self {
        let mut mask = Self::empty(base, scale);
        assert_eq!(cells.len() as u64, mask.size.area(), "one value a cell of {}", mask.size);
        for (row, line) in cells.chunks_exact(mask.size.width as usize).enumerate() {
            for (column, _) in line.iter().enumerate().filter(|(_, tissue)| **tissue) {
                mask.set(column as u32, row as u32);
            }
        }
        mask
    }

    /// Every cell that has a part inside one of `outlines`, which are in level-0 pixels and may reach outside the
    /// slide. Crossing rings fill by the even-odd rule. However small an outline is, its pixels are in the mask.
    pub fn from_outlines(outlines: &[Outline], base: Size) -> Self {
        let cell = (base.area() as f64 / OUTLINE_CELLS as f64).sqrt().ceil().max(1.0);
        let mut mask = Self::empty(base, Scale::new(cell));
        for outline in outlines {
            let cells = outline.map(|[x, y]| [x / cell, y / cell]);
            rasterise::touched(&cells, mask.size, |row, from, to| mask.set_run(row, from, to));
        }
        mask
    }

    /// The slide's size in level-0 pixels.
    pub fn base_size(&self) -> Size {
        self.base
    }

    /// Level-0 pixels a cell.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Columns and rows of cells.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How the mask came about, for people: the rule that was used, what was left out, why it is empty.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Is this cell tissue? Cells outside the raster are not.
    pub fn is_tissue(&self, column: u32, row: u32) -> bool {
        column < self.size.width && row < self.size.height && {
            let word = self.bits[row as usize * self.words + column as usize / 64];
            word >> (column % 64) & 1 == 1
        }
    }

    /// Is the cell under this point of level 0 tissue?
    pub fn contains(&self, x: f64, y: f64) -> bool {
        let (column, row) = (self.scale.from_base(x).floor(), self.scale.from_base(y).floor());
        Rect::<Base>::whole(self.base).contains(x, y) && self.is_tissue(column as u32, row as u32)
    }

    /// Does any tissue lie in this rectangle? What is outside the slide is not tissue.
    pub fn covers(&self, rect: Rect<Base>) -> bool {
        self.covers_area(rect.x as f64, rect.y as f64, rect.right() as f64, rect.bottom() as f64)
    }

    /// [`covers`](Self::covers) for edges between level-0 pixels: left, top, right, bottom.
    pub fn covers_area(&self, left: f64, top: f64, right: f64, bottom: f64) -> bool {
        let columns = self.cells_between(left, right, self.base.width, self.size.width);
        let rows = self.cells_between(top, bottom, self.base.height, self.size.height);
        rows.into_iter().any(|row| self.any_in_row(row, columns.clone()))
    }

    /// Every cell, row-major: [`size`](Self::size) values.
    pub fn cells(&self) -> Vec<bool> {
        let rows = 0..self.size.height;
        rows.flat_map(|row| (0..self.size.width).map(move |column| self.is_tissue(column, row))).collect()
    }

    /// Share of the slide that is tissue, 0 to 1.
    pub fn share(&self) -> f64 {
        self.tissue_px() / (self.base.area() as f64).max(1.0)
    }

    /// Is there no tissue at all?
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// Tissue in level-0 pixels, with cells cut at the slide's edges.
    fn tissue_px(&self) -> f64 {
        let cut = |index: u32, length: u32| {
            let (from, to) = (self.scale.to_base(f64::from(index)), self.scale.to_base(f64::from(index + 1)));
            to.min(f64::from(length)) - from
        };
        let Some(last) = self.size.width.checked_sub(1) else { return 0.0 };
        let row_px = |row: u32| {
            let line = &self.bits[row as usize * self.words..][..self.words];
            let count: u32 = line.iter().map(|word| word.count_ones()).sum();
            let edge = f64::from(u32::from(self.is_tissue(last, row)));
            let width = (f64::from(count) - edge) * self.scale.base_px() + edge * cut(last, self.base.width);
            width * cut(row, self.base.height)
        };
        (0..self.size.height).map(row_px).sum()
    }

    /// The cells that `from..to` touches, in level-0 pixels along an axis of `length` pixels and `cells` cells.
    fn cells_between(&self, from: f64, to: f64, length: u32, cells: u32) -> std::ops::Range<u32> {
        let (from, to) = (from.max(0.0), to.min(f64::from(length)));
        if from >= to {
            return 0..0;
        }
        let first = (self.scale.from_base(from) + TOUCH).floor() as u32;
        let end = (self.scale.from_base(to) - TOUCH).ceil() as u32;
        first.min(cells)..end.min(cells)
    }

    fn any_in_row(&self, row: u32, columns: std::ops::Range<u32>) -> bool {
        if columns.is_empty() {
            return false;
        }
        let line = &self.bits[row as usize * self.words..][..self.words];
        let (first, last) = (columns.start as usize / 64, (columns.end as usize - 1) / 64);
        (first..=last).any(|word| line[word] & bits_of(word, &columns) != 0)
    }

    pub(super) fn set(&mut self, column: u32, row: u32) {
        self.bits[row as usize * self.words + column as usize / 64] |= 1 << (column % 64);
    }

    fn set_run(&mut self, row: u32, from: u32, to: u32) {
        let columns = from..to.min(self.size.width);
        if row >= self.size.height || columns.is_empty() {
            return;
        }
        for word in columns.start as usize / 64..=(columns.end as usize - 1) / 64 {
            self.bits[row as usize * self.words + word] |= bits_of(word, &columns);
        }
    }
}

/// The bits of word number `word` of a row that stand for `columns`.
fn bits_of(word: usize, columns: &std::ops::Range<u32>) -> u64 {
    let start = (columns.start as usize).saturating_sub(word * 64).min(64);
    let end = (columns.end as usize).saturating_sub(word * 64).min(64);
    let below = |n: usize| if n == 64 { u64::MAX } else { (1 << n) - 1 };
    below(end) & !below(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f64, y: f64, edge: f64) -> Outline {
        Outline { exterior: vec![[x, y], [x + edge, y], [x + edge, y + edge], [x, y + edge]], holes: vec![] }
    }

    proptest! {
        #[test]
        fn a_rectangle_is_covered_iff_it_holds_a_pixel_of_a_tissue_cell(
            width in 1u32..200, height in 1u32..40, scale in 0.3f64..20.0, seed in any::<u64>(),
            x in -20i64..220, y in -20i64..60, w in 1u32..150, h in 1u32..30,
        ) {
            let (base, scale) = (Size::new(width, height), Scale::new(scale));
            let size = scale.size_of(base);
            let chance = |i: u64| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 & 63 == 0;
            let cells: Vec<bool> = (0..size.area()).map(chance).collect();
            let mask = TissueMask::from_cells(base, scale, &cells);
            let rect = Rect::<Base>::new(x, y, w, h);
            let overlap = |index: u32, from: i64, to: i64, length: u32| {
                let (a, b) = (scale.to_base(f64::from(index)), scale.to_base(f64::from(index + 1)));
                b.min(to as f64).min(f64::from(length)) - a.max(from as f64).max(0.0) > 1e-5
            };
            let expected = (0..size.height).any(|row| (0..size.width).any(|column| {
                cells[(row * size.width + column) as usize]
                    && overlap(column, rect.x, rect.right(), width) && overlap(row, rect.y, rect.bottom(), height)
            }));
            prop_assert_eq!(mask.covers(rect), expected);
            prop_assert_eq!(mask.cells(), cells);
        }
    }

    #[test]
    fn the_whole_slide_is_one_cell_of_tissue() {
        let mask = TissueMask::whole(Size::new(100_000, 3));
        assert_eq!((mask.size(), mask.share()), (Size::new(1, 1), 1.0));
        assert!(mask.covers(Rect::new(99_999, 2, 1, 1)) && mask.contains(99_999.5, 2.5));
        assert!(!mask.covers(Rect::new(100_000, 0, 5, 5)) && !mask.contains(100_000.0, 0.0));
    }

    #[test]
    fn the_share_counts_cells_only_as_far_as_the_slide_goes() {
        let mask = TissueMask::from_cells(Size::new(15, 10), Scale::new(10.0), &[false, true]);
        assert!((mask.share() - 1.0 / 3.0).abs() < 1e-12, "{}", mask.share());
    }

    #[test]
    fn an_outline_smaller_than_a_pixel_of_a_huge_slide_is_not_lost() {
        let mask = TissueMask::from_outlines(&[square(77_777.2, 3.1, 0.5)], Size::new(100_000, 100_000));
        assert!(mask.covers(Rect::new(77_777, 3, 1, 1)));
        assert!(mask.size().area() <= OUTLINE_CELLS && mask.share() < 1e-6);
    }

    #[test]
    fn outlines_join_and_are_cut_at_the_slide() {
        let mask = TissueMask::from_outlines(&[square(-5.0, -5.0, 8.0), square(1.0, 1.0, 4.0)], Size::new(10, 10));
        assert_eq!(mask.share(), (9.0 + 16.0 - 4.0) / 100.0);
        assert!(TissueMask::from_outlines(&[square(20.0, 20.0, 5.0)], Size::new(10, 10)).is_empty());
    }
}
