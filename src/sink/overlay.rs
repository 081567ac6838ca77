//! Outlines over a thumbnail: the picture that tells at a glance whether a result is right.

use super::Sink;
use crate::config::ModelClass;
use crate::error::{Error, Result};
use crate::file::OutFile;
use crate::geometry::Scale;
use crate::tile::{ClassBlock, Object, Outline};
use image::{ImageEncoder, RgbImage, codecs::png::PngEncoder};
use std::path::{Path, PathBuf};

/// Makes a thumbnail, and says how many level-0 pixels a pixel of it is.
pub type Thumbnail = Box<dyn FnOnce() -> Result<(RgbImage, Scale)> + Send>;

/// Draws outlines as they come and writes a PNG at the end.
pub struct OverlaySink {
    path: PathBuf,
    name: String,
    picture: Picture,
    colors: Vec<[u8; 3]>,
    width: f64,
}

enum Picture {
    /// Made for the first object, so that the model need not wait for it.
    Wanted(Thumbnail),
    Drawn(RgbImage, Scale),
    /// It could not be made.
    Failed,
}

impl OverlaySink {
    /// Draws on a thumbnail in the classes' colours, lines `width` thumbnail pixels wide.
    pub fn new(path: &Path, thumbnail: Thumbnail, classes: &[ModelClass], width: f64) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let colors = classes.iter().map(|class| class.color).collect();
        Self { path: path.to_owned(), name, picture: Picture::Wanted(thumbnail), colors, width }
    }
}

impl Picture {
    fn drawn(&mut self) -> Result<(&mut RgbImage, Scale)> {
        *self = match std::mem::replace(self, Self::Failed) {
            Self::Wanted(make) => make().map(|(image, scale)| Self::Drawn(image, scale))?,
            here => here,
        };
        match self {
            Self::Drawn(image, scale) => Ok((image, *scale)),
            _ => Err(Error::Internal("a picture that could not be made was asked for again".into())),
        }
    }
}

impl std::fmt::Debug for OverlaySink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverlaySink").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sink for OverlaySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn objects(&mut self, objects: &[Object]) -> Result<()> {
        let (image, scale) = self.picture.drawn()?;
        for object in objects {
            let color = *self.colors.get(object.class).ok_or_else(|| {
                Error::Internal(format!("an object of class {} of {}", object.class, self.colors.len()))
            })?;
            draw_outlines(image, [&object.outline], scale, color, self.width);
        }
        Ok(())
    }

    fn block(&mut self, _block: &ClassBlock) -> Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (image, _) = self.picture.drawn()?;
        let mut file = OutFile::create(&self.path)?;
        let (width, height) = image.dimensions();
        PngEncoder::new(&mut file).write_image(image.as_raw(), width, height, image::ExtendedColorType::Rgb8).map_err(
            |error| match error {
                image::ImageError::IoError(source) => Error::io("write", &self.path)(source),
                other => Error::compute(format!("encoding {}", self.path.display()))(other),
            },
        )?;
        file.finish()
    }
}

/// Draws outlines (level-0 pixels) on an image of which a pixel is `scale` level-0 pixels, as anti-aliased lines `width`
/// image pixels wide. Lines never darken by being drawn over themselves: each ring is blended once.
pub fn draw_outlines<'a>(
    image: &mut RgbImage,
    outlines: impl IntoIterator<Item = &'a Outline>,
    scale: Scale,
    color: [u8; 3],
    width: f64,
) {
    for ring in outlines.into_iter().flat_map(Outline::rings) {
        let points = thinned(ring.iter().map(|&[x, y]| [scale.from_base(x), scale.from_base(y)]));
        draw_ring(image, &points, color, width);
    }
}

/// Leaves out points nearer than half a pixel to the last one kept: the steps of pixel edges on a coarse thumbnail.
fn thinned(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for point in points {
        let square = |last: &[f64; 2]| (last[0] - point[0]).powi(2) + (last[1] - point[1]).powi(2);
        if kept.last().is_none_or(|last| square(last) >= 0.25) {
            kept.push(point);
        }
    }
    kept
}

fn draw_ring(image: &mut RgbImage, points: &[[f64; 2]], color: [u8; 3], width: f64) {
    let (reach, full) = (width / 2.0 + 1.0, width / 2.0 + 0.5);
    let Some((x, columns)) = window(points.iter().map(|p| p[0]), reach, image.width()) else { return };
    let Some((y, rows)) = window(points.iter().map(|p| p[1]), reach, image.height()) else { return };
    let mut cover = vec![0u8; columns * rows];
    for i in 0..points.len() {
        let (a, b) = (points[i], points[(i + 1) % points.len()]);
        let (Some((from_x, n_x)), Some((from_y, n_y))) = (
            window([a[0], b[0]].into_iter(), reach, image.width()),
            window([a[1], b[1]].into_iter(), reach, image.height()),
        ) else {
            continue;
        };
        let segment = Segment::new(a, b);
        for py in from_y..from_y + n_y {
            let row = &mut cover[(py - y) * columns + (from_x - x)..][..n_x];
            for (px, pixel) in (from_x..).zip(row) {
                let square = segment.square_distance([px as f64 + 0.5, py as f64 + 0.5]);
                if square < full * full {
                    let share = (full - square.sqrt()).min(1.0);
                    *pixel = (*pixel).max((share * 255.0 + 0.5) as u8);
                }
            }
        }
    }
    for (i, share) in cover.into_iter().enumerate().filter(|(_, share)| *share > 0) {
        let pixel = image.get_pixel_mut((x + i % columns) as u32, (y + i / columns) as u32);
        for (channel, target) in pixel.0.iter_mut().zip(color) {
            let (old, new, share) = (u32::from(*channel), u32::from(target), u32::from(share));
            *channel = ((old * (255 - share) + new * share + 127) / 255) as u8;
        }
    }
}

/// First pixel and number of pixels within `reach` of the values, inside an axis of `limit` pixels.
fn window(values: impl Iterator<Item = f64>, reach: f64, limit: u32) -> Option<(usize, usize)> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let (from, to) = ((low - reach).floor().max(0.0), (high + reach).ceil().min(f64::from(limit)));
    (to > from).then_some((from as usize, (to - from) as usize))
}

/// A stretch of a line.
struct Segment {
    from: [f64; 2],
    along: [f64; 2],
    /// One by the square of its length; 0 for a point.
    scale: f64,
}

impl Segment {
    fn new(from: [f64; 2], to: [f64; 2]) -> Self {
        let along = [to[0] - from[0], to[1] - from[1]];
        let square = along[0] * along[0] + along[1] * along[1];
        Self { from, along, scale: if square > 0.0 { 1.0 / square } else { 0.0 } }
    }

    fn square_distance(&self, point: [f64; 2]) -> f64 {
        let [x, y] = [point[0] - self.from[0], point[1] - self.from[1]];
        let share = ((x * self.along[0] + y * self.along[1]) * self.scale).clamp(0.0, 1.0);
        let off = [x - share * self.along[0], y - share * self.along[1]];
        off[0] * off[0] + off[1] * off[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(low: f64, high: f64) -> Outline {
        Outline { exterior: vec![[low, low], [high, low], [high, high], [low, high]], holes: vec![] }
    }

    #[test]
    fn a_line_covers_its_width_and_leaves_the_rest() {
        let mut image = RgbImage::from_pixel(20, 20, image::Rgb([255; 3]));
        draw_outlines(&mut image, [&square(10.0, 30.0)], Scale::new(2.0), [255, 0, 0], 2.0);
        // The left edge lies on x = 5 of the thumbnail: the pixels on both sides are full, the next ones untouched.
        let row: Vec<u8> = (2..9).map(|x| image.get_pixel(x, 10).0[1]).collect();
        assert_eq!(row, [255, 255, 0, 0, 255, 255, 255]);
        assert_eq!(image.get_pixel(10, 10).0, [255; 3]);
    }

    #[test]
    fn what_lies_outside_the_image_is_left_out() {
        let mut image = RgbImage::from_pixel(8, 8, image::Rgb([255; 3]));
        draw_outlines(&mut image, [&square(-50.0, -20.0), &square(100.0, 200.0)], Scale::new(1.0), [0; 3], 1.5);
        assert!(image.pixels().all(|p| p.0 == [255; 3]));
        draw_outlines(&mut image, [&square(-50.0, 4.0)], Scale::new(1.0), [0; 3], 2.0);
        assert_eq!(image.get_pixel(4, 0).0, [0; 3]);
    }

    #[test]
    fn a_full_disk_surfaces_from_finish() {
        let image = RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * y) as u8, x as u8, y as u8]));
        let thumbnail: Thumbnail = Box::new(|| Ok((image, Scale::new(1.0))));
        let sink = OverlaySink::new(Path::new("/dev/full"), thumbnail, &[], 1.0);
        assert!(matches!(Box::new(sink).finish(), Err(Error::Io { .. })));
    }

    #[test]
    fn a_thumbnail_that_cannot_be_made_is_an_error_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overlay.png");
        let thumbnail: Thumbnail = Box::new(|| Err(Error::Internal("unreadable".into())));
        let mut sink = Box::new(OverlaySink::new(&path, thumbnail, &[], 1.0));
        assert!(sink.objects(&[]).unwrap_err().to_string().contains("unreadable"));
        assert!(sink.finish().is_err() && !path.exists());
    }
}
