//! `slidestream study STUDY.toml`: one fine-tuning in many variants that differ by design.

use super::finetune::within;
use super::{FinetuneConfig, LossConfig, PretrainConfig};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A grid of runs: every start with every loss, every share of the training groups and every seed. Paths are relative to
/// the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// The fine-tuning that all runs share; seed, loss, share of the training groups and start are the study's.
    pub base: PathBuf,
    /// Shares of the training groups, above 0 to 1. The groups of a smaller share are among those of a larger one.
    pub shares: Vec<f64>,
    /// Each decides a run's groups, initial weights and crops.
    pub seeds: Vec<u64>,
    /// The split that is reported.
    #[serde(default)]
    pub report: Reported,
    /// What training starts from; the first one is what the others are compared with.
    #[serde(rename = "start")]
    pub starts: Vec<StudyStart>,
    /// What is minimised.
    #[serde(rename = "loss")]
    pub losses: Vec<StudyLoss>,
    /// Keep the full state of every finished run, for whoever wants to train on.
    #[serde(default)]
    pub keep_checkpoints: bool,
}

/// The split whose figures a study reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// Validation images. Honest as long as nothing is chosen by them: `training.select = "last"`.
    #[default]
    Val,
    /// Test images.
    Test,
}

impl Reported {
    /// As written in `scores.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// What a run starts from; random weights if neither is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyStart {
    /// Short name for folders, tables and plots.
    pub name: String,
    /// A pre-training configuration; it is run once, as a part of the study.
    #[serde(default)]
    pub pretrain: Option<PathBuf>,
    /// A pre-training that is there already: its folder or checkpoint.
    #[serde(default)]
    pub from: Option<PathBuf>,
}

/// What a run minimises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyLoss {
    /// Short name for folders, tables and plots.
    pub name: String,
    /// Weights of the terms.
    pub terms: LossConfig,
}

/// A study with the configurations that it names.
#[derive(Debug, Clone)]
pub struct Study {
    /// The grid.
    pub config: StudyConfig,
    /// The common fine-tuning.
    pub base: FinetuneConfig,
    /// The pre-training of each start, in their order.
    pub pretrainings: Vec<Option<PretrainConfig>>,
}

impl StudyConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        for (field, count) in [
            ("shares", self.shares.len()),
            ("seeds", self.seeds.len()),
            ("start", self.starts.len()),
            ("loss", self.losses.len()),
        ] {
            if count == 0 {
                return Err(Error::config(field, "empty", "a study needs at least one"));
            }
        }
        for &share in &self.shares {
            within("shares", share, 1e-6, 1.0)?;
        }
        unique("seeds", self.seeds.iter().map(u64::to_string))?;
        unique("shares", self.shares.iter().map(f64::to_string))?;
        unique("start.name", self.starts.iter().map(|start| start.name.clone()))?;
        unique("loss.name", self.losses.iter().map(|loss| loss.name.clone()))?;
        for start in &self.starts {
            if start.pretrain.is_some() && start.from.is_some() {
                let reason = "gives both `pretrain` and `from`; a run starts from one of them";
                return Err(Error::config("start", &start.name, reason));
            }
        }
        Ok(())
    }
}

impl Study {
    /// Reads a TOML file and the configurations that it names.
    ///
    /// # Errors
    /// A file cannot be read; a key is unknown or missing; a value fails [`StudyConfig::validate`]; the common fine-tuning
    /// leaves open how many steps a run has, so that the arms would not have the same budget.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let mut config: StudyConfig = toml::from_str(&text).map_err(|e| Error::bad_file(path, e.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.base = folder.join(&config.base);
        for start in &mut config.starts {
            for path in [&mut start.pretrain, &mut start.from].into_iter().flatten() {
                *path = folder.join(&*path);
            }
        }
        config.validate()?;
        let base = FinetuneConfig::read(&config.base)?;
        if base.training.steps_per_epoch == 0 {
            let reason =
                "the base of a study needs a number: with 0 a run on fewer images would also train for fewer steps";
            return Err(Error::config("training.steps_per_epoch", 0, reason));
        }
        if config.report == Reported::Test && base.data.test_share == 0.0 && base.data.split.is_none() {
            return Err(Error::config("report", "test", "the base has no test images; set its `data.test_share`"));
        }
        let pretraining = |start: &StudyStart| start.pretrain.as_deref().map(PretrainConfig::read).transpose();
        let pretrainings = config.starts.iter().map(pretraining).collect::<Result<_>>()?;
        for loss in &config.losses {
            loss.terms.validate(base.classes().len())?;
        }
        Ok(Self { config, base, pretrainings })
    }
}

/// Names are folders and must differ.
fn unique(field: &str, names: impl Iterator<Item = String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(Error::config(field, name, "must be usable as the name of a folder"));
        }
        if !seen.insert(name.clone()) {
            return Err(Error::config(field, name, "is given twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        base = "base.toml"
        shares = [0.25, 1.0]
        seeds = [1, 2]
        [[start]]
        name = "scratch"
        [[start]]
        name = "diffusion"
        from = "runs/diffusion"
        [[loss]]
        name = "ce"
        terms = { ss = 0.0, focal = 0.0, ce = 1.0 }
    "#;

    #[test]
    fn a_short_file_is_enough() {
        let config: StudyConfig = toml::from_str(SMALL).unwrap();
        config.validate().unwrap();
        assert_eq!((config.report, config.losses[0].terms.ce), (Reported::Val, 1.0));
    }

    #[test]
    fn a_grid_that_would_mix_its_arms_is_refused_by_name() {
        type Change = fn(&mut StudyConfig);
        let spoil: [(&str, Change); 5] = [
            ("`seeds`", |c| c.seeds = vec![1, 1]),
            ("`shares`", |c| c.shares = vec![0.0]),
            ("`start.name`", |c| c.starts[1].name = "scratch".into()),
            ("`loss`", |c| c.losses.clear()),
            ("`start`", |c| c.starts[1].pretrain = Some("p.toml".into())),
        ];
        for (field, change) in spoil {
            let mut config: StudyConfig = toml::from_str(SMALL).unwrap();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
