//! Which files are slides, and which folder each one's result gets.

use super::manifest::InputRecord;
use crate::error::{Error, Result};
use crate::sink::commit::{MANIFEST, is_complete};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of files that are taken for slides when a folder is given.
const ENDINGS: [&str; 17] = [
    "svs", "tif", "tiff", "ndpi", "mrxs", "scn", "bif", "vms", "vmu", "svslide", "zvi", "czi", "dcm", "png", "jpg",
    "jpeg", "btf",
];

/// The slides among `inputs`: files as they are, folders by the files in them that end like slides, sorted by name.
/// A file that is named twice counts once.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read, [`Error::Config`] if one holds no slide.
pub fn slides(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut seen = BTreeMap::new();
    let mut add = |path: PathBuf| {
        // A file that is not there is reported with the others' results.
        let key = path.canonicalize().unwrap_or_else(|_| path.clone());
        if seen.insert(key, ()).is_none() {
            found.push(path);
        }
    };
    for input in inputs {
        if input.is_dir() {
            let files = slides_in(input)?;
            if files.is_empty() {
                let reason = format!("holds no file that ends in {}; name the slides themselves", ENDINGS.join(", "));
                return Err(Error::config("SLIDE", input.display(), reason));
            }
            files.into_iter().for_each(&mut add);
        } else {
            add(input.clone());
        }
    }
    Ok(found)
}

fn slides_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if !hidden && path.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The result folder of each slide: `out` and the slide's file name, ending included, so that `a.svs` and `a.tif` do
/// not share one.
///
/// # Errors
/// [`Error::Config`] if two slides have the same file name, or one has none.
pub fn places(slides: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>> {
    let mut owner: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
    let mut places = Vec::with_capacity(slides.len());
    for slide in slides {
        let name = slide.file_name().ok_or_else(|| Error::config("SLIDE", slide.display(), "names no file"))?;
        let place = out.join(name);
        if let Some(other) = owner.insert(place.clone(), slide) {
            let (other, place) = (other.display(), place.display());
            let reason = format!(
                "has the same file name as {other}, so both results would be {place}; use two runs with different --out"
            );
            return Err(Error::config("SLIDE", slide.display(), reason));
        }
        places.push(place);
    }
    Ok(places)
}

/// What lies where a result is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupant {
    /// Nothing, or nothing that is finished.
    None,
    /// A finished result of the same slide, made with this model.
    SameSlide {
        /// Name and version.
        model: String,
    },
}

/// What lies at `place`, for the slide `input`.
///
/// # Errors
/// [`Error::Config`] if it is the result of another slide of the same name, or its manifest cannot be understood.
pub fn occupant(place: &Path, input: &InputRecord) -> Result<Occupant> {
    if !is_complete(place) {
        return Ok(Occupant::None);
    }
    let path = place.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let manifest: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        Error::config(
            "--out",
            place.display(),
            format!("holds a manifest that is no JSON ({error}); --force replaces it"),
        )
    })?;
    let text = |pointer: &str| manifest.pointer(pointer).and_then(|value| value.as_str()).unwrap_or("unknown");
    let same = manifest.pointer("/input/bytes").and_then(|value| value.as_u64()) == Some(input.bytes)
        && text("/input/quickhash") == input.quickhash;
    if !same {
        let reason = format!(
            "holds the result of another slide, {}; use another --out, or --force to replace it",
            text("/input/path")
        );
        return Err(Error::config("--out", place.display(), reason));
    }
    Ok(Occupant::SameSlide { model: format!("{} {}", text("/model/name"), text("/model/version")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_slides_and_no_slide_counts_twice() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.SVS", "a.tif", "notes.txt", ".hidden.svs", "c [1] é.ndpi"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("d.svs")).unwrap();
        let inputs = [folder.path().join("a.tif"), folder.path().to_owned()];
        let names: Vec<_> = slides(&inputs).unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.tif", "b.SVS", "c [1] é.ndpi"]);
    }

    #[test]
    fn a_folder_without_slides_is_an_error_and_a_missing_file_is_kept_for_the_report() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            slides(&[folder.path().to_owned()]).unwrap_err().to_string().contains("holds no file that ends in svs")
        );
        assert_eq!(slides(&["missing.svs".into()]).unwrap(), [PathBuf::from("missing.svs")]);
    }

    #[test]
    fn endings_keep_results_apart_and_equal_names_are_refused() {
        let out = Path::new("out");
        let apart = places(&["x/a.svs".into(), "x/a.tif".into()], out).unwrap();
        assert_eq!(apart, [out.join("a.svs"), out.join("a.tif")]);
        let error = places(&["x/a.svs".into(), "y/a.svs".into()], out).unwrap_err().to_string();
        assert!(error.contains("`SLIDE` is y/a.svs: has the same file name as x/a.svs"), "{error}");
    }

    #[test]
    fn a_result_of_another_slide_is_not_taken_for_this_one_s() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.svs");
        let input = |bytes| InputRecord { path: "y/a.svs".into(), bytes, quickhash: "ends:1".into() };
        assert_eq!(occupant(&place, &input(5)).unwrap(), Occupant::None);
        fs::create_dir(&place).unwrap();
        let manifest =
            r#"{"input":{"path":"x/a.svs","bytes":5,"quickhash":"ends:1"},"model":{"name":"m","version":"2"}}"#;
        fs::write(place.join(MANIFEST), manifest).unwrap();
        assert_eq!(occupant(&place, &input(5)).unwrap(), Occupant::SameSlide { model: "m 2".into() });
        let error = occupant(&place, &input(6)).unwrap_err().to_string();
        assert!(error.contains("holds the result of another slide, x/a.svs"), "{error}");
    }
}
