//! Self-supervised tasks: what a network is asked to do with images that nobody has labelled.

use super::DiffusionConfig;
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The task of a pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PretextConfig {
    /// Tell image from noise at every step of a diffusion process (GenSelfDiff-HIS, section III).
    Diffusion(DiffusionConfig),
    /// Tell image from noise at one noise level: a denoising autoencoder.
    Denoising(DenoisingConfig),
}

/// What a denoising autoencoder says of a noised image `x0 + sigma epsilon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denoised {
    /// The clean image.
    Image,
    /// The noise, of unit variance.
    Noise,
}

/// A denoising autoencoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DenoisingConfig {
    /// Standard deviation of the noise, where black and white are `input.range` apart.
    pub sigma: f64,
    /// What the network predicts.
    pub predict: Denoised,
}

impl Default for DenoisingConfig {
    fn default() -> Self {
        Self { sigma: 0.3, predict: Denoised::Image }
    }
}

impl Default for PretextConfig {
    fn default() -> Self {
        Self::Diffusion(DiffusionConfig::default())
    }
}

impl PretextConfig {
    /// As written in a configuration's `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Diffusion(_) => "diffusion",
            Self::Denoising(_) => "denoising",
        }
    }

    /// Checks every value; a diffusion needs a network that is told the step.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self, time_embedding: bool) -> Result<()> {
        match self {
            Self::Diffusion(_) if !time_embedding => {
                let reason = "a diffusion tells the network the step; leave it out, or choose pretext `denoising`";
                Err(Error::config("network.time_embedding", false, reason))
            }
            Self::Diffusion(config) => config.validate(),
            Self::Denoising(config) => within("pretext.sigma", config.sigma, 1e-4, 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_survives_being_written_and_read_and_refuses_unknown_keys() {
        for config in [PretextConfig::default(), PretextConfig::Denoising(DenoisingConfig::default())] {
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<PretextConfig>(&text).unwrap(), config);
        }
        assert!(toml::from_str::<PretextConfig>("kind = \"denoising\"\nsteps = 5").is_err());
        assert!(toml::from_str::<PretextConfig>("kind = \"jigsaw\"").unwrap_err().to_string().contains("jigsaw"));
    }

    #[test]
    fn a_diffusion_without_a_time_embedding_is_refused() {
        let message = PretextConfig::default().validate(false).unwrap_err().to_string();
        assert!(message.contains("network.time_embedding"), "{message}");
        PretextConfig::Denoising(DenoisingConfig::default()).validate(false).unwrap();
    }
}
