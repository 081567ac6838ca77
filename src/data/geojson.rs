//! Annotations drawn in QuPath or another viewer, read from GeoJSON.
//!
//! Accepted are a `FeatureCollection`, a `Feature`, a bare geometry and an array of features (QuPath's older export),
//! plain or gzip-compressed. Coordinates are level-0 pixels.

mod node;

use crate::error::{Error, Result};
use crate::geometry::{Rect, Size};
use crate::tile::Outline;
use flate2::read::MultiGzDecoder;
use node::{Coordinates, Node};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// How many left-out features a note lists one by one.
const LISTED: usize = 20;

/// How much an annotation file may ask for before it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationLimits {
    /// Bytes of the file, uncompressed.
    pub file_bytes: u64,
    /// Vertices of all polygons.
    pub vertices: u64,
}

impl Default for AnnotationLimits {
    fn default() -> Self {
        Self { file_bytes: 1 << 30, vertices: 20_000_000 }
    }
}

/// One feature with a polygon.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Number of the feature in the file, from 0.
    pub index: usize,
    /// What the user called it.
    pub name: Option<String>,
    /// Its classification; derived classes are joined as QuPath does: `Tumor: Positive`.
    pub class: Option<String>,
    /// `annotation`, `detection`, ... as the file says.
    pub object_type: Option<String>,
    /// One outline a polygon, level-0 pixels. Crossing rings are kept: they mean the even-odd rule.
    pub outlines: Vec<Outline>,
}

/// What an annotation file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotations {
    /// The file.
    pub path: PathBuf,
    /// Every feature with a polygon, in the file's order.
    pub features: Vec<Annotation>,
    /// What was left out or mended, for people.
    pub notes: Vec<String>,
}

impl Annotations {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Limit`]; [`Error::BadFile`] naming the feature for text that is not GeoJSON, a polygon
    /// with a coordinate that is no number, or a ring without area.
    pub fn read(path: &Path, limits: &AnnotationLimits) -> Result<Self> {
        let text = text_of(path, limits)?;
        let document: node::Document = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Error::bad_file(path, format!("not GeoJSON: {error}")))?;
        let mut reader = Collector { path, limits, vertices: 0, features: Vec::new(), left_out: Vec::new() };
        for (index, feature) in document.into_features().into_iter().enumerate() {
            reader.feature(index, feature)?;
        }
        let notes = reader.notes();
        Ok(Self { path: path.to_owned(), features: reader.features, notes })
    }

    /// Every outline of every feature, level-0 pixels.
    pub fn outlines(&self) -> Vec<Outline> {
        self.features.iter().flat_map(|feature| feature.outlines.iter().cloned()).collect()
    }

    /// Checks that each feature lies on a slide of `size` level-0 pixels; notes those that reach beyond its edge.
    ///
    /// # Errors
    /// [`Error::BadFile`] naming the first feature that lies wholly outside, or if there is no polygon at all.
    pub fn check_inside(&mut self, size: Size) -> Result<()> {
        if self.features.is_empty() {
            return Err(Error::bad_file(&self.path, "holds no polygon; draw at least one area"));
        }
        let slide = Rect::<crate::geometry::Base>::whole(size);
        for feature in &self.features {
            let [left, top, right, bottom] = bounds(feature.outlines.iter().flat_map(Outline::rings).flatten());
            let place = || {
                let index = feature.index;
                let named = feature.name.as_ref().map(|name| format!(" (`{name}`)")).unwrap_or_default();
                format!("feature {index}{named} spans ({left}, {top}) to ({right}, {bottom})")
            };
            let (width, height) = (slide.width.into(), slide.height.into());
            if right <= 0.0 || bottom <= 0.0 || left >= width || top >= height {
                let reason = format!(
                    "{}, outside the slide of {size} pixels; coordinates must be level-0 pixels of this slide",
                    place()
                );
                return Err(Error::bad_file(&self.path, reason));
            }
            if left < 0.0 || top < 0.0 || right > width || bottom > height {
                self.notes.push(format!("{}: cut at the edges of the slide of {size} pixels", place()));
            }
        }
        Ok(())
    }
}

/// The whole text, unpacked if need be.
fn text_of(path: &Path, limits: &AnnotationLimits) -> Result<String> {
    let mut file = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
    let mut magic = Vec::new();
    file.by_ref().take(2).read_to_end(&mut magic).map_err(Error::io("read", path))?;
    let packed = magic == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(magic).chain(file);
    let mut bytes = Vec::new();
    let most = limits.file_bytes.saturating_add(1);
    let read = if packed {
        MultiGzDecoder::new(whole).take(most).read_to_end(&mut bytes)
    } else {
        whole.take(most).read_to_end(&mut bytes)
    };
    read.map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(Error::Limit {
            path: path.to_owned(),
            what: "the file's uncompressed size in bytes".into(),
            value: bytes.len() as u64,
            limit: limits.file_bytes,
            name: "file_bytes",
        });
    }
    String::from_utf8(bytes).map_err(|error| Error::bad_file(path, format!("is not UTF-8 text: {error}")))
}

struct Collector<'a> {
    path: &'a Path,
    limits: &'a AnnotationLimits,
    vertices: u64,
    features: Vec<Annotation>,
    /// Number and kind of features without a polygon.
    left_out: Vec<(usize, String)>,
}

impl Collector<'_> {
    fn feature(&mut self, index: usize, feature: Node) -> Result<()> {
        let properties = feature.properties.unwrap_or_default();
        let bare = feature.geometry.is_none() && feature.kind != "Feature";
        let geometry = if bare {
            Some(Node {
                kind: feature.kind,
                coordinates: feature.coordinates,
                geometries: feature.geometries,
                ..Node::default()
            })
        } else {
            feature.geometry.map(|geometry| *geometry)
        };
        let mut outlines = Vec::new();
        match geometry {
            Some(geometry) => self.geometry(index, geometry, &mut outlines)?,
            None => self.left_out.push((index, "no geometry".into())),
        }
        if !outlines.is_empty() {
            self.features.push(Annotation {
                index,
                name: node::text(&properties.name),
                class: properties.class(),
                object_type: node::text(&properties.object_type),
                outlines,
            });
        }
        Ok(())
    }

    fn geometry(&mut self, index: usize, geometry: Node, outlines: &mut Vec<Outline>) -> Result<()> {
        let polygons = match (geometry.kind.as_str(), geometry.coordinates) {
            ("GeometryCollection", _) => {
                return geometry.geometries.into_iter().try_for_each(|part| self.geometry(index, part, outlines));
            }
            ("Polygon", Some(coordinates)) => vec![coordinates],
            ("MultiPolygon", Some(Coordinates::List(polygons))) => polygons,
            ("Polygon" | "MultiPolygon", _) => return Err(self.bad(index, "has no list of coordinates")),
            (kind, _) => {
                self.left_out.push((index, kind.to_owned()));
                return Ok(());
            }
        };
        for polygon in polygons {
            outlines.push(self.polygon(index, polygon)?);
        }
        Ok(())
    }

    fn polygon(&mut self, index: usize, polygon: Coordinates) -> Result<Outline> {
        let Coordinates::List(rings) = polygon else { return Err(self.bad(index, "has a polygon that is no list")) };
        let mut rings = rings.into_iter().enumerate().map(|(number, ring)| self.ring(index, number, ring));
        let exterior = rings.next().transpose()?;
        let holes = rings.collect::<Result<_>>()?;
        let exterior = exterior.ok_or_else(|| self.bad(index, "has a polygon without rings"))?;
        Ok(Outline { exterior, holes })
    }

    /// A ring without the repeated first point.
    fn ring(&mut self, index: usize, number: usize, ring: Coordinates) -> Result<Vec<[f64; 2]>> {
        let Coordinates::List(points) = ring else {
            return Err(self.bad(index, format!("has a ring {number} that is no list")));
        };
        self.vertices += points.len() as u64;
        if self.vertices > self.limits.vertices {
            return Err(Error::Limit {
                path: self.path.to_owned(),
                what: format!("the number of vertices up to feature {index}"),
                value: self.vertices,
                limit: self.limits.vertices,
                name: "vertices",
            });
        }
        let mut ring = Vec::with_capacity(points.len());
        for (at, point) in points.into_iter().enumerate() {
            match point {
                Coordinates::Position(point) if point.iter().all(|value| value.is_finite()) => ring.push(point),
                _ => {
                    let reason = format!("has no two finite numbers at vertex {at} of ring {number}");
                    return Err(self.bad(index, reason));
                }
            }
        }
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        let [left, top, right, bottom] = bounds(ring.iter());
        if ring.len() < 3 || left >= right || top >= bottom {
            return Err(self.bad(index, format!("has a ring {number} without area; a polygon needs three corners")));
        }
        Ok(ring)
    }

    fn bad(&self, index: usize, reason: impl std::fmt::Display) -> Error {
        Error::bad_file(self.path, format!("feature {index} {reason}"))
    }

    fn notes(&self) -> Vec<String> {
        if self.left_out.is_empty() {
            return Vec::new();
        }
        let mut list: Vec<String> =
            self.left_out.iter().take(LISTED).map(|(index, kind)| format!("{index} ({kind})")).collect();
        if self.left_out.len() > LISTED {
            list.push(format!("and {} more", self.left_out.len() - LISTED));
        }
        vec![format!("left out what is not a polygon in features {}", list.join(", "))]
    }
}

/// Left, top, right, bottom.
fn bounds<'a>(points: impl Iterator<Item = &'a [f64; 2]>) -> [f64; 4] {
    points.fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |[l, t, r, b], &[x, y]| {
        [l.min(x), t.min(y), r.max(x), b.max(y)]
    })
}

#[cfg(test)]
mod tests;
