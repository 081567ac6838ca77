//! Back into plan order.

use crate::tile::TileSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes tiles in any order and gives them out in the plan's.
///
/// What it holds is bounded by the budget that its items hold permits of: permits are taken in plan order, so whatever
/// is not here yet holds one as well and is on its way.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    plan: Arc<[TileSpec]>,
    next: usize,
    early: BTreeMap<u32, T>,
}

impl<T> InOrder<T> {
    /// Nothing has come yet; `plan` is sorted by tile number.
    pub fn new(plan: Arc<[TileSpec]>) -> Self {
        Self { plan, next: 0, early: BTreeMap::new() }
    }

    /// Takes a tile of the plan.
    pub fn put(&mut self, tile: &TileSpec, item: T) {
        self.early.insert(tile.index, item);
    }

    /// The next tile of the plan, if it has come.
    pub fn next(&mut self) -> Option<T> {
        let item = self.early.remove(&self.plan.get(self.next)?.index)?;
        self.next += 1;
        Some(item)
    }

    /// Has every tile of the plan been given out?
    pub fn is_done(&self) -> bool {
        self.next == self.plan.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    #[test]
    fn tiles_come_out_in_plan_order_whatever_order_they_come_in() {
        let spec =
            |index| TileSpec { index, column: 0, row: 0, tile: Rect::new(0, 0, 1, 1), core: Rect::new(0, 0, 1, 1) };
        let plan: Arc<[TileSpec]> = [3, 5, 6].map(spec).into();
        let mut order = InOrder::new(plan.clone());
        let mut out = Vec::new();
        for index in [6, 3, 5] {
            order.put(&spec(index), index);
            assert!(!order.is_done());
            while let Some(item) = order.next() {
                out.push(item);
            }
        }
        assert_eq!(out, [3, 5, 6]);
        assert!(order.is_done());
    }
}
