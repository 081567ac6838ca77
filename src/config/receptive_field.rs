//! How far a network looks, so that halos can be checked against it.

use super::{NetworkSpec, Normalisation};

/// First and last pixel of a span, both inside.
type Span = (i64, i64);

impl NetworkSpec {
    /// Edges of tiles must be multiples of this: pixels of the input a pixel of the deepest level. What an `onnx`
    /// model says; 1 for a `torchscript` model, of which nothing is known.
    pub fn stride_px(&self) -> u32 {
        if self.is_unet() { 1 << (self.multipliers.len() - 1) } else { self.stride.unwrap_or(1) }
    }

    /// Pixels around an output pixel beyond which the input has no influence on it, or `None` if all of the tile has:
    /// group normalisation and attention take statistics over the whole tile.
    ///
    /// With a halo of at least this and tiles that start at multiples of [`stride_px`](Self::stride_px), a pixel of a
    /// core does not depend on where its tile ends.
    pub fn receptive_radius_px(&self) -> Option<u32> {
        if !self.is_unet() || self.attention || self.normalisation == Normalisation::Group {
            return None;
        }
        // The network repeats itself every `stride_px` pixels, so these outputs stand for all.
        let reach = (0..i64::from(self.stride_px())).map(|at| {
            let (first, last) = self.seen_by(at);
            (at - first).max(last - at)
        });
        reach.max().and_then(|reach| u32::try_from(reach).ok())
    }

    /// The span of input pixels that one output pixel depends on, along one axis, walked back from the output.
    fn seen_by(&self, output: i64) -> Span {
        let levels = self.multipliers.len();
        // What the output needs of the encoder's features at each level, before these are traced back in turn.
        let mut skips = vec![None; levels];
        let mut span = two_convolutions((output, output));
        if self.full_resolution_skip {
            skips[0] = Some(span);
        }
        for skip in &mut skips[1..] {
            span = four_convolutions(enlarged_from(span));
            *skip = Some(span);
        }
        let mut span = four_convolutions(span);
        for level in (0..levels).rev() {
            span = skips[level].map_or(span, |skip| joined(span, skip));
            span = four_convolutions(span);
            if level > 0 {
                span = reduced_from(span);
            }
        }
        grown(span, 3)
    }
}

fn grown((first, last): Span, by: i64) -> Span {
    (first - by, last + by)
}

fn two_convolutions(span: Span) -> Span {
    grown(span, 2)
}

fn four_convolutions(span: Span) -> Span {
    grown(span, 4)
}

fn joined(a: Span, b: Span) -> Span {
    (a.0.min(b.0), a.1.max(b.1))
}

/// What a 4 x 4 convolution of stride 2 and padding 1 reads: output i sees 2i - 1 to 2i + 2.
fn reduced_from((first, last): Span) -> Span {
    (2 * first - 1, 2 * last + 2)
}

/// What the matching transposed convolution reads: output o sees every i with 2i - 1 <= o <= 2i + 2.
fn enlarged_from((first, last): Span) -> Span {
    ((first - 2).div_euclid(2) + (first - 2).rem_euclid(2), (last + 1).div_euclid(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(multipliers: &[i64]) -> NetworkSpec {
        NetworkSpec {
            multipliers: multipliers.to_vec(),
            normalisation: Normalisation::Batch,
            attention: false,
            ..NetworkSpec::default()
        }
    }

    #[test]
    fn a_network_with_statistics_over_the_tile_sees_all_of_it() {
        assert_eq!(NetworkSpec::default().receptive_radius_px(), None);
        assert_eq!(NetworkSpec { attention: true, ..local(&[1, 2]) }.receptive_radius_px(), None);
        assert_eq!(NetworkSpec { normalisation: Normalisation::Group, ..local(&[1, 2]) }.receptive_radius_px(), None);
    }

    #[test]
    fn a_transposed_convolution_is_read_as_its_definition_says() {
        for o in -6..7i64 {
            let seen: Vec<i64> = (-10..10).filter(|i| (2 * i - 1..=2 * i + 2).contains(&o)).collect();
            assert_eq!(enlarged_from((o, o)), (seen[0], seen[seen.len() - 1]), "output {o}");
        }
    }

    #[test]
    fn a_deeper_network_sees_farther() {
        let radius = |m: &[i64]| local(m).receptive_radius_px().unwrap();
        assert!(radius(&[1, 2]) < radius(&[1, 2, 4]) && radius(&[1, 2, 4]) < radius(&[1, 2, 4, 8]));
        assert_eq!(local(&[1, 2, 4, 8]).stride_px(), 8);
    }
}
