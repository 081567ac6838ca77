//! MoNuSeg annotations: XML as Aperio ImageScope writes it, one `Region` a nucleus.
//!
//! Source: Kumar et al. 2017, doi 10.1109/TMI.2017.2677499, and the MoNuSeg challenge of 2018.

use super::label_map::Shape;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::tile::Outline;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::path::Path;

/// Largest annotation file that is read, in bytes; those of the challenge have a few million.
const MOST_BYTES: u64 = 1 << 30;

/// What one XML file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageScope {
    /// `MicronsPerPixel` of the file, where it is above 0.
    pub mpp: Option<f64>,
    /// One a region, in the file's order.
    pub shapes: Vec<Shape>,
}

impl ImageScope {
    /// Reads a file: X runs along columns, Y along rows.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Limit`] for a file above a gibibyte; [`Error::BadFile`] naming the place for XML that is
    /// damaged or ends early, a vertex without two finite numbers, or a region that cuts out of another.
    pub fn read(path: &Path) -> Result<Self> {
        let value = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if value > MOST_BYTES {
            let what = "the size of an annotation file in bytes".into();
            return Err(Error::Limit { path: path.to_owned(), what, value, limit: MOST_BYTES, name: "MOST_BYTES" });
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let text = String::from_utf8(bytes).map_err(|e| Error::bad_file(path, format!("is not UTF-8 text: {e}")))?;
        Self::parse(&text).map_err(|reason| Error::bad_file(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut found = Self { mpp: None, shapes: Vec::new() };
        let (mut depth, mut rooted, mut open) = (0_u32, false, None::<Vec<[f64; 2]>>);
        loop {
            let event = reader.read_event();
            let (element, closed) = match event {
                Ok(Event::Start(element)) => (element, false),
                Ok(Event::Empty(element)) => (element, true),
                Ok(Event::End(element)) => {
                    depth = depth.saturating_sub(1);
                    if element.local_name().into_inner() == "Region"
                        && let Some(ring) = open.take()
                    {
                        found.close(ring);
                    }
                    continue;
                }
                Ok(Event::Eof) => break,
                Ok(_) => continue,
                Err(error) => return Err(format!("is damaged XML at byte {}: {error}", reader.error_position())),
            };
            depth += u32::from(!closed);
            match element.local_name().into_inner() {
                "Annotations" => {
                    rooted = true;
                    found.mpp = number(&element, "MicronsPerPixel").ok().filter(|mpp| *mpp > 0.0);
                }
                "Region" => {
                    let next = found.shapes.len() + 1;
                    if open.is_some() {
                        return Err(format!("has a region inside region {next}"));
                    }
                    if attribute(&element, "NegativeROA")?.is_some_and(|value| value.trim() == "1") {
                        return Err(format!(
                            "region {next} is a negative one, which cuts out of others; MoNuSeg has none, so draw it anew"
                        ));
                    }
                    if closed { found.close(Vec::new()) } else { open = Some(Vec::new()) }
                }
                "Vertex" => {
                    let region = found.shapes.len() + 1;
                    let Some(ring) = open.as_mut() else { return Err(format!("has a vertex outside region {region}")) };
                    let vertex = ring.len() + 1;
                    let at = |error: String| format!("region {region}, vertex {vertex}: {error}");
                    ring.push([number(&element, "X").map_err(at)?, number(&element, "Y").map_err(at)?]);
                }
                _ => {}
            }
        }
        if !rooted {
            return Err("holds no `Annotations`; it must be XML of Aperio ImageScope".into());
        }
        if depth > 0 || open.is_some() {
            let regions = found.shapes.len();
            return Err(format!("ends before its elements are closed, after {regions} whole regions; copy it anew"));
        }
        Ok(found)
    }

    /// Takes a region's ring, without the repeated first point.
    fn close(&mut self, mut ring: Vec<[f64; 2]>) {
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        let place = format!("region {}", self.shapes.len() + 1);
        self.shapes.push(Shape { place, outlines: vec![Outline { exterior: ring, holes: Vec::new() }] });
    }
}

fn attribute(element: &BytesStart, name: &str) -> Result<Option<String>, String> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("has a damaged attribute: {error}"))?;
        if attribute.key.local_name().into_inner() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

fn number(element: &BytesStart, name: &str) -> Result<f64, String> {
    let text = attribute(element, name)?.ok_or_else(|| format!("{name} is missing"))?;
    let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| format!("{name} is `{text}`, not a finite number"))
}

/// A vertex as the published script drew it: rounded half to even, and from the right and lower edge held inside.
pub fn published_vertex(point: [f64; 2], size: Size) -> [f64; 2] {
    let along = |value: f64, length: u32| value.round_ties_even().min(f64::from(length) - 1.0);
    [along(point[0], size.width), along(point[1], size.height)]
}

/// The patient of an image: of `TCGA-18-5592-01Z-00-DX1` that is `TCGA-18-5592`; another name stands for itself.
pub fn patient(stem: &str) -> String {
    let parts: Vec<&str> = stem.split('-').collect();
    if parts.len() > 3 && parts[0] == "TCGA" { parts[..3].join("-") } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(regions: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<Annotations MicronsPerPixel=\"0.252\"><Annotation Id=\"1\"><Regions>\
             <RegionAttributeHeaders/>{regions}</Regions></Annotation></Annotations>"
        )
    }

    fn region(points: &[[f64; 2]]) -> String {
        let vertex = |[x, y]: &[f64; 2]| format!("<Vertex X=\"{x}\" Y=\"{y}\" Z=\"0\"/>");
        let vertices: String = points.iter().map(vertex).collect();
        format!("<Region Id=\"1\"><Attributes/><Vertices>{vertices}</Vertices></Region>")
    }

    fn refused(text: &str) -> String {
        ImageScope::parse(text).unwrap_err()
    }

    #[test]
    fn every_region_is_a_shape_with_x_along_columns() {
        let ring = [[1.5, 2.0], [4.0, 2.0], [4.0, 7.25]];
        let closed = [ring[0], ring[1], ring[2], ring[0]];
        let found = ImageScope::parse(&document(&(region(&ring) + &region(&closed)))).unwrap();
        assert_eq!(found.mpp, Some(0.252));
        assert_eq!(found.shapes.len(), 2);
        assert!(found.shapes.iter().all(|shape| shape.outlines[0].exterior == ring));
        assert_eq!(found.shapes[1].place, "region 2");
    }

    #[test]
    fn damaged_xml_is_refused_with_the_place() {
        let good = document(&region(&[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]));
        let cut = &good[..good.find("</Regions>").unwrap()];
        assert!(refused(&good[..good.len() - 5]).contains("damaged XML at byte"));
        assert!(
            refused(cut).contains("ends before its elements are closed, after 1 whole regions"),
            "{}",
            refused(cut)
        );
        assert!(refused(&good.replace("</Regions>", "</Region>")).contains("damaged XML at byte"));
        assert!(refused(&good.replace("X=\"2\"", "X=\"two\"")).contains("region 1, vertex 2: X is `two`"));
        assert!(refused(&good.replace(" Y=\"0\"", "")).contains("region 1, vertex 1: Y is missing"));
        assert!(refused(&good.replace("<Attributes/>", "<Region>")).contains("region inside region 1"));
        assert!(refused(&good.replace("Region Id", "Region NegativeROA=\"1\" Id")).contains("negative"));
        assert!(refused("<html></html>").contains("no `Annotations`"));
        assert!(refused("").contains("no `Annotations`"));
    }

    #[test]
    fn vertices_are_moved_as_published() {
        let size = Size::new(1000, 1000);
        assert_eq!(published_vertex([0.5, 1.5], size), [0.0, 2.0]);
        assert_eq!(published_vertex([999.5, 1004.0], size), [999.0, 999.0]);
        assert_eq!(published_vertex([-2.5, 3.2], size), [-2.0, 3.0]);
    }

    #[test]
    fn the_patient_is_the_first_three_parts_of_a_tcga_name() {
        assert_eq!(patient("TCGA-18-5592-01Z-00-DX1"), "TCGA-18-5592");
        assert_eq!(patient("field-1-2-3"), "field-1-2-3");
    }
}
