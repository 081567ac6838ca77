//! Frames of coordinates and the only conversions between them.
//!
//! x goes right, y goes down, and a pixel covers `[x, x+1) x [y, y+1)`. A [`Rect`] carries its frame in its type:
//!
//! | frame | unit | origin |
//! |---|---|---|
//! | [`Base`] | pixels of level 0 | the slide's level-0 corner |
//! | [`Level`] | pixels of one pyramid level | the same corner |
//! | [`Model`] | pixels at the model's mpp | the same corner |

use std::fmt;
use std::marker::PhantomData;

/// Frame of level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Base {}
/// Frame of the pixels of one pyramid level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {}
/// Frame of pixels at the model's mpp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model {}

/// Width and height in pixels of some frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size of `width` x `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// A rectangle of whole pixels in the frame `F`; may reach outside the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect<F> {
    /// Left edge.
    pub x: i64,
    /// Top edge.
    pub y: i64,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    frame: PhantomData<F>,
}

impl<F> Rect<F> {
    /// A rectangle with its top left corner at (x, y).
    pub const fn new(x: i64, y: i64, width: u32, height: u32) -> Self {
        Self { x, y, width, height, frame: PhantomData }
    }

    /// The whole of an image of this size.
    pub const fn whole(size: Size) -> Self {
        Self::new(0, 0, size.width, size.height)
    }

    /// One past the rightmost column.
    pub const fn right(&self) -> i64 {
        self.x + self.width as i64
    }

    /// One past the lowest row.
    pub const fn bottom(&self) -> i64 {
        self.y + self.height as i64
    }

    /// Width and height.
    pub const fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// Grown by `margin` pixels on each side.
    pub const fn grown(&self, margin: u32) -> Self {
        Self::new(self.x - margin as i64, self.y - margin as i64, self.width + 2 * margin, self.height + 2 * margin)
    }

    /// Is the point inside? Left and top edges belong to the rectangle, right and bottom ones do not.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        x >= self.x as f64 && x < self.right() as f64 && y >= self.y as f64 && y < self.bottom() as f64
    }

    /// The common part, if there is one.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (self.right().min(other.right()), self.bottom().min(other.bottom()));
        (right > x && bottom > y).then(|| Self::new(x, y, (right - x) as u32, (bottom - y) as u32))
    }
}

/// How one frame's pixels lie over level 0: the same corner, `scale` level-0 pixels a pixel.
///
/// ```
/// use slidestream::geometry::{Scale, Size};
/// // A model at 0.5 µm per pixel on a slide at 0.25: two level-0 pixels a model pixel.
/// let scale = Scale::new(0.5 / 0.25);
/// assert_eq!(scale.to_base(100.0), 200.0);
/// assert_eq!(scale.size_of(Size::new(4001, 3000)), Size::new(2001, 1500));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// `scale` level-0 pixels a pixel.
    ///
    /// # Panics
    /// Unless it is finite and above 0.
    pub fn new(scale: f64) -> Self {
        assert!(scale.is_finite() && scale > 0.0, "a scale of {scale}");
        Self(scale)
    }

    /// Level-0 pixels a pixel.
    pub const fn base_px(self) -> f64 {
        self.0
    }

    /// A length or coordinate of this frame in level-0 pixels.
    pub fn to_base(self, value: f64) -> f64 {
        value * self.0
    }

    /// A length or coordinate of level 0 in this frame's pixels.
    pub fn from_base(self, value: f64) -> f64 {
        value / self.0
    }

    /// Size in this frame of an image that has `base` level-0 pixels: every pixel that begins inside, at least 1.
    pub fn size_of(self, base: Size) -> Size {
        let along = |n: u32| ((f64::from(n) / self.0 - 1e-6).ceil()).max(1.0) as u32;
        Size::new(along(base.width), along(base.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersection_is_the_common_part_or_nothing() {
        let a = Rect::<Base>::new(0, 0, 10, 10);
        assert_eq!(a.intersection(&Rect::new(5, -5, 10, 10)), Some(Rect::new(5, 0, 5, 5)));
        assert_eq!(a.intersection(&Rect::new(10, 0, 5, 5)), None);
    }

    #[test]
    fn a_scaled_image_keeps_its_last_started_pixel() {
        assert_eq!(Scale::new(2.0).size_of(Size::new(5, 4)), Size::new(3, 2));
        assert_eq!(Scale::new(1.0).size_of(Size::new(5, 4)), Size::new(5, 4));
    }
}
