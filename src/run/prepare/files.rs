//! Files of a source, by stem, and their pixels.

use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::slide::{self, Limits};
use image::{ImageFormat, ImageReader, RgbImage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of image files.
pub(super) const IMAGES: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp"];

/// Folders below the given one that are searched.
const DEEPEST: usize = 8;

/// The files under `root` that end in one of `endings`, sorted. What begins with a dot, and the `__MACOSX` folder of
/// archives, is none of a data set.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub(super) fn below(root: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(root, endings, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, endings: &[&str], deeper: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "__MACOSX" {
            continue;
        }
        if path.is_dir() {
            if deeper == 0 {
                return Err(Error::dataset(path, format!("lies more than {DEEPEST} folders deep; name it itself")));
            }
            walk(&path, endings, deeper - 1, found)?;
        } else if has_ending(&path, endings) {
            found.push(path);
        }
    }
    Ok(())
}

/// Does the file end in one of `endings`, in capitals or not?
pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

/// A file's name without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Files by stem.
///
/// # Errors
/// [`Error::Dataset`] if two have the same.
pub(super) fn by_stem(files: Vec<PathBuf>) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in files {
        if let Some(other) = found.insert(stem(&path), path.clone()) {
            return Err(Error::dataset(path, format!("has the same stem as {}; keep one", other.display())));
        }
    }
    Ok(found)
}

/// The pixels of an image file of any kind that this program reads, finest level.
///
/// # Errors
/// [`Error::Dataset`] for a damaged BMP; for other kinds see [`slide::open`].
pub(super) fn pixels(path: &Path) -> Result<RgbImage> {
    if has_ending(path, &["bmp"]) {
        let mut reader = ImageReader::open(path).map_err(Error::io("open", path))?;
        reader.set_format(ImageFormat::Bmp);
        let image = reader.decode();
        let damaged = |error| Error::dataset(path, format!("cannot decode this BMP: {error}"));
        return image.map(|image| image.into_rgb8()).map_err(damaged);
    }
    let slide = slide::open(path, &Limits::default())?;
    slide.read(0, Rect::whole(slide.info().size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_sorted_and_hidden_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b/2.XML", "a/1.xml", "a/.1.xml", "__MACOSX/1.xml", "a/1.tif"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = below(dir.path(), &["xml"]).unwrap();
        assert_eq!(found, [dir.path().join("a/1.xml"), dir.path().join("b/2.XML")]);
        let twice = by_stem(vec!["a/1.png".into(), "b/1.png".into()]).unwrap_err().to_string();
        assert!(twice.contains("b/1.png: has the same stem as a/1.png"), "{twice}");
    }

    #[test]
    fn bmp_and_png_give_the_same_pixels() {
        let dir = tempfile::tempdir().unwrap();
        let image = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 40, y as u8 * 70, 9]));
        for name in ["a.bmp", "a.png", "a.tif"] {
            image.save(dir.path().join(name)).unwrap();
            assert_eq!(pixels(&dir.path().join(name)).unwrap(), image, "{name}");
        }
    }
}
