//! GeoJSON as QuPath reads and writes it, streamed: nothing is kept beyond the batch at hand.
//!
//! One `FeatureCollection`; each feature has a UUID, a polygon with closed rings in level-0 pixels, and the properties
//! `objectType`, `classification` with a colour, and `measurements` by name.

use super::Sink;
use super::decimal::push_decimal;
use crate::config::ModelClass;
use crate::error::{Error, Result};
use crate::file::{OutFile, write_whole};
use crate::tile::{ClassBlock, Object, Outline};
use std::fmt::Write as _;
use std::path::Path;
use uuid::Uuid;

/// What QuPath takes the objects for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectType {
    /// Many small objects, such as nuclei; light to show, not meant for editing.
    Detection,
    /// Few large objects, such as regions; can be edited.
    Annotation,
}

impl ObjectType {
    /// QuPath's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detection => "detection",
            Self::Annotation => "annotation",
        }
    }
}

const HEAD: &str = "{\"type\":\"FeatureCollection\",\"features\":[";
const TAIL: &str = "\n]}\n";

/// Writes objects to a GeoJSON file.
#[derive(Debug)]
pub struct GeoJsonSink {
    file: OutFile,
    name: String,
    object_type: ObjectType,
    /// The `classification` member of each class, as JSON.
    classes: Vec<String>,
    /// Names of measurements met, each as the member of a JSON object that it begins.
    members: Vec<(&'static str, String)>,
    text: String,
    first: bool,
}

impl GeoJsonSink {
    /// Creates the file; `classes` are the model's, in plane order.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be created.
    pub fn create(path: &Path, classes: &[ModelClass], object_type: ObjectType) -> Result<Self> {
        let mut file = OutFile::create(path)?;
        file.append(HEAD.as_bytes())?;
        let classes = classes.iter().map(|class| classification(&class.name, class.color)).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, name, object_type, classes, members: Vec::new(), text: String::new(), first: true })
    }
}

impl Sink for GeoJsonSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn objects(&mut self, objects: &[Object]) -> Result<()> {
        for object in objects {
            let class = self.classes.get(object.class).ok_or_else(|| {
                Error::Internal(format!("an object of class {} of {}", object.class, self.classes.len()))
            })?;
            let text = &mut self.text;
            text.push_str(if self.first { "\n" } else { ",\n" });
            self.first = false;
            open_feature(text, object.id, &object.outline, self.object_type, class);
            text.push_str(",\"measurements\":{\"Detection probability\":");
            push_decimal(text, f64::from(object.score), 4);
            // JSON has no NaN; QuPath takes a missing measurement for NaN.
            for (at, measurement) in object.measurements.iter().enumerate().filter(|(_, m)| m.value.is_finite()) {
                text.push_str(member(&mut self.members, at, measurement.name));
                push_decimal(text, measurement.value, 4);
            }
            text.push_str("}}}");
            if text.len() >= 1 << 16 {
                self.file.append(text.as_bytes())?;
                text.clear();
            }
        }
        self.file.append(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn block(&mut self, _block: &ClassBlock) -> Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.file.append(TAIL.as_bytes())?;
        self.file.finish()
    }
}

/// Writes outlines (level-0 pixels) as annotations of one class, such as `Tissue`, whole or not at all.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_annotations(path: &Path, outlines: &[Outline], class: &str, color: [u8; 3]) -> Result<()> {
    let class_json = classification(class, color);
    write_whole(path, |file| {
        file.append(HEAD.as_bytes())?;
        let mut text = String::new();
        for (i, outline) in outlines.iter().enumerate() {
            text.push_str(if i == 0 { "\n" } else { ",\n" });
            let id = outline.id(Uuid::NAMESPACE_OID, class);
            open_feature(&mut text, id, outline, ObjectType::Annotation, &class_json);
            text.push_str("}}");
            file.append(text.as_bytes())?;
            text.clear();
        }
        file.append(TAIL.as_bytes())
    })
}

/// A feature up to and with its classification; the caller adds further properties and closes both objects.
fn open_feature(text: &mut String, id: Uuid, outline: &Outline, object_type: ObjectType, classification: &str) {
    text.push_str("{\"type\":\"Feature\",\"id\":\"");
    text.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    text.push_str("\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[");
    for (i, ring) in outline.rings().enumerate() {
        text.push_str(if i == 0 { "[" } else { ",[" });
        // GeoJSON closes rings by repeating the first point.
        for (j, [x, y]) in ring.iter().chain(ring.first()).enumerate() {
            text.push_str(if j == 0 { "[" } else { ",[" });
            push_decimal(text, *x, 3);
            text.push(',');
            push_decimal(text, *y, 3);
            text.push(']');
        }
        text.push(']');
    }
    for part in ["]},\"properties\":{\"objectType\":\"", object_type.name(), "\",\"isLocked\":false,", classification] {
        text.push_str(part);
    }
}

fn classification(name: &str, [red, green, blue]: [u8; 3]) -> String {
    let mut text = String::from("\"classification\":{\"name\":");
    push_string(&mut text, name);
    write!(text, ",\"color\":[{red},{green},{blue}]}}").expect("writing to a string");
    text
}

/// `,"name":`, kept in `members` where most objects have the measurement.
fn member<'a>(members: &'a mut Vec<(&'static str, String)>, at: usize, name: &'static str) -> &'a str {
    if members.get(at).is_none_or(|(known, _)| *known != name) {
        let mut text = String::from(",");
        push_string(&mut text, name);
        text.push(':');
        members.truncate(at);
        // Those before it may have been no numbers.
        members.resize(at, ("", String::new()));
        members.push((name, text));
    }
    &members[at].1
}

fn push_string(text: &mut String, value: &str) {
    text.push_str(&serde_json::Value::from(value).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClassRole;
    use crate::tile::Measurement;
    use serde_json::Value;

    fn classes() -> Vec<ModelClass> {
        let class = |name: &str, role, color| ModelClass { name: name.into(), role, color };
        vec![class("Glass", ClassRole::Background, [0; 3]), class("Nu\"cleus", ClassRole::Object, [1, 2, 3])]
    }

    fn object() -> Object {
        let exterior = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.00049], [0.0, 4.5]];
        let holes = vec![vec![[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0]]];
        let measurement = |name, value| Measurement { name, value };
        Object {
            id: Uuid::from_u128(7),
            class: 1,
            score: 0.9,
            centroid: [2.0, 2.0],
            outline: Outline { exterior, holes },
            measurements: vec![measurement("Area µm^2", 12.5), measurement("Solidity", f64::NAN)],
        }
    }

    fn written(batches: &[&[Object]]) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("objects.geojson");
        let mut sink = Box::new(GeoJsonSink::create(&path, &classes(), ObjectType::Detection).unwrap());
        for batch in batches {
            sink.objects(batch).unwrap();
        }
        sink.finish().unwrap();
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
    }

    #[test]
    fn a_feature_follows_qupaths_conventions() {
        let json = written(&[&[object()], &[], &[object(), object()]]);
        assert_eq!(json["type"], "FeatureCollection");
        assert_eq!(json["features"].as_array().unwrap().len(), 3);
        let feature = &json["features"][0];
        assert_eq!(feature["type"], "Feature");
        assert_eq!(feature["id"], Uuid::from_u128(7).to_string());
        let properties = &feature["properties"];
        assert_eq!(properties["objectType"], "detection");
        assert_eq!(properties["isLocked"], false);
        assert_eq!(properties["classification"], serde_json::json!({"name": "Nu\"cleus", "color": [1, 2, 3]}));
        assert_eq!(properties["measurements"], serde_json::json!({"Detection probability": 0.9, "Area µm^2": 12.5}));
    }

    #[test]
    fn rings_are_closed_and_holes_kept() {
        let json = written(&[&[object()]]);
        let rings = json["features"][0]["geometry"]["coordinates"].as_array().unwrap().clone();
        assert_eq!(rings.len(), 2);
        assert_eq!(rings[0], serde_json::json!([[0, 0], [4, 0], [4, 4], [0, 4.5], [0, 0]]));
        assert!(rings.iter().all(|ring| ring[0] == *ring.as_array().unwrap().last().unwrap()));
    }

    #[test]
    fn no_objects_are_an_empty_collection() {
        assert_eq!(written(&[]), serde_json::json!({"type": "FeatureCollection", "features": []}));
    }

    #[test]
    fn a_full_disk_surfaces_from_finish() {
        let mut sink =
            Box::new(GeoJsonSink::create(Path::new("/dev/full"), &classes(), ObjectType::Detection).unwrap());
        sink.objects(&[object()]).unwrap();
        assert!(sink.finish().is_err());
    }

    #[test]
    fn tissue_is_an_annotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tissue.geojson");
        write_annotations(&path, &[object().outline, object().outline], "Tissue", [9, 9, 9]).unwrap();
        let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["features"][1]["properties"]["objectType"], "annotation");
        assert_eq!(json["features"][1]["properties"]["classification"]["name"], "Tissue");
    }
}
