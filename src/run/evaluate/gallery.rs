//! Pictures of the worst and the best images, kept while a run goes on.

use super::truth::Classes;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::run::panels::{PREDICTION, TRUTH, fitted, outlined_classes};
use crate::run::scene::Scene;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// Width of a picture in pixels.
const PANEL: u32 = 440;
const QUALITY: u8 = 88;

/// One image with its outlines, as JPEG files: plain, true outlines, predicted outlines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// Number of its row.
    pub row: usize,
    /// What it is ranked by.
    pub value: f64,
    pub pictures: [Vec<u8>; 3],
}

/// The cases at both ends of the ranking so far.
#[derive(Debug, Default)]
pub(super) struct Gallery {
    /// The worst one first.
    pub worst: Vec<Case>,
    /// The best one first.
    pub best: Vec<Case>,
    most_worst: usize,
    most_best: usize,
}

impl Gallery {
    /// Of `most` worst images and half as many best ones.
    pub fn of(most: usize) -> Self {
        Self { most_worst: most, most_best: most.div_ceil(2), ..Self::default() }
    }

    /// Takes an image in if it is among the worst or the best so far; pictures are only made then.
    pub fn offer(&mut self, row: usize, value: f64, draw: impl FnOnce() -> Result<[Vec<u8>; 3]>) -> Result<()> {
        let place = |list: &[Case], ahead: fn(f64, f64) -> bool| list.partition_point(|case| !ahead(value, case.value));
        let (low, high) = (place(&self.worst, |a, b| a < b), place(&self.best, |a, b| a > b));
        let (takes_low, takes_high) = (low < self.most_worst, high < self.most_best);
        if !takes_low && !takes_high {
            return Ok(());
        }
        let case = Case { row, value, pictures: draw()? };
        if takes_low {
            self.worst.insert(low, case.clone());
            self.worst.truncate(self.most_worst);
        }
        if takes_high {
            self.best.insert(high, case);
            self.best.truncate(self.most_best);
        }
        Ok(())
    }

    /// Leaves out of the best what is among the worst already, where there are few images.
    pub fn part(&mut self) {
        let worst: Vec<usize> = self.worst.iter().map(|case| case.row).collect();
        self.best.retain(|case| !worst.contains(&case.row));
    }
}

/// The pictures of one image. One class is outlined in green (true) and amber (predicted), several in their own colours.
pub(super) fn pictures(image: &RgbImage, classes: &Classes, truth: &Scene, found: &Scene) -> Result<[Vec<u8>; 3]> {
    let size = Size::new(image.width(), image.height());
    let plain = fitted(image, PANEL);
    let drawn = |scene: &Scene, color| outlined_classes(&plain, scene, size, color, &classes.colors);
    Ok([jpeg(&plain)?, jpeg(&drawn(truth, TRUTH))?, jpeg(&drawn(found, PREDICTION))?])
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    picture.write_with_encoder(encoder).map_err(Error::compute("drawing a picture for the report"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_the_ranking_are_kept_and_no_picture_is_made_in_vain() {
        let mut gallery = Gallery::of(3);
        let mut drawn = 0;
        for (row, value) in [0.5, 0.9, 0.1, 0.5, 0.95, 0.2, 0.6, 0.55].into_iter().enumerate() {
            let draw = || {
                drawn += 1;
                Ok(Default::default())
            };
            gallery.offer(row, value, draw).unwrap();
        }
        let rows = |list: &[Case]| list.iter().map(|case| case.row).collect::<Vec<_>>();
        assert_eq!((rows(&gallery.worst), rows(&gallery.best)), (vec![2, 5, 0], vec![4, 1]));
        assert_eq!(drawn, 6, "the last two are neither");
        let mut few = Gallery::of(4);
        for row in 0..3 {
            few.offer(row, row as f64, || Ok(Default::default())).unwrap();
        }
        few.part();
        assert_eq!((rows(&few.worst), rows(&few.best)), (vec![0, 1, 2], vec![]));
    }
}
