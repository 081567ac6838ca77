//! `slidestream finetune CONFIG.toml`: data, network, augmentation, loss and schedule of one training run.

use super::augment::AugmentConfig;
use super::dataset::{DataConfig, Labels};
use super::training::{Balance, OptimizerConfig, TrainingConfig, divisible};
use super::{LossConfig, ModelClass, NetworkSpec, OutputModel, Postprocessing, StartConfig};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One training run. Everything that can change a number is in here; paths are relative to the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Decides the initial weights, the split, and the order and augmentation of the samples.
    #[serde(default)]
    pub seed: u64,
    /// Name and nature of the model package that comes out.
    pub model: OutputModel,
    /// Images and masks.
    pub data: DataConfig,
    /// Weights to start from, and how the parts of the network follow.
    #[serde(default)]
    pub start: StartConfig,
    /// The network; without this table it is that of `start.from`, or else the published one.
    #[serde(default)]
    pub network: NetworkSpec,
    /// Did the file have a table `[network]`?
    #[serde(skip)]
    pub network_given: bool,
    /// What the network sees at inference.
    pub input: TrainInput,
    /// Random changes of the training crops.
    #[serde(default)]
    pub augment: AugmentConfig,
    /// Weights of the terms of the loss.
    #[serde(default)]
    pub loss: LossConfig,
    /// Optimizer and learning rate.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Length, batch, crops, averaging.
    #[serde(default)]
    pub training: TrainingConfig,
    /// From probabilities to objects; also used to score the objects at the end.
    #[serde(default)]
    pub postprocessing: Postprocessing,
}

/// What the network sees at inference; see [`InputSpec`](super::InputSpec).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainInput {
    /// Micrometres per pixel of the model.
    pub mpp: f64,
    /// Tile edge in pixels, halo included.
    pub tile_px: u32,
    /// Pixels on each side of a tile that its core leaves out.
    pub halo_px: u32,
    /// Pixel values 0 and 255 are mapped to these.
    pub range: [f32; 2],
}

impl FinetuneConfig {
    /// Reads a TOML file. A relative `data.root` or `start.from` is taken from the file's folder.
    ///
    /// # Errors
    /// The file cannot be read; a key is unknown or missing; a value fails [`validate`](Self::validate).
    pub fn read(path: &Path) -> Result<Self> {
        let config = Self::read_unchecked(path)?;
        config.validate()?;
        Ok(config)
    }

    /// As [`read`](Self::read) without checking values, for a caller that changes some of them first.
    ///
    /// # Errors
    /// The file cannot be read; a key is unknown or missing.
    pub fn read_unchecked(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let mut config: Self = toml::from_str(&text).map_err(|e| Error::bad_file(path, e.to_string()))?;
        let table: toml::Table = toml::from_str(&text).map_err(|e| Error::bad_file(path, e.to_string()))?;
        config.network_given = table.contains_key("network");
        let folder = path.parent().unwrap_or(Path::new(""));
        if config.data.root.is_relative() {
            config.data.root = folder.join(&config.data.root);
        }
        config.start.relative_to(folder);
        if config.network.step == 0 {
            config.network.step = config.start.step;
        }
        Ok(config)
    }

    /// The classes that the network has a plane for, in plane order.
    pub fn classes(&self) -> Vec<ModelClass> {
        self.model.classes(self.data.labels)
    }

    /// Width of the boundary class, 0 where there is none.
    pub fn boundary_px(&self) -> u32 {
        match self.data.labels {
            Labels::Instances => self.data.boundary_px,
            Labels::Binary | Labels::Classes => 0,
        }
    }

    /// Is the network still to be taken from `start.from`?
    pub fn network_open(&self) -> bool {
        self.start.from.is_some() && !self.network_given
    }

    /// Checks every value; what depends on the network only once this is known.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        self.model.validate(self.data.labels)?;
        self.data.validate()?;
        let levels = if self.network_open() { 1 } else { self.network.multipliers.len() };
        self.start.validate(self.training.epochs)?;
        if !self.network_open() {
            self.network.validate()?;
            self.start.validate_with(&self.network)?;
        }
        self.input.validate(levels)?;
        self.augment.validate()?;
        self.loss.validate(self.classes().len())?;
        self.optimizer.validate()?;
        self.training.validate(levels)?;
        if self.training.balance == Balance::Style && self.data.style.is_none() {
            return Err(Error::config("training.balance", "style", "needs a column in `data.style`"));
        }
        self.postprocessing.validate(self.data.labels.task())
    }
}

/// A number that must lie in a range.
pub(super) fn within(field: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let reason = match high {
        f64::INFINITY | f64::MAX => format!("must be {low} or more"),
        _ => format!("must lie between {low} and {high}"),
    };
    Err(Error::config(field, value, reason))
}

impl TrainInput {
    fn validate(&self, levels: usize) -> Result<()> {
        within("input.mpp", self.mpp, 1e-3, 1e3)?;
        if self.tile_px <= 2 * self.halo_px {
            return Err(Error::config("input.halo_px", self.halo_px, "must be under half of tile_px"));
        }
        divisible("input.tile_px", self.tile_px, levels)?;
        if self.range[0] >= self.range[1] {
            return Err(Error::config("input.range", self.range[1], "must be above the lower end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SplitBy;

    const SMALL: &str = r#"
        [model]
        name = "toy"
        version = "0.1.0"
        title = "A toy"
        license = "CC0-1.0"
        object = "Nucleus"
        [data]
        root = "data"
        labels = "instances"
        group = "look_alike"
        [input]
        mpp = 0.5
        tile_px = 256
        halo_px = 32
        range = [-1.0, 1.0]
    "#;

    #[test]
    fn a_short_file_is_enough_and_valid() {
        let config: FinetuneConfig = toml::from_str(SMALL).unwrap();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<FinetuneConfig>(&text).unwrap(), config, "survives being written and read");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = SMALL.replace("halo_px", "halo");
        assert!(toml::from_str::<FinetuneConfig>(&text).unwrap_err().to_string().contains("halo"));
    }

    #[test]
    fn a_split_without_groups_is_refused_by_name() {
        let mut config: FinetuneConfig = toml::from_str(SMALL).unwrap();
        config.data.group = None;
        assert!(config.validate().unwrap_err().to_string().contains("`data.group`"));
    }

    #[test]
    fn a_split_image_by_image_must_be_named_and_stands_alone() {
        let mut config: FinetuneConfig = toml::from_str(SMALL).unwrap();
        (config.data.split_by, config.data.group) = (SplitBy::Patch, None);
        config.validate().unwrap();
        config.data.group = Some("look_alike".into());
        assert!(config.validate().unwrap_err().to_string().contains("`data.split_by` is patch"));
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        type Change = fn(&mut FinetuneConfig);
        let spoil: [(&str, Change); 7] = [
            ("start.parts", |c| c.start.parts = crate::config::Parts::Encoder),
            ("start.averaged", |c| c.start.averaged = false),
            ("start.range_mismatch", |c| c.start.range_mismatch = true),
            ("start.freeze_epochs", |c| c.start.freeze_epochs = 2),
            ("start.noise", |c| c.start.noise = true),
            ("network.step", |c| c.network.step = 3),
            ("augment.flips", |c| c.augment.flips = true),
        ];
        for (field, change) in spoil {
            let mut config: FinetuneConfig = toml::from_str(SMALL).unwrap();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(&format!("`{field}`")), "{message}");
        }
    }

    #[test]
    fn a_bad_value_is_named() {
        type Change = fn(&mut FinetuneConfig);
        let spoil: [(&str, Change); 6] = [
            ("training.crop_px", |c| c.training.crop_px = 250),
            ("optimizer.rate", |c| c.optimizer.rate = f64::NAN),
            ("loss.class_weights", |c| c.loss.class_weights = vec![1.0]),
            ("data.val_share", |c| c.data.val_share = 1.5),
            ("training.balance", |c| c.training.balance = Balance::Style),
            ("augment.scale", |c| c.augment.scale = [2.0, 0.5]),
        ];
        for (field, change) in spoil {
            let mut config: FinetuneConfig = toml::from_str(SMALL).unwrap();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
