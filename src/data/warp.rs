//! Crops by an affine map: magnification, turn, mirror and shift in one resampling.

use super::colour::mirror;
use super::dataset::Sample;
use image::RgbImage;

/// From the pixels of a crop to those of its image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Warp {
    /// Point of the image under the crop's centre.
    pub centre: [f64; 2],
    /// Column vectors of the step in the image for one pixel right and one pixel down in the crop.
    pub right: [f64; 2],
    /// See `right`.
    pub down: [f64; 2],
}

impl Warp {
    /// `zoom` crop pixels an image pixel, turned by `turn_deg`, then one of the eight symmetries.
    pub fn new(centre: [f64; 2], zoom: f64, turn_deg: f64, symmetry: u8) -> Self {
        let (sin, cos) = turn_deg.to_radians().sin_cos();
        let step = 1.0 / zoom;
        let (mut right, mut down) = ([cos * step, sin * step], [-sin * step, cos * step]);
        if symmetry & 1 != 0 {
            right = right.map(|v| -v);
        }
        if symmetry & 2 != 0 {
            down = down.map(|v| -v);
        }
        if symmetry & 4 != 0 {
            std::mem::swap(&mut right, &mut down);
        }
        Self { centre, right, down }
    }

    fn at(&self, x: f64, y: f64, edge: u32) -> [f64; 2] {
        let half = f64::from(edge) / 2.0;
        let (u, v) = (x - half, y - half);
        std::array::from_fn(|i| self.centre[i] + u * self.right[i] + v * self.down[i])
    }

    /// `edge x edge` pixels of 0 to 255, mirrored outside the image; where the crop is coarser than the image each
    /// pixel is the mean of as many points as it covers pixels.
    pub fn pixels(&self, image: &RgbImage, edge: u32) -> Vec<[f32; 3]> {
        let step = (self.right[0].powi(2) + self.right[1].powi(2)).sqrt();
        let points = ((step - 0.01).ceil() as u32).max(1);
        let share = 1.0 / f64::from(points);
        let weight = (share * share) as f32;
        let mut out = Vec::with_capacity((edge * edge) as usize);
        for y in 0..edge {
            for x in 0..edge {
                let mut sum = [0.0; 3];
                for j in 0..points {
                    for i in 0..points {
                        let (dx, dy) = ((f64::from(i) + 0.5) * share, (f64::from(j) + 0.5) * share);
                        let [u, v] = self.at(f64::from(x) + dx, f64::from(y) + dy, edge);
                        let value = bilinear(image, u as f32, v as f32);
                        sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += weight * value);
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    /// The nearest label of each pixel of a crop of `edge + 2 * margin`, mirrored outside the image.
    pub fn labels(&self, sample: &Sample, edge: u32, margin: u32) -> Vec<u32> {
        let (width, height) = (i64::from(sample.image.width()), i64::from(sample.image.height()));
        let mut out = Vec::with_capacity(((edge + 2 * margin) * (edge + 2 * margin)) as usize);
        let centres = || (0..edge + 2 * margin).map(|i| f64::from(i) + 0.5 - f64::from(margin));
        for y in centres() {
            for x in centres() {
                let [u, v] = self.at(x, y, edge);
                let (column, row) = (mirror(u.floor() as i64, width), mirror(v.floor() as i64, height));
                out.push(sample.labels[row * width as usize + column]);
            }
        }
        out
    }
}

/// The image at a point; pixel centres lie at halves.
fn bilinear(image: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let columns = [mirror(left as i64, width), mirror(left as i64 + 1, width)];
    let rows = [mirror(top as i64, height), mirror(top as i64 + 1, height)];
    let raw = image.as_raw();
    let pixel = |column: usize, row: usize| {
        let at = (row * width as usize + column) * 3;
        [f32::from(raw[at]), f32::from(raw[at + 1]), f32::from(raw[at + 2])]
    };
    let (a, b) = (pixel(columns[0], rows[0]), pixel(columns[1], rows[0]));
    let (c, d) = (pixel(columns[0], rows[1]), pixel(columns[1], rows[1]));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + fx * (b[i] - a[i]), c[i] + fx * (d[i] - c[i]));
        upper + fy * (lower - upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Red tells the column, green the row, the label both.
    fn sample(width: u32, height: u32) -> Sample {
        Sample {
            image: RgbImage::from_fn(width, height, |x, y| Rgb([x as u8 * 10, y as u8 * 10, 0])),
            labels: (0..width * height).collect(),
        }
    }

    #[test]
    fn the_plain_crop_is_a_copy() {
        let sample = sample(10, 8);
        let warp = Warp::new([5.0, 4.0], 1.0, 0.0, 0);
        assert_eq!(warp.labels(&sample, 4, 0), [23, 24, 25, 26, 33, 34, 35, 36, 43, 44, 45, 46, 53, 54, 55, 56]);
        assert_eq!(warp.pixels(&sample.image, 4)[0], [30.0, 20.0, 0.0]);
        assert_eq!(warp.labels(&sample, 2, 1), warp.labels(&sample, 4, 0), "a margin lies around the crop");
    }

    #[test]
    fn the_eight_symmetries_differ_and_keep_image_and_labels_together() {
        let sample = sample(6, 6);
        let mut seen = std::collections::BTreeSet::new();
        for symmetry in 0..8 {
            let warp = Warp::new([3.0, 3.0], 1.0, 0.0, symmetry);
            let labels = warp.labels(&sample, 6, 0);
            for (pixel, label) in warp.pixels(&sample.image, 6).iter().zip(&labels) {
                assert_eq!([pixel[0], pixel[1]], [(label % 6) as f32 * 10.0, (label / 6) as f32 * 10.0]);
            }
            seen.insert(labels);
        }
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn reducing_averages_and_the_outside_is_mirrored() {
        let sample = sample(8, 8);
        let half = Warp::new([4.0, 4.0], 0.5, 0.0, 0).pixels(&sample.image, 4);
        assert_eq!(half[0], [5.0, 5.0, 0.0], "the mean of columns 0 and 1");
        let outside = Warp::new([0.0, 4.0], 1.0, 0.0, 0).labels(&sample, 4, 0);
        assert_eq!(outside[..4], [17, 16, 16, 17]);
    }
}
