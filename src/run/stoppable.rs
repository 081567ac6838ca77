//! A slide whose pixels can no longer be had once the run is stopped, so that whatever reads it ends soon.

use crate::error::{Error, Result};
use crate::geometry::{Level, Rect};
use crate::slide::{SlideInfo, SlideSource};
use crate::stream::CancellationToken;
use image::RgbImage;
use std::path::Path;
use std::sync::Arc;

/// A slide that answers [`Error::Cancelled`] after its token was cancelled.
pub(super) struct Stoppable {
    pub slide: Arc<dyn SlideSource>,
    pub cancel: CancellationToken,
}

impl SlideSource for Stoppable {
    fn path(&self) -> &Path {
        self.slide.path()
    }

    fn info(&self) -> &SlideInfo {
        self.slide.info()
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { self.slide.read(level, region) }
    }

    fn expect_rows(&self, level: u32, height: u32) {
        self.slide.expect_rows(level, height);
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        self.slide.read_associated(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::slide::synthetic::SyntheticSlide;

    #[test]
    fn reading_ends_with_the_order_to_stop() {
        let cancel = CancellationToken::new();
        let slide = Arc::new(SyntheticSlide::new(Size::new(100, 100), 0.5, 1));
        let slide = Stoppable { slide, cancel: cancel.clone() };
        let region = Rect::new(0, 0, 10, 10);
        assert!(slide.read(0, region).is_ok());
        cancel.cancel();
        assert!(matches!(slide.read(0, region), Err(Error::Cancelled)));
    }
}
