//! A model package around a network that comes from elsewhere.

use super::package::{Package, flush, sha256};
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

impl Package {
    /// Makes the package `folder`, which must not exist yet, around the network in `file`: `*.onnx`, with the second file
    /// that it may keep tensors in, or `*.pt`. `description` is a `model.toml` without `[weights]`. The folder appears when
    /// `try_out` has found the package usable, or not at all.
    ///
    /// # Errors
    /// [`Error::Config`] for an unsound description or an existing folder, [`Error::BadFile`] for a file that is no such
    /// network, [`Error::Io`] if the disk refuses, and what `try_out` says.
    pub fn import(
        file: &Path,
        description: &Path,
        folder: &Path,
        try_out: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        let bytes = fs::read(file).map_err(Error::io("read", file))?;
        let second = second_file(file, &bytes)?;
        let text = fs::read_to_string(description).map_err(Error::io("read", description))?;
        let mut table: Table = toml::from_str(&text).map_err(|e| Error::bad_file(description, e.to_string()))?;
        if table.contains_key("weights") {
            let reason = "has a table [weights]; remove it: it is made from the file";
            return Err(Error::bad_file(description, reason));
        }
        let mut weights = entry(file, &bytes);
        let mut files = vec![(file.to_owned(), bytes)];
        if let Some(path) = second {
            let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
            weights.insert("external".into(), Value::Table(entry(&path, &bytes)));
            files.push((path, bytes));
        }
        table.insert("weights".into(), Value::Table(weights));
        let text = toml::to_string_pretty(&table).map_err(Error::compute("writing model.toml"))?;

        Self::place(folder, |draft| {
            write(draft, &text, &files)?;
            try_out(&Self::load(draft)?)
        })
    }
}

/// The file beside `file` in which an ONNX file keeps tensors, if it does.
fn second_file(file: &Path, bytes: &[u8]) -> Result<Option<PathBuf>> {
    if file.extension().is_none_or(|ending| ending != "onnx") {
        return Ok(None);
    }
    let found = crate::nn::onnx::inspect::inspect(bytes).map_err(|reason| Error::bad_file(file, reason))?;
    let mut names = found.external.iter();
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => Ok(Some(file.with_file_name(name))),
        (Some(one), Some(two)) => {
            let reason = format!("keeps tensors in several files, as `{one}` and `{two}`; save it with one of them");
            Err(Error::bad_file(file, reason))
        }
    }
}

fn entry(path: &Path, bytes: &[u8]) -> Table {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Table::from_iter([("file".into(), Value::String(name)), ("sha256".into(), Value::String(sha256(bytes)))])
}

fn write(draft: &Path, text: &str, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    fs::create_dir_all(draft).map_err(Error::io("create", draft))?;
    let description = (Path::new("model.toml"), text.as_bytes());
    for (path, bytes) in files.iter().map(|(path, bytes)| (&**path, &**bytes)).chain([description]) {
        let path = draft.join(path.file_name().unwrap_or_default());
        fs::write(&path, bytes).map_err(Error::io("write", &path))?;
        flush(&path)?;
    }
    Ok(())
}
