//! The seams between cores that have come and cores that have not.

use std::collections::{BTreeMap, BTreeSet};

/// Row and column of a core: sorts in plan order.
pub(super) type Place = (u32, u32);

/// Comes after every core.
pub(super) const END: Place = (u32::MAX, u32::MAX);

/// The right and lower edges of the cores that have come, as long as a core can come that touches them.
#[derive(Debug)]
pub(super) struct Frontier<P> {
    edge: usize,
    cores: BTreeMap<Place, Edges<P>>,
    last: Option<Place>,
}

/// Pixels along two sides of a core.
#[derive(Debug)]
pub(super) struct Edges<P> {
    /// The rightmost column, downwards.
    pub right: Vec<P>,
    /// The lowest row, rightwards.
    pub bottom: Vec<P>,
}

/// The pixels that touch a core from cores before it; none where no core has come.
#[derive(Debug)]
pub(super) struct Margin<P> {
    /// The row above, from one pixel to the left of the core to one pixel to the right: `edge + 2` pixels.
    pub above: Vec<Option<P>>,
    /// The column to the left: `edge` pixels.
    pub beside: Vec<Option<P>>,
}

impl<P: Copy> Frontier<P> {
    /// For cores of `edge` pixels a side.
    pub fn new(edge: usize) -> Self {
        Self { edge, cores: BTreeMap::new(), last: None }
    }

    /// The places before `to`, in order, that touch cores which have come, and whose own cores will not come any more.
    pub fn gaps(&self, to: Place) -> BTreeSet<Place> {
        let mut gaps = BTreeSet::new();
        if self.last.is_some_and(|(row, column)| (row, column + 1) == to) {
            return gaps;
        }
        for &(row, column) in self.cores.keys() {
            let beside = [(row, column + 1), (row + 1, column), (row + 1, column + 1)];
            let before = column.checked_sub(1).map(|before| (row + 1, before));
            gaps.extend(beside.into_iter().chain(before).filter(|&place| Some(place) > self.last && place < to));
        }
        gaps
    }

    /// What touches the core at a place.
    pub fn margin(&self, (row, column): Place) -> Margin<P> {
        let core = |row: Option<u32>, column: Option<u32>| Some(self.cores.get(&(row?, column?))).flatten();
        let (before, up) = (column.checked_sub(1), row.checked_sub(1));
        let mut margin = Margin { above: vec![None; self.edge + 2], beside: vec![None; self.edge] };
        margin.above[0] = core(up, before).and_then(|core| core.bottom.last().copied());
        margin.above[self.edge + 1] = core(up, Some(column + 1)).and_then(|core| core.bottom.first().copied());
        let known = |to: &mut [Option<P>], from: &[P]| to.iter_mut().zip(from).for_each(|(to, p)| *to = Some(*p));
        if let Some(core) = core(up, Some(column)) {
            known(&mut margin.above[1..], &core.bottom);
        }
        if let Some(core) = core(Some(row), before) {
            known(&mut margin.beside, &core.right);
        }
        margin
    }

    /// Goes on past a place, with the edges of its core if one has come.
    pub fn pass(&mut self, place: Place, edges: Option<Edges<P>>) {
        self.last = Some(place);
        if let Some(edges) = edges {
            self.cores.insert(place, edges);
        }
        let (row, column) = place;
        // The next core touches the one above this place, and none before it.
        self.cores = self.cores.split_off(&(row.saturating_sub(1), if row == 0 { 0 } else { column }));
    }

    /// Is a core of this row the first one after those of another row?
    pub fn begins_row(&self, (row, _): Place) -> bool {
        self.last.is_some_and(|(last, _)| last != row)
    }

    /// The pixels that are held.
    pub fn pixels(&self) -> impl Iterator<Item = P> {
        self.cores.values().flat_map(|core| core.right.iter().chain(&core.bottom).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(right: [u32; 2], bottom: [u32; 2]) -> Option<Edges<u32>> {
        Some(Edges { right: right.into(), bottom: bottom.into() })
    }

    #[test]
    fn a_margin_has_what_touches_the_core_and_nothing_where_no_core_came() {
        let mut frontier = Frontier::new(2);
        frontier.pass((3, 4), edges([1, 2], [3, 2]));
        frontier.pass((3, 6), edges([5, 6], [7, 6]));
        frontier.pass((4, 4), edges([8, 9], [10, 9]));
        let margin = frontier.margin((4, 5));
        assert_eq!(margin.above, [Some(2), None, None, Some(7)]);
        assert_eq!(margin.beside, [Some(8), Some(9)]);
    }

    #[test]
    fn gaps_are_the_touching_places_that_were_left_out() {
        let mut frontier = Frontier::new(2);
        frontier.pass((0, 0), edges([0; 2], [0; 2]));
        assert!(frontier.gaps((0, 1)).is_empty());
        frontier.pass((0, 3), edges([0; 2], [0; 2]));
        assert_eq!(frontier.gaps((1, 3)).into_iter().collect::<Vec<_>>(), [(0, 4), (1, 0), (1, 1), (1, 2)]);
        frontier.pass((1, 3), edges([0; 2], [0; 2]));
        assert_eq!(frontier.cores.keys().copied().collect::<Vec<_>>(), [(0, 3), (1, 3)], "the rest is forgotten");
    }
}
