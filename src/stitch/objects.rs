//! Objects across tiles: each belongs to the tile whose core holds its centroid, and what two tiles saw twice all the
//! same is kept once.

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

/// Joins the objects of tiles that come in plan order. An object is final once every tile that can show any of its pixels
/// has come; so what waits longer than for the next tile is objects near the lower seams of one row of tiles.
#[derive(Debug)]
pub struct ObjectStitcher {
    max_overlap: f64,
    /// By the tile that they were found in.
    waiting: BTreeMap<Place, Vec<Waiting>>,
    dropped: u64,
}

/// Row and column of a tile: sorts in plan order.
type Place = (u32, u32);

#[derive(Debug)]
struct Waiting {
    candidate: Candidate,
    reach: Reach,
}

impl ObjectStitcher {
    /// Of two objects of neighbouring tiles that overlap by more than the share `max_overlap` of the smaller one, the one
    /// with the lower score is dropped.
    pub fn new(max_overlap: f64) -> Self {
        Self { max_overlap, waiting: BTreeMap::new(), dropped: 0 }
    }

    /// Takes a tile's candidates, whose centroids lie in its core; gives the objects that have become final.
    pub fn add(&mut self, tile: &TileSpec, candidates: Vec<Candidate>) -> Vec<Object> {
        let place = (tile.row, tile.column);
        let mut finals = self.flush(|last| last < place);
        let mut kept = Vec::new();
        for candidate in candidates {
            let reach = Reach::of(&candidate.runs, tile);
            if reach.outside && !self.stands(place, &candidate, &reach) {
                self.dropped += 1;
            } else if reach.last > place {
                kept.push(Waiting { candidate, reach });
            } else {
                finals.push(candidate.object);
            }
        }
        if !kept.is_empty() {
            self.waiting.insert(place, kept);
        }
        finals
    }

    /// The objects that were still waiting, and the number of duplicates that were dropped in all.
    pub fn finish(mut self) -> (Vec<Object>, u64) {
        (self.flush(|_| true), self.dropped)
    }

    /// Does the newcomer stand against what the tiles around have? What it beats is removed.
    fn stands(&mut self, (row, column): Place, newcomer: &Candidate, reach: &Reach) -> bool {
        let around = |value: u32| value.saturating_sub(1)..=value + 1;
        let mut beaten = Vec::new();
        for place in around(row).flat_map(|r| around(column).map(move |c| (r, c))) {
            for (number, other) in self.waiting.get(&place).into_iter().flatten().enumerate() {
                let other_runs = &other.candidate.runs;
                if reach.meets(&other.reach) && share_of_smaller(&newcomer.runs, other_runs) > self.max_overlap {
                    if other.candidate.object.score >= newcomer.object.score {
                        return false;
                    }
                    beaten.push((place, number));
                }
            }
        }
        for (place, number) in beaten.into_iter().rev() {
            if let Some(waiting) = self.waiting.get_mut(&place) {
                waiting.remove(number);
                self.dropped += 1;
            }
        }
        true
    }

    /// Takes out what is final, by the last tile that it waits for; in plan order of the tiles it was found in.
    fn flush(&mut self, is_final: impl Fn(Place) -> bool) -> Vec<Object> {
        let mut finals = Vec::new();
        self.waiting.retain(|_, waiting| {
            finals.extend(waiting.extract_if(.., |one| is_final(one.reach.last)).map(|one| one.candidate.object));
            !waiting.is_empty()
        });
        finals
    }
}

/// How far an object reaches towards the tiles around its own.
#[derive(Debug)]
struct Reach {
    /// Left, top, right, bottom; model pixels.
    bounds: [i64; 4],
    /// Can another tile show some of its pixels? Not if they lie deeper in the core than the neighbours' halos.
    outside: bool,
    /// The last tile in plan order that can, else its own.
    last: Place,
}

impl Reach {
    fn of(runs: &[Run], tile: &TileSpec) -> Self {
        let mut bounds = [i64::MAX, i64::MAX, i64::MIN, i64::MIN];
        for run in runs {
            let [y, from, to] = run.map(i64::from);
            bounds = [bounds[0].min(from), bounds[1].min(y), bounds[2].max(to), bounds[3].max(y + 1)];
        }
        let [left, top, right, bottom] = bounds;
        let (core, halo) = (tile.core, tile.core.x - tile.tile.x);
        let (beside, below) = (right > core.right() - halo, bottom > core.bottom() - halo);
        let before = left < core.x + halo || top < core.y + halo;
        let last = (tile.row + u32::from(below), tile.column + u32::from(beside));
        Self { bounds, outside: before || beside || below, last }
    }

    fn meets(&self, other: &Self) -> bool {
        let (a, b) = (self.bounds, other.bounds);
        a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
    }
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
    use crate::geometry::Rect;
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
        let [inner, right, below, corner] = [(50, 50), (90, 50), (50, 90), (90, 90)].map(|(x, y)| square(x, y, 9, 0.9));
        let centroids = |objects: Vec<Object>| objects.iter().map(|object| object.centroid).collect::<Vec<_>>();
        let first = centroids(stitcher.add(&tile(0, 0), vec![inner, right, below, corner, square(3, 3, 9, 0.9)]));
        assert_eq!(first, [[54.5, 54.5], [7.5, 7.5]], "tiles to the left and above have come before");
        assert_eq!(stitcher.add(&tile(1, 0), vec![]).len(), 0);
        assert_eq!(centroids(stitcher.add(&tile(2, 0), vec![])), [[94.5, 54.5]], "the tile beside was the last");
        assert_eq!(stitcher.add(&tile(0, 1), vec![]).len(), 0);
        assert_eq!(centroids(stitcher.add(&tile(1, 1), vec![])), [[54.5, 94.5]], "the tile below was the last");
        assert_eq!(centroids(stitcher.add(&tile(2, 1), vec![])), [[94.5, 94.5]], "the tile below to the right was");
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
