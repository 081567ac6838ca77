//! A slide of any size that is computed from coordinates: round nuclei on round tissue islands.
//!
//! Nothing is stored, so a slide of 100,000 pixels square costs no memory, and the truth is known for every object.

use super::region::read_inside;
use super::{LevelInfo, Limits, Mpp, SlideInfo, SlideSource};
use crate::error::{Error, Result};
use crate::geometry::{Base, Level, Rect, Size};
use image::{Rgb, RgbImage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const GLASS: Rgb<u8> = Rgb([244, 243, 245]);
const STROMA: [u8; 3] = [226, 164, 198];
const NUCLEUS: [u8; 3] = [96, 62, 140];

/// Edge of the square that holds one tissue island, µm.
const ISLAND_UM: f64 = 1500.0;
/// Edge of the square that holds at most one nucleus, µm.
const NUCLEUS_CELL_UM: f64 = 14.0;
/// Share of the squares inside tissue that hold a nucleus.
const NUCLEUS_SHARE: f64 = 0.7;
/// Radius of the nuclei, µm.
const NUCLEUS_RADIUS_UM: (f64, f64) = (2.5, 4.5);

/// A round nucleus of a [`SyntheticSlide`], level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nucleus {
    /// Centre.
    pub center: [f64; 2],
    /// Radius.
    pub radius: f64,
}

/// A slide computed from coordinates; see the [module](self).
#[derive(Debug, Clone)]
pub struct SyntheticSlide {
    path: PathBuf,
    info: SlideInfo,
    limits: Limits,
    mpp: f64,
    seed: u64,
}

impl SyntheticSlide {
    /// A slide of `size` level-0 pixels with `mpp` µm per pixel, and levels of 1/4, 1/16, ... down to 1024 pixels.
    /// The same arguments give the same pixels.
    pub fn new(size: Size, mpp: f64, seed: u64) -> Self {
        let longest = f64::from(size.width.max(size.height));
        let levels = 1 + (longest / 1024.0).log(4.0).ceil().max(0.0) as u32;
        Self::with_levels(size, mpp, seed, levels)
    }

    /// As [`SyntheticSlide::new`], with the number of levels given.
    ///
    /// # Panics
    /// If `levels` is 0 or above 12, or `mpp` is not above 0.
    pub fn with_levels(size: Size, mpp: f64, seed: u64, levels: u32) -> Self {
        assert!((1..=12).contains(&levels) && mpp > 0.0, "{levels} levels at {mpp} µm per pixel");
        let levels = (0..levels).map(|level| {
            let shrink = 4_u32.pow(level);
            let size = Size::new(size.width.div_ceil(shrink), size.height.div_ceil(shrink));
            LevelInfo { size, downsample: f64::from(shrink) }
        });
        let info = SlideInfo {
            vendor: "synthetic".to_owned(),
            reader: "synthetic".to_owned(),
            levels: levels.collect(),
            mpp: Mpp::Known(mpp, mpp),
            properties: BTreeMap::from([("synthetic.seed".to_owned(), seed.to_string())]),
            associated: Vec::new(),
        };
        let path = PathBuf::from(format!("synthetic-{}x{}-{seed}", size.width, size.height));
        Self { path, info, limits: Limits::default(), mpp, seed }
    }

    /// The true nuclei whose centres lie in `region`, in row-major order of their squares.
    pub fn nuclei(&self, region: Rect<Base>) -> Vec<Nucleus> {
        let Some(region) = region.intersection(&Rect::whole(self.info.size())) else {
            return Vec::new();
        };
        let edge = NUCLEUS_CELL_UM / self.mpp;
        let cells = |from: i64, to: i64| (from as f64 / edge) as i64..=(to as f64 / edge) as i64;
        let mut found = Vec::new();
        for row in cells(region.y, region.bottom()) {
            for column in cells(region.x, region.right()) {
                found.extend(self.nucleus(column, row).filter(|n| region.contains(n.center[0], n.center[1])));
            }
        }
        found
    }

    /// The nucleus of one square of the nucleus grid, if it has one. It lies wholly inside its square and its
    /// island.
    fn nucleus(&self, column: i64, row: i64) -> Option<Nucleus> {
        let mut draw = Draws::new(self.seed, 1, column, row);
        let (share, size, right, down) = (draw.next(), draw.next(), draw.next(), draw.next());
        let edge = NUCLEUS_CELL_UM / self.mpp;
        let (least, most) = NUCLEUS_RADIUS_UM;
        let radius = (least + (most - least) * size) / self.mpp;
        let center = |cell: i64, draw: f64| cell as f64 * edge + radius + (edge - 2.0 * radius) * draw;
        let center = [center(column, right), center(row, down)];
        let island = self.island(center);
        let inner = Disc { radius: island.radius - radius, ..island };
        (share < NUCLEUS_SHARE && inner.holds(center)).then_some(Nucleus { center, radius })
    }

    /// The island of the square around a point. It lies wholly inside its square.
    fn island(&self, [x, y]: [f64; 2]) -> Disc {
        let edge = ISLAND_UM / self.mpp;
        let (column, row) = ((x / edge).floor() as i64, (y / edge).floor() as i64);
        let mut draw = Draws::new(self.seed, 2, column, row);
        let radius = edge * (0.25 + 0.2 * draw.next());
        let mut center = |cell: i64| cell as f64 * edge + radius + (edge - 2.0 * radius) * draw.next();
        Disc { x: center(column), y: center(row), radius }
    }

    /// Colour of the level-0 point at the centre of a level pixel.
    fn render(&self, downsample: f64, part: Rect<Level>) -> RgbImage {
        let mut image = RgbImage::from_pixel(part.width, part.height, GLASS);
        let edge = NUCLEUS_CELL_UM / self.mpp;
        let island_edge = ISLAND_UM / self.mpp;
        for (row, pixels) in image.rows_mut().enumerate() {
            let y = ((part.y + row as i64) as f64 + 0.5) * downsample;
            // Squares are entered from left to right: what is in the present one is drawn once.
            let (mut cell, mut nucleus) = (i64::MIN, None);
            let (mut square, mut island) = (i64::MIN, Disc { x: 0.0, y: 0.0, radius: 0.0 });
            for (column, pixel) in pixels.enumerate() {
                let x = ((part.x + column as i64) as f64 + 0.5) * downsample;
                if (x / island_edge) as i64 != square {
                    square = (x / island_edge) as i64;
                    island = self.island([x, y]);
                }
                if !island.holds([x, y]) {
                    continue;
                }
                if (x / edge) as i64 != cell {
                    cell = (x / edge) as i64;
                    nucleus = self.nucleus(cell, (y / edge) as i64);
                }
                let inside = nucleus
                    .is_some_and(|Nucleus { center: [cx, cy], radius }| Disc { x: cx, y: cy, radius }.holds([x, y]));
                let grain = (x as i64 ^ (y as i64 * 3)) as u8 & 7;
                *pixel = Rgb(if inside { NUCLEUS } else { STROMA }.map(|value| value + grain));
            }
        }
        image
    }
}

impl SlideSource for SyntheticSlide {
    fn path(&self) -> &Path {
        &self.path
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        read_inside(&self.path, &self.info.levels, &self.limits, (level, region), |info, part| {
            Ok(self.render(info.downsample, part))
        })
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        Err(Error::bad_file(&self.path, format!("a synthetic slide has no image `{name}`")))
    }
}

#[derive(Debug, Clone, Copy)]
struct Disc {
    x: f64,
    y: f64,
    radius: f64,
}

impl Disc {
    fn holds(&self, [x, y]: [f64; 2]) -> bool {
        (x - self.x).powi(2) + (y - self.y).powi(2) < self.radius.max(0.0).powi(2)
    }
}

/// Random numbers that depend only on the seed and the square (splitmix64).
struct Draws(u64);

impl Draws {
    fn new(seed: u64, kind: u64, column: i64, row: i64) -> Self {
        let mut draws = Self(seed ^ kind.rotate_left(61));
        draws.0 = draws.bits() ^ column as u64;
        draws.0 = draws.bits() ^ (row as u64).rotate_left(32);
        draws
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 (included) to 1 (excluded).
    fn next(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_the_same_alone_and_inside_a_larger_one() {
        let slide = SyntheticSlide::new(Size::new(100_000, 100_000), 0.5, 3);
        let large = slide.read(0, Rect::new(51_000, 40_000, 600, 600)).unwrap();
        let small = slide.read(0, Rect::new(51_200, 40_300, 100, 50)).unwrap();
        assert_eq!(*image::imageops::crop_imm(&large, 200, 300, 100, 50).to_image(), *small);
    }

    #[test]
    fn the_truth_is_what_is_drawn() {
        let slide = SyntheticSlide::new(Size::new(4000, 4000), 0.5, 3);
        let region = Rect::new(500, 500, 3000, 3000);
        let nuclei = slide.nuclei(region);
        assert!(nuclei.len() > 1000, "{} nuclei", nuclei.len());
        let picture = slide.read(0, Rect::new(500, 500, 3000, 3000)).unwrap();
        let dark = |pixel: &Rgb<u8>| pixel.0[0] < 128;
        for nucleus in &nuclei {
            let [x, y] = nucleus.center.map(|v| v as u32 - 500);
            assert!(dark(picture.get_pixel(x, y)), "no nucleus at {:?}", nucleus.center);
        }
        let drawn = picture.pixels().filter(|p| dark(p)).count() as f64;
        let true_area: f64 = nuclei.iter().map(|n| std::f64::consts::PI * n.radius.powi(2)).sum();
        assert!((drawn / true_area - 1.0).abs() < 0.02, "{drawn} pixels drawn, {true_area} true");
    }
}
