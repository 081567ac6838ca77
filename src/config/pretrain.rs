//! `slidestream pretrain CONFIG.toml`: images, task, network and schedule of one pre-training.

use super::augment::AugmentConfig;
use super::finetune::within;
use super::training::{InitKind, OptimizerConfig, Precision, Select, divisible};
use super::{GroupBy, NetworkSpec, PretextConfig, SourceConfig};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One pre-training. Everything that can change a number is in here; paths are relative to the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Decides the initial weights, the split, the crops, their noise and their steps.
    #[serde(default)]
    pub seed: u64,
    /// Short name, for the default output folder and the record.
    pub name: String,
    /// What the network sees.
    pub input: PretrainInput,
    /// What it is asked.
    #[serde(default)]
    pub pretext: PretextConfig,
    /// The network, trained from `training.init`.
    #[serde(default)]
    pub network: NetworkSpec,
    /// Random changes of the crops.
    #[serde(default)]
    pub augment: AugmentConfig,
    /// Optimizer and learning rate.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Length, batch, averaging, validation.
    #[serde(default)]
    pub training: PretrainTraining,
    /// Where the images come from.
    pub source: Vec<SourceConfig>,
}

/// What the network sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainInput {
    /// Micrometres per pixel.
    pub mpp: f64,
    /// Pixel values 0 and 255 are mapped to these. Fine-tuning must use the same (trap 1); sampling needs the default.
    #[serde(default = "signed")]
    pub range: [f32; 2],
}

fn signed() -> [f32; 2] {
    [-1.0, 1.0]
}

/// What the loss of a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The mean over the crops: it does not depend on their number.
    Mean,
    /// The sum over the crops, as published (trap T-14). Adam hardly sees the difference; a clipped gradient does.
    Sum,
}

/// What a validation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValNoise {
    /// The same crops, unchanged, with the same noise every time, at an even grid of noise levels.
    Fixed,
    /// Crops, their changes, noise and levels are drawn anew every time, as published (traps T-8 and T-13): the loss jumps,
    /// and luck helps to choose.
    Fresh,
}

/// Length, batch, averaging, validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainTraining {
    /// Epochs.
    pub epochs: u64,
    /// Steps an epoch; 0 for as many as the training images fill. Slides fill none, so with them it must be given.
    pub steps_per_epoch: u64,
    /// Crops in memory at once.
    pub batch: usize,
    /// Batches that one step is made of: their gradients are averaged.
    pub accumulate: usize,
    /// Edge of the crops in pixels.
    pub crop_px: u32,
    /// Initial weights.
    pub init: InitKind,
    /// Decay of the moving average of the weights, which is what is validated and handed on; 0 for none.
    pub ema: f64,
    /// What chooses the best epoch: `val_loss` or `last`.
    pub select: Select,
    /// Arithmetic.
    pub precision: Precision,
    /// Steps in a row with a loss or gradient that is not finite after which the run stops.
    pub max_bad_steps: u64,
    /// Share of the images that is held out, whole groups at a time; 0 for none, and then `select` must be `last`.
    pub val_share: f64,
    /// Crops of the held-out images that each validation looks at: the same ones every time.
    pub val_crops: usize,
    /// Noise levels at which it looks at each crop; all together are an even grid over the levels (trap 13).
    pub val_levels: usize,
    /// What a validation looks at.
    pub val_noise: ValNoise,
    /// What the loss of a step is; that of a validation is a mean in any case.
    pub reduction: Reduction,
    /// Epochs between validations; the last epoch is always validated.
    pub validate_every: u64,
    /// Epochs between sample sheets; 0 for one at the end.
    pub sheet_every: u64,
    /// Threads that prepare crops; they change no number.
    pub loader_threads: usize,
    /// Pixels being decoded and crops waiting, in mebibytes; changes no number.
    pub memory_mb: u64,
    /// Decoded images of folders that are kept, in mebibytes; changes no number.
    pub cache_mb: u64,
}

impl Default for PretrainTraining {
    fn default() -> Self {
        Self {
            epochs: 100,
            steps_per_epoch: 0,
            batch: 8,
            accumulate: 1,
            crop_px: 256,
            init: InitKind::Default,
            ema: 0.9999,
            select: Select::ValLoss,
            precision: Precision::F32,
            max_bad_steps: 20,
            val_share: 0.1,
            val_crops: 64,
            val_levels: 4,
            val_noise: ValNoise::Fixed,
            reduction: Reduction::Mean,
            validate_every: 1,
            sheet_every: 10,
            loader_threads: 1,
            memory_mb: 512,
            cache_mb: 1024,
        }
    }
}

impl PretrainConfig {
    /// Reads a TOML file. Relative paths of the sources are taken from the file's folder.
    ///
    /// # Errors
    /// The file cannot be read; a key is unknown or missing; a value fails [`validate`](Self::validate).
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let mut config: Self = toml::from_str(&text).map_err(|e| Error::bad_file(path, e.to_string()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        config.source.iter_mut().for_each(|source| source.anchor(base));
        config.validate()?;
        Ok(config)
    }

    /// Takes the images of the one folder that the configuration names from another folder.
    ///
    /// # Errors
    /// [`Error::Config`] if there are other sources, since nothing would say which one is meant.
    pub fn take_images_from(&mut self, folder: &Path) -> Result<()> {
        let [SourceConfig::Folder(source)] = &mut self.source[..] else {
            let reason =
                "stands for the one [[source]] of kind folder, but the configuration has others; change it there";
            return Err(Error::config("--data", folder.display(), reason));
        };
        source.path = folder.to_owned();
        Ok(())
    }

    /// Crops a step.
    pub fn crops_per_step(&self) -> usize {
        self.training.batch * self.training.accumulate
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        if self.name.is_empty() || self.name.contains(['/', '\\']) {
            return Err(Error::config("name", &self.name, "must be a folder name"));
        }
        within("input.mpp", self.input.mpp, 1e-3, 1e3)?;
        if self.input.range[0] >= self.input.range[1] {
            return Err(Error::config("input.range", self.input.range[1], "must be above the lower end"));
        }
        self.network.validate()?;
        if !self.network.is_unet() {
            return Err(Error::config("network.kind", &self.network.kind, "only `unet` can be trained"));
        }
        self.pretext.validate(self.network.time_embedding)?;
        self.augment.validate()?;
        if self.augment.restain.probability > 0.0 {
            let reason = "re-staining needs the masks of nuclei, which unlabelled images lack; leave it at 0";
            return Err(Error::config("augment.restain.probability", self.augment.restain.probability, reason));
        }
        if self.augment.glass_share > 0.0 {
            let reason = "glass is laid over classes, which unlabelled images lack; leave it at 0";
            return Err(Error::config("augment.glass_share", self.augment.glass_share, reason));
        }
        self.refuse_idle()?;
        self.optimizer.validate()?;
        self.training.validate(self.network.multipliers.len())?;
        if self.source.is_empty() {
            return Err(Error::config("source", "[]", "give at least one [[source]]"));
        }
        for source in &self.source {
            source.validate()?;
            if matches!(source, SourceConfig::Slides(_)) && self.training.steps_per_epoch == 0 {
                let reason = "slides have no number of crops that would fill an epoch; say how many steps it has";
                return Err(Error::config("training.steps_per_epoch", 0, reason));
            }
        }
        let one = matches!(&self.source[..], [source] if *source.group() == GroupBy::Source);
        if one && self.training.val_share > 0.0 {
            let reason =
                "one group cannot be divided; group by `file`, a pattern or a column, or set training.val_share to 0";
            return Err(Error::config("source.group", "source", reason));
        }
        Ok(())
    }
}

impl PretrainConfig {
    /// Refuses every key that would do nothing.
    fn refuse_idle(&self) -> Result<()> {
        let idle = |field: &str, value: &dyn std::fmt::Display, reason: &str| {
            Err(Error::config(field, value, format!("would do nothing: {reason}; remove it")))
        };
        if self.network.step != 0 {
            return idle("network.step", &self.network.step, "the step of every crop is drawn");
        }
        if let Some((field, value, reason)) = self.augment.idle() {
            return idle(field, &value, reason);
        }
        let (training, usual) = (&self.training, PretrainTraining::default());
        let levels = training.val_levels != usual.val_levels;
        if levels && training.val_levels != 1 && matches!(self.pretext, PretextConfig::Denoising(_)) {
            return idle("training.val_levels", &training.val_levels, "`denoising` has one noise level");
        }
        if levels && training.val_noise == ValNoise::Fresh {
            return idle("training.val_levels", &training.val_levels, "with `val_noise` fresh each crop has one level");
        }
        if training.val_share == 0.0 {
            let given = [
                ("training.val_levels", training.val_levels as u64, usual.val_levels as u64),
                ("training.validate_every", training.validate_every, usual.validate_every),
            ];
            if let Some((field, value, _)) = given.into_iter().find(|(_, value, usual)| value != usual) {
                return idle(field, &value, "nothing is held out (`training.val_share` is 0)");
            }
            if training.val_noise == ValNoise::Fresh {
                return idle("training.val_noise", &"fresh", "nothing is held out (`training.val_share` is 0)");
            }
        }
        Ok(())
    }
}

impl PretrainTraining {
    fn validate(&self, levels: usize) -> Result<()> {
        within("training.epochs", self.epochs as f64, 1.0, 1e6)?;
        within("training.batch", self.batch as f64, 1.0, 4096.0)?;
        within("training.accumulate", self.accumulate as f64, 1.0, 4096.0)?;
        within("training.ema", self.ema, 0.0, 0.999_999)?;
        within("training.max_bad_steps", self.max_bad_steps as f64, 1.0, 1e6)?;
        within("training.val_share", self.val_share, 0.0, 0.9)?;
        within("training.val_crops", self.val_crops as f64, 1.0, 1e5)?;
        within("training.val_levels", self.val_levels as f64, 1.0, 1e4)?;
        within("training.validate_every", self.validate_every as f64, 1.0, 1e6)?;
        within("training.loader_threads", self.loader_threads as f64, 1.0, 256.0)?;
        within("training.memory_mb", self.memory_mb as f64, 1.0, 1e7)?;
        match self.select {
            Select::ValDice => {
                let reason = "nothing is segmented here; use `val_loss` or `last`";
                return Err(Error::config("training.select", "val_dice", reason));
            }
            Select::ValLoss if self.val_share == 0.0 => {
                let reason = "nothing is held out to choose by (`training.val_share` is 0); use `last`";
                return Err(Error::config("training.select", "val_loss", reason));
            }
            Select::ValLoss | Select::Last => {}
        }
        divisible("training.crop_px", self.crop_px, levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        name = "toy"
        [input]
        mpp = 1.0
        [pretext]
        kind = "diffusion"
        steps = 100
        [[source]]
        kind = "folder"
        path = "images"
        group = { pattern = '__(G[A-Za-z]+\d+)-' }
        [[source]]
        kind = "slides"
        paths = ["a.svs", "/b"]
        weight = 3.0
        [training]
        steps_per_epoch = 10
    "#;

    #[test]
    fn a_short_file_is_enough_and_survives_being_written() {
        let config: PretrainConfig = toml::from_str(SMALL).unwrap();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<PretrainConfig>(&text).unwrap(), config);
    }

    #[test]
    fn relative_paths_are_taken_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        std::fs::write(&path, SMALL).unwrap();
        let config = PretrainConfig::read(&path).unwrap();
        let SourceConfig::Slides(slides) = &config.source[1] else { panic!("slides") };
        assert_eq!(slides.paths, [dir.path().join("a.svs"), "/b".into()]);
    }

    #[test]
    fn another_folder_may_stand_for_the_only_one() {
        let mut config: PretrainConfig = toml::from_str(SMALL).unwrap();
        let message = config.take_images_from(Path::new("x")).unwrap_err().to_string();
        assert!(message.starts_with("`--data` is x"), "{message}");
        config.source.truncate(1);
        config.take_images_from(Path::new("x")).unwrap();
        assert!(matches!(&config.source[..], [SourceConfig::Folder(folder)] if folder.path == Path::new("x")));
    }

    #[test]
    fn a_bad_value_is_named() {
        type Change = fn(&mut PretrainConfig);
        let spoil: [(&str, Change); 17] = [
            ("`network.step` is 3: would do nothing", |c| c.network.step = 3),
            ("`augment.restain` is 0: would do nothing", |c| c.augment.restain.haze = [0.1, 0.2]),
            ("`augment.hue_deg` is 9: would do nothing", |c| c.augment.hue_deg = 9.0),
            ("`augment.noise_levels` is 3: would do nothing", |c| c.augment.noise_levels = 3.0),
            ("`augment.blur_fixed_sigma_px` is [1.0, 2.0]: would do nothing", |c| {
                (c.augment.blur_share, c.augment.blur_fixed_sigma_px) = (0.0, Some([1.0, 2.0]));
            }),
            ("`training.val_levels` is 7: would do nothing", |c| {
                (c.training.val_levels, c.training.val_noise) = (7, ValNoise::Fresh);
            }),
            ("`training.val_noise` is fresh: would do nothing", |c| {
                c.training.val_noise = ValNoise::Fresh;
                (c.training.val_share, c.training.select) = (0.0, Select::Last);
            }),
            ("`optimizer.final_rate`", |c| c.optimizer.final_rate = 1e-6),
            ("training.crop_px", |c| c.training.crop_px = 250),
            ("training.select", |c| c.training.val_share = 0.0),
            ("training.select", |c| c.training.select = Select::ValDice),
            ("training.steps_per_epoch", |c| c.training.steps_per_epoch = 0),
            ("network.time_embedding", |c| c.network.time_embedding = false),
            ("augment.restain.probability", |c| c.augment.restain.probability = 0.5),
            ("augment.glass_share", |c| c.augment.glass_share = 0.1),
            ("source.weight", |c| {
                if let SourceConfig::Folder(folder) = &mut c.source[0] {
                    folder.weight = 0.0;
                }
            }),
            ("source.index", |c| {
                if let SourceConfig::Folder(folder) = &mut c.source[0] {
                    folder.group = GroupBy::Column("patient".into());
                }
            }),
        ];
        for (field, change) in spoil {
            let mut config: PretrainConfig = toml::from_str(SMALL).unwrap();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
