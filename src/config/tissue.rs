//! How tissue is told from glass.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The tissue detector's settings. Lengths are on the slide; optical densities are those of the densest colour channel,
/// as log10 of glass over pixel; saturations are those of HSV, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TissueConfig {
    /// Edge of the square cells that the slide is judged in, micrometres. Colours are averaged over a cell. The cells
    /// become whole pixels of the level that is read, so the edge in use may differ by up to a half.
    pub cell_um: f64,
    /// Most cells of a slide; on larger slides cells grow instead, so that memory does not (about 8 bytes a cell).
    pub max_cells: u64,
    /// Highest mean optical density of cells that may count as glass.
    pub glass_density: f64,
    /// Highest mean saturation of cells that may count as glass, above that of the glass's own tint.
    pub glass_saturation: f64,
    /// Smallest share of the slide, 0 to 1, that glass must have to count as a mode of its own; with less the whole
    /// slide is tissue.
    pub min_glass_share: f64,
    /// Smallest distance between the means of glass and tissue, in optical density and in saturation alike; with less
    /// there is one mode only.
    pub min_mode_gap: f64,
    /// Thresholds lie at most this many standard deviations of the glass above its median; Otsu's lie in the
    /// middle between glass and dark tissue, too high for pale tissue.
    pub noise_sigmas: f64,
    /// Thresholds of optical density lie at least this much above the glass.
    pub min_density: f64,
    /// Thresholds of saturation lie at least this much above the glass.
    pub min_saturation: f64,
    /// Threshold of optical density on slides without two modes.
    pub fixed_density: f64,
    /// Threshold of saturation on slides without two modes.
    pub fixed_saturation: f64,
    /// Leave out pen marks: smooth strokes of blue, green, red or black ink.
    pub reject_pen: bool,
    /// A stroke is smooth where the standard deviation of optical density over 5 x 5 cells is at most this share of
    /// its mean. Tissue is coarser than that.
    pub pen_roughness: f64,
    /// Strokes must be at least twice this wide, micrometres.
    pub pen_core_um: f64,
    /// Ink-coloured cells this near to a smooth stroke belong to it, micrometres.
    pub pen_reach_um: f64,
    /// Cells this near to ink are left out too, micrometres: the blurred edge of a stroke.
    pub pen_margin_um: f64,
    /// Cells whose brightest channel is at most this, 0 to 255, and that have no colour are black: borders and fills.
    pub black_level: u8,
    /// Stained pieces smaller than this are dust and left out before gaps are closed, square micrometres.
    pub speck_um2: f64,
    /// Gaps up to twice this wide are closed, micrometres.
    pub closing_um: f64,
    /// Holes smaller than this are filled, square micrometres: fat cells, small vessels, lumina.
    pub max_hole_um2: f64,
    /// Pieces of tissue smaller than this are left out, square micrometres; at most a hundredth of the slide.
    pub min_area_um2: f64,
}

impl Default for TissueConfig {
    fn default() -> Self {
        Self {
            cell_um: 8.0,
            max_cells: 8 << 20,
            glass_density: 0.05,
            glass_saturation: 0.06,
            min_glass_share: 0.05,
            min_mode_gap: 0.03,
            noise_sigmas: 5.0,
            min_density: 0.03,
            min_saturation: 0.03,
            fixed_density: 0.15,
            fixed_saturation: 0.06,
            reject_pen: true,
            pen_roughness: 0.12,
            pen_core_um: 20.0,
            pen_reach_um: 160.0,
            pen_margin_um: 24.0,
            black_level: 45,
            speck_um2: 500.0,
            closing_um: 24.0,
            max_hole_um2: 60_000.0,
            min_area_um2: 10_000.0,
        }
    }
}

impl TissueConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        if !(self.cell_um.is_finite() && self.cell_um > 0.0) {
            return Err(Error::config("tissue.cell_um", self.cell_um, "must be above 0"));
        }
        if !(1..=1 << 30).contains(&self.max_cells) {
            return Err(Error::config("tissue.max_cells", self.max_cells, "must lie between 1 and 2^30"));
        }
        let shares = [
            ("tissue.glass_density", self.glass_density),
            ("tissue.glass_saturation", self.glass_saturation),
            ("tissue.min_glass_share", self.min_glass_share),
            ("tissue.min_mode_gap", self.min_mode_gap),
            ("tissue.min_density", self.min_density),
            ("tissue.min_saturation", self.min_saturation),
            ("tissue.fixed_density", self.fixed_density),
            ("tissue.fixed_saturation", self.fixed_saturation),
            ("tissue.pen_roughness", self.pen_roughness),
        ];
        for (field, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, value, "must lie between 0 and 1"));
            }
        }
        let lengths = [
            ("tissue.noise_sigmas", self.noise_sigmas),
            ("tissue.pen_core_um", self.pen_core_um),
            ("tissue.pen_reach_um", self.pen_reach_um),
            ("tissue.pen_margin_um", self.pen_margin_um),
            ("tissue.speck_um2", self.speck_um2),
            ("tissue.closing_um", self.closing_um),
            ("tissue.max_hole_um2", self.max_hole_um2),
            ("tissue.min_area_um2", self.min_area_um2),
        ];
        for (field, value) in lengths {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(field, value, "must be 0 or more"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_refused_by_the_name_of_its_field() {
        assert!(TissueConfig::default().validate().is_ok());
        let message = |config: TissueConfig| config.validate().unwrap_err().to_string();
        assert!(message(TissueConfig { cell_um: f64::NAN, ..Default::default() }).contains("tissue.cell_um"));
        assert!(message(TissueConfig { max_cells: 0, ..Default::default() }).contains("tissue.max_cells"));
        assert!(message(TissueConfig { fixed_density: 1.5, ..Default::default() }).contains("tissue.fixed_density"));
        assert!(message(TissueConfig { closing_um: -1.0, ..Default::default() }).contains("tissue.closing_um"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<TissueConfig>("closing_mm = 1").is_err());
        assert_eq!(toml::from_str::<TissueConfig>("").unwrap(), TissueConfig::default());
    }
}
