//! What a CSV of the user says of the images: groups, styles, splits, pixel sizes.

use super::Entry;
use crate::data::{self, Index, Split};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A CSV with one line an image and the columns of it that count.
#[derive(Debug, Clone, Serialize)]
pub struct Columns {
    /// The file.
    pub path: PathBuf,
    /// Column with the image's file name or stem.
    pub file: String,
    /// Column with the patient or slide.
    pub group: Option<String>,
    /// Column with the kind of tissue or stain.
    pub style: Option<String>,
    /// Column with `train`, `val` or `test`.
    pub split: Option<String>,
    /// Column with micrometres per pixel.
    pub mpp: Option<String>,
}

/// Takes over what the table says and returns the pixel size of each entry, where there is such a column.
///
/// # Errors
/// [`Error::Dataset`] naming the line or image for a missing column, an empty or senseless value, a line without an
/// image or an image without a line.
pub(super) fn apply(columns: &Columns, entries: &mut [Entry]) -> Result<Vec<Option<f64>>> {
    let path = &columns.path;
    let index = Index::read(
        path,
        &data::Columns {
            file: &columns.file,
            group: columns.group.as_deref(),
            style: columns.style.as_deref(),
            split: columns.split.as_deref(),
            mpp: columns.mpp.as_deref(),
        },
    )?;
    let places: BTreeMap<String, usize> = entries.iter().enumerate().map(|(i, e)| (e.stem.clone(), i)).collect();
    let mut rows: Vec<Option<usize>> = vec![None; entries.len()];
    for (line, file) in index.files.iter().enumerate() {
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        let place = places.get(file.as_str()).or_else(|| places.get(stem.as_ref()));
        let fault = |what: &str| Error::dataset(path, format!("line {}: `{file}` {what}", line + 2));
        let place = *place.ok_or_else(|| fault("is none of the images"))?;
        if rows[place].replace(line).is_some() {
            return Err(fault("is named twice"));
        }
    }
    let mut mpps = Vec::with_capacity(entries.len());
    for (entry, row) in entries.iter_mut().zip(rows) {
        let line = row.ok_or_else(|| Error::dataset(path, format!("has no line for the image `{}`", entry.stem)))?;
        let row = index.rows[line].clone();
        if let Some(group) = row.group {
            entry.group = group;
        }
        if let Some(style) = row.style {
            entry.style = style;
        }
        if let Some(split) = row.split {
            let reason = || format!("line {}: split `{split}` is none of train, val, test", line + 2);
            entry.official = Some(Split::parse(&split).ok_or_else(|| Error::dataset(path, reason()))?);
        }
        mpps.push(row.mpp);
    }
    Ok(mpps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_text(text: &str) -> Result<(Vec<Entry>, Vec<Option<f64>>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.csv");
        std::fs::write(&path, text).unwrap();
        let named = |name: &str| Some(name.to_owned());
        let columns =
            Columns { path, file: "file".into(), group: named("p"), style: None, split: named("s"), mpp: named("um") };
        let mut entries = ["a", "b.1"].map(|stem| Entry { stem: stem.into(), ..Entry::default() }).to_vec();
        let mpps = apply(&columns, &mut entries)?;
        Ok((entries, mpps))
    }

    #[test]
    fn images_are_found_by_file_name_or_stem() {
        let (entries, mpps) = apply_text("file,p,s,um\nb.1,P2,test,0.25\na.png,P1,train,0.5\n").unwrap();
        assert_eq!([&entries[0].group, &entries[1].group], ["P1", "P2"]);
        assert_eq!([entries[0].official, entries[1].official], [Some(Split::Train), Some(Split::Test)]);
        assert_eq!(mpps, [Some(0.5), Some(0.25)]);
    }

    #[test]
    fn lines_and_images_that_do_not_match_are_named() {
        let message = |text| apply_text(text).unwrap_err().to_string();
        assert!(message("file,p,s,um\na,P,train,1\n").contains("no line for the image `b.1`"));
        assert!(message("file,p,s,um\na,P,train,1\nc,P,train,1\n").contains("line 3: `c` is none of the images"));
        assert!(message("file,p,s,um\na,P,train,1\na,P,train,1\n").contains("line 3: `a` is named twice"));
        assert!(message("file,p,s,um\na,P,dev,1\nb.1,P,val,1\n").contains("line 2: split `dev`"));
    }
}
