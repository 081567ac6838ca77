//! Pixels that another program hands over: an image that only it can read.

use super::region::read_inside;
use super::{LevelInfo, Limits, Mpp, SlideInfo, SlideSource};
use crate::config::HostImage;
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect, Size};
use image::RgbImage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Property that says what the host calls these pixels; stands for the hash of a file.
pub const HOST_IDENTITY: &str = "host.identity";

/// Fetches a region that lies inside the level. An [`Error::Cancelled`] is passed on as it is.
pub type Fetch = Box<dyn Fn(u32, Rect<Level>) -> Result<RgbImage, BoxError> + Send + Sync>;

/// A slide whose pixels come from `fetch`.
pub struct HostedSlide {
    path: PathBuf,
    info: SlideInfo,
    limits: Limits,
    fetch: Fetch,
}

impl HostedSlide {
    /// A slide of these levels.
    ///
    /// # Errors
    /// [`Error::Config`] for levels that are none, empty or do not get smaller, and for a senseless resolution.
    pub fn new(image: HostImage, limits: Limits, fetch: Fetch) -> Result<Self> {
        let Some(&base) = image.levels.first() else {
            return Err(Error::config("image.levels", "empty", "the finest level is needed at least"));
        };
        let mut finer = u64::MAX;
        for size in &image.levels {
            if size.area() == 0 || size.area() >= finer {
                let reason = "levels must have pixels and get smaller from one to the next";
                return Err(Error::config("image.levels", size, reason));
            }
            finer = size.area();
        }
        let mpp = match image.mpp {
            None => Mpp::Unusable { property: "micrometres per pixel".into(), value: "missing".into() },
            Some(mpp) if mpp.is_finite() && mpp > 0.0 => Mpp::Known(mpp, mpp),
            Some(mpp) => return Err(Error::config("image.mpp", mpp, "must be above 0")),
        };
        let level = |size: &Size| LevelInfo { size: *size, downsample: f64::from(base.width) / f64::from(size.width) };
        let info = SlideInfo {
            vendor: "host".into(),
            reader: "host".into(),
            levels: image.levels.iter().map(level).collect(),
            mpp,
            properties: BTreeMap::from([(HOST_IDENTITY.to_owned(), image.identity)]),
            associated: Vec::new(),
        };
        Ok(Self { path: image.name.into(), info, limits, fetch })
    }
}

impl SlideSource for HostedSlide {
    fn path(&self) -> &Path {
        &self.path
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        let read = |_: &LevelInfo, part| (self.fetch)(level, part);
        read_inside(&self.path, &self.info.levels, &self.limits, (level, region), read).map_err(|error| match error {
            Error::Read { source, .. } if matches!(source.downcast_ref(), Some(Error::Cancelled)) => Error::Cancelled,
            other => other,
        })
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        Err(Error::bad_file(&self.path, format!("the program that hands over its pixels has no image `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(levels: &[[u32; 2]], mpp: Option<f64>) -> HostImage {
        let levels = levels.iter().map(|[width, height]| Size::new(*width, *height)).collect();
        HostImage { name: "open image".into(), identity: "1".into(), levels, mpp }
    }

    fn hosted(image: HostImage) -> Result<HostedSlide> {
        let fetch = |level, part: Rect<Level>| match level {
            0 => Ok(RgbImage::from_pixel(part.width, part.height, image::Rgb([part.x as u8, part.y as u8, 7]))),
            1 => Err(Error::Cancelled.into()),
            _ => Err("no signal".into()),
        };
        HostedSlide::new(image, Limits::default(), Box::new(fetch))
    }

    #[test]
    fn only_what_lies_inside_is_asked_for_and_a_stop_stays_a_stop() {
        let slide = hosted(image(&[[40, 20], [20, 10], [10, 5]], Some(0.5))).unwrap();
        assert_eq!(slide.info().levels[2].downsample, 4.0);
        let pixels = slide.read(0, Rect::new(-1, 3, 3, 1)).unwrap();
        assert_eq!(pixels.as_raw()[..6], [255, 255, 255, 0, 3, 7]);
        assert!(matches!(slide.read(1, Rect::new(0, 0, 4, 4)), Err(Error::Cancelled)));
        let error = slide.read(2, Rect::new(1, 0, 4, 4)).unwrap_err().to_string();
        assert_eq!(error, "cannot read level 2 at level-0 pixel (4, 0) of open image: no signal");
    }

    #[test]
    fn senseless_levels_and_resolutions_are_refused_by_name() {
        for (odd, told) in [
            (image(&[], None), "`image.levels` is empty"),
            (image(&[[10, 0]], None), "`image.levels` is 10 x 0"),
            (image(&[[10, 10], [20, 20]], None), "`image.levels` is 20 x 20"),
            (image(&[[10, 10]], Some(-1.0)), "`image.mpp` is -1"),
        ] {
            let error = hosted(odd).err().expect("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
