//! The network of a model package.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Kind of normalisation layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Group normalisation with 8 groups: the published network. Depends on the whole tile.
    #[default]
    Group,
    /// Batch normalisation: folded into the convolutions at inference, so that a pixel's result depends on its
    /// neighbourhood alone and not on where the tile ends.
    Batch,
}

/// The network and its parameters; defaults are the published ones (GenSelfDiff-HIS, section III).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// `unet`, or what brings its own network: `torchscript`, a program, or `onnx`, a graph. The fields of a U-Net keep
    /// their defaults then.
    pub kind: String,
    /// For `onnx`: edges of tiles must be multiples of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<u32>,
    /// For `onnx`: what it answers.
    #[serde(skip_serializing_if = "Answers::are_logits")]
    pub answers: Answers,
    /// Base width in channels.
    pub dim: i64,
    /// Width of each level in units of `dim`.
    pub multipliers: Vec<i64>,
    /// Kind of normalisation layers.
    pub normalisation: Normalisation,
    /// Linear attention at every level and full attention in the middle.
    pub attention: bool,
    /// Join the full-resolution features to the decoder; the published network computes and drops them.
    pub full_resolution_skip: bool,
    /// Time embedding in every residual block; a segmentation network is fed the constant `step`.
    pub time_embedding: bool,
    /// Diffusion step, from 0, that the network is fed where none is given: at inference always.
    #[serde(skip_serializing_if = "is_zero")]
    pub step: u32,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self {
            kind: "unet".into(),
            stride: None,
            answers: Answers::Logits,
            dim: 64,
            multipliers: vec![1, 2, 4, 8],
            normalisation: Normalisation::Group,
            attention: true,
            full_resolution_skip: false,
            time_embedding: true,
            step: 0,
        }
    }
}

/// Packages of step 0 do not name it, so that older programs read them.
fn is_zero(step: &u32) -> bool {
    *step == 0
}

/// What a network answers for each class and pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Numbers that become probabilities by softmax over the classes.
    #[default]
    Logits,
    /// Probabilities, 0 to 1.
    Probabilities,
}

impl Answers {
    fn are_logits(&self) -> bool {
        *self == Self::Logits
    }
}

impl NetworkSpec {
    /// Is it one of ours, whose weights can be trained and taken over by name?
    pub fn is_unet(&self) -> bool {
        self.kind == "unet"
    }

    /// Is the network a program of its own?
    pub fn is_torchscript(&self) -> bool {
        self.kind == "torchscript"
    }

    /// Is the network a graph of its own?
    pub fn is_onnx(&self) -> bool {
        self.kind == "onnx"
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        match &*self.kind {
            "unet" => self.validate_unet(),
            "torchscript" | "onnx" => self.validate_foreign(),
            other => Err(Error::config("network.kind", other, "must be `unet`, `torchscript` or `onnx`")),
        }
    }

    fn validate_foreign(&self) -> Result<()> {
        let plain = Self { kind: self.kind.clone(), ..Self::default() };
        if self.is_torchscript() {
            let reason = "a `torchscript` model takes no other fields in [network]";
            return if *self == plain { Ok(()) } else { Err(Error::config("network.kind", &self.kind, reason)) };
        }
        if (Self { stride: self.stride, answers: self.answers, ..plain }) != *self {
            let reason = "an `onnx` model takes no other fields in [network] than `stride` and `answers`";
            return Err(Error::config("network.kind", &self.kind, reason));
        }
        match self.stride {
            Some(1..) => Ok(()),
            Some(0) => Err(Error::config("network.stride", 0, "must be 1 or more")),
            None => Err(Error::config("network.stride", "", "must say of what the edges of tiles are multiples")),
        }
    }

    fn validate_unet(&self) -> Result<()> {
        if self.stride.is_some() || !self.answers.are_logits() {
            let reason = "only an `onnx` model takes `stride` and `answers`";
            return Err(Error::config("network.kind", &self.kind, reason));
        }
        if self.dim < 8 || self.dim % 8 != 0 {
            return Err(Error::config("network.dim", self.dim, "must be a multiple of 8"));
        }
        if self.multipliers.len() < 2 || self.multipliers.iter().any(|&m| m < 1) {
            let value = format!("{:?}", self.multipliers);
            return Err(Error::config("network.multipliers", value, "at least two whole numbers of 1 or more"));
        }
        if self.step > 0 && !self.time_embedding {
            let reason = "a network without a time embedding takes no diffusion steps";
            return Err(Error::config("network.step", self.step, reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_says_its_stride_and_nothing_of_a_u_net() {
        let onnx = NetworkSpec { kind: "onnx".into(), stride: Some(8), ..NetworkSpec::default() };
        assert!(onnx.validate().is_ok());
        let reason = |spec: NetworkSpec| spec.validate().expect_err("unsound").to_string();
        assert!(reason(NetworkSpec { stride: None, ..onnx.clone() }).contains("network.stride"));
        assert!(reason(NetworkSpec { dim: 32, ..onnx.clone() }).contains("no other fields"));
        assert!(reason(NetworkSpec { kind: "unet".into(), ..onnx.clone() }).contains("only an `onnx` model"));
        assert!(reason(NetworkSpec { kind: "keras".into(), ..onnx }).contains("`torchscript` or `onnx`"));
    }
}
