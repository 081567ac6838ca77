//! `model.toml`: everything about a model but its weights.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a model finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Single objects: classes background, interior and boundary become touching but separate objects.
    Instances,
    /// Areas of classes: each connected area of a class is an object.
    Regions,
}

/// What a class stands for in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassRole {
    /// Not reported.
    Background,
    /// Pixels of objects.
    Object,
    /// The rim between objects and what surrounds them; joins the nearest object.
    Boundary,
}

/// One class that the network's output has a plane for, in plane order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelClass {
    /// As it appears in QuPath.
    pub name: String,
    /// What it stands for.
    pub role: ClassRole,
    /// Red, green, blue.
    pub color: [u8; 3],
}

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
    /// `unet`, or `torchscript` for a program that brings its own network; the other fields keep their defaults then.
    pub kind: String,
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

/// What the network wants to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Micrometres per pixel.
    pub mpp: f64,
    /// Tile edge in pixels, halo included.
    pub tile_px: u32,
    /// Pixels on each side of a tile that its core leaves out.
    pub halo_px: u32,
    /// Pixel values 0 and 255 are mapped to these.
    pub range: [f32; 2],
}

/// From probabilities to objects. Lengths in micrometres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postprocessing {
    /// Probability of not being background from which a pixel belongs to an object.
    pub foreground_threshold: f32,
    /// Probability of interior from which a pixel may seed an object; task `instances` only.
    pub seed_threshold: f32,
    /// Gaussian sigma in pixels that smooths the landscape in which seeds are sought; task `instances` only.
    pub seed_sigma_px: f32,
    /// How far a seed must stand out of its surroundings to count, as a share of the landscape's range; task
    /// `instances` only.
    pub seed_prominence: f32,
    /// Smaller objects or regions are dropped, filled holes counted.
    pub min_area_um2: f64,
    /// Holes in one object, or in one class of regions, up to this size are filled.
    pub max_hole_um2: f64,
    /// Radius of the largest object; tiles must overlap enough to see one whole; task `instances` only.
    pub max_radius_um: f64,
    /// Of two objects that overlap by more than this share of the smaller one, the weaker is dropped; task
    /// `instances` only.
    pub max_overlap: f64,
    /// Tolerance of outline simplification in level-0 pixels; 0 keeps every pixel corner.
    pub simplify_px: f64,
}

impl Default for Postprocessing {
    fn default() -> Self {
        Self {
            foreground_threshold: 0.5,
            seed_threshold: 0.5,
            seed_sigma_px: 1.0,
            seed_prominence: 0.1,
            min_area_um2: 10.0,
            max_hole_um2: 10.0,
            max_radius_um: 12.0,
            max_overlap: 0.5,
            simplify_px: 0.0,
        }
    }
}

/// The file with the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsSpec {
    /// File name inside the package: `weights.safetensors`, or `model.pt` for TorchScript.
    pub file: String,
    /// Of that file, in hexadecimal.
    pub sha256: String,
}

/// A model package's `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPackage {
    /// Version of this format: 1.
    pub format: u32,
    /// Unique short name, also the folder's.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One sentence for a list.
    pub title: String,
    /// What it finds.
    pub task: Task,
    /// SPDX expression for the weights.
    pub license: String,
    /// Network and its parameters.
    pub network: NetworkSpec,
    /// What the network wants to see.
    pub input: InputSpec,
    /// One class a plane of the output.
    pub classes: Vec<ModelClass>,
    /// From probabilities to objects.
    #[serde(default)]
    pub postprocessing: Postprocessing,
    /// The file with the weights.
    pub weights: WeightsSpec,
    /// Data, licence, split, seed, command, epochs: what the card tells in prose.
    #[serde(default)]
    pub training: BTreeMap<String, String>,
    /// Named figures: `val.dice = 0.83`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

impl ModelPackage {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, field: &str, value: &dyn ToString, reason: &str| {
            if holds { Ok(()) } else { Err(Error::config(field, value.to_string(), reason)) }
        };
        let input = &self.input;
        check(self.format == 1, "format", &self.format, "this program reads format 1")?;
        check(input.mpp.is_finite() && input.mpp > 0.0, "input.mpp", &input.mpp, "must be above 0")?;
        check(input.tile_px > 2 * input.halo_px, "input.halo_px", &input.halo_px, "must be under half of tile_px")?;
        let core = input.tile_px - 2 * input.halo_px;
        check(
            core.is_multiple_of(16),
            "input.tile_px",
            &input.tile_px,
            "less twice the halo must be a multiple of 16",
        )?;
        check(input.range[0] < input.range[1], "input.range", &input.range[1], "must be above the lower end")?;
        check(self.classes.len() >= 2, "classes", &self.classes.len(), "background and one more are needed")?;
        let roles = |role| self.classes.iter().filter(|class| class.role == role).count();
        check(roles(ClassRole::Background) == 1, "classes", &"", "exactly one must have the role background")?;
        let boundaries = usize::from(self.task == Task::Instances);
        check(roles(ClassRole::Boundary) <= boundaries, "classes", &"", "a boundary class needs the task instances")?;
        self.network.validate()?;
        self.postprocessing.validate(self.task)
    }

    /// Edge of a core in pixels.
    pub fn core_px(&self) -> u32 {
        self.input.tile_px - 2 * self.input.halo_px
    }
}

impl NetworkSpec {
    /// Is the network a program of its own?
    pub fn is_torchscript(&self) -> bool {
        self.kind == "torchscript"
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        if self.is_torchscript() {
            let plain = Self { kind: self.kind.clone(), ..Self::default() };
            let reason = "a `torchscript` model takes no other fields in [network]";
            return if *self == plain { Ok(()) } else { Err(Error::config("network.kind", &self.kind, reason)) };
        }
        if self.kind != "unet" {
            return Err(Error::config("network.kind", &self.kind, "must be `unet` or `torchscript`"));
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

impl Postprocessing {
    /// Checks every value, for a model of this task: those that act on single objects only must keep their defaults in
    /// another one.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self, task: Task) -> Result<()> {
        let shares = [
            ("postprocessing.foreground_threshold", f64::from(self.foreground_threshold)),
            ("postprocessing.seed_threshold", f64::from(self.seed_threshold)),
            ("postprocessing.seed_prominence", f64::from(self.seed_prominence)),
            ("postprocessing.max_overlap", self.max_overlap),
        ];
        for (field, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, value, "must lie between 0 and 1"));
            }
        }
        let lengths = [
            ("postprocessing.seed_sigma_px", f64::from(self.seed_sigma_px)),
            ("postprocessing.min_area_um2", self.min_area_um2),
            ("postprocessing.max_hole_um2", self.max_hole_um2),
            ("postprocessing.max_radius_um", self.max_radius_um),
            ("postprocessing.simplify_px", self.simplify_px),
        ];
        for (field, value) in lengths {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::config(field, value, "must be 0 or more"));
            }
        }
        let default = Self::default();
        let of_instances = [
            ("postprocessing.seed_threshold", self.seed_threshold.into(), default.seed_threshold.into()),
            ("postprocessing.seed_sigma_px", self.seed_sigma_px.into(), default.seed_sigma_px.into()),
            ("postprocessing.seed_prominence", self.seed_prominence.into(), default.seed_prominence.into()),
            ("postprocessing.max_radius_um", self.max_radius_um, default.max_radius_um),
            ("postprocessing.max_overlap", self.max_overlap, default.max_overlap),
        ];
        for (field, value, default) in of_instances {
            if task == Task::Regions && value != default {
                let reason = "would do nothing: it acts on single objects, and the task is `regions`; remove it";
                return Err(Error::config(field, value, reason));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_single_objects_is_refused_for_regions() {
        let post = Postprocessing { max_overlap: 0.25, ..Default::default() };
        assert!(post.validate(Task::Instances).is_ok());
        let error = post.validate(Task::Regions).expect_err("does nothing").to_string();
        assert!(error.starts_with("`postprocessing.max_overlap` is 0.25: would do nothing"), "{error}");
        let post = Postprocessing { min_area_um2: 500.0, max_hole_um2: 50.0, simplify_px: 1.0, ..Default::default() };
        assert!(post.validate(Task::Regions).is_ok());
    }
}
