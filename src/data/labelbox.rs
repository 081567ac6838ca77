//! Polygons exported from Labelbox, in the form of the head-and-neck data of GenSelfDiff-HIS.
//!
//! A list of `{"External ID": FILE, "Label": {CLASS: [{"geometry": [{"x": 1, "y": 2}, ..]}, ..], ..}}`; an image that the
//! annotator passed over has `"Label": "Skip"`.

use super::label_map::Shape;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::tile::Outline;
use serde_json::Value;
use std::path::Path;

/// Classes by number, from 1; 0 is background.
pub const CLASSES: [&str; 3] = ["Malignant", "Non malignant stroma", "Non malignant epithelium"];

/// The polygons of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImage {
    /// File name of the image.
    pub file: String,
    /// In the order of the export, later ones lie on top.
    pub shapes: Vec<Shape>,
    /// Class number of each shape.
    pub classes: Vec<u32>,
}

/// An export.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// In the file's order.
    pub images: Vec<LabelledImage>,
    /// File names of the images that the annotator passed over.
    pub skipped: Vec<String>,
}

impl Export {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::BadFile`] naming the entry for text that is no such export, a class of another name, a
    /// polygon with a corner that is no number, a file name with folders in it, or an image that is named twice.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text).map_err(|reason| Error::bad_file(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let entries: Vec<Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("is not a Labelbox export, a JSON list of labelled images: {error}"))?;
        let mut export = Self { images: Vec::new(), skipped: Vec::new() };
        for (number, entry) in entries.iter().enumerate() {
            let file = entry.get("External ID").and_then(Value::as_str);
            let file = file.ok_or_else(|| format!("entry {number} has no `External ID` with the image's file name"))?;
            if Path::new(file).file_name().is_none_or(|name| name != file) {
                return Err(format!("entry {number}: `External ID` is `{file}`, which is no plain file name"));
            }
            let place = format!("entry {number} (`{file}`)");
            match entry.get("Label") {
                Some(Value::String(label)) if label == "Skip" => export.skipped.push(file.to_owned()),
                Some(Value::Object(label)) => {
                    if export.images.iter().any(|image| image.file == file) {
                        return Err(format!("{place}: this image is labelled twice; keep one of the entries"));
                    }
                    let mut image = LabelledImage { file: file.to_owned(), shapes: Vec::new(), classes: Vec::new() };
                    for (name, polygons) in label {
                        image.add(&place, name, polygons)?;
                    }
                    export.images.push(image);
                }
                other => {
                    let found = other.map_or("missing".into(), Value::to_string);
                    return Err(format!("{place}: `Label` is {found:.60}, neither `Skip` nor polygons by class"));
                }
            }
        }
        Ok(export)
    }
}

impl LabelledImage {
    fn add(&mut self, place: &str, name: &str, polygons: &Value) -> Result<(), String> {
        let known = name.trim_end();
        let class = CLASSES.iter().position(|class| *class == known).ok_or_else(|| {
            format!(
                "{place} has polygons of class `{name}`; known are {}",
                CLASSES.map(|c| format!("`{c}`")).join(", ")
            )
        })?;
        let polygons =
            polygons.as_array().ok_or_else(|| format!("{place}, class `{known}`: not a list of polygons"))?;
        for (number, polygon) in polygons.iter().enumerate() {
            let place = format!("{place}, class `{known}`, polygon {number}");
            let corners = polygon.get("geometry").and_then(Value::as_array);
            let corners = corners.ok_or_else(|| format!("{place} has no list `geometry`"))?;
            let mut ring = Vec::with_capacity(corners.len());
            for (corner, point) in corners.iter().enumerate() {
                let number = |axis: &str| {
                    let value = point.get(axis).and_then(Value::as_f64).filter(|value| value.is_finite());
                    value.ok_or_else(|| format!("{place}, corner {corner}: `{axis}` is no number"))
                };
                ring.push([number("x")?, number("y")?]);
            }
            if ring.len() > 1 && ring.first() == ring.last() {
                ring.pop();
            }
            self.shapes.push(Shape { place, outlines: vec![Outline { exterior: ring, holes: Vec::new() }] });
            self.classes.push(class as u32 + 1);
        }
        Ok(())
    }
}

/// A corner as the published script drew it: one pixel up and to the left unless at 0, on whole numbers.
pub fn published_corner(point: [f64; 2], _size: Size) -> [f64; 2] {
    point.map(|value| if value == 0.0 { 0.0 } else { (value - 1.0).round_ties_even() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(file: &str, label: Value) -> Value {
        json!({ "ID": "x", "External ID": file, "Label": label })
    }

    fn polygon(points: &[[f64; 2]]) -> Value {
        json!({ "geometry": points.iter().map(|[x, y]| json!({ "x": x, "y": y })).collect::<Vec<_>>() })
    }

    fn refused(entries: Value) -> String {
        Export::parse(&entries.to_string()).unwrap_err()
    }

    #[test]
    fn polygons_keep_the_order_of_their_classes_and_skipped_images_are_listed() {
        let triangle = polygon(&[[1.0, 2.0], [5.0, 2.0], [5.0, 6.0], [1.0, 2.0]]);
        let label = json!({ "Non malignant stroma ": [triangle, triangle], "Malignant": [triangle] });
        let text = json!([entry("b.jpg", label), entry("a.jpg", json!("Skip"))]).to_string();
        let export = Export::parse(&text).unwrap();
        assert_eq!(export.skipped, ["a.jpg"]);
        let image = &export.images[0];
        assert_eq!((image.file.as_str(), image.classes.as_slice()), ("b.jpg", [2, 2, 1].as_slice()));
        assert_eq!(image.shapes[2].outlines[0].exterior, [[1.0, 2.0], [5.0, 2.0], [5.0, 6.0]]);
        assert_eq!(image.shapes[1].place, "entry 0 (`b.jpg`), class `Non malignant stroma`, polygon 1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let triangle = polygon(&[[1.0, 2.0], [5.0, 2.0], [5.0, 6.0]]);
        let good = json!({ "Malignant": [triangle] });
        let message = refused(json!([entry("a.jpg", json!({ "Tumour": [triangle] }))]));
        assert!(
            message.contains("entry 0 (`a.jpg`) has polygons of class `Tumour`; known are `Malignant`"),
            "{message}"
        );
        assert!(
            refused(json!([entry("a.jpg", good.clone()), entry("a.jpg", good.clone())])).contains("labelled twice")
        );
        assert!(refused(json!([entry("../a.jpg", good)])).contains("no plain file name"));
        assert!(refused(json!([entry("a.jpg", json!(null))])).contains("`Label` is null"));
        assert!(refused(json!([{ "Label": "Skip" }])).contains("no `External ID`"));
        let bad = json!({ "Malignant": [{ "geometry": [{ "x": 1, "y": "2" }] }] });
        assert!(refused(json!([entry("a.jpg", bad)])).contains("polygon 0, corner 0: `y` is no number"));
        assert!(refused(json!([entry("a.jpg", json!({ "Malignant": [{}] }))])).contains("no list `geometry`"));
        assert!(refused(json!({})).contains("not a Labelbox export"));
    }

    #[test]
    fn corners_are_moved_as_published() {
        assert_eq!(published_corner([0.0, 7.0], Size::new(9, 9)), [0.0, 6.0]);
    }
}
