//! Objects across tiles: each belongs to the tile whose core holds its centroid, and what two tiles saw twice all the
//! same is kept once.

use crate::geometry::{Model, Rect};
use crate::tile::{Object, TileSpec};
use std::collections::BTreeMap;

/// A row of an object's pixels: y, first x, one past the last x; model pixels of the slide.
pub type Run = [i32; 3];

/// An object with its pixels, found in one tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The object.
    pub object: Object,
    /// Its pixels, top to bottom and left to right.
    pub runs: Vec<Run>,
}

/// Joins the objects of tiles that come in plan order. An object is final once every tile that overlaps its own has
/// come; so at most two rows of tiles are held, and of them only objects near seams.
#[derive(Debug)]
pub struct ObjectStitcher {
    max_overlap: f64,
    /// By row and column of the tile.
    waiting: BTreeMap<(u32, u32), Vec<Candidate>>,
    dropped: u64,
}

impl ObjectStitcher {
    /// Of two objects of neighbouring tiles that overlap by more than the share `max_overlap` of the smaller one, the one
    /// with the lower score is dropped.
    pub fn new(max_overlap: f64) -> Self {
        Self { max_overlap, waiting: BTreeMap::new(), dropped: 0 }
    }

    /// Takes a tile's candidates whose centroids lie in its core; gives the objects that have become final.
    pub fn add(&mut self, tile: &TileSpec, candidates: Vec<Candidate>) -> Vec<Object> {
        let mut last =
            self.flush(|row, column| row + 1 < tile.row || (row + 1 == tile.row && column + 1 < tile.column));
        // What lies deeper in the core than the neighbours reach cannot meet anything of theirs.
        let halo = (tile.core.x - tile.tile.x) as u32;
        let (near_seam, inner): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| reaches_outside(&candidate.runs, tile.core, halo));
        last.extend(inner.into_iter().map(|candidate| candidate.object));
        let mut kept = Vec::with_capacity(near_seam.len());
        for candidate in near_seam {
            if self.stands(tile, &candidate) {
                kept.push(candidate);
            } else {
                self.dropped += 1;
            }
        }
        self.waiting.insert((tile.row, tile.column), kept);
        last
    }

    /// The objects that were still waiting, and the number of duplicates that were dropped in all.
    pub fn finish(mut self) -> (Vec<Object>, u64) {
        (self.flush(|_, _| true), self.dropped)
    }

    /// Does the newcomer stand against what the tiles around have? What it beats is removed.
    fn stands(&mut self, tile: &TileSpec, newcomer: &Candidate) -> bool {
        let (row, column) = (tile.row, tile.column);
        let around = |value: u32| value.saturating_sub(1)..=value + 1;
        let mut beaten = Vec::new();
        for place in around(row).flat_map(|r| around(column).map(move |c| (r, c))) {
            for (number, other) in self.waiting.get(&place).into_iter().flatten().enumerate() {
                if share_of_smaller(&newcomer.runs, &other.runs) > self.max_overlap {
                    if other.object.score >= newcomer.object.score {
                        return false;
                    }
                    beaten.push((place, number));
                }
            }
        }
        for (place, number) in beaten.into_iter().rev() {
            if let Some(candidates) = self.waiting.get_mut(&place) {
                candidates.remove(number);
                self.dropped += 1;
            }
        }
        true
    }

    fn flush(&mut self, is_final: impl Fn(u32, u32) -> bool) -> Vec<Object> {
        let places: Vec<_> = self.waiting.keys().copied().filter(|&(row, column)| is_final(row, column)).collect();
        let tiles = places.into_iter().filter_map(|place| self.waiting.remove(&place));
        tiles.flatten().map(|candidate| candidate.object).collect()
    }
}

/// Is any pixel nearer than `halo` to the core's edge, or outside it?
fn reaches_outside(runs: &[Run], core: Rect<Model>, halo: u32) -> bool {
    let halo = i64::from(halo);
    runs.iter().any(|&[y, from, to]| {
        let (y, from, to) = (i64::from(y), i64::from(from), i64::from(to));
        y < core.y + halo || y >= core.bottom() - halo || from < core.x + halo || to > core.right() - halo
    })
}

/// Common pixels by those of the smaller of two objects.
fn share_of_smaller(a: &[Run], b: &[Run]) -> f64 {
    let pixels = |runs: &[Run]| runs.iter().map(|run| i64::from(run[2] - run[1])).sum::<i64>();
    let (mut i, mut j, mut common) = (0, 0, 0_i64);
    while let (Some(&[ya, a0, a1]), Some(&[yb, b0, b1])) = (a.get(i), b.get(j)) {
        if ya == yb {
            common += i64::from((a1.min(b1) - a0.max(b0)).max(0));
        }
        // The run that ends first has met all that it can meet.
        if (ya, a1) <= (yb, b1) { i += 1 } else { j += 1 }
    }
    if common == 0 { 0.0 } else { common as f64 / pixels(a).min(pixels(b)) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::Outline;
    use uuid::Uuid;

    /// Tiles with cores of 100 and halos of 20.
    fn tile(column: u32, row: u32) -> TileSpec {
        let core = Rect::new(i64::from(column) * 100, i64::from(row) * 100, 100, 100);
        TileSpec { index: row * 10 + column, column, row, tile: core.grown(20), core }
    }

    /// A square of pixels.
    fn square(x: i32, y: i32, edge: i32, score: f32) -> Candidate {
        let middle = |v: i32| f64::from(v) + f64::from(edge) / 2.0;
        let object = Object {
            id: Uuid::nil(),
            class: 1,
            score,
            centroid: [middle(x), middle(y)],
            outline: Outline::default(),
            measurements: Vec::new(),
        };
        Candidate { object, runs: (y..y + edge).map(|y| [y, x, x + edge]).collect() }
    }

    fn stitched(tiles: Vec<(TileSpec, Vec<Candidate>)>) -> (Vec<[f64; 2]>, u64) {
        let mut stitcher = ObjectStitcher::new(0.5);
        let mut objects: Vec<Object> = Vec::new();
        for (tile, candidates) in tiles {
            objects.extend(stitcher.add(&tile, candidates));
        }
        let (rest, dropped) = stitcher.finish();
        (objects.into_iter().chain(rest).map(|object| object.centroid).collect(), dropped)
    }

    #[test]
    fn of_two_sights_of_one_object_the_surer_one_is_kept() {
        // Seen slightly differently, the centroid falls to either side of the seam at 100.
        for (left, right, kept) in [(0.9, 0.8, 99.0), (0.7, 0.8, 101.0)] {
            let tiles =
                vec![(tile(0, 0), vec![square(94, 50, 10, left)]), (tile(1, 0), vec![square(96, 50, 10, right)])];
            assert_eq!(stitched(tiles), (vec![[kept, 55.0]], 1));
        }
    }

    #[test]
    fn neighbours_that_touch_or_overlap_a_little_are_both_kept() {
        let tiles = vec![(tile(0, 0), vec![square(88, 50, 14, 0.9)]), (tile(1, 0), vec![square(98, 50, 14, 0.9)])];
        assert_eq!(stitched(tiles).1, 0);
    }

    #[test]
    fn duplicates_are_found_across_corners_and_from_the_row_above() {
        for (column, row, x, y) in [(1, 1, 97, 97), (0, 1, 50, 97), (1, 0, 97, 50)] {
            let (first, second) = (square(x - 2, y - 2, 8, 0.9), square(x, y, 8, 0.5));
            let (found, dropped) = stitched(vec![(tile(0, 0), vec![first]), (tile(column, row), vec![second])]);
            assert_eq!((found.len(), dropped), (1, 1), "tile ({column}, {row})");
        }
        let (found, _) =
            stitched(vec![(tile(1, 0), vec![square(98, 92, 10, 0.4)]), (tile(0, 1), vec![square(93, 96, 10, 0.9)])]);
        assert_eq!(found.len(), 2, "a quarter in common is no duplicate");
    }

    #[test]
    fn an_object_is_given_out_once_no_tile_can_come_that_overlaps_its_own() {
        let mut stitcher = ObjectStitcher::new(0.5);
        assert_eq!(stitcher.add(&tile(0, 0), vec![square(50, 50, 9, 0.9), square(90, 50, 9, 0.9)]).len(), 1);
        assert_eq!(stitcher.add(&tile(1, 0), vec![]).len(), 0);
        assert_eq!(stitcher.add(&tile(0, 1), vec![]).len(), 0);
        assert_eq!(stitcher.add(&tile(1, 1), vec![]).len(), 0);
        assert_eq!(stitcher.add(&tile(2, 1), vec![]).len(), 1, "the tile below to the right was the last");
    }

    #[test]
    fn shares_are_those_of_the_smaller_object() {
        let (large, small) = (square(0, 0, 20, 1.0).runs, square(15, 5, 10, 1.0).runs);
        assert_eq!(share_of_smaller(&large, &small), 0.5);
        assert_eq!(share_of_smaller(&small, &large), 0.5);
        let ring = [[5, 0, 3], [5, 8, 12]];
        assert_eq!(share_of_smaller(&ring, &[[5, 2, 9]]), 2.0 / 7.0);
    }
}
