//! Random fields: smooth, optionally stretched textures for augmentation.

use rand::{Rng, RngExt};

/// One field of `width x height` values in 0..=1, row-major: value noise, a random lattice with smooth interpolation.
///
/// `cell` is the lattice constant in pixels, `stretch` lengthens it along `angle` (radians), which gives fibres.
/// Source of the construction: Perlin's lattice noise (SIGGRAPH 1985), with values in place of gradients.
pub fn field(width: u32, height: u32, cell: f32, stretch: f32, angle: f32, rng: &mut impl Rng) -> Vec<f32> {
    let seed: u32 = rng.random();
    let (sin, cos) = angle.sin_cos();
    let mut values = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f32, y as f32);
            let along = (x * cos + y * sin) / (cell * stretch);
            let across = (y * cos - x * sin) / cell;
            values.push(lattice(along, across, seed));
        }
    }
    values
}

/// Octaves of [`field`], each at half the cell and `gain` times the weight of the one before; values in 0..=1.
pub fn cloud(width: u32, height: u32, cell: f32, octaves: u32, gain: f32, rng: &mut impl Rng) -> Vec<f32> {
    let mut sum = vec![0.0; width as usize * height as usize];
    let (mut weight, mut total, mut size) = (1.0, 0.0, cell);
    for _ in 0..octaves {
        let angle = rng.random_range(0.0..std::f32::consts::PI);
        for (sum, value) in sum.iter_mut().zip(field(width, height, size.max(1.0), 1.0, angle, rng)) {
            *sum += weight * value;
        }
        total += weight;
        weight *= gain;
        size /= 2.0;
    }
    for value in &mut sum {
        *value /= total;
    }
    sum
}

/// Interpolated lattice value at a point.
fn lattice(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - x0), smooth(y - y0));
    let (i, j) = (x0 as i32, y0 as i32);
    let top = mix(hashed(i, j, seed), hashed(i + 1, j, seed), u);
    let bottom = mix(hashed(i, j + 1, seed), hashed(i + 1, j + 1, seed), u);
    mix(top, bottom, v)
}

fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// A number in 0..1 that depends on the lattice point and the seed alone (an integer finaliser, Murmur3's).
fn hashed(i: i32, j: i32, seed: u32) -> f32 {
    let mut h = seed ^ (i as u32).wrapping_mul(0x9E37_79B1) ^ (j as u32).wrapping_mul(0x85EB_CA77);
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^= h >> 16;
    (h >> 8) as f32 / (1 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_field_is_smooth_bounded_and_not_flat() {
        let values = field(64, 64, 16.0, 1.0, 0.3, &mut ChaCha8Rng::seed_from_u64(1));
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        let steps = values.chunks(64).flat_map(|row| row.windows(2).map(|w| (w[0] - w[1]).abs()));
        assert!(steps.fold(0.0, f32::max) < 0.25, "neighbours differ by a fraction of a lattice step");
        let (low, high) = values.iter().fold((1.0f32, 0.0f32), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(high - low > 0.3);
    }

    #[test]
    fn a_seed_gives_the_same_cloud_again() {
        let cloud = |seed| super::cloud(32, 32, 12.0, 3, 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(cloud(7), cloud(7));
        assert_ne!(cloud(7), cloud(8));
    }
}
