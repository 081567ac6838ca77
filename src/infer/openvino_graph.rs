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
        for (((r, g), b), pixel) in planes.zip(image.as_raw().chunks_exact(3)) {
            [*r, *g, *b] = from_fn(|i| self.values[usize::from(pixel[i])]);
        }
    }

    /// Probabilities of one image as bytes, 255 for 1, from its planes.
    pub fn probabilities(&self, planes: &[f32], classes: usize) -> Vec<u8> {
        let byte = |probability: f32| (probability * 255.0).round_ties_even() as u8;
        if self.answers == Answers::Probabilities {
            return planes.iter().map(|&value| byte(value)).collect();
        }
        let area = planes.len() / classes;
        let mut out = vec![0; planes.len()];
        let mut exps = vec![0.0_f32; classes];
        for at in 0..area {
            let most = (0..classes).map(|class| planes[class * area + at]).fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for (class, exp) in exps.iter_mut().enumerate() {
                *exp = (planes[class * area + at] - most).exp();
                sum += *exp;
            }
            exps.iter().enumerate().for_each(|(class, exp)| out[class * area + at] = byte(exp / sum));
        }
        out
    }
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
    }
}
