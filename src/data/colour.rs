//! Colour arithmetic on `[f32; 3]` pixels of 0 to 255: optical density, hue, Lab, and Gaussian blur.

/// An affine map of a pixel: `out = matrix * in + offset`, rows first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    pub matrix: [[f32; 3]; 3],
    pub offset: [f32; 3],
}

impl Affine {
    pub fn apply(&self, p: [f32; 3]) -> [f32; 3] {
        std::array::from_fn(|i| {
            let m = &self.matrix[i];
            m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + self.offset[i]
        })
    }
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn inverse(m: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let minor = |i: usize, j: usize| {
        let (a, b) = ((i + 1) % 3, (i + 2) % 3);
        let (c, d) = ((j + 1) % 3, (j + 2) % 3);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * minor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / determinant))
}

/// Optical density of red, green, blue (columns) of haematoxylin, eosin and DAB (rows). Ruifrok and Johnston 2001.
pub(super) const HED: [[f64; 3]; 3] = [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]];

/// The map of optical densities that multiplies haematoxylin and eosin by `gain` and adds `shift` to them. The third
/// stain is left alone: jittering it would bring colours that no H&E slide has.
pub(super) fn stain_map(gain: [f64; 2], shift: [f64; 2]) -> Affine {
    let gains = [[gain[0], 0.0, 0.0], [0.0, gain[1], 0.0], [0.0, 0.0, 1.0]];
    // od_row * HED^-1 * gains * HED, transposed for column pixels.
    let rows = product(&product(&inverse(&HED), &gains), &HED);
    Affine {
        matrix: std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i] as f32)),
        offset: std::array::from_fn(|j| (shift[0] * HED[0][j] + shift[1] * HED[1][j]) as f32),
    }
}

/// Applies a map of optical densities, `-ln((v + 1) / 256)`, to a pixel.
pub(super) fn through_density(map: &Affine, p: [f32; 3]) -> [f32; 3] {
    let density = p.map(|v| -((v.max(0.0) + 1.0) / 256.0).ln());
    map.apply(density).map(|od| 256.0 * (-od).exp() - 1.0)
}

/// Turns the hue and scales the saturation about the grey axis, in YIQ; grey stays grey.
pub(super) fn hue_map(turn_deg: f64, saturation: f64) -> Affine {
    const YIQ: [[f64; 3]; 3] =
        [[0.299, 0.587, 0.114], [0.595_716, -0.274_453, -0.321_263], [0.211_456, -0.522_591, 0.311_135]];
    let (sin, cos) = turn_deg.to_radians().sin_cos();
    let turn = [[1.0, 0.0, 0.0], [0.0, saturation * cos, -saturation * sin], [0.0, saturation * sin, saturation * cos]];
    let matrix = product(&product(&inverse(&YIQ), &turn), &YIQ);
    Affine { matrix: matrix.map(|row| row.map(|v| v as f32)), offset: [0.0; 3] }
}

/// Rec. 601 luma.
pub(super) fn grey(p: [f32; 3]) -> f32 {
    0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]
}

/// CIE Lab under D65 of an sRGB pixel of 0 to 255.
pub(super) fn lab(p: [u8; 3]) -> [f64; 3] {
    let linear = p.map(|v| {
        let v = f64::from(v) / 255.0;
        if v > 0.040_45 { ((v + 0.055) / 1.055).powf(2.4) } else { v / 12.92 }
    });
    const XYZ: [[f64; 3]; 3] = [
        [0.412_456_4 / 0.950_47, 0.357_576_1 / 0.950_47, 0.180_437_5 / 0.950_47],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9 / 1.088_83, 0.119_192_0 / 1.088_83, 0.950_304_1 / 1.088_83],
    ];
    let f = XYZ.map(|row| {
        let t: f64 = row.iter().zip(&linear).map(|(a, b)| a * b).sum();
        if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 }
    });
    [116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])]
}

/// Index of a row of `n` mirrored at its ends, edge pixel repeated.
pub(super) fn mirror(i: i64, n: i64) -> usize {
    if (0..n).contains(&i) {
        return i as usize;
    }
    let folded = i.rem_euclid(2 * n);
    (if folded < n { folded } else { 2 * n - 1 - folded }) as usize
}

/// Gaussian blur of `channels` interleaved values a pixel, cut off at 3 sigma, mirrored at the edges.
pub(super) fn blur(values: &[f32], width: usize, height: usize, channels: usize, sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i64;
    let taps: Vec<f32> = (-radius..=radius).map(|i| (-(i * i) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = taps.iter().sum();
    let taps: Vec<f32> = taps.iter().map(|tap| tap / sum).collect();
    let mut across = vec![0.0; values.len()];
    let columns: Vec<usize> = (-radius..width as i64 + radius).map(|x| mirror(x, width as i64) * channels).collect();
    for (from, to) in values.chunks_exact(width * channels).zip(across.chunks_exact_mut(width * channels)) {
        for x in 0..width {
            for c in 0..channels {
                to[x * channels + c] = taps.iter().zip(&columns[x..]).map(|(tap, at)| tap * from[at + c]).sum();
            }
        }
    }
    let mut down = vec![0.0; values.len()];
    let stride = width * channels;
    for (y, to) in down.chunks_exact_mut(stride).enumerate() {
        for (k, tap) in taps.iter().enumerate() {
            let row = mirror(y as i64 + k as i64 - radius, height as i64) * stride;
            to.iter_mut().zip(&across[row..row + stride]).for_each(|(out, v)| *out += tap * v);
        }
    }
    down
}

/// Gaussian of its own sigma across and down with a kernel of 3 x 3, mirrored at the edge without repeating it, as
/// torchvision's `GaussianBlur(3, (across, down))` has it. `values` are `edge x edge x channels`.
pub(super) fn blur3(values: &[f32], edge: usize, channels: usize, sigmas: [f64; 2]) -> Vec<f32> {
    let beside = |i: usize| {
        [if i == 0 { 1.min(edge - 1) } else { i - 1 }, if i + 1 == edge { i.saturating_sub(1) } else { i + 1 }]
    };
    let taps = |sigma: f64| {
        let side = (-0.5 / (sigma * sigma)).exp();
        [(1.0 / (1.0 + 2.0 * side)) as f32, (side / (1.0 + 2.0 * side)) as f32]
    };
    let pass = |values: &[f32], [middle, side]: [f32; 2], down: bool| -> Vec<f32> {
        let at = |x: usize, y: usize, c: usize| values[(y * edge + x) * channels + c];
        let mut out = Vec::with_capacity(values.len());
        for y in 0..edge {
            for x in 0..edge {
                let ends = beside(if down { y } else { x });
                out.extend((0..channels).map(|c| {
                    let [a, b] = ends.map(|end| if down { at(x, end, c) } else { at(end, y, c) });
                    middle * at(x, y, c) + side * (a + b)
                }));
            }
        }
        out
    };
    pass(&pass(values, taps(sigmas[0]), false), taps(sigmas[1]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: [f32; 3], b: [f32; 3]) -> bool {
        a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 0.05)
    }

    #[test]
    fn stain_and_hue_maps_without_change_are_the_identity() {
        let pixel = [200.0, 120.0, 180.0];
        assert!(close(through_density(&stain_map([1.0; 2], [0.0; 2]), pixel), pixel));
        assert!(close(hue_map(0.0, 1.0).apply(pixel), pixel));
        assert!(close(hue_map(40.0, 0.3).apply([90.0; 3]), [90.0; 3]), "grey stays grey");
    }

    #[test]
    fn doubling_haematoxylin_doubles_the_density_of_a_haematoxylin_pixel() {
        let pixel = HED[0].map(|od| (256.0 * (-0.5 * od).exp() - 1.0) as f32);
        let want = HED[0].map(|od| (256.0 * (-od).exp() - 1.0) as f32);
        assert!(close(through_density(&stain_map([2.0, 1.0], [0.0; 2]), pixel), want));
    }

    #[test]
    fn lab_of_white_and_red_are_the_tables() {
        let white = lab([255; 3]);
        assert!((white[0] - 100.0).abs() < 0.01 && white[1].abs() < 0.01 && white[2].abs() < 0.02);
        let red = lab([255, 0, 0]);
        assert!((red[0] - 53.24).abs() < 0.01 && (red[1] - 80.09).abs() < 0.01 && (red[2] - 67.20).abs() < 0.01);
    }

    #[test]
    fn blur_keeps_the_sum_and_spreads_a_point_evenly() {
        let mut point = vec![0.0; 31 * 31];
        point[15 * 31 + 15] = 1.0;
        let soft = blur(&point, 31, 31, 1, 2.0);
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!((soft[15 * 31 + 13] - soft[13 * 31 + 15]).abs() < 1e-6);
        assert!((soft[15 * 31 + 15] - 1.0 / (std::f32::consts::TAU * 4.0)).abs() < 1e-3);
    }

    #[test]
    fn the_published_blur_has_torchvisions_taps_an_axis() {
        let mut point = vec![0.0; 25];
        point[12] = 1.0;
        let soft = blur3(&point, 5, 1, [1.0, 2.0]);
        // exp(-1/2) and exp(-1/8), each divided by 1 + twice itself.
        let (across, down) = ([0.274_068_62, 0.451_862_76], [0.319_167_77, 0.361_664_46]);
        assert!((soft[12] - across[1] * down[1]).abs() < 1e-6 && (soft[11] - across[0] * down[1]).abs() < 1e-6);
        assert!((soft[7] - across[1] * down[0]).abs() < 1e-6 && (soft[6] - across[0] * down[0]).abs() < 1e-6);
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let mut corner = vec![0.0; 25];
        corner[1] = 1.0;
        assert!(
            (blur3(&corner, 5, 1, [1.0, 2.0])[0] - 2.0 * across[0] * down[1]).abs() < 1e-6,
            "reflected without the edge"
        );
    }

    #[test]
    fn mirroring_repeats_the_edge_pixel_and_goes_on_for_ever() {
        let seen: Vec<usize> = (-4..7).map(|i| mirror(i, 3)).collect();
        assert_eq!(seen, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }
}
