//! Measurements of all objects as a table.

use super::Sink;
use super::decimal::push_fixed;
use crate::config::ModelClass;
use crate::error::{Error, Result};
use crate::file::OutFile;
use crate::tile::{ClassBlock, Object};
use std::path::Path;
use uuid::Uuid;

/// Writes a CSV file: one line an object, with its id, class, probability, centroid and measurements. A measurement that
/// cannot be computed is empty.
#[derive(Debug)]
pub struct MeasurementsSink {
    name: String,
    writer: csv::Writer<OutFile>,
    classes: Vec<String>,
    columns: Vec<&'static str>,
    um_per_px: f64,
    /// A number on its way.
    text: String,
}

impl MeasurementsSink {
    /// Creates the file with its heading; `columns` are the names of the objects' measurements and `um_per_px` the
    /// micrometres of a level-0 pixel.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be created.
    pub fn create(path: &Path, classes: &[ModelClass], columns: &[&'static str], um_per_px: f64) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut writer = csv::Writer::from_writer(OutFile::create(path)?);
        let fixed = ["Object ID", "Classification", "Detection probability", "Centroid X µm", "Centroid Y µm"];
        writer.write_record(fixed.iter().chain(columns)).map_err(Error::compute(format!("writing {name}")))?;
        let classes = classes.iter().map(|class| class.name.clone()).collect();
        Ok(Self { name, writer, classes, columns: columns.to_vec(), um_per_px, text: String::new() })
    }
}

impl Sink for MeasurementsSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn objects(&mut self, objects: &[Object]) -> Result<()> {
        for object in objects {
            let class = self.classes.get(object.class).ok_or_else(|| {
                Error::Internal(format!("an object of class {} of {}", object.class, self.classes.len()))
            })?;
            let fixed =
                [f64::from(object.score), object.centroid[0] * self.um_per_px, object.centroid[1] * self.um_per_px];
            let measured = self.columns.iter().enumerate().map(|(at, column)| {
                // Nearly always they come in the order of the columns.
                let here = object.measurements.get(at).filter(|measurement| measurement.name == *column);
                let found = here.or_else(|| object.measurements.iter().find(|other| other.name == *column));
                found.map_or(f64::NAN, |measurement| measurement.value)
            });
            let failed = |error| Error::compute(format!("writing {}", self.name))(error);
            let writer = &mut self.writer;
            writer.write_field(object.id.hyphenated().encode_lower(&mut Uuid::encode_buffer())).map_err(failed)?;
            writer.write_field(class).map_err(failed)?;
            for value in fixed.into_iter().chain(measured) {
                self.text.clear();
                if value.is_finite() {
                    push_fixed(&mut self.text, value, 4);
                }
                writer.write_field(&self.text).map_err(failed)?;
            }
            writer.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    }

    fn block(&mut self, _block: &ClassBlock) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let name = self.name;
        let file = self
            .writer
            .into_inner()
            .map_err(|error| Error::Compute { what: format!("writing {name}"), source: error.into_error().into() })?;
        file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClassRole;
    use crate::tile::{Measurement, Outline};

    fn table(objects: &[Object]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("measurements.csv");
        let classes = [ModelClass { name: "Nucleus, \"round\"".into(), role: ClassRole::Object, color: [0; 3] }];
        let mut sink = Box::new(MeasurementsSink::create(&path, &classes, &["Area µm^2", "Solidity"], 0.5).unwrap());
        sink.objects(objects).unwrap();
        sink.finish().unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_line_has_the_heading_s_columns_whatever_order_the_measurements_have() {
        let measurement = |name, value| Measurement { name, value };
        let object = Object {
            id: Uuid::nil(),
            class: 0,
            score: 0.875,
            centroid: [10.0, 20.5],
            outline: Outline::default(),
            measurements: vec![measurement("Solidity", f64::NAN), measurement("Area µm^2", 12.5)],
        };
        let text = table(&[object]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "Object ID,Classification,Detection probability,Centroid X µm,Centroid Y µm,Area µm^2,Solidity"
        );
        let id = "00000000-0000-0000-0000-000000000000";
        assert_eq!(lines[1], format!("{id},\"Nucleus, \"\"round\"\"\",0.8750,5.0000,10.2500,12.5000,"));
    }

    #[test]
    fn without_objects_there_is_the_heading() {
        assert_eq!(table(&[]).lines().count(), 1);
    }
}
