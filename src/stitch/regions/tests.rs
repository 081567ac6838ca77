//! Whatever the cores, the regions are those of the whole class map.

use super::tracer::in_raster_order;
use super::*;
use crate::geometry::{Rect, Size};
use crate::vectorize::contour::trace;
use crate::vectorize::pieces::{Connectivity, pieces};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A class map with the cores that it comes in.
#[derive(Debug, Clone)]
struct Case {
    classes: Vec<Option<u8>>,
    size: Size,
    edge: u32,
    absent: Vec<bool>,
    limits: Limits,
}

/// Noise and blobs of up to three classes, in cores of 1 to 12 pixels, some of which do not come.
fn cases(limits: impl Strategy<Value = Limits>) -> impl Strategy<Value = Case> {
    let shape = (1u32..5, 1u32..5, 1u32..13, 1u8..4, 1usize..5, 0.05..0.95, prop_oneof![Just(0.0), Just(0.2)]);
    (shape, limits).prop_flat_map(|((columns, rows, edge, most, blob, share, lost), limits)| {
        let size = Size::new(columns * edge, rows * edge);
        let (across, area) = ((size.width as usize).div_ceil(blob), size.area() as usize);
        let coarse = across * (size.height as usize).div_ceil(blob);
        let class = proptest::option::weighted(share, 0..most);
        let noise = (0usize..area, class.clone());
        let pixels = (proptest::collection::vec(class, coarse), proptest::collection::vec(noise, 0..5));
        let absent = proptest::collection::vec(proptest::bool::weighted(lost), (columns * rows) as usize);
        (pixels, absent).prop_map(move |((coarse, noise), absent)| {
            let width = size.width as usize;
            let blob_of = |i: usize| coarse[i / width / blob * across + i % width / blob];
            let mut classes: Vec<Option<u8>> = (0..area).map(blob_of).collect();
            noise.into_iter().for_each(|(at, class)| classes[at] = class);
            Case { classes, size, edge, absent, limits }
        })
    })
}

fn sums(x: u64, y: u64) -> Sums {
    // Not the same for all pixels, so that none can be counted for another.
    Sums { pixels: 1, x, y, density: [x * y, x + 3 * y, 1], probability: 7 * x + y }
}

impl Case {
    fn spec(&self, index: u32) -> TileSpec {
        let (column, row) = (index % (self.size.width / self.edge), index / (self.size.width / self.edge));
        let core = Rect::new(i64::from(column * self.edge), i64::from(row * self.edge), self.edge, self.edge);
        TileSpec { index, column, row, tile: core, core }
    }

    fn core(&self, spec: &TileSpec) -> CoreMap {
        let (edge, width) = (self.edge as usize, self.size.width as usize);
        let place = |i: usize| (spec.core.x as usize + i % edge, spec.core.y as usize + i / edge);
        let classes: Vec<_> = (0..edge * edge).map(place).map(|(x, y)| self.classes[y * width + x]).collect();
        CoreMap::new(spec, &classes, self.limits, |run| {
            run.fold(Sums::default(), |mut all, i| {
                all.add(&sums(place(i).0 as u64, place(i).1 as u64));
                all
            })
        })
    }

    /// Through the stitcher: regions, and the whole class map.
    fn stitched(&self) -> (Vec<Region>, Vec<Option<u8>>) {
        let mut stitcher = RegionStitcher::new(self.edge, self.limits);
        let mut all = Settled::default();
        let mut take = |settled: Settled| {
            all.regions.extend(settled.regions);
            all.cores.extend(settled.cores);
        };
        for index in (0..self.absent.len() as u32).filter(|&index| !self.absent[index as usize]) {
            take(stitcher.add(self.core(&self.spec(index))));
        }
        take(stitcher.end());
        assert_eq!(stitcher.tracer.held()[1..], [0, 0], "nothing is left open");
        let indices = all.cores.iter().map(|core| core.spec.index);
        assert!(indices.eq((0..).zip(&self.absent).filter(|(_, absent)| !**absent).map(|(i, _)| i)), "in plan order");
        let mut classes = vec![None; self.classes.len()];
        for core in &all.cores {
            let (left, top) = (core.spec.core.x as usize, core.spec.core.y as usize);
            for (row, line) in core.classes.chunks_exact(self.edge as usize).enumerate() {
                let from = (top + row) * self.size.width as usize + left;
                classes[from..from + line.len()].copy_from_slice(line);
            }
        }
        (sorted(all.regions), classes)
    }

    /// Does the pixel lie in a core that does not come?
    fn is_absent(&self, i: u32) -> bool {
        let columns = self.size.width / self.edge;
        let core = i / self.size.width / self.edge * columns + i % self.size.width / self.edge;
        self.absent[core as usize]
    }

    /// The class map with the absent cores blank.
    fn seen(&self) -> Vec<Option<u8>> {
        let pixel = |(i, class): (u32, &Option<u8>)| if self.is_absent(i) { None } else { *class };
        (0..).zip(&self.classes).map(pixel).collect()
    }
}

fn sorted(mut regions: Vec<Region>) -> Vec<Region> {
    regions.sort_by(|a, b| a.outline.exterior.partial_cmp(&b.outline.exterior).expect("numbers"));
    regions
}

/// The regions of a whole class map by `vectorize::contour`.
fn whole(classes: &[Option<u8>], size: Size) -> Vec<Region> {
    let found = pieces(classes, size, None, Connectivity::Four);
    let mut regions: Vec<Region> = trace(&found.of_pixel, size)
        .into_iter()
        .map(|(_, outline)| Region { class: 0, sums: Sums::default(), outline: in_raster_order(outline) })
        .collect();
    for (i, &piece) in found.of_pixel.iter().enumerate().filter(|(_, piece)| **piece > 0) {
        let region = &mut regions[piece as usize - 1];
        region.class = classes[i].expect("a piece of a class");
        region.sums.add(&sums((i % size.width as usize) as u64, (i / size.width as usize) as u64));
    }
    sorted(regions)
}

/// The sieve's rules on a whole class map with a rim of background; background that holds an `endless` pixel is no hole.
fn sieved(classes: &[Option<u8>], size: Size, limits: Limits, endless: impl Fn(u32) -> bool) -> Vec<Option<u8>> {
    let (width, height) = (size.width as usize + 2, size.height as usize + 2);
    let rimmed = Size::new(width as u32, height as u32);
    let mut map = vec![None; width * height];
    for (row, line) in classes.chunks_exact(size.width as usize).enumerate() {
        map[(row + 1) * width + 1..][..line.len()].copy_from_slice(line);
    }
    let background: Vec<bool> = map.iter().map(Option::is_none).collect();
    let holes = pieces(&background, rimmed, false, Connectivity::Eight);
    let mut around: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for (i, &hole) in holes.of_pixel.iter().enumerate().filter(|(_, hole)| **hole > 1) {
        around.entry(hole).or_default().extend([i - 1, i + 1, i - width, i + width].iter().filter_map(|&n| map[n]));
    }
    let areas = holes.areas();
    for i in (0..size.width * size.height).filter(|&i| endless(i)) {
        let (x, y) = ((i % size.width) as usize + 1, (i / size.width) as usize + 1);
        around.remove(&holes.of_pixel[y * width + x]);
    }
    for (pixel, hole) in map.iter_mut().zip(&holes.of_pixel) {
        if let Some(around) = around.get(hole)
            && areas[*hole as usize] as f64 <= limits.max_hole_px
            && around.iter().all(|class| *class == around[0])
        {
            *pixel = Some(around[0]);
        }
    }
    let found = pieces(&map, rimmed, None, Connectivity::Four);
    let areas = found.areas();
    for (pixel, piece) in map.iter_mut().zip(&found.of_pixel) {
        if (areas[*piece as usize] as f64) < limits.min_area_px {
            *pixel = None;
        }
    }
    map.chunks_exact(width).skip(1).take(height - 2).flat_map(|row| row[1..width - 1].to_vec()).collect()
}

const ALL: Limits = Limits { min_area_px: 0.0, max_hole_px: 0.0 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn regions_are_those_of_the_whole_class_map(case in cases(Just(ALL))) {
        let (regions, classes) = case.stitched();
        prop_assert_eq!(&classes, &case.seen());
        prop_assert!(regions.iter().all(|region| region.outline.area() == region.sums.pixels as f64));
        prop_assert_eq!(regions, whole(&classes, case.size));
    }

    #[test]
    fn specks_and_pinholes_go_as_in_the_whole_class_map(
        case in cases((0u32..30, 0u32..30).prop_map(|(area, hole)| {
            Limits { min_area_px: f64::from(area), max_hole_px: f64::from(hole) }
        }))
    ) {
        let (regions, classes) = case.stitched();
        prop_assert_eq!(&classes, &sieved(&case.seen(), case.size, case.limits, |i| case.is_absent(i)));
        prop_assert_eq!(regions, whole(&classes, case.size));
    }
}

#[test]
fn background_that_reaches_a_core_that_does_not_come_is_no_hole() {
    let (size, limits) = (Size::new(6, 6), Limits { min_area_px: 0.0, max_hole_px: 29.0 });
    let ring = |i: u32| ((i % 6).clamp(1, 4) != i % 6 || (i / 6).clamp(1, 4) != i / 6).then_some(0);
    let case =
        |absent: [bool; 9]| Case { classes: (0..36).map(ring).collect(), size, edge: 2, absent: absent.into(), limits };
    let mut absent = [false; 9];
    assert!(case(absent).stitched().1.iter().all(Option::is_some), "filled");
    absent[4] = true;
    let case = case(absent);
    assert_eq!(case.stitched().1, case.classes, "nobody knows how large it is");
}

#[test]
fn an_image_of_any_shape_is_sieved_as_a_class_map() {
    for (width, height) in [(40, 9), (9, 40), (1, 7), (12, 12)] {
        let size = Size::new(width, height);
        let class = |i: u32| (!(i * i + i / 3).is_multiple_of(5)).then_some((i / 50) as u8);
        let classes: Vec<Option<u8>> = (0..width * height).map(class).collect();
        for (min_area_px, max_hole_px) in [(0.0, 0.0), (4.0, 0.0), (0.0, 3.0), (30.0, 30.0)] {
            let limits = Limits { min_area_px, max_hole_px };
            assert_eq!(
                without_specks(&classes, size, limits),
                sieved(&classes, size, limits, |_| false),
                "{size} {limits:?}"
            );
        }
    }
}

/// A map of `columns` x `rows` cores of 16 pixels by a rule; counts of what is held, at most, and the regions.
fn most_held(columns: u32, rows: u32, limits: Limits, class: impl Fn(u32, u32) -> bool) -> ([usize; 4], Vec<Region>) {
    let size = Size::new(columns * 16, rows * 16);
    let pixel = |i: u32| class(i % size.width, i / size.width).then_some(1);
    let classes = (0..size.width * size.height).map(pixel).collect();
    let case = Case { classes, size, edge: 16, absent: vec![false; (columns * rows) as usize], limits };
    let mut stitcher = RegionStitcher::new(16, limits);
    let (mut most, mut regions) = ([0; 4], Vec::new());
    for index in 0..columns * rows {
        regions.extend(stitcher.add(case.core(&case.spec(index))).regions);
        let ((waiting, areas), [nodes, open, closed]) = (stitcher.sieve.held(), stitcher.tracer.held());
        most = std::array::from_fn(|i| most[i].max([waiting, areas + nodes, open, closed][i]));
    }
    regions.extend(stitcher.end().regions);
    assert_eq!(stitcher.tracer.held()[1..], [0, 0]);
    (most, regions)
}

#[test]
fn what_is_held_does_not_grow_with_the_length_of_the_slide() {
    // Discs of 9 pixels across, one in each square of 14, some on seams.
    let disc = |x: u32, y: u32| (x % 14).abs_diff(6).pow(2) + (y % 14).abs_diff(6).pow(2) <= 20;
    let limits = Limits { min_area_px: 80.0, max_hole_px: 20.0 };
    let (short, few) = most_held(8, 14, limits, disc);
    let (long, many) = most_held(8, 56, limits, disc);
    assert_eq!(many.len(), 4 * few.len());
    assert_eq!(short, long, "cores, nodes, corners");
    assert!(long[0] <= 10, "a row of cores and one more wait at most: {long:?}");
}

#[test]
fn a_region_as_large_as_the_slide_holds_its_outline_only() {
    let inside = |x: u32, y: u32| x > 0 && y > 0 && !(x % 128 == 64 && y % 128 == 64);
    let limits = Limits { min_area_px: 1e9, ..ALL };
    let ([_, nodes, open, closed], regions) = most_held(16, 32, Limits { min_area_px: 10.0, ..ALL }, inside);
    assert_eq!((regions.len(), regions[0].outline.holes.len()), (1, 2 * 4));
    assert!(open < 100 && closed == 4 * 8, "corners {open} and {closed}");
    assert!(nodes < 200, "{nodes} nodes");
    assert!(most_held(4, 4, limits, inside).1.is_empty(), "all of it is a speck by other limits");
}
