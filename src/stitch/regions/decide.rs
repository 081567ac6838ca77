//! What of a core can be decided without its neighbours.

use super::Limits;
use super::labels::{Label, Labels};
use crate::vectorize::pieces::{root_of, unite};

/// What becomes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Other cores may add to it; its number among such.
    Open(u32),
    /// Its class will not change, and nobody asks for it as a region; an index of [`Decided::classes`].
    Settled(u32),
    /// It belongs to a region that lies within the core: the region's number, and its class as above.
    Complete(u32, u32),
}

/// The fates of a core's parts.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Of each part.
    pub fates: Vec<Fate>,
    /// Parts that are open. Pinholes belong to the parts that they are filled with.
    pub open: Vec<Label>,
    pub classes: Vec<Option<u8>>,
    /// The class of each complete region.
    pub complete: Vec<u8>,
    /// Open background that may be a pinhole, and open parts of a class that it shares edges with.
    pub borders: Vec<[u32; 2]>,
}

/// Decides about the parts; those of `on_side` lie along a side of the core.
///
/// Background away from the sides is known whole: it is filled or it stays. Then so is every region away from the sides
/// that shares no edge with background which may yet be filled.
pub(super) fn decide(labels: &Labels, on_side: &[bool], limits: Limits) -> Decided {
    let parts = &labels.parts;
    let is_small = |part: u32| limits.may_be_hole(parts[part as usize]);
    let any = (0..parts.len() as u32).any(is_small);
    let borders = if any { labels.borders(is_small) } else { Vec::new() };

    // Disjoint sets of parts, each with its first part for a root: a pinhole comes after some part around it.
    let mut parent: Vec<u32> = (0..parts.len() as u32).collect();
    let mut waits = on_side.to_vec();
    for beside in borders.chunk_by(|a, b| a[0] == b[0]) {
        let [background, first] = beside[0];
        let class = parts[first as usize].class;
        if on_side[background as usize] {
            beside.iter().for_each(|pair| waits[pair[1] as usize] = true);
        } else if beside.iter().all(|pair| parts[pair[1] as usize].class == class) {
            for pair in beside {
                unite(&mut parent, background, pair[1]);
            }
        }
    }
    let mut whole: Vec<Label> = parts.iter().map(|&Label { class, .. }| Label { class, pixels: 0 }).collect();
    for part in 0..parts.len() as u32 {
        let root = root_of(&mut parent, part) as usize;
        whole[root].pixels += parts[part as usize].pixels;
        waits[root] |= waits[part as usize];
    }

    let mut decided = Decided::default();
    for part in 0..parts.len() as u32 {
        let root = root_of(&mut parent, part);
        let fate = if root < part {
            decided.fates[root as usize]
        } else {
            let label = whole[part as usize];
            match label.class {
                _ if waits[part as usize] => {
                    decided.open.push(label);
                    Fate::Open(decided.open.len() as u32 - 1)
                }
                Some(class) if f64::from(label.pixels) >= limits.min_area_px => {
                    decided.complete.push(class);
                    Fate::Complete(decided.complete.len() as u32 - 1, decided.index_of(Some(class)))
                }
                _ => Fate::Settled(decided.index_of(None)),
            }
        };
        decided.fates.push(fate);
    }
    for [background, object] in borders {
        let [background, object] = [background, object].map(|part| decided.fates[part as usize]);
        if let (Fate::Open(background), Fate::Open(object)) = (background, object)
            && decided.open[background as usize].class.is_none()
        {
            decided.borders.push([background, object]);
        }
    }
    decided
}

impl Decided {
    fn index_of(&mut self, class: Option<u8>) -> u32 {
        let found = self.classes.iter().position(|&other| other == class);
        let index = found.unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        index as u32
    }
}
