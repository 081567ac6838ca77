//! Disjoint sets that grow and are forgotten.

use foldhash::{HashMap, HashSet};

/// Numbered nodes in disjoint sets, each set with a value.
#[derive(Debug)]
pub(super) struct Forest<T> {
    nodes: u64,
    /// Of the nodes that are no roots.
    parent: HashMap<u64, u64>,
    /// By root.
    values: HashMap<u64, T>,
}

impl<T> Default for Forest<T> {
    fn default() -> Self {
        Self { nodes: 0, parent: HashMap::default(), values: HashMap::default() }
    }
}

impl<T> Forest<T> {
    /// A new set of one node; nodes are numbered in the order in which they are added.
    pub fn add(&mut self, value: T) -> u64 {
        let node = self.nodes;
        self.nodes += 1;
        self.values.insert(node, value);
        node
    }

    /// The node that stands for the set.
    pub fn root(&mut self, mut node: u64) -> u64 {
        while let Some(&above) = self.parent.get(&node) {
            if let Some(&root) = self.parent.get(&above) {
                self.parent.insert(node, root);
            }
            node = above;
        }
        node
    }

    /// The value of a node's set; none if it was taken.
    pub fn value(&mut self, node: u64) -> Option<&mut T> {
        let root = self.root(node);
        self.values.get_mut(&root)
    }

    /// Makes the sets of two nodes one; `merge` adds the value of one set to that of the other.
    pub fn unite(&mut self, a: u64, b: u64, merge: impl FnOnce(&mut T, T)) {
        let (into, from) = (self.root(a), self.root(b));
        if into == from {
            return;
        }
        self.parent.insert(from, into);
        if let Some(value) = self.values.remove(&from)
            && let Some(whole) = self.values.get_mut(&into)
        {
            merge(whole, value);
        }
    }

    /// Takes the value of a node's set.
    pub fn take(&mut self, node: u64) -> Option<T> {
        let root = self.root(node);
        self.values.remove(&root)
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.values.values()
    }

    /// Forgets the nodes that are not among `live`, and the sets without any of these.
    pub fn sweep(&mut self, live: impl IntoIterator<Item = u64>) {
        let live: HashSet<u64> = live.into_iter().collect();
        let parent: HashMap<u64, u64> = live.into_iter().map(|node| (node, self.root(node))).collect();
        let roots: HashSet<u64> = parent.values().copied().collect();
        self.values.retain(|root, _| roots.contains(root));
        self.parent = parent.into_iter().filter(|(node, root)| node != root).collect();
    }

    /// Nodes and values that are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.parent.len() + self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn united_nodes_share_a_value_and_a_sweep_keeps_the_sets_of_live_nodes() {
        let mut forest = Forest::default();
        let nodes: Vec<u64> = (0..6).map(|value| forest.add(1 << value)).collect();
        for pair in [[0, 1], [2, 3], [1, 3], [0, 2]] {
            forest.unite(nodes[pair[0]], nodes[pair[1]], |whole, part| *whole += part);
        }
        assert_eq!(nodes.iter().map(|&n| *forest.value(n).unwrap()).collect::<Vec<_>>(), [15, 15, 15, 15, 16, 32]);
        forest.sweep([nodes[3], nodes[4]]);
        assert_eq!([3, 4, 5].map(|n| forest.value(n).copied()), [Some(15), Some(16), None]);
        assert!(forest.held() <= 3, "one child, two roots");
        assert_eq!((forest.take(3), forest.take(3)), (Some(15), None));
        assert_eq!(forest.add(7), 6, "numbers are not used again");
    }
}
