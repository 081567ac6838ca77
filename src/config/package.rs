//! `model.toml`: everything about a model but its weights.

use super::NetworkSpec;
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
    /// Not reported. Foreign networks may have several such classes.
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
    /// What the three channels are.
    #[serde(default, skip_serializing_if = "Channels::is_rgb")]
    pub channels: Channels,
}

/// What the three channels of a network's input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Red, green, blue, as the slide has them.
    #[default]
    Rgb,
    /// Eosin, hematoxylin and optical density: stains found in the slide by Macenko's method, each channel stretched from
    /// its 1st to its 99th percentile over 0 to 255.
    MacenkoEho,
}

impl Channels {
    /// Are the slide's pixels used as they are?
    pub fn is_rgb(&self) -> bool {
        *self == Self::Rgb
    }
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
    /// Pixels outside the area that is looked at, tissue or annotations, are background, for networks that call bare
    /// glass something else; task `regions` only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inside_area: bool,
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
            inside_area: false,
        }
    }
}

/// The file with the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsSpec {
    /// File name inside the package: `weights.safetensors`, `*.pt` for TorchScript or `*.onnx` for ONNX.
    pub file: String,
    /// Of that file, in hexadecimal.
    pub sha256: String,
    /// The file in which an ONNX file keeps its larger tensors, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalFile>,
}

/// A second file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalFile {
    /// File name inside the package, as the ONNX file calls it.
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
        check(roles(ClassRole::Background) >= 1, "classes", &"", "one at least must have the role background")?;
        check(roles(ClassRole::Object) >= 1, "classes", &"", "one at least must have the role object")?;
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
        if self.inside_area && task == Task::Instances {
            let reason = "acts on regions, and the task is `instances`; remove it";
            return Err(Error::config("postprocessing.inside_area", true, reason));
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
        assert!(Postprocessing { inside_area: true, ..Default::default() }.validate(Task::Instances).is_err());
        let post = Postprocessing {
            inside_area: true,
            min_area_um2: 500.0,
            max_hole_um2: 50.0,
            simplify_px: 1.0,
            ..Default::default()
        };
        assert!(post.validate(Task::Regions).is_ok());
    }
}
