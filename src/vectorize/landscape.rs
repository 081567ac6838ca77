//! Rasters of heights: distance to the rim and Gaussian smoothing, with results that do not depend on where in the
//! raster a pixel lies.

use crate::geometry::Size;

/// Squared distance in pixels from each pixel's centre to the nearest centre outside the mask: exact, 0 outside the
/// mask. What lies beyond the raster counts as inside; a raster without an outside gets `i32::MAX`.
///
/// Two passes (Meijster, Roerdink and Hesselink 2000): distances along columns, then lower envelopes along rows. No
/// envelope reaches beyond the run of pixels inside that it starts in: the pixel before it is outside, and nearer.
///
/// # Panics
/// Unless `mask` has `size.area()` entries.
pub fn squared_distance(mask: &[bool], size: Size) -> Vec<i32> {
    let (width, height) = (size.width as usize, size.height as usize);
    assert_eq!(mask.len(), width * height, "one value a pixel of {size}");
    // Farther than any pixel of the raster, and its square still fits.
    let far = (width + height) as i32;
    let mut down = vec![far; mask.len()];
    for y in 0..height {
        let (above, row) = down.split_at_mut(y * width);
        let above = above.len().checked_sub(width).map(|from| &above[from..]);
        for x in 0..width {
            let nearest = above.map_or(far, |above| above[x]);
            row[x] = if mask[y * width + x] { (nearest + 1).min(far) } else { 0 };
        }
    }
    for y in (1..height).rev() {
        let (rows, below) = down.split_at_mut(y * width);
        for (here, below) in rows[(y - 1) * width..].iter_mut().zip(&below[..width]) {
            *here = (*here).min(below + 1);
        }
    }
    let mut squared = vec![0i32; mask.len()];
    let mut envelope = Envelope::default();
    for y in 0..height {
        let (inside, down) = (&mask[y * width..(y + 1) * width], &down[y * width..(y + 1) * width]);
        let mut from = 0;
        while let Some(start) = inside[from..].iter().position(|inside| *inside) {
            let start = from + start;
            let end = inside[start..].iter().position(|inside| !inside).map_or(width, |length| start + length);
            // With the pixels outside at both ends, which the raster's edge may have cut off.
            let (low, high) = (start.saturating_sub(1), (end + 1).min(width));
            envelope.lowest(&down[low..high], &mut squared[y * width + low..y * width + high], far);
            from = end;
        }
    }
    squared
}

/// Room for the parabolas of a lower envelope: their columns, and where each begins to be the lowest.
#[derive(Default)]
struct Envelope {
    column: Vec<i64>,
    begin: Vec<i64>,
}

impl Envelope {
    /// Writes the least `(x - c)^2 + down[c]^2` over all c for each x; [`i32::MAX`] where that is `far^2` or more.
    fn lowest(&mut self, down: &[i32], squared: &mut [i32], far: i32) {
        let Self { column, begin } = self;
        let (length, far) = (down.len() as i64, i64::from(far));
        let height_at = |x: i64, c: i64| (x - c) * (x - c) + i64::from(down[c as usize]) * i64::from(down[c as usize]);
        column.clear();
        begin.clear();
        column.push(0);
        begin.push(0);
        for x in 1..length {
            while let (Some(&c), Some(&from)) = (column.last(), begin.last())
                && height_at(from, c) > height_at(from, x)
            {
                column.pop();
                begin.pop();
            }
            let Some(&c) = column.last() else {
                column.push(x);
                begin.push(0);
                continue;
            };
            // First column at which the parabola of x is lower than that of c.
            let crossing = (height_at(0, x) - height_at(0, c)).div_euclid(2 * (x - c)) + 1;
            if crossing < length {
                column.push(x);
                begin.push(crossing);
            }
        }
        let mut end = length;
        for (&c, &from) in column.iter().zip(begin.iter()).rev() {
            for x in from..end {
                let lowest = height_at(x, c);
                squared[x as usize] = if lowest >= far * far { i32::MAX } else { lowest as i32 };
            }
            end = from;
        }
    }
}

/// Gaussian smoothing in place with edges repeated; a sigma (pixels) of 0 changes nothing. Each value is the same sum of
/// the same neighbours in the same order wherever it lies.
///
/// # Panics
/// Unless `values` has `size.area()` entries.
pub fn smooth(values: &mut [f32], size: Size, sigma: f32) {
    let (width, height) = (size.width as usize, size.height as usize);
    assert_eq!(values.len(), width * height, "one value a pixel of {size}");
    if sigma <= 0.0 || values.is_empty() {
        return;
    }
    let reach = (3.0 * sigma).ceil() as usize;
    let weights: Vec<f32> = (0..=reach).map(|i| (-((i as f32) / sigma).powi(2) / 2.0).exp()).collect();
    let total = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    let weights: Vec<f32> = weights.iter().map(|w| w / total).collect();
    let mut padded = vec![0.0f32; width + 2 * reach];
    for row in values.chunks_exact_mut(width) {
        padded[..reach].fill(row[0]);
        padded[reach..reach + width].copy_from_slice(row);
        padded[reach + width..].fill(row[width - 1]);
        row.iter_mut().for_each(|value| *value *= weights[0]);
        for (i, weight) in weights.iter().enumerate().skip(1) {
            let (before, after) = (&padded[reach - i..], &padded[reach + i..]);
            for ((value, a), b) in row.iter_mut().zip(before).zip(after) {
                *value += (a + b) * weight;
            }
        }
    }
    let rows = values.to_vec();
    let row = |y: isize| {
        let y = y.clamp(0, height as isize - 1) as usize;
        &rows[y * width..(y + 1) * width]
    };
    for y in 0..height {
        let out = &mut values[y * width..(y + 1) * width];
        for (value, middle) in out.iter_mut().zip(row(y as isize)) {
            *value = middle * weights[0];
        }
        for (i, weight) in weights.iter().enumerate().skip(1) {
            let (above, below) = (row(y as isize - i as isize), row(y as isize + i as isize));
            for ((value, a), b) in out.iter_mut().zip(above).zip(below) {
                *value += (a + b) * weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_definition(mask: &[bool], width: usize) -> Vec<i32> {
        let place = |i: usize| ((i % width) as i32, (i / width) as i32);
        let outside: Vec<(i32, i32)> = (0..mask.len()).filter(|&i| !mask[i]).map(place).collect();
        let squared = |i: usize| {
            let (x, y) = place(i);
            outside.iter().map(|(ox, oy)| (x - ox).pow(2) + (y - oy).pow(2)).min().unwrap_or(i32::MAX)
        };
        (0..mask.len()).map(squared).collect()
    }

    proptest! {
        #[test]
        fn distances_are_exact(
            (width, mask) in (1usize..20, 1usize..20, 0.3f64..1.0).prop_flat_map(|(w, h, share)| {
                (Just(w), proptest::collection::vec(proptest::bool::weighted(share), w * h))
            })
        ) {
            let size = Size::new(width as u32, (mask.len() / width) as u32);
            prop_assert_eq!(squared_distance(&mask, size), by_definition(&mask, width));
        }
    }

    #[test]
    fn smoothing_keeps_a_constant_and_the_sum_of_a_peak() {
        let size = Size::new(21, 17);
        let mut flat = vec![3.0; 21 * 17];
        smooth(&mut flat, size, 2.0);
        assert!(flat.iter().all(|v| (v - 3.0).abs() < 1e-5));
        let mut peak = vec![0.0; 21 * 17];
        peak[8 * 21 + 10] = 1.0;
        smooth(&mut peak, size, 1.5);
        assert!((peak.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let sides = [peak[8 * 21 + 9], peak[8 * 21 + 11], peak[7 * 21 + 10], peak[9 * 21 + 10]];
        assert!(sides.iter().all(|&side| (side - sides[0]).abs() < 1e-7), "as steep on every side: {sides:?}");
    }
}
