//! Random changes of training crops.

use super::Restain;
use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Random changes of training crops. Each is drawn anew for each crop; 0 switches a change off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Magnification of the tissue, drawn log-uniformly: `[0.5, 2.0]` shows objects at half to twice their size.
    pub scale: [f64; 2],
    /// Largest turn in degrees either way, besides the eight symmetries.
    pub rotation_deg: f64,
    /// The eight symmetries of the square.
    pub dihedral: bool,
    /// Only the mirror images left-right and up-down, as published; needs `dihedral = false`.
    pub flips: bool,
    /// Haematoxylin and eosin jitter: each stain's optical density is multiplied by U(1-s, 1+s) and shifted by
    /// U(-s, s) / 2. 0.05 is light, 0.2 strong (Tellez 2019).
    pub stain: f64,
    /// Share of the crops whose stain colours are changed as a whole: hue turned and saturation scaled.
    pub hue_share: f64,
    /// Largest turn of the hue in degrees either way.
    pub hue_deg: f64,
    /// Saturation is multiplied by U(1-s, 1+s).
    pub saturation: f64,
    /// Share of the crops whose brightness and contrast change; published 0.3.
    pub light_share: f64,
    /// Brightness is multiplied by U(1-b, 1+b).
    pub brightness: f64,
    /// Contrast about the mean grey is multiplied by U(1-c, 1+c).
    pub contrast: f64,
    /// Exponent of the grey curve, drawn log-uniformly from [1/(1+g), 1+g].
    pub gamma: f64,
    /// Share of the crops that are blurred.
    pub blur_share: f64,
    /// Largest sigma of the blur in pixels.
    pub blur_sigma_px: f64,
    /// Sigma of the blur across and down, always the same, with a kernel of 3 x 3: published are 1 and 2, one an axis and
    /// not the ends of a range (trap T-16). Goes before `blur_sigma_px`.
    pub blur_fixed_sigma_px: Option<[f64; 2]>,
    /// Share of the crops that get noise.
    pub noise_share: f64,
    /// Largest standard deviation of the noise in grey levels (0-255).
    pub noise_levels: f64,
    /// Share of the crops that are compressed.
    pub jpeg_share: f64,
    /// Lowest JPEG quality, 1 to 100; drawn uniformly up to 95.
    pub jpeg_quality: u8,
    /// Share of the crops of a fine-tuning that show bare glass, a third of them nothing else; its class is background.
    /// Without it a network may take glass for a lumen. Pre-training has no classes and leaves it out.
    pub glass_share: f64,
    /// Virtual re-staining, before every other change of colour. Its probability is 0 unless given.
    pub restain: Restain,
}

impl Default for AugmentConfig {
    /// Light: symmetries, a little stain, brightness and contrast.
    fn default() -> Self {
        Self {
            scale: [1.0, 1.0],
            rotation_deg: 0.0,
            dihedral: true,
            flips: false,
            stain: 0.05,
            hue_share: 0.0,
            hue_deg: 0.0,
            saturation: 0.0,
            light_share: 1.0,
            brightness: 0.1,
            contrast: 0.1,
            gamma: 0.0,
            blur_share: 0.1,
            blur_sigma_px: 1.0,
            blur_fixed_sigma_px: None,
            noise_share: 0.0,
            noise_levels: 0.0,
            jpeg_share: 0.0,
            jpeg_quality: 40,
            glass_share: 0.0,
            restain: Restain::default(),
        }
    }
}

impl AugmentConfig {
    /// No change at all: what validation and tests use.
    pub fn none() -> Self {
        Self {
            dihedral: false,
            stain: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            blur_share: 0.0,
            blur_sigma_px: 0.0,
            ..Self::default()
        }
    }

    /// A key that would do nothing where there are no masks: its name, its value and why.
    pub(super) fn idle(&self) -> Option<(&'static str, String, &'static str)> {
        let usual = Self::default();
        if self.restain != usual.restain {
            let reason = "re-staining needs the masks of nuclei, which unlabelled images lack";
            return Some(("augment.restain", self.restain.probability.to_string(), reason));
        }
        let without = |share: f64, field, value: f64, usual: f64, reason| {
            (share == 0.0 && value != usual && value != 0.0).then(|| (field, value.to_string(), reason))
        };
        let hue = "`augment.hue_share` is 0";
        let light = "`augment.light_share` is 0";
        let jpeg = f64::from(self.jpeg_quality);
        let (blur, jpegs) = ("`augment.blur_share` is 0", "`augment.jpeg_share` is 0");
        let sigma = self.blur_fixed_sigma_px.filter(|_| self.blur_share == 0.0);
        without(self.hue_share, "augment.hue_deg", self.hue_deg, 0.0, hue)
            .or(without(self.hue_share, "augment.saturation", self.saturation, 0.0, hue))
            .or(without(self.light_share, "augment.brightness", self.brightness, usual.brightness, light))
            .or(without(self.light_share, "augment.contrast", self.contrast, usual.contrast, light))
            .or(without(self.noise_share, "augment.noise_levels", self.noise_levels, 0.0, "`augment.noise_share` is 0"))
            .or(without(self.noise_levels, "augment.noise_share", self.noise_share, 0.0, "`augment.noise_levels` is 0"))
            .or(sigma.map(|s| ("augment.blur_fixed_sigma_px", format!("{s:?}"), blur)))
            .or(without(self.blur_share, "augment.blur_sigma_px", self.blur_sigma_px, usual.blur_sigma_px, blur))
            .or(without(self.jpeg_share, "augment.jpeg_quality", jpeg, f64::from(usual.jpeg_quality), jpegs))
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        let [low, high] = self.scale;
        if !(0.05..=20.0).contains(&low) || !(0.05..=20.0).contains(&high) || low > high {
            let reason = "two numbers between 0.05 and 20, the smaller first";
            return Err(Error::config("augment.scale", format!("{:?}", self.scale), reason));
        }
        within("augment.rotation_deg", self.rotation_deg, 0.0, 180.0)?;
        within("augment.stain", self.stain, 0.0, 1.0)?;
        within("augment.hue_share", self.hue_share, 0.0, 1.0)?;
        within("augment.hue_deg", self.hue_deg, 0.0, 180.0)?;
        within("augment.saturation", self.saturation, 0.0, 1.0)?;
        within("augment.light_share", self.light_share, 0.0, 1.0)?;
        within("augment.brightness", self.brightness, 0.0, 0.9)?;
        within("augment.contrast", self.contrast, 0.0, 0.9)?;
        within("augment.gamma", self.gamma, 0.0, 5.0)?;
        within("augment.blur_share", self.blur_share, 0.0, 1.0)?;
        within("augment.blur_sigma_px", self.blur_sigma_px, 0.0, 10.0)?;
        for sigma in self.blur_fixed_sigma_px.into_iter().flatten() {
            within("augment.blur_fixed_sigma_px", sigma, 0.05, 10.0)?;
        }
        if self.flips && self.dihedral {
            let reason = "would do nothing: `augment.dihedral` holds the mirror images already; set that to false";
            return Err(Error::config("augment.flips", true, reason));
        }
        within("augment.noise_share", self.noise_share, 0.0, 1.0)?;
        within("augment.noise_levels", self.noise_levels, 0.0, 100.0)?;
        within("augment.jpeg_share", self.jpeg_share, 0.0, 1.0)?;
        within("augment.jpeg_quality", f64::from(self.jpeg_quality), 1.0, 95.0)?;
        within("augment.glass_share", self.glass_share, 0.0, 1.0)?;
        self.restain.validate()
    }
}
