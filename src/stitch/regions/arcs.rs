//! Rings that grow from core to core.

use crate::vectorize::contour::Corner;
use foldhash::HashMap;
use std::collections::VecDeque;

/// One pixel edge with what lies to its right: from a corner in a direction (an index of
/// [`STEPS`](crate::vectorize::contour::STEPS)). No two rings share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Crack {
    pub from: Corner,
    pub direction: usize,
}

/// A stretch of a ring.
#[derive(Debug)]
pub(super) struct Arc {
    /// Where it turns.
    pub corners: VecDeque<Corner>,
    /// The crack that leads to it; the last crack of the arc before.
    pub head: Crack,
    /// Its last crack, which leads to the next arc.
    pub tail: Crack,
    /// A node of the area to its right.
    pub node: u64,
    /// It may pass a corner twice.
    pub touches_itself: bool,
}

impl Arc {
    /// Followed by another one. The longer one takes in the shorter, so a ring of n corners costs n log n at most.
    fn then(mut self, mut next: Self) -> Self {
        let touches_itself = self.touches_itself || next.touches_itself;
        let corners = if self.corners.len() >= next.corners.len() {
            self.corners.append(&mut next.corners);
            self.corners
        } else {
            for corner in self.corners.into_iter().rev() {
                next.corners.push_front(corner);
            }
            next.corners
        };
        Self { corners, head: self.head, tail: next.tail, node: next.node, touches_itself }
    }
}

/// The arcs that wait for a continuation.
#[derive(Debug, Default)]
pub(super) struct OpenArcs {
    by_head: HashMap<Crack, Arc>,
    head_of_tail: HashMap<Crack, Crack>,
}

impl OpenArcs {
    /// Joins an arc to those that it meets; gives the ring that it closes.
    pub fn add(&mut self, mut arc: Arc) -> Option<Arc> {
        if let Some(head) = self.head_of_tail.remove(&arc.head)
            && let Some(before) = self.by_head.remove(&head)
        {
            arc = before.then(arc);
        }
        if arc.head == arc.tail {
            return Some(arc);
        }
        if let Some(after) = self.by_head.remove(&arc.tail) {
            self.head_of_tail.remove(&after.tail);
            arc = arc.then(after);
        }
        self.head_of_tail.insert(arc.tail, arc.head);
        self.by_head.insert(arc.head, arc);
        None
    }

    /// A node of the area to the right of each.
    pub fn nodes(&self) -> impl Iterator<Item = u64> {
        self.by_head.values().map(|arc| arc.node)
    }

    /// Is nothing waiting?
    pub fn is_empty(&self) -> bool {
        self.by_head.is_empty() && self.head_of_tail.is_empty()
    }

    /// Corners that are held.
    #[cfg(test)]
    pub fn corners(&self) -> usize {
        self.by_head.values().map(|arc| arc.corners.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An arc from one crack to another, numbered; with one corner, the head's number.
    fn arc(head: i32, tail: i32) -> Arc {
        let crack = |number| Crack { from: [number, 0], direction: 0 };
        Arc { corners: [[head, 0]].into(), head: crack(head), tail: crack(tail), node: 0, touches_itself: false }
    }

    #[test]
    fn arcs_join_in_ring_order_in_whatever_order_they_come() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let mut open = OpenArcs::default();
            let closed: Vec<Arc> = order.iter().filter_map(|&i| open.add(arc(i, (i + 1) % 4))).collect();
            assert_eq!(closed.len(), 1, "{order:?}");
            assert!(open.is_empty());
            let ring: Vec<i32> = closed[0].corners.iter().map(|corner| corner[0]).collect();
            assert!((0..4).all(|i| ring[(i + 1) % 4] == (ring[i] + 1) % 4), "{order:?}: {ring:?}");
        }
    }
}
