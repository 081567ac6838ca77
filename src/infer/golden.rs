//! One tile and what a model answered to it when it was packed, to check another computer with.

use crate::error::{Error, Result};
use crate::tile::ProbabilityMaps;
use image::{GrayImage, RgbImage};
use std::path::{Path, PathBuf};

/// The tile, inside a package.
pub(super) const INPUT: &str = "golden/input.png";
/// The answer: the planes of the classes as one grey image, one below the other.
pub(super) const OUTPUT: &str = "golden/output.png";

/// A tile and what the model answered when the package was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Golden {
    /// The tile.
    pub input: RgbImage,
    /// The answer in float32.
    pub output: ProbabilityMaps,
}

/// How far an answer is from the golden one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Largest difference of a probability, in steps of 1/255.
    pub most: u8,
    /// Mean difference of all probabilities, in steps of 1/255.
    pub mean: f64,
    /// Share of pixels whose most probable class is another one.
    pub changed: f64,
}

impl Difference {
    /// Is it small enough for the precision? In float32 only the order of summation may differ between computers; in
    /// 16 bits a probability near 1/2 may move, but hardly a pixel changes its class.
    pub fn is_expected(&self, precision: &str) -> bool {
        if precision == "f32" { self.most <= 2 } else { self.mean <= 2.0 && self.changed <= 0.01 }
    }
}

impl Golden {
    /// That of the package in `folder`, if it has one.
    pub(super) fn read(folder: &Path, classes: usize) -> Result<Option<Self>> {
        let (input, output) = (folder.join(INPUT), folder.join(OUTPUT));
        if !input.exists() && !output.exists() {
            return Ok(None);
        }
        let open = |path: &Path| image::open(path).map_err(|e| Error::bad_file(path, e.to_string()));
        let (input, planes) = (open(&input)?.into_rgb8(), open(&output)?.into_luma8());
        let (width, height) = input.dimensions();
        if planes.dimensions() != (width, height * classes as u32) {
            let reason =
                format!("must be {width} x {height} pixels for each of {classes} classes, one below the other");
            return Err(Error::bad_file(output, reason));
        }
        let output = ProbabilityMaps { classes, width, height, values: planes.into_raw() };
        Ok(Some(Self { input, output }))
    }

    /// Writes both images below `folder`, whose folder `golden` exists.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let ProbabilityMaps { classes, width, height, values } = self.output.clone();
        let planes = GrayImage::from_raw(width, height * classes as u32, values);
        let planes = planes.ok_or_else(|| Error::Internal("a golden output of another size than it says".into()))?;
        let saved = |path: PathBuf, result: image::ImageResult<()>| {
            result.map_err(|e| Error::bad_file(path, format!("cannot be written: {e}")))
        };
        saved(folder.join(INPUT), self.input.save(folder.join(INPUT)))?;
        saved(folder.join(OUTPUT), planes.save(folder.join(OUTPUT)))
    }

    /// How far `maps`, an answer to [`Golden::input`], is from [`Golden::output`].
    ///
    /// # Errors
    /// [`Error::Internal`] if it is of another size.
    pub fn compare(&self, maps: &ProbabilityMaps) -> Result<Difference> {
        let want = &self.output;
        let size = |maps: &ProbabilityMaps| (maps.classes, maps.width, maps.height);
        if size(maps) != size(want) {
            let reason = format!("an answer of {:?} classes, width and height for {:?}", size(maps), size(want));
            return Err(Error::Internal(reason));
        }
        let apart = || maps.values.iter().zip(&want.values).map(|(a, b)| a.abs_diff(*b));
        let area = maps.plane(0).len();
        let changed = (0..area).filter(|&pixel| most_probable(maps, pixel) != most_probable(want, pixel)).count();
        Ok(Difference {
            most: apart().max().unwrap_or(0),
            mean: apart().map(f64::from).sum::<f64>() / maps.values.len().max(1) as f64,
            changed: changed as f64 / area.max(1) as f64,
        })
    }
}

fn most_probable(maps: &ProbabilityMaps, pixel: usize) -> Option<usize> {
    (0..maps.classes).rev().max_by_key(|&class| maps.plane(class)[pixel])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(values: &[u8]) -> ProbabilityMaps {
        ProbabilityMaps { classes: 2, width: 2, height: 1, values: values.to_vec() }
    }

    #[test]
    fn a_difference_counts_steps_and_pixels_of_another_class() {
        let golden = Golden { input: RgbImage::new(2, 1), output: maps(&[255, 130, 0, 125]) };
        let same = golden.compare(&golden.output).unwrap();
        assert_eq!(same, Difference { most: 0, mean: 0.0, changed: 0.0 });
        let other = golden.compare(&maps(&[255, 120, 0, 135])).unwrap();
        assert_eq!(other, Difference { most: 10, mean: 5.0, changed: 0.5 });
        assert!(same.is_expected("f32") && !other.is_expected("f32") && !other.is_expected("bf16"));
        assert!(golden.compare(&ProbabilityMaps { width: 1, height: 2, ..golden.output.clone() }).is_err());
    }
}
