//! The parts of one core's class map, stretch by stretch.

use crate::vectorize::pieces::{root_of, unite};
use std::ops::Range;

/// Pixels of one part that follow each other in a row; places in the core, counted row by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub from: u32,
    pub to: u32,
    /// Number of the part.
    pub part: u32,
}

impl Stretch {
    pub fn len(&self) -> u32 {
        self.to - self.from
    }

    pub fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// Connected pixels of one class: objects by edges, background (none) by edges and corners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub class: Option<u8>,
    pub pixels: u32,
}

/// A class map in parts, numbered by their first pixels in raster order.
#[derive(Debug)]
pub(super) struct Labels {
    edge: u32,
    /// From end to end of every row.
    pub stretches: Vec<Stretch>,
    /// For each row the number of stretches down to its end.
    row_ends: Vec<usize>,
    pub parts: Vec<Label>,
}

impl Labels {
    /// Of a square of `edge` pixels a side.
    pub fn of(classes: &[Option<u8>], edge: u32) -> Self {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut row_ends = Vec::with_capacity(edge as usize);
        // Disjoint sets over provisional numbers. The smaller number is always the root.
        let (mut parent, mut class_of) = (Vec::new(), Vec::new());
        let mut above = 0..0;
        let mut ends = Ends::new(edge as usize);
        for (y, row) in classes.chunks_exact(edge as usize).enumerate() {
            let first = stretches.len();
            let (mut from, mut next) = (y as u32 * edge, above.start);
            for end in ends.of(row) {
                let (class, to) = (row[end - 1], y as u32 * edge + end as u32);
                // How far a stretch reaches beyond its ends.
                let reach = u32::from(class.is_none());
                while next < above.end && stretches[next].to + edge + reach <= from {
                    next += 1;
                }
                let (mut part, mut touching) = (u32::MAX, next);
                while touching < above.end && stretches[touching].from + edge < to + reach {
                    let other = stretches[touching].part;
                    touching += 1;
                    if class_of[other as usize] != class {
                        continue;
                    }
                    part = if part == u32::MAX { root_of(&mut parent, other) } else { unite(&mut parent, part, other) };
                }
                if part == u32::MAX {
                    part = parent.len() as u32;
                    parent.push(part);
                    class_of.push(class);
                }
                stretches.push(Stretch { from, to, part });
                from = to;
            }
            above = first..stretches.len();
            row_ends.push(stretches.len());
        }
        let (mut numbers, mut parts) = (vec![0; parent.len()], Vec::new());
        for number in 0..parent.len() as u32 {
            let root = root_of(&mut parent, number);
            if root == number {
                numbers[number as usize] = parts.len() as u32;
                parts.push(Label { class: class_of[number as usize], pixels: 0 });
            } else {
                numbers[number as usize] = numbers[root as usize];
            }
        }
        for stretch in &mut stretches {
            stretch.part = numbers[stretch.part as usize];
            parts[stretch.part as usize].pixels += stretch.len();
        }
        Self { edge, stretches, row_ends, parts }
    }

    /// The stretches of each row, from the top.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[Stretch]> {
        (0..self.row_ends.len())
            .map(|y| &self.stretches[y.checked_sub(1).map_or(0, |y| self.row_ends[y])..self.row_ends[y]])
    }

    /// Part of background and part of a class that share an edge, in order, for background that `wanted` asks for.
    pub fn borders(&self, wanted: impl Fn(u32) -> bool) -> Vec<[u32; 2]> {
        let mut borders = Vec::new();
        let mut border = |a: &Stretch, b: &Stretch| {
            let is_background = |stretch: &Stretch| self.parts[stretch.part as usize].class.is_none();
            match (is_background(a), is_background(b)) {
                (true, false) if wanted(a.part) => borders.push([a.part, b.part]),
                (false, true) if wanted(b.part) => borders.push([b.part, a.part]),
                _ => {}
            }
        };
        let mut above: &[Stretch] = &[];
        for row in self.rows() {
            row.windows(2).for_each(|pair| border(&pair[0], &pair[1]));
            let mut first = 0;
            for stretch in row {
                while above.get(first).is_some_and(|other| other.to + self.edge <= stretch.from) {
                    first += 1;
                }
                let touching = above[first..].iter().take_while(|other| other.from + self.edge < stretch.to);
                touching.for_each(|other| border(other, stretch));
            }
            above = row;
        }
        borders.sort_unstable();
        borders.dedup();
        borders
    }
}

/// Finds where the stretches of a row end.
struct Ends {
    /// A number for each pixel's class.
    codes: Vec<u16>,
    /// 1 where the next pixel is of another class, in whole words.
    last: Vec<u8>,
}

impl Ends {
    /// For rows of `width` pixels.
    fn new(width: usize) -> Self {
        Self { codes: vec![0; width], last: vec![0; width.next_multiple_of(8)] }
    }

    /// The place after the last pixel of each stretch. Pixels are compared in loops that become vectors, and of the answers
    /// eight are looked at at once.
    fn of(&mut self, row: &[Option<u8>]) -> impl Iterator<Item = usize> {
        self.codes.iter_mut().zip(row).for_each(|(code, class)| *code = class.map_or(0, |class| u16::from(class) + 1));
        let next = self.codes.iter().zip(&self.codes[1..]);
        self.last.iter_mut().zip(next).for_each(|(last, (code, next))| *last = u8::from(code != next));
        self.last[row.len() - 1] = 1;
        let (words, _) = self.last.as_chunks::<8>();
        words.iter().enumerate().flat_map(|(at, bytes)| {
            let mut word = u64::from_le_bytes(*bytes);
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(at * 8 + bit as usize / 8 + 1)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_end_where_the_class_changes_whatever_the_width() {
        for width in 1..40_usize {
            let class = |x: usize| [None, Some(0), Some(255), None][(x * x / 7 + x / 3) % 4];
            let row: Vec<_> = (0..width).map(class).collect();
            let mut ends = Ends::new(width);
            let mut expected = 0;
            let lengths: Vec<_> = row.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
            let expected: Vec<_> = lengths
                .iter()
                .map(|length| {
                    expected += length;
                    expected
                })
                .collect();
            assert_eq!(ends.of(&row).collect::<Vec<_>>(), expected, "{width}");
            assert_eq!(
                ends.of(&vec![Some(3); width]).collect::<Vec<_>>(),
                [width],
                "nothing is left of the row before"
            );
        }
    }
}
