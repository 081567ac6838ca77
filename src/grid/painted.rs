//! A slide for tests: one level, coloured by a function of the pixel.

use crate::error::{Error, Result};
use crate::geometry::{Level, Rect, Size};
use crate::slide::{LevelInfo, Mpp, SlideInfo, SlideSource};
use image::{Rgb, RgbImage};
use std::path::Path;

pub(super) struct Painted<F> {
    info: SlideInfo,
    color: F,
}

impl<F: Fn(u32, u32) -> [u8; 3] + Send + Sync> Painted<F> {
    pub fn new(size: Size, color: F) -> Self {
        let info = SlideInfo {
            vendor: "painted".into(),
            reader: "painted".into(),
            levels: vec![LevelInfo { size, downsample: 1.0 }],
            mpp: Mpp::Known(1.0, 1.0),
            properties: Default::default(),
            associated: vec![],
        };
        Self { info, color }
    }
}

impl<F: Fn(u32, u32) -> [u8; 3] + Send + Sync> SlideSource for Painted<F> {
    fn path(&self) -> &Path {
        Path::new("painted")
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, _level: u32, region: Rect<Level>) -> Result<RgbImage> {
        let slide = Rect::<Level>::whole(self.info.size());
        Ok(RgbImage::from_fn(region.width, region.height, |x, y| {
            let (x, y) = (region.x + i64::from(x), region.y + i64::from(y));
            let inside = slide.contains(x as f64, y as f64);
            Rgb(if inside { (self.color)(x as u32, y as u32) } else { [255; 3] })
        }))
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        Err(Error::bad_file(self.path(), format!("no image `{name}`")))
    }
}
