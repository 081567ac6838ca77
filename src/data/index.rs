//! The index of a dataset: a CSV with one line an image.

use crate::config::DataConfig;
use crate::error::{Error, Result};
use std::path::Path;

/// What the index says of one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Patient, case or slide.
    pub group: Option<String>,
    /// Kind of tissue or stain.
    pub style: Option<String>,
    /// `train`, `val`, `test`, or what else is there.
    pub split: Option<String>,
    /// Micrometres per pixel, above 0.
    pub mpp: Option<f64>,
}

/// Names of the columns that are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// Of the image's file name.
    pub file: &'a str,
    /// Of the patient, case or slide.
    pub group: Option<&'a str>,
    /// Of the kind of tissue or stain.
    pub style: Option<&'a str>,
    /// Of `train`, `val` or `test`.
    pub split: Option<&'a str>,
    /// Of micrometres per pixel.
    pub mpp: Option<&'a str>,
}

impl<'a> Columns<'a> {
    /// Those that a configuration names.
    pub fn of(config: &'a DataConfig) -> Self {
        Self {
            file: &config.file_column,
            group: config.group.as_deref().filter(|name| *name != "look_alike"),
            style: config.style.as_deref(),
            split: config.split.as_deref(),
            mpp: config.mpp_column.as_deref(),
        }
    }
}

/// The columns that were asked for.
#[derive(Debug)]
pub struct Index {
    /// File names of the images.
    pub files: Vec<String>,
    /// One a file.
    pub rows: Vec<Row>,
}

impl Index {
    /// Reads the named columns.
    ///
    /// # Errors
    /// [`Error::Dataset`] for a missing column, an empty value or a pixel size that is no number above 0.
    pub fn read(path: &Path, columns: &Columns<'_>) -> Result<Self> {
        let bad = |e: csv::Error| Error::dataset(path, e.to_string());
        let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let headers = reader.headers().map_err(bad)?.clone();
        let column = |name: &str| {
            headers.iter().position(|header| header == name).ok_or_else(|| {
                let there = headers.iter().collect::<Vec<_>>().join(", ");
                Error::dataset(path, format!("has no column `{name}`; it has: {there}"))
            })
        };
        let optional = |name: Option<&str>| name.map(column).transpose();
        let file_column = column(columns.file)?;
        let (group, style) = (optional(columns.group)?, optional(columns.style)?);
        let (split, mpp) = (optional(columns.split)?, optional(columns.mpp)?);
        let mut index = Self { files: Vec::new(), rows: Vec::new() };
        for (line, record) in reader.records().enumerate() {
            let record = record.map_err(bad)?;
            let text = |column: Option<usize>| -> Result<Option<String>> {
                let Some(column) = column else { return Ok(None) };
                match record.get(column).unwrap_or_default() {
                    "" => {
                        let reason = format!("line {}: column `{}` is empty", line + 2, &headers[column]);
                        Err(Error::dataset(path, reason))
                    }
                    value => Ok(Some(value.to_owned())),
                }
            };
            let number = |value: String| {
                value.parse::<f64>().ok().filter(|mpp| mpp.is_finite() && *mpp > 0.0).ok_or_else(|| {
                    Error::dataset(path, format!("line {}: mpp `{value}` is not a number above 0", line + 2))
                })
            };
            index.files.push(text(Some(file_column))?.unwrap_or_default());
            index.rows.push(Row {
                group: text(group)?,
                style: text(style)?,
                split: text(split)?,
                mpp: text(mpp)?.map(number).transpose()?,
            });
        }
        if index.files.is_empty() {
            return Err(Error::dataset(path, "has no line below its header"));
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, more: &str) -> Result<Index> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.csv");
        std::fs::write(&path, text).unwrap();
        let config = toml::from_str(&format!("root = \".\"\nlabels = \"binary\"\n{more}")).unwrap();
        Index::read(&path, &Columns::of(&config))
    }

    #[test]
    fn named_columns_are_read_and_others_ignored() {
        let index = read("n,file,patient,um\n1, a.png ,P1,0.25\n", "group = \"patient\"\nmpp_column = \"um\"").unwrap();
        assert_eq!(index.files, ["a.png"]);
        assert_eq!(index.rows[0], Row { group: Some("P1".into()), mpp: Some(0.25), ..Row::default() });
    }

    #[test]
    fn a_missing_column_an_empty_value_and_a_bad_number_are_named() {
        let message = |text, more| read(text, more).unwrap_err().to_string();
        assert!(message("file\na.png\n", "group = \"patient\"").contains("no column `patient`; it has: file"));
        assert!(message("file,p\na.png,\n", "group = \"p\"").contains("line 2: column `p` is empty"));
        assert!(message("file,um\na.png,0\n", "mpp_column = \"um\"").contains("mpp `0`"));
        assert!(message("file\n", "").contains("no line"));
    }
}
