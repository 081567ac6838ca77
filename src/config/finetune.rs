//! `slidestream finetune CONFIG.toml`: data, network, augmentation, loss and schedule of one training run.

use super::augment::AugmentConfig;
use super::{NetworkSpec, Postprocessing, Task};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
    /// The network, trained from `init`.
    #[serde(default)]
    pub network: NetworkSpec,
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

/// What the model package says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputModel {
    /// Unique short name, also the package folder's.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One sentence for a list.
    pub title: String,
    /// SPDX expression for the weights.
    pub license: String,
    /// Name of the object class as it appears in QuPath.
    pub object: String,
    /// Red, green, blue of the object class.
    #[serde(default = "default_color")]
    pub color: [u8; 3],
    /// One paragraph for the card: for which tissue the model holds and for which it does not.
    #[serde(default)]
    pub scope: String,
    /// The data and their licence, for the card.
    #[serde(default)]
    pub data_licence: String,
}

fn default_color() -> [u8; 3] {
    [255, 209, 0]
}

/// Kind of the masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Each object has its own number, 8 or 16 bit: classes background, object (interior) and boundary.
    Instances,
    /// 0 or 255 (values from 128 up count as object), or 0 or 1: classes background and object.
    Binary,
}

impl Labels {
    /// What a model trained on such masks finds.
    pub fn task(self) -> Task {
        match self {
            Self::Instances => Task::Instances,
            Self::Binary => Task::Regions,
        }
    }

    /// Number of planes of the network's output.
    pub fn classes(self) -> usize {
        match self {
            Self::Instances => 3,
            Self::Binary => 2,
        }
    }
}

/// Images, masks, and how they are divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder that `images`, `masks` and `index` lie in.
    pub root: PathBuf,
    /// Folder of images (PNG or JPEG, RGB or grey).
    #[serde(default = "default_images")]
    pub images: PathBuf,
    /// Folder of masks: PNG files with the images' stems.
    #[serde(default = "default_masks")]
    pub masks: PathBuf,
    /// Kind of the masks.
    pub labels: Labels,
    /// CSV with one line an image; without it every image of the folder is used.
    #[serde(default)]
    pub index: Option<PathBuf>,
    /// Column of the index with the image's file name.
    #[serde(default = "default_file_column")]
    pub file_column: String,
    /// Column that says which images belong together (patient, case, slide), or `look_alike`: groups computed from
    /// the images themselves. Groups are never divided between splits. Without it the split is refused, unless
    /// `split` is given.
    #[serde(default)]
    pub group: Option<String>,
    /// Distance in units of Lab colour difference up to which images join one look-alike group.
    #[serde(default = "default_look_alike")]
    pub look_alike_threshold: f64,
    /// Column with the kind of tissue or stain: the split is stratified by it and `balance = "style"` uses it.
    #[serde(default)]
    pub style: Option<String>,
    /// Column with `train`, `val` or `test` when the split is already made.
    #[serde(default)]
    pub split: Option<String>,
    /// Share of the images for validation.
    #[serde(default = "default_share")]
    pub val_share: f64,
    /// Share of the images that is only looked at in the end; 0 for none.
    #[serde(default)]
    pub test_share: f64,
    /// Micrometres per pixel of the images, when they differ from `input.mpp`: they are resampled to it.
    #[serde(default)]
    pub mpp: Option<f64>,
    /// Column with micrometres per pixel of each image; goes before `mpp`.
    #[serde(default)]
    pub mpp_column: Option<String>,
    /// Width of the boundary class inside each object, in pixels at `input.mpp`.
    #[serde(default = "default_boundary")]
    pub boundary_px: u32,
    /// Decoded images kept in memory, in mebibytes; the rest is read again when needed.
    #[serde(default = "default_cache")]
    pub cache_mb: u64,
}

fn default_images() -> PathBuf {
    "image".into()
}
fn default_masks() -> PathBuf {
    "mask".into()
}
fn default_file_column() -> String {
    "file".into()
}
fn default_look_alike() -> f64 {
    4.0
}
fn default_share() -> f64 {
    0.15
}
fn default_boundary() -> u32 {
    2
}
fn default_cache() -> u64 {
    1024
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

/// Weights of the terms of the loss; terms of weight 0 are not computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Structural-similarity-weighted cross-entropy (GenSelfDiff-HIS, eq. 8-10).
    pub ss: f64,
    /// Focal loss.
    pub focal: f64,
    /// Exponent of the focal loss.
    pub gamma: f64,
    /// Cross-entropy.
    pub ce: f64,
    /// Soft Dice over the classes other than background.
    pub dice: f64,
    /// Weight of each class in `ce`; empty for 1 each.
    pub class_weights: Vec<f64>,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self { ss: 1.0, focal: 1.0, gamma: 2.0, ce: 0.0, dice: 0.0, class_weights: Vec::new() }
    }
}

/// Update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Weight decay joins the gradient.
    Adam,
    /// Weight decay acts on the weights.
    Adamw,
}

/// Course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Stays.
    Constant,
    /// Half a cosine down to `final_rate`.
    Cosine,
}

/// Optimizer and learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Update rule.
    pub kind: OptimizerKind,
    /// Highest learning rate.
    pub rate: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay of convolutions and linear layers; biases and normalisation are never decayed.
    pub weight_decay: f64,
    /// The gradient's norm over all weights is cut to this; 0 leaves it.
    pub clip_norm: f64,
    /// Course of the rate.
    pub schedule: ScheduleKind,
    /// Steps in which the rate rises from 0.
    pub warmup_steps: u64,
    /// Rate at the end of a cosine.
    pub final_rate: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            rate: 1e-4,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            clip_norm: 0.0,
            schedule: ScheduleKind::Constant,
            warmup_steps: 0,
            final_rate: 0.0,
        }
    }
}

/// How the images of an epoch are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Every image equally often.
    None,
    /// Every value of `data.style` equally often.
    Style,
    /// Images with few, some and many object pixels (thirds of the images) equally often.
    Foreground,
    /// Every group equally often.
    Group,
}

/// Initial weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitKind {
    /// libtorch's defaults, normalisation gain 1.
    Default,
    /// The published network's: convolutions and normalisation gains from N(0, 0.01^2).
    Reference,
}

/// Arithmetic of the forward and backward pass; weights, loss and optimizer are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bit.
    F32,
    /// bfloat16 convolutions; fast on CPUs with AMX or AVX512-BF16 and on GPUs.
    Bf16,
}

/// Length, batch, crops, averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Epochs.
    pub epochs: u64,
    /// Steps an epoch; 0 for as many as the training images fill.
    pub steps_per_epoch: u64,
    /// Crops a step.
    pub batch: usize,
    /// Edge of the training crops in pixels.
    pub crop_px: u32,
    /// How the images of an epoch are drawn.
    pub balance: Balance,
    /// Initial weights.
    pub init: InitKind,
    /// Decay of the moving average of the weights, which is what is validated and shipped; 0 for none.
    pub ema: f64,
    /// Arithmetic.
    pub precision: Precision,
    /// Steps in a row with a loss or gradient that is not finite after which the run stops.
    pub max_bad_steps: u64,
    /// Epochs between validations; the last epoch is always validated.
    pub validate_every: u64,
    /// Threads that prepare crops; they change no number.
    pub loader_threads: usize,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 150,
            steps_per_epoch: 0,
            batch: 8,
            crop_px: 256,
            balance: Balance::None,
            init: InitKind::Default,
            ema: 0.999,
            precision: Precision::F32,
            max_bad_steps: 20,
            validate_every: 1,
            loader_threads: 1,
        }
    }
}

impl FinetuneConfig {
    /// Reads a TOML file. A relative `data.root` is taken from the file's folder.
    ///
    /// # Errors
    /// The file cannot be read; a key is unknown or missing; a value fails [`validate`](Self::validate).
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let mut config: Self = toml::from_str(&text).map_err(|e| Error::bad_file(path, e.to_string()))?;
        if config.data.root.is_relative() {
            config.data.root = path.parent().unwrap_or(Path::new("")).join(&config.data.root);
        }
        config.validate()?;
        Ok(config)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        if self.model.name.is_empty() || self.model.name.contains(['/', '\\']) {
            return Err(Error::config("model.name", &self.model.name, "must be a folder name"));
        }
        self.data.validate()?;
        self.network.validate()?;
        self.input.validate(self.network.multipliers.len())?;
        self.augment.validate()?;
        self.loss.validate(self.data.labels.classes())?;
        self.optimizer.validate()?;
        self.training.validate(self.network.multipliers.len())?;
        if self.training.balance == Balance::Style && self.data.style.is_none() {
            return Err(Error::config("training.balance", "style", "needs a column in `data.style`"));
        }
        self.postprocessing.validate()
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

impl DataConfig {
    fn validate(&self) -> Result<()> {
        within("data.val_share", self.val_share, 0.0, 0.9)?;
        within("data.test_share", self.test_share, 0.0, 0.9)?;
        within("data.val_share plus data.test_share", self.val_share + self.test_share, 0.0, 0.9)?;
        within("data.look_alike_threshold", self.look_alike_threshold, 0.0, f64::MAX)?;
        within("data.boundary_px", f64::from(self.boundary_px), 1.0, 16.0)?;
        if let Some(mpp) = self.mpp {
            within("data.mpp", mpp, 1e-3, 1e3)?;
        }
        let columns = [&self.group, &self.style, &self.split, &self.mpp_column];
        let named = columns.into_iter().flatten().find(|name| self.index.is_none() && *name != "look_alike");
        if let Some(name) = named {
            return Err(Error::config("data.index", "missing", format!("column `{name}` is asked for, but no index")));
        }
        if self.group.is_none() && self.split.is_none() {
            let reason = "name the column with the patient or slide, or `look_alike`; crops of one slide in training \
                          and validation would make the figures worthless";
            return Err(Error::config("data.group", "missing", reason));
        }
        Ok(())
    }
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

/// The network halves its input once a level after the first.
fn divisible(field: &str, value: u32, levels: usize) -> Result<()> {
    let unit = 1_u32 << (levels - 1);
    if value == 0 || !value.is_multiple_of(unit) {
        return Err(Error::config(field, value, format!("must be a multiple of {unit} for {levels} levels")));
    }
    Ok(())
}

impl LossConfig {
    /// Checks every value for a network of `classes` planes.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self, classes: usize) -> Result<()> {
        let terms = [("loss.ss", self.ss), ("loss.focal", self.focal), ("loss.ce", self.ce), ("loss.dice", self.dice)];
        for (field, value) in terms {
            within(field, value, 0.0, f64::MAX)?;
        }
        if terms.iter().all(|term| term.1 == 0.0) {
            return Err(Error::config("loss", "all 0", "one term needs a weight above 0"));
        }
        within("loss.gamma", self.gamma, 0.0, 10.0)?;
        if !self.class_weights.is_empty() && self.class_weights.len() != classes {
            let reason = format!("needs {classes} values, background first");
            return Err(Error::config("loss.class_weights", format!("{:?}", self.class_weights), reason));
        }
        for &weight in &self.class_weights {
            within("loss.class_weights", weight, 1e-6, f64::MAX)?;
        }
        Ok(())
    }
}

impl OptimizerConfig {
    fn validate(&self) -> Result<()> {
        within("optimizer.rate", self.rate, 1e-12, 10.0)?;
        within("optimizer.betas", self.betas[0], 0.0, 0.999_999)?;
        within("optimizer.betas", self.betas[1], 0.0, 0.999_999)?;
        within("optimizer.eps", self.eps, 1e-16, 1.0)?;
        within("optimizer.weight_decay", self.weight_decay, 0.0, 10.0)?;
        within("optimizer.clip_norm", self.clip_norm, 0.0, f64::MAX)?;
        within("optimizer.final_rate", self.final_rate, 0.0, self.rate)
    }
}

impl TrainingConfig {
    fn validate(&self, levels: usize) -> Result<()> {
        within("training.epochs", self.epochs as f64, 1.0, 1e6)?;
        within("training.batch", self.batch as f64, 1.0, 4096.0)?;
        within("training.ema", self.ema, 0.0, 0.999_999)?;
        within("training.max_bad_steps", self.max_bad_steps as f64, 1.0, 1e6)?;
        within("training.validate_every", self.validate_every as f64, 1.0, 1e6)?;
        within("training.loader_threads", self.loader_threads as f64, 1.0, 256.0)?;
        divisible("training.crop_px", self.crop_px, levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_bad_value_is_named() {
        let spoil: [(&str, fn(&mut FinetuneConfig)); 6] = [
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
