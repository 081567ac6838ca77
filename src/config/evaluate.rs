//! How a model is scored on images with masks.

use super::Task;
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What the grey levels of a mask mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskKind {
    /// Each object has its own number; 0 is background.
    Instances,
    /// 0 and 255, or 0 and 1; the connected areas are the objects.
    Binary,
    /// The number of the class in the model's `classes`, from 0.
    Classes,
}

impl MaskKind {
    /// What a model with this task and so many classes is usually scored against.
    pub fn usual(task: Task, classes: usize) -> Self {
        match task {
            Task::Instances => Self::Instances,
            Task::Regions if classes == 2 => Self::Binary,
            Task::Regions => Self::Classes,
        }
    }
}

/// How a model is scored; written into `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// Kind of the masks; by the model's task where it is not given.
    pub labels: Option<MaskKind>,
    /// Micrometres per pixel of the images, for an index without a column `mpp`.
    pub mpp: Option<f64>,
    /// How wide the objects really are, in micrometres, for images of unknown pixel size: each group's is estimated from
    /// the median diameter of its true objects. Masks of kind `instances` only, and not together with `mpp`.
    pub object_diameter_um: Option<f64>,
    /// Distance in micrometres up to which two outlines agree in `surface_dice`.
    pub tolerance_um: f64,
    /// Draws of the bootstrap.
    pub resamples: u32,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Add the figures of the GenSelfDiff-HIS paper, which are means over patches.
    pub compat: bool,
    /// Worst images in the report; there are half as many best ones.
    pub cases: usize,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            labels: None,
            mpp: None,
            object_diameter_um: None,
            tolerance_um: 1.0,
            resamples: 10_000,
            seed: 0,
            compat: false,
            cases: 8,
        }
    }
}

impl EvaluateConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the option.
    pub fn validate(&self) -> Result<()> {
        if let Some(mpp) = self.mpp {
            within("--mpp", mpp, 1e-3, 1e3)?;
        }
        if let Some(diameter) = self.object_diameter_um {
            within("--object-diameter", diameter, 0.1, 1e4)?;
            if self.mpp.is_some() {
                let reason = "estimates the pixel size that --mpp states; give one of them";
                return Err(Error::config("--object-diameter", diameter, reason));
            }
        }
        within("--tolerance", self.tolerance_um, 0.0, 1e4)?;
        within("--resamples", f64::from(self.resamples), 100.0, 1e6)?;
        within("--cases", self.cases as f64, 0.0, 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_values_are_named() {
        let refused = |change: fn(&mut EvaluateConfig)| {
            let mut config = EvaluateConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(EvaluateConfig::default().validate().is_ok());
        assert!(refused(|c| c.mpp = Some(0.0)).starts_with("`--mpp` is 0"));
        assert!(refused(|c| c.tolerance_um = f64::NAN).starts_with("`--tolerance` is NaN"));
        assert!(refused(|c| c.resamples = 3).starts_with("`--resamples` is 3"));
        assert!(refused(|c| (c.mpp, c.object_diameter_um) = (Some(0.5), Some(7.5))).contains("give one of them"));
    }
}
