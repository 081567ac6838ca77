//! Connected pieces of equal values: the step before tracing, hole filling and area filters.

use crate::geometry::Size;

/// Pixels sorted into pieces.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// Per pixel the number of its piece, counted from 1 in raster order of first pixels; 0 for background.
    pub of_pixel: Vec<u32>,
    /// Number of pieces.
    pub count: u32,
}

/// Which neighbours hold a piece together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Pixels that share an edge.
    Four,
    /// Pixels that share an edge or a corner.
    Eight,
}

/// A stretch of equal values in a row.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// First column.
    pub from: u32,
    /// The column after the last one.
    pub to: u32,
    /// Its piece, provisional at first.
    pub number: u32,
}

/// Pixels sorted into pieces, stretch by stretch: far less than a number a pixel.
pub struct Runs {
    runs: Vec<Run>,
    /// For each row the number of stretches down to its end.
    row_ends: Vec<usize>,
    /// Number of pieces, counted from 1 in raster order of first pixels.
    pub count: u32,
}

impl Runs {
    /// The stretches of each row, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[Run]> {
        let begins = std::iter::once(0).chain(self.row_ends.iter().copied());
        begins.zip(&self.row_ends).map(|(from, &to)| &self.runs[from..to])
    }
}

/// Connected pieces of pixels with equal values, in time proportional to the pixels; values equal to `background`
/// belong to no piece.
///
/// # Panics
/// Unless `values` has `size.area()` entries.
pub fn pieces<T: PartialEq + Copy>(values: &[T], size: Size, background: T, connectivity: Connectivity) -> Pieces {
    let found = runs(values, size, background, connectivity);
    let mut of_pixel = vec![0u32; values.len()];
    for (row, runs) in of_pixel.chunks_exact_mut((size.width as usize).max(1)).zip(found.rows()) {
        for run in runs {
            row[run.from as usize..run.to as usize].fill(run.number);
        }
    }
    Pieces { of_pixel, count: found.count }
}

/// As [`pieces`], without a number for each pixel.
///
/// # Panics
/// Unless `values` has `size.area()` entries.
pub fn runs<T: PartialEq + Copy>(values: &[T], size: Size, background: T, connectivity: Connectivity) -> Runs {
    let (width, height) = (size.width as usize, size.height as usize);
    assert_eq!(values.len(), width * height, "one value a pixel of {size}");
    // Rows of pixels are joined, not pixels: there are far fewer of them. How far a run reaches beyond its ends:
    let reach = u32::from(connectivity == Connectivity::Eight);
    let mut runs: Vec<Run> = Vec::new();
    let mut row_ends = Vec::with_capacity(height);
    // Disjoint sets over provisional numbers; index 0 is unused. The smaller number is always the root.
    let mut parent = vec![0u32];
    let mut above = 0..0;
    for y in 0..height {
        let row = &values[y * width..(y + 1) * width];
        let first = runs.len();
        let (mut x, mut next) = (0, above.start);
        while x < width {
            let value = row[x];
            let from = x;
            x += stretch(&row[from..], value);
            if value == background {
                continue;
            }
            let (from, to) = (from as u32, x as u32);
            while next < above.end && runs[next].to + reach <= from {
                next += 1;
            }
            let mut number = 0;
            let mut touching = next;
            while touching < above.end && runs[touching].from < to + reach {
                let Run { from: column, number: other, .. } = runs[touching];
                touching += 1;
                if values[(y - 1) * width + column as usize] != value {
                    continue;
                }
                number = if number == 0 { root_of(&mut parent, other) } else { unite(&mut parent, number, other) };
            }
            if number == 0 {
                number = parent.len() as u32;
                parent.push(number);
            }
            runs.push(Run { from, to, number });
        }
        above = first..runs.len();
        row_ends.push(runs.len());
    }
    let (final_number, count) = numbered(&mut parent);
    for run in &mut runs {
        run.number = final_number[run.number as usize];
    }
    Runs { runs, row_ends, count }
}

/// How many values at the beginning are `value`; most of a mask is background, so whole blocks of it are passed at once.
fn stretch<T: PartialEq + Copy>(values: &[T], value: T) -> usize {
    let mut passed = 0;
    while let Some(block) = values[passed..].first_chunk::<64>() {
        if !block.iter().fold(true, |same, other| same & (*other == value)) {
            break;
        }
        passed += block.len();
    }
    passed + values[passed..].iter().take_while(|other| **other == value).count()
}

/// The final number of each provisional one, and how many there are. A root is the first number of its piece, so
/// numbering roots in order is numbering by first pixel.
fn numbered(parent: &mut [u32]) -> (Vec<u32>, u32) {
    let mut final_number = vec![0u32; parent.len()];
    let mut count = 0;
    for number in 1..parent.len() as u32 {
        let root = root_of(parent, number);
        if root == number {
            count += 1;
            final_number[number as usize] = count;
        } else {
            final_number[number as usize] = final_number[root as usize];
        }
    }
    (final_number, count)
}

/// Makes the sets of two numbers one; gives its root, the smaller one of theirs.
pub(crate) fn unite(parent: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root_of(parent, a), root_of(parent, b));
    parent[a.max(b) as usize] = a.min(b);
    a.min(b)
}

/// The root of a number in disjoint sets.
pub(crate) fn root_of(parent: &mut [u32], mut number: u32) -> u32 {
    while parent[number as usize] != number {
        let above = parent[parent[number as usize] as usize];
        parent[number as usize] = above;
        number = above;
    }
    number
}

impl Pieces {
    /// Pixels of each piece; index 0 counts the background.
    pub fn areas(&self) -> Vec<u64> {
        let mut areas = vec![0; self.count as usize + 1];
        // Stretch by stretch: adding to the same number for every pixel would wait for the sum before.
        for stretch in self.of_pixel.chunk_by(|a, b| a == b) {
            areas[stretch[0] as usize] += stretch.len() as u64;
        }
        areas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces by flooding from each pixel that has none yet.
    fn by_flooding(values: &[u8], size: Size, connectivity: Connectivity) -> Pieces {
        let (width, height) = (i64::from(size.width), i64::from(size.height));
        let (mut of_pixel, mut count) = (vec![0; values.len()], 0);
        for start in 0..values.len() {
            if values[start] == 0 || of_pixel[start] != 0 {
                continue;
            }
            count += 1;
            let mut open = vec![start];
            of_pixel[start] = count;
            while let Some(at) = open.pop() {
                let (x, y) = (at as i64 % width, at as i64 / width);
                for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                    let allowed = connectivity == Connectivity::Eight || dx == 0 || dy == 0;
                    if allowed && (0..width).contains(&(x + dx)) && (0..height).contains(&(y + dy)) {
                        let next = ((y + dy) * width + x + dx) as usize;
                        if of_pixel[next] == 0 && values[next] == values[start] {
                            of_pixel[next] = count;
                            open.push(next);
                        }
                    }
                }
            }
        }
        Pieces { of_pixel, count }
    }

    proptest! {
        #[test]
        fn pieces_are_what_flooding_finds(
            (width, values) in (1usize..14, 1usize..14, 1u8..4).prop_flat_map(|(w, h, most)| {
                (Just(w), proptest::collection::vec(0..=most, w * h))
            })
        ) {
            let size = Size::new(width as u32, (values.len() / width) as u32);
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                let (found, flooded) = (pieces(&values, size, 0, connectivity), by_flooding(&values, size, connectivity));
                prop_assert_eq!((found.of_pixel, found.count), (flooded.of_pixel, flooded.count));
            }
        }
    }

    #[test]
    fn diagonal_pixels_are_two_pieces_by_edges_and_one_by_corners() {
        let values = [1, 0, 0, 1];
        let size = Size::new(2, 2);
        assert_eq!(pieces(&values, size, 0, Connectivity::Four).of_pixel, [1, 0, 0, 2]);
        assert_eq!(pieces(&values, size, 0, Connectivity::Eight).of_pixel, [1, 0, 0, 1]);
    }

    #[test]
    fn a_piece_whose_arms_meet_late_is_one() {
        let values = [7, 0, 7, 7, 0, 7, 7, 7, 7];
        let found = pieces(&values, Size::new(3, 3), 0, Connectivity::Four);
        assert_eq!((found.count, found.areas()), (1, vec![2, 7]));
    }

    #[test]
    fn neighbours_of_different_values_are_different_pieces() {
        let found = pieces(&[3, 3, 5, 5], Size::new(4, 1), 0, Connectivity::Four);
        assert_eq!(found.of_pixel, [1, 1, 2, 2]);
    }
}
