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

/// Connected pieces of pixels with equal values, in time proportional to the pixels; values equal to `background`
/// belong to no piece.
///
/// # Panics
/// Unless `values` has `size.area()` entries.
pub fn pieces<T: PartialEq + Copy>(values: &[T], size: Size, background: T, connectivity: Connectivity) -> Pieces {
    let (width, height) = (size.width as usize, size.height as usize);
    assert_eq!(values.len(), width * height, "one value a pixel of {size}");
    let mut of_pixel = vec![0u32; values.len()];
    // Disjoint sets over provisional numbers; index 0 is unused. The smaller number is always the root.
    let mut parent = vec![0u32];
    for y in 0..height {
        for x in 0..width {
            let i = y * width + x;
            let value = values[i];
            if value == background {
                continue;
            }
            let mut number = 0;
            let mut join = |neighbour: usize| {
                if values[neighbour] == value {
                    let root = root_of(&mut parent, of_pixel[neighbour]);
                    if number == 0 {
                        number = root;
                    } else if root != number {
                        let (low, high) = (root.min(number), root.max(number));
                        parent[high as usize] = low;
                        number = low;
                    }
                }
            };
            if x > 0 {
                join(i - 1);
            }
            if y > 0 {
                join(i - width);
                if connectivity == Connectivity::Eight {
                    if x > 0 {
                        join(i - width - 1);
                    }
                    if x + 1 < width {
                        join(i - width + 1);
                    }
                }
            }
            if number == 0 {
                number = parent.len() as u32;
                parent.push(number);
            }
            of_pixel[i] = number;
        }
    }
    // A root is the first number of its piece, so numbering roots in order is numbering by first pixel.
    let mut final_number = vec![0u32; parent.len()];
    let mut count = 0;
    for number in 1..parent.len() as u32 {
        let root = root_of(&mut parent, number);
        if root == number {
            count += 1;
            final_number[number as usize] = count;
        } else {
            final_number[number as usize] = final_number[root as usize];
        }
    }
    for number in &mut of_pixel {
        *number = final_number[*number as usize];
    }
    Pieces { of_pixel, count }
}

fn root_of(parent: &mut [u32], mut number: u32) -> u32 {
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
        for &piece in &self.of_pixel {
            areas[piece as usize] += 1;
        }
        areas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
