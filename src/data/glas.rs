//! GlaS: colon glands as BMP images with numbered masks beside them.
//!
//! Source: Sirinukunwattana et al. 2017, doi 10.1016/j.media.2016.08.008.

use super::mask;
use crate::error::{Error, Result};
use crate::geometry::Size;
use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Micrometres per pixel of every image, as the data set's description says.
pub const GLAS_MPP: f64 = 0.62;

/// The official parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `train_1` to `train_85`.
    Train,
    /// `testA_1` to `testA_60`.
    TestA,
    /// `testB_1` to `testB_20`.
    TestB,
}

/// Part and number of an image's stem, such as `testA_18`; none for other names and for masks.
pub fn part(stem: &str) -> Option<(Part, u32)> {
    let (name, number) = stem.split_once('_')?;
    let part = match name {
        "train" => Part::Train,
        "testA" => Part::TestA,
        "testB" => Part::TestB,
        _ => return None,
    };
    Some((part, number.parse().ok()?))
}

/// What `Grade.csv` says of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// Patient number.
    pub patient: String,
    /// `benign` or `malignant`.
    pub grade: String,
}

/// Reads `Grade.csv`: what it says of each stem.
///
/// # Errors
/// [`Error::Dataset`] for a missing column, a damaged or empty line, or an image that is named twice.
pub fn grades(path: &Path) -> Result<BTreeMap<String, Grade>> {
    let bad = |e: csv::Error| Error::dataset(path, e.to_string());
    let file = File::open(path).map_err(Error::io("read", path))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let headers = reader.headers().map_err(bad)?.clone();
    let column = |name: &str| {
        headers.iter().position(|header| header.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let there = headers.iter().collect::<Vec<_>>().join(", ");
            Error::dataset(path, format!("has no column `{name}`; it has: {there}"))
        })
    };
    let columns = [column("name")?, column("patient ID")?, column("grade (GlaS)")?];
    let mut grades = BTreeMap::new();
    for (line, record) in reader.records().enumerate() {
        let record = record.map_err(bad)?;
        let [name, patient, grade] = columns.map(|column| record.get(column).unwrap_or_default().to_owned());
        if name.is_empty() || patient.is_empty() || grade.is_empty() {
            return Err(Error::dataset(path, format!("line {}: name, patient or grade is empty", line + 2)));
        }
        if grades.insert(name.clone(), Grade { patient, grade }).is_some() {
            return Err(Error::dataset(path, format!("line {}: `{name}` is named twice", line + 2)));
        }
    }
    Ok(grades)
}

/// The object numbers of a mask, row-major. Numbers are the grey levels; where a palette has colours, its indices.
///
/// # Errors
/// [`Error::Dataset`] for a file that is no sound BMP, or one in colour without a palette.
pub fn annotation(path: &Path) -> Result<(Size, Vec<u32>)> {
    let damaged = |error: image::ImageError| Error::dataset(path, format!("cannot decode this BMP: {error}"));
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut decoder = BmpDecoder::new(BufReader::new(file)).map_err(damaged)?;
    decoder.set_limits(image::Limits::default()).map_err(damaged)?;
    let coloured = |palette: &[[u8; 3]]| palette.iter().any(|[red, green, blue]| red != green || green != blue);
    let indexed = decoder.get_palette().is_some_and(coloured);
    decoder.set_indexed_color(indexed);
    let (width, height) = decoder.dimensions();
    let labels = match DynamicImage::from_decoder(decoder).map_err(damaged)? {
        DynamicImage::ImageLuma8(indices) => indices.into_raw().into_iter().map(u32::from).collect(),
        other => mask::numbers(other, path)?,
    };
    Ok((Size::new(width, height), labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, codecs::bmp::BmpEncoder};

    fn bmp(folder: &Path, values: &[u8], palette: Option<&[[u8; 3]]>) -> std::path::PathBuf {
        let path = folder.join("mask.bmp");
        let mut bytes = Vec::new();
        let mut encoder = BmpEncoder::new(&mut bytes);
        encoder.encode_with_palette(values, 2, values.len() as u32 / 2, ExtendedColorType::L8, palette).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn names_tell_the_part_and_masks_are_no_images() {
        assert_eq!(part("testA_18"), Some((Part::TestA, 18)));
        assert_eq!(part("train_1"), Some((Part::Train, 1)));
        assert_eq!([part("train_1_anno"), part("Grade"), part("tests_1")], [None; 3]);
    }

    #[test]
    fn object_numbers_come_from_grey_levels_or_from_the_indices_of_a_colour_palette() {
        let folder = tempfile::tempdir().unwrap();
        let values = [0, 1, 2, 9];
        assert_eq!(annotation(&bmp(folder.path(), &values, None)).unwrap(), (Size::new(2, 2), vec![0, 1, 2, 9]));
        let mut colours = vec![[0, 0, 0]; 256];
        (1..10).for_each(|i| colours[i] = [255, 20 * i as u8, 7]);
        assert_eq!(annotation(&bmp(folder.path(), &values, Some(&colours))).unwrap().1, [0, 1, 2, 9]);
    }

    #[test]
    fn a_coloured_mask_and_a_damaged_one_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.bmp");
        image::RgbImage::from_pixel(2, 2, image::Rgb([1, 2, 3])).save(&path).unwrap();
        assert!(annotation(&path).unwrap_err().to_string().contains("in colour"));
        std::fs::write(&path, b"BM").unwrap();
        assert!(annotation(&path).unwrap_err().to_string().contains("cannot decode this BMP"));
    }

    #[test]
    fn grades_are_read_and_their_faults_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Grade.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            grades(&path)
        };
        let head = "name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)\n";
        let found = read(&format!("{head}testA_1, 5, benign, adenomatous\n")).unwrap();
        assert_eq!(found["testA_1"], Grade { patient: "5".into(), grade: "benign".into() });
        let message = |text: String| read(&text).unwrap_err().to_string();
        assert!(message(format!("{head}a,1,benign,x\na,1,benign,x\n")).contains("line 3: `a` is named twice"));
        assert!(message(format!("{head}a,,benign,x\n")).contains("line 2: name, patient or grade is empty"));
        assert!(message("name,grade\n".into()).contains("no column `patient ID`"));
    }
}
