//! Connected pieces of a mask, kept as runs of cells: memory grows with the outlines, not with the area.

use image::GrayImage;

/// A stretch of one row: row, first cell, end.
type Run = (u32, u32, u32);

/// The connected pieces of the cells of one value.
pub(super) struct Pieces {
    runs: Vec<Run>,
    /// Which piece each run belongs to: an index into `areas`.
    piece: Vec<usize>,
    /// Cells of each piece.
    pub areas: Vec<u64>,
    /// Does the piece touch the edge of the image?
    pub at_border: Vec<bool>,
}

impl Pieces {
    /// The pieces of cells that have `value`, joined across corners too if `diagonal`.
    pub fn new(mask: &GrayImage, value: u8, diagonal: bool) -> Self {
        let runs = runs(mask, value);
        let mut parent: Vec<usize> = (0..runs.len()).collect();
        let reach = u32::from(diagonal);
        // Both rows' runs are sorted: `above` never has to go back further than the run that reached this far.
        let mut above = 0;
        for (index, &(row, from, to)) in runs.iter().enumerate() {
            while above < index
                && (runs[above].0 + 1 < row || runs[above].0 + 1 == row && runs[above].2 + reach <= from)
            {
                above += 1;
            }
            let touching = runs[above..index].iter().take_while(|run| run.0 + 1 == row && run.1 < to + reach);
            for other in 0..touching.count() {
                let (a, b) = (root(&mut parent, above + other), root(&mut parent, index));
                parent[a.max(b)] = a.min(b);
            }
        }
        let (mut areas, mut at_border, mut piece) = (Vec::new(), Vec::new(), vec![0; runs.len()]);
        for (index, &(row, from, to)) in runs.iter().enumerate() {
            // A root comes before the runs that hang on it.
            let root = root(&mut parent, index);
            if root == index {
                piece[index] = areas.len();
                areas.push(0);
                at_border.push(false);
            }
            piece[index] = piece[root];
            areas[piece[index]] += u64::from(to - from);
            at_border[piece[index]] |= row == 0 || from == 0 || row + 1 == mask.height() || to == mask.width();
        }
        Self { runs, piece, areas, at_border }
    }

    /// Sets the cells of the pieces for which `chosen(area, at_border)` holds, and counts these pieces.
    pub fn paint(&self, mask: &mut GrayImage, value: u8, chosen: impl Fn(u64, bool) -> bool) -> usize {
        let chosen: Vec<bool> = self.areas.iter().zip(&self.at_border).map(|(area, at)| chosen(*area, *at)).collect();
        let width = mask.width() as usize;
        let cells: &mut [u8] = mask;
        for (&(row, from, to), _) in self.runs.iter().zip(&self.piece).filter(|(_, piece)| chosen[**piece]) {
            cells[row as usize * width..][from as usize..to as usize].fill(value);
        }
        chosen.iter().filter(|chosen| **chosen).count()
    }
}

fn runs(mask: &GrayImage, value: u8) -> Vec<Run> {
    let mut runs = Vec::new();
    for (row, line) in mask.chunks_exact(mask.width().max(1) as usize).enumerate() {
        let mut column = 0;
        for stretch in line.chunk_by(|a, b| a == b) {
            let end = column + stretch.len() as u32;
            if stretch[0] == value {
                runs.push((row as u32, column, end));
            }
            column = end;
        }
    }
    runs
}

/// The first run of a run's piece; shortens the way there.
fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;
    use proptest::prelude::*;

    /// Areas by flood fill, in order of each piece's first cell.
    fn flooded(mask: &GrayImage, diagonal: bool) -> Vec<u64> {
        let mut left = mask.clone();
        let mut areas = Vec::new();
        for y in 0..mask.height() {
            for x in 0..mask.width() {
                let (mut stack, mut area) = (vec![(x, y)], 0);
                while let Some((x, y)) = stack.pop() {
                    if x >= mask.width() || y >= mask.height() || left.get_pixel(x, y).0[0] == 0 {
                        continue;
                    }
                    left.put_pixel(x, y, Luma([0]));
                    area += 1;
                    for dy in [u32::MAX, 0, 1] {
                        for dx in [u32::MAX, 0, 1] {
                            if diagonal || dx == 0 || dy == 0 {
                                stack.push((x.wrapping_add(dx), y.wrapping_add(dy)));
                            }
                        }
                    }
                }
                areas.extend((area > 0).then_some(area));
            }
        }
        areas
    }

    proptest! {
        #[test]
        fn pieces_are_those_of_a_flood_fill(
            width in 1u32..14, height in 1u32..14, cells in prop::collection::vec(any::<bool>(), 196), diagonal in any::<bool>(),
        ) {
            let mask = GrayImage::from_fn(width, height, |x, y| Luma([u8::from(cells[(y * 14 + x) as usize]) * 255]));
            let pieces = Pieces::new(&mask, 255, diagonal);
            prop_assert_eq!(&pieces.areas, &flooded(&mask, diagonal));
            let mut cleared = mask.clone();
            prop_assert_eq!(pieces.paint(&mut cleared, 0, |_, _| true), pieces.areas.len());
            prop_assert!(cleared.iter().all(|value| *value == 0));
        }
    }
}
