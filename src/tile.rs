//! The nouns that flow: tiles, their predictions, and the objects found in them.

pub mod rasterise;

use crate::budget::Permit;
use crate::geometry::{Model, Rect};
use uuid::Uuid;

/// Where one tile lies. The cores of a plan never overlap; tiles do, by twice the halo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileSpec {
    /// Number of the tile in its plan, from 0, in row-major order.
    pub index: u32,
    /// Column of the tile in the grid of cores.
    pub column: u32,
    /// Row of the tile in the grid of cores.
    pub row: u32,
    /// The pixels that the model sees; may reach outside the slide.
    pub tile: Rect<Model>,
    /// The pixels that this tile answers for: the tile less its halo.
    pub core: Rect<Model>,
}

impl TileSpec {
    /// Bytes of the tile as RGB8.
    pub fn rgb_bytes(&self) -> u64 {
        self.tile.size().area() * 3
    }
}

/// A tile that has been read.
#[derive(Debug)]
pub struct Tile {
    /// Where it lies.
    pub spec: TileSpec,
    /// `tile.width x tile.height` RGB8 pixels; white outside the slide.
    pub rgb: image::RgbImage,
    /// The bytes that it holds of the pixel budget.
    pub permit: Permit,
}

/// Class probabilities of one tile: `classes x height x width`, row-major, 255 for probability 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbabilityMaps {
    /// Number of planes.
    pub classes: usize,
    /// Pixels a row.
    pub width: u32,
    /// Rows a plane.
    pub height: u32,
    /// `classes * height * width` values.
    pub values: Vec<u8>,
}

impl ProbabilityMaps {
    /// The plane of one class, `height x width`.
    pub fn plane(&self, class: usize) -> &[u8] {
        let area = self.width as usize * self.height as usize;
        &self.values[class * area..(class + 1) * area]
    }

    /// What lies in `part` of maps of the tile `whole`.
    ///
    /// # Panics
    /// If `part` reaches out of `whole`, or `whole` has not the maps' size.
    pub fn part(&self, whole: Rect<Model>, part: Rect<Model>) -> Self {
        assert_eq!((self.width, self.height), (whole.width, whole.height), "one value a pixel and class");
        let (left, top) = ((part.x - whole.x) as usize, (part.y - whole.y) as usize);
        let (width, height) = (part.width as usize, part.height as usize);
        let mut values = Vec::with_capacity(self.classes * width * height);
        for class in 0..self.classes {
            for row in self.plane(class).chunks_exact(self.width.max(1) as usize).skip(top).take(height) {
                values.extend_from_slice(&row[left..left + width]);
            }
        }
        Self { classes: self.classes, width: part.width, height: part.height, values }
    }
}

/// A tile that the model has answered.
#[derive(Debug)]
pub struct Prediction {
    /// Where it lies.
    pub spec: TileSpec,
    /// What the model said of every pixel of the tile, halo included.
    pub maps: ProbabilityMaps,
    /// The bytes that it holds of the prediction budget.
    pub permit: Permit,
}

/// A polygon with holes. Rings are open here (the first point is not repeated) and run along pixel edges.
/// Exterior rings run clockwise on the screen (y down) and holes counter-clockwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    /// The outer ring.
    pub exterior: Vec<[f64; 2]>,
    /// Inner rings.
    pub holes: Vec<Vec<[f64; 2]>>,
}

impl Outline {
    /// Area enclosed by the exterior less the holes, in square units of its frame.
    pub fn area(&self) -> f64 {
        ring_area(&self.exterior).abs() - self.holes.iter().map(|ring| ring_area(ring).abs()).sum::<f64>()
    }

    /// Every ring, the exterior first.
    pub fn rings(&self) -> impl Iterator<Item = &Vec<[f64; 2]>> {
        std::iter::once(&self.exterior).chain(&self.holes)
    }

    /// A name for the outline of an object of `class`: the same for the same namespace, class and corners.
    pub fn id(&self, namespace: Uuid, class: &str) -> Uuid {
        let mut bytes = class.as_bytes().to_vec();
        for ring in self.rings() {
            bytes.push(b'|');
            bytes.extend(ring.iter().flatten().flat_map(|value| value.to_le_bytes()));
        }
        Uuid::new_v5(&namespace, &bytes)
    }

    /// Smallest and largest x and y of the exterior; none for an empty outline.
    pub fn bounds(&self) -> Option<([f64; 2], [f64; 2])> {
        let first = *self.exterior.first()?;
        let grow = |(low, high): ([f64; 2], [f64; 2]), p: &[f64; 2]| {
            ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
        };
        Some(self.exterior.iter().fold((first, first), grow))
    }

    /// The same shape with every coordinate mapped, for changes of frame.
    pub fn map(&self, point: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        let ring = |ring: &Vec<[f64; 2]>| ring.iter().map(|&p| point(p)).collect();
        Self { exterior: ring(&self.exterior), holes: self.holes.iter().map(ring).collect() }
    }
}

/// Signed shoelace area; positive for a ring that runs clockwise on the screen (y down).
pub fn ring_area(ring: &[[f64; 2]]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
}

/// A named number about an object, such as `Area µm^2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Name with unit.
    pub name: &'static str,
    /// Value; not a number where it cannot be computed.
    pub value: f64,
}

/// One segmented object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The same for the same slide, model and outline.
    pub id: Uuid,
    /// Index into the model's classes.
    pub class: usize,
    /// Mean probability of the object's pixels, 0 to 1.
    pub score: f32,
    /// Centre of gravity, level-0 pixels.
    pub centroid: [f64; 2],
    /// Level-0 pixels.
    pub outline: Outline,
    /// Area, perimeter, shape and staining.
    pub measurements: Vec<Measurement>,
}

/// Final class indices of one core at the model's mpp, row-major.
#[derive(Debug, Clone)]
pub struct ClassBlock {
    /// Column in the grid of cores.
    pub column: u32,
    /// Row in the grid of cores.
    pub row: u32,
    /// Where it lies.
    pub core: Rect<Model>,
    /// `core.width x core.height` class indices.
    pub classes: Vec<u8>,
}
