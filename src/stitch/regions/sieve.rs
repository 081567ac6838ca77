//! Takes specks and pinholes out of a class map that comes core by core.
//!
//! Background that is connected by edges and corners, has no more than so many pixels and shares edges with one class
//! only, becomes of that class. Then objects of fewer than so many pixels become background. Both are decided for whole areas,
//! across cores; where no core comes, and beyond the grid of cores, there is background without end.
//!
//! A core is given on when all of its areas are decided: an area that is large enough at once, a smaller one when it
//! can grow no more. So what waits is the cores that small areas lie in, run by run, up to a row of cores.

use super::Limits;
use super::forest::Forest;
use super::frontier::{END, Edges, Frontier, Place};
use super::map::{CoreMap, Sums};
use super::window::Pixel;
use crate::vectorize::pieces::{root_of, unite};
use std::collections::{BTreeMap, VecDeque};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Sieve {
    limits: Limits,
    areas: Forest<Area>,
    frontier: Frontier<Pixel>,
    /// Nodes by the core after which their part can grow no more.
    closing: BTreeMap<Place, Vec<u64>>,
    waiting: VecDeque<Waiting>,
}

/// A core that has become final.
#[derive(Debug)]
pub(super) struct Sieved {
    pub map: CoreMap,
    /// Of each part of the map.
    pub class_of: Vec<Option<u8>>,
}

impl Sieved {
    /// The parts of one class that share edges, together: for each part the number of its area, and for each area its class and sums.
    pub fn areas(&self) -> (Vec<Option<u32>>, Vec<(u8, Sums)>) {
        let Self { map, class_of } = self;
        let mut parent: Vec<u32> = (0..map.parts.len() as u32).collect();
        // Parts of one class share edges where background between them was filled.
        for &[background, object] in &map.borders {
            if class_of[background as usize].is_some() && class_of[background as usize] == class_of[object as usize] {
                unite(&mut parent, background, object);
            }
        }
        let (mut area_of, mut areas) = (vec![None; map.parts.len()], Vec::new());
        for part in 0..map.parts.len() {
            let root = root_of(&mut parent, part as u32) as usize;
            let (Some(class), sums) = (class_of[part], &map.parts[part].sums) else { continue };
            let area = *area_of[root].get_or_insert(areas.len() as u32);
            area_of[part] = Some(area);
            match areas.get_mut(area as usize) {
                None => areas.push((class, *sums)),
                Some((_, all)) => all.add(sums),
            }
        }
        (area_of, areas)
    }
}

#[derive(Debug)]
struct Waiting {
    map: CoreMap,
    /// Node of the first part.
    first: u64,
}

/// Parts of one class that touch.
#[derive(Debug)]
struct Area {
    class: Option<u8>,
    pixels: u64,
    /// The last core that may touch it.
    last: Place,
    /// The class is final.
    decided: bool,
    /// Of background that is not decided: nodes of the areas that share edges with it, each as often as it was met.
    beside: Vec<u64>,
    /// How often it is in such a list.
    pending: u32,
}

impl Area {
    fn add(&mut self, other: Self) {
        self.pixels += other.pixels;
        self.last = self.last.max(other.last);
        self.decided |= other.decided;
        self.beside.extend(other.beside);
        self.pending += other.pending;
    }
}

impl Sieve {
    /// For cores of `edge` pixels a side.
    pub fn new(edge: usize, limits: Limits) -> Self {
        Self {
            limits,
            areas: Forest::default(),
            frontier: Frontier::new(edge),
            closing: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes the next core; gives those that have become final, in order.
    pub fn add(&mut self, map: CoreMap) -> Vec<Sieved> {
        let place = (map.spec.row, map.spec.column);
        if self.frontier.begins_row(place) {
            self.forget();
        }
        self.pass_gaps(place);
        let first = self.add_parts(&map, place);
        self.join_seams(&map, first, place);
        for node in first..first + map.parts.len() as u64 {
            self.decide(node, place);
        }
        self.waiting.push_back(Waiting { map, first });
        self.close(place);
        self.ready()
    }

    /// What was still waiting, after the last core.
    pub fn finish(&mut self) -> Vec<Sieved> {
        self.pass_gaps(END);
        self.close(END);
        let ready = self.ready();
        debug_assert!(self.waiting.is_empty(), "nothing is left to wait for");
        ready
    }

    fn add_parts(&mut self, map: &CoreMap, (row, column): Place) -> u64 {
        let mut last = vec![(row, column); map.parts.len()];
        for &part in &map.sides.right {
            last[part as usize] = (row, column + 1);
        }
        for &part in &map.sides.bottom {
            last[part as usize] = (row + 1, column + 1);
        }
        let mut nodes = map.parts.iter().zip(last).map(|(part, last)| {
            let (class, pixels) = (part.class, part.sums.pixels);
            let node = self.areas.add(Area { class, pixels, last, decided: false, beside: Vec::new(), pending: 0 });
            self.closing.entry(last).or_default().push(node);
            node
        });
        let first = nodes.next().unwrap_or_default();
        nodes.for_each(drop);
        for &[background, object] in &map.borders {
            self.border(first + u64::from(background), first + u64::from(object));
        }
        first
    }

    /// Joins a core's parts to the areas of the cores above and to the left.
    fn join_seams(&mut self, map: &CoreMap, first: u64, place: Place) {
        let pixel = |&part: &u32| Pixel { class: map.parts[part as usize].class, node: first + u64::from(part) };
        let margin = self.frontier.margin(place);
        // Along a seam the same two areas meet pixel after pixel; once is enough, for each of the three neighbours.
        let mut last = [None; 3];
        let mut is_new = |step: usize, own: Pixel, other: Option<Pixel>| {
            last[step].replace((own.node, other)) != Some((own.node, other))
        };
        for (at, own) in map.sides.top.iter().map(pixel).enumerate() {
            for (step, &other) in margin.above[at..at + 3].iter().enumerate() {
                if is_new(step, own, other) {
                    self.meet(own, other, step == 1);
                }
            }
        }
        for (at, own) in map.sides.left.iter().map(pixel).enumerate() {
            for step in 0..3 {
                if let Some(&other) = (at + step).checked_sub(1).and_then(|other| margin.beside.get(other))
                    && is_new(step, own, other)
                {
                    self.meet(own, other, step == 1);
                }
            }
        }
        let right = map.sides.right.iter().map(pixel).collect();
        let bottom = map.sides.bottom.iter().map(pixel).collect();
        self.frontier.pass(place, Some(Edges { right, bottom }));
    }

    /// Two pixels touch across a seam: by an edge, or else by a corner.
    fn meet(&mut self, own: Pixel, other: Option<Pixel>, by_edge: bool) {
        match other {
            None => {
                if own.class.is_none() {
                    self.open(own.node);
                }
            }
            Some(other) if own.class == other.class => {
                if by_edge || own.class.is_none() {
                    self.areas.unite(own.node, other.node, Area::add);
                }
            }
            Some(other) if by_edge && own.class.is_none() => self.border(own.node, other.node),
            Some(other) if by_edge && other.class.is_none() => self.border(other.node, own.node),
            Some(_) => {}
        }
    }

    /// Background shares an edge with an object, so it may yet join it.
    fn border(&mut self, background: u64, object: u64) {
        let most = self.limits.max_hole_px;
        if let Some(hole) = self.areas.value(background)
            && !hole.decided
            && hole.pixels as f64 <= most
        {
            hole.beside.push(object);
            if let Some(object) = self.areas.value(object) {
                object.pending += 1;
            }
        }
    }

    /// This background goes on without end.
    fn open(&mut self, background: u64) {
        if let Some(area) = self.areas.value(background) {
            area.decided = true;
        }
    }

    /// Passes the places before `to` where no core came.
    fn pass_gaps(&mut self, to: Place) {
        for gap in self.frontier.gaps(to) {
            let margin = self.frontier.margin(gap);
            for pixel in margin.above.iter().chain(&margin.beside).flatten().filter(|pixel| pixel.class.is_none()) {
                self.open(pixel.node);
                self.decide(pixel.node, gap);
            }
            self.frontier.pass(gap, None);
        }
    }

    /// Decides the areas that no core after `now` can touch.
    fn close(&mut self, now: Place) {
        while let Some(entry) = self.closing.first_entry().filter(|entry| *entry.key() <= now) {
            for node in entry.remove() {
                self.decide(node, now);
            }
        }
    }

    /// Decides a node's area if that is possible after the core `now`.
    fn decide(&mut self, node: u64, now: Place) {
        let Limits { min_area_px, max_hole_px } = self.limits;
        let Some(area) = self.areas.value(node) else { return };
        let (pixels, closed) = (area.pixels as f64, area.last <= now);
        match area.class {
            None if area.decided || pixels > max_hole_px => {
                area.decided = true;
                self.release(node, now);
            }
            None if closed => match self.class_around(node) {
                Some(class) => self.fill(node, class, now),
                None => {
                    self.open(node);
                    self.release(node, now);
                }
            },
            Some(_) if area.decided => {}
            Some(_) if pixels >= min_area_px => area.decided = true,
            Some(_) if closed && area.pending == 0 => (area.class, area.decided) = (None, true),
            _ => {}
        }
    }

    fn beside(&mut self, background: u64) -> Vec<u64> {
        self.areas.value(background).map(|area| std::mem::take(&mut area.beside)).unwrap_or_default()
    }

    /// The background stays; the objects beside it need not wait for it.
    fn release(&mut self, background: u64, now: Place) {
        for node in self.beside(background) {
            if let Some(area) = self.areas.value(node) {
                area.pending -= 1;
                if area.pending == 0 {
                    self.decide(node, now);
                }
            }
        }
    }

    /// The only class that shares edges with the background.
    fn class_around(&mut self, background: u64) -> Option<u8> {
        let beside = self.areas.value(background)?.beside.clone();
        let mut classes = beside.into_iter().map(|node| self.areas.value(node).and_then(|area| area.class));
        let first = classes.next()??;
        classes.all(|class| class == Some(first)).then_some(first)
    }

    /// The background joins the objects beside it, and so do these each other.
    fn fill(&mut self, background: u64, class: u8, now: Place) {
        let beside = self.beside(background);
        if let Some(hole) = self.areas.value(background) {
            hole.class = Some(class);
        }
        for &node in &beside {
            if let Some(area) = self.areas.value(node) {
                area.pending -= 1;
            }
            self.areas.unite(node, background, Area::add);
        }
        self.decide(background, now);
    }

    /// Takes out the cores at the front whose areas are all decided.
    fn ready(&mut self) -> Vec<Sieved> {
        let mut ready = Vec::new();
        while let Some(Waiting { map, first }) = self.waiting.pop_front() {
            let areas = &mut self.areas;
            let class_of = |node: u64| areas.value(node).filter(|area| area.decided).map(|area| area.class);
            let class_of: Option<Vec<Option<u8>>> = (first..first + map.parts.len() as u64).map(class_of).collect();
            match class_of {
                Some(class_of) => ready.push(Sieved { map, class_of }),
                None => {
                    self.waiting.push_front(Waiting { map, first });
                    break;
                }
            }
        }
        ready
    }

    /// Forgets the nodes that nothing refers to any more.
    fn forget(&mut self) {
        let waiting = self.waiting.iter().flat_map(|core| core.first..core.first + core.map.parts.len() as u64);
        let closing = self.closing.values().flatten().copied();
        let beside = self.areas.values().flat_map(|area| area.beside.iter().copied());
        let live: Vec<u64> =
            waiting.chain(closing).chain(beside).chain(self.frontier.pixels().map(|pixel| pixel.node)).collect();
        self.areas.sweep(live);
    }

    /// Cores that wait, and nodes and areas that are held.
    #[cfg(test)]
    pub fn held(&self) -> (usize, usize) {
        (self.waiting.len(), self.areas.held())
    }
}
