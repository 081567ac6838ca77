//! Foreign ONNX files for OpenVINO: what they must be, and their ends, which are float32.

use super::package::Package;
use crate::config::Answers;
use crate::error::{Error, Result};
use crate::nn::onnx::inspect::inspect;
use image::RgbImage;
use openvino::{Core, Model};
use std::array::from_fn;
use std::path::PathBuf;

/// A network that a package brings as ONNX, from float32 `[N, 3, H, W]` to float32 `[N, classes, H, W]`.
pub(super) struct Graph {
    onnx: Vec<u8>,
    /// Where it lies, if a second file with tensors lies beside it.
    path: Option<PathBuf>,
    /// What each pixel value is mapped to.
    values: [f32; 256],
    answers: Answers,
}

impl Graph {
    /// That of a package, with the files' hashes compared.
    ///
    /// # Errors
    /// [`Error::Model`] if a file was changed, is no such network or names files that the package does not.
    pub fn of(package: &Package) -> Result<Self> {
        let (onnx, external) = (package.weights()?, package.external()?);
        let config = &package.config;
        let wrong = |reason: String| Error::model(&config.name, format!("{} {reason}", config.weights.file));
        let found = inspect(&onnx).map_err(wrong)?;
        if let Some(classes) = found.classes.filter(|&classes| classes != config.classes.len() as i64) {
            let reason = format!(
                "answers {classes} classes in `{}`, but model.toml lists {}",
                found.output,
                config.classes.len()
            );
            return Err(wrong(reason));
        }
        let named = config.weights.external.as_ref().map(|external| &*external.file);
        if let Some(other) = found.external.iter().find(|file| Some(&***file) != named) {
            return Err(wrong(format!(
                "keeps tensors in `{other}`, which [weights.external] of model.toml does not name"
            )));
        }
        let [low, high] = config.input.range;
        let path = external.is_some().then(|| package.folder().join(&config.weights.file));
        let values = from_fn(|value| low + (high - low) * value as f32 / 255.0);
        Ok(Self { onnx, path, values, answers: config.network.answers })
    }

    /// Hands it to OpenVINO.
    pub fn read(&self, core: &mut Core) -> Result<Model, openvino::InferenceError> {
        match &self.path {
            // OpenVINO looks for the second file beside the first.
            Some(path) => core.read_model_from_file(&path.to_string_lossy(), ""),
            None => core.read_model_from_buffer(&self.onnx, None),
        }
    }

    /// An image into its place in the input: one plane a channel.
    pub fn fill(&self, room: &mut [f32], image: &RgbImage) {
        let area = room.len() / 3;
        let (red, rest) = room.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        let planes = red.iter_mut().zip(green).zip(blue);
        for (((r, g), b), pixel) in planes.zip(image.as_raw().as_chunks::<3>().0) {
            [*r, *g, *b] = from_fn(|i| self.values[usize::from(pixel[i])]);
        }
    }

    /// Probabilities of one image as bytes, 255 for 1, from its planes.
    pub fn probabilities(&self, planes: &[f32], classes: usize) -> Vec<u8> {
        if self.answers == Answers::Probabilities {
            return planes.iter().map(|&value| byte(value)).collect();
        }
        let mut out = vec![0; planes.len()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this processor has what the function is compiled for.
            unsafe { softmax_avx2(planes, classes, &mut out) };
            return out;
        }
        softmax(planes, classes, &mut out);
        out
    }
}

/// [`softmax`] with vectors twice as long; the numbers are the same.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn softmax_avx2(planes: &[f32], classes: usize, out: &mut [u8]) {
    softmax(planes, classes, out);
}

/// Block by block, plane by plane: loops over memory that the compiler makes vectors of.
#[inline(always)]
fn softmax(planes: &[f32], classes: usize, out: &mut [u8]) {
    let area = planes.len() / classes;
    if classes == 2 {
        let (first, second) = planes.split_at(area);
        let (out_first, out_second) = out.split_at_mut(area);
        for (((a, b), &x), &y) in out_first.iter_mut().zip(out_second).zip(first).zip(second) {
            // The likelier one's exponential is 1.
            let exp = exp_of(-(x - y).abs());
            let [likelier, other] = [1.0, exp].map(|value| byte_of(value / (1.0 + exp)));
            [*a, *b] = if x >= y { [likelier, other] } else { [other, likelier] };
        }
        return;
    }
    let mut exps = vec![[0.0_f32; BLOCK]; classes];
    for from in (0..area).step_by(BLOCK) {
        let count = BLOCK.min(area - from);
        let plane = |class: usize| &planes[class * area + from..][..count];
        let mut most = [f32::NEG_INFINITY; BLOCK];
        for class in 0..classes {
            most.iter_mut().zip(plane(class)).for_each(|(most, &value)| *most = most.max(value));
        }
        let mut sum = [0.0_f32; BLOCK];
        for (class, exps) in exps.iter_mut().enumerate() {
            for (((exp, sum), most), &value) in exps.iter_mut().zip(&mut sum).zip(&most).zip(plane(class)) {
                *exp = exp_of(value - most);
                *sum += *exp;
            }
        }
        for (class, exps) in exps.iter().enumerate() {
            let here = &mut out[class * area + from..][..count];
            here.iter_mut().zip(exps).zip(&sum).for_each(|((out, exp), sum)| *out = byte_of(exp / sum));
        }
    }
}

/// A probability as a byte, by the last bits of a sum.
#[inline(always)]
fn byte_of(probability: f32) -> u8 {
    (probability * 255.0 + ONES).to_bits() as u8
}

/// Pixels that softmax is computed of at once.
const BLOCK: usize = 256;
/// Two to the power of 23: added to it, a number from 0 to 255 is in the last bits of the sum, rounded.
const ONES: f32 = 8_388_608.0;

fn byte(probability: f32) -> u8 {
    (probability * 255.0 + 0.5) as u8
}

/// `e^x` for x of 0 or less, within 2e-5 of itself: two to the whole part of `x log2(e)` by the exponent's bits, and a
/// polynomial for what is left. Without a call, so that loops of it become vectors.
#[inline(always)]
fn exp_of(x: f32) -> f32 {
    // Below, the result is nothing beside 1. The comparison also turns what is not a number into this.
    let x = if x > -80.0 { x } else { -80.0 };
    let scaled = x * std::f32::consts::LOG2_E;
    // Beside this number, whole ones are the last bits of a float: adding it rounds.
    const WHOLE: f32 = 12_582_912.0;
    let rounded = scaled + WHOLE;
    let rest = (scaled - (rounded - WHOLE)) * std::f32::consts::LN_2;
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + factor;
    }
    sum * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(answers: Answers) -> Graph {
        Graph { onnx: Vec::new(), path: None, values: from_fn(|value| value as f32), answers }
    }

    #[test]
    fn pixels_go_in_as_planes() {
        let image = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let mut room = [0.0; 6];
        graph(Answers::Logits).fill(&mut room, &image);
        assert_eq!(room, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn logits_become_probabilities_and_probabilities_stay_as_they_are() {
        // Two pixels: equal logits, and one far ahead.
        let logits = [1.0, 90.0, 1.0, -90.0, 1.0, -90.0];
        assert_eq!(graph(Answers::Logits).probabilities(&logits, 3), [85, 255, 85, 0, 85, 0]);
        assert_eq!(graph(Answers::Probabilities).probabilities(&[0.25, 1.0, 0.75, 0.0], 2), [64, 255, 191, 0]);
        // More than a block, and the last one not full.
        let many: Vec<f32> = (0..1000).map(|i| i as f32 / 100.0 - 5.0).chain(vec![0.0; 1000]).collect();
        let bytes = graph(Answers::Logits).probabilities(&many, 2);
        for (i, &x) in many[..1000].iter().enumerate() {
            let want = 255.0 / (1.0 + (-f64::from(x)).exp());
            let (one, other) = (i32::from(bytes[i]), i32::from(bytes[1000 + i]));
            assert!((f64::from(one) - want).abs() <= 0.501 && (one + other - 255).abs() <= 1, "{x}: {one} and {other}");
        }
        assert_eq!(graph(Answers::Logits).probabilities(&[f32::NAN, 0.0], 2).len(), 2, "no number, no panic");
    }

    #[test]
    fn the_exponential_is_one() {
        for i in 0..80_000 {
            let x = -(i as f32) / 1000.0;
            let (got, want) = (f64::from(exp_of(x)), f64::from(x).exp());
            assert!((got - want).abs() <= 2e-5 * want, "{x}: {got} for {want}");
        }
        assert!(exp_of(f32::NEG_INFINITY) < 1e-30 && exp_of(0.0) == 1.0);
    }
}
