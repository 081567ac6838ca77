//! Slides of several files: whether every file that the index names is there, and inside the slide's own folder.
//!
//! OpenSlide opens whatever name such an index holds. A name with a folder in it could make it read any file.

use crate::error::{Error, Result};
use std::fs;
use std::io::Read;
use std::path::Path;

/// More bytes than any index file of a scanner.
const INDEX_BYTES: u64 = 16 << 20;

/// Checks a MIRAX slide: `NAME.mrxs` with `NAME/Slidedat.ini` and the files that it names.
///
/// # Errors
/// [`Error::BadFile`] naming the file that is missing or lies elsewhere.
pub(super) fn check_mirax(path: &Path) -> Result<()> {
    let folder = path.with_extension("");
    let index = folder.join("Slidedat.ini");
    if !index.is_file() {
        let reason = format!("its file {} is missing; copy the whole folder beside the .mrxs", index.display());
        return Err(Error::bad_file(path, reason));
    }
    let names = entries(path, &index)?.into_iter().filter(|(key, _)| {
        key == "INDEXFILE" || key.strip_prefix("FILE_").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    });
    check_names(path, &folder, names)
}

/// Checks a Hamamatsu VMS or VMU file: the image files that it names.
///
/// # Errors
/// As [`check_mirax`].
pub(super) fn check_hamamatsu(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let names = entries(path, path)?.into_iter().filter(|(key, _)| {
        key.starts_with("ImageFile") || matches!(key.as_str(), "MapFile" | "MacroImage" | "OptimisationFile")
    });
    check_names(path, folder, names)
}

fn check_names(path: &Path, folder: &Path, names: impl Iterator<Item = (String, String)>) -> Result<()> {
    for (key, name) in names.filter(|(_, name)| !name.is_empty()) {
        if name.contains(['/', '\\', '\0']) || name == ".." || name == "." {
            let reason = format!("`{key}` is `{name}`, which is not the plain name of a file in the slide's folder");
            return Err(Error::bad_file(path, reason));
        }
        let file = folder.join(&name);
        // The optimisation file only makes VMS faster, and many copies lack it.
        if !file.is_file() && key != "OptimisationFile" {
            let reason = format!("its file {} (`{key}`) is missing; copy all files of the slide", file.display());
            return Err(Error::bad_file(path, reason));
        }
    }
    Ok(())
}

/// `key = value` lines of an index file, all groups together.
fn entries(path: &Path, index: &Path) -> Result<Vec<(String, String)>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(index).map_err(Error::io("open", index))?;
    let length = file.take(INDEX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io("read", index))?;
    if length as u64 > INDEX_BYTES {
        return Err(Error::bad_file(path, format!("its index {} has over {INDEX_BYTES} bytes", index.display())));
    }
    let text = String::from_utf8_lossy(&bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vms(text: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vms");
        fs::write(&path, format!("[Virtual Microscope Specimen]\n{text}\n")).unwrap();
        fs::write(folder.path().join("a.jpg"), "").unwrap();
        check_hamamatsu(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn names_outside_the_folder_are_refused() {
        vms("ImageFile=a.jpg").unwrap();
        for name in ["../a.jpg", "/etc/hostname", "b/a.jpg", "..\\a.jpg", ".."] {
            let error = vms(&format!("ImageFile(0,1)={name}")).unwrap_err();
            assert!(error.contains("ImageFile(0,1)") && error.contains("plain name"), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = vms("MapFile=b.jpg").unwrap_err();
        assert!(error.contains("b.jpg") && error.contains("missing"), "{error}");
        vms("OptimisationFile=b.opt").unwrap();
    }
}
