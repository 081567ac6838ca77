//! Tissue or glass: the thresholds of one slide and where they come from.

use crate::config::TissueConfig;
use crate::grid::color::Color;
use crate::grid::modes::{GlassLimits, Histogram, Modes, percentile};

/// Glass on slides that show too little of it to measure.
const USUAL_GLASS: [u8; 3] = [245; 3];

/// Share of cells like glass from which their colour is measured.
const MEASURABLE_GLASS: f64 = 0.01;

/// The thresholds of one slide.
pub(super) struct Judge {
    /// Optical density of each value of each channel against the glass.
    densities: [[f32; 256]; 3],
    density: f32,
    saturation: f32,
    /// Is all of the slide tissue?
    pub whole: bool,
    /// The rule, for people.
    pub rule: String,
}

impl Judge {
    /// Finds the thresholds from the colours of all cells that are neither black, ink nor unscanned.
    pub fn new(colors: impl Iterator<Item = Color> + Clone, config: &TissueConfig) -> Self {
        let glass = measured_glass(colors.clone());
        let densities = glass.map(|white| {
            let white = f32::from(white);
            std::array::from_fn(|value| (white / (value as f32).max(1.0)).log10().clamp(0.0, 1.0))
        });
        let mut judge = Self { densities, density: 0.0, saturation: 0.0, whole: false, rule: String::new() };
        let limits = |mean, least| GlassLimits {
            mean,
            least,
            share: config.min_glass_share,
            gap: config.min_mode_gap,
            sigmas: config.noise_sigmas,
        };
        let density = Histogram::new(colors.clone().map(|color| judge.density_of(color)))
            .modes(&limits(config.glass_density, config.min_density));
        let tint = f64::from(Color::new(glass).saturation());
        let saturation = Histogram::new(colors.map(Color::saturation))
            .modes(&limits(config.glass_saturation + tint, config.min_saturation));
        let (density, saturation, rule) = match (density, saturation) {
            (Modes::Both(density), Modes::Both(saturation)) => (density, saturation, "Otsu's method"),
            (Modes::Both(density), Modes::Stain) => {
                (density, 0.0, "Otsu's method on density alone, for want of a colourless glass")
            }
            (Modes::Both(_), Modes::Glass) => (config.fixed_density, 0.0, "a fixed density, for want of colour"),
            (Modes::Glass, _) => (config.fixed_density, config.fixed_saturation, "fixed values, for want of two modes"),
            (Modes::Stain, _) => {
                judge.whole = true;
                judge.rule = "the whole slide counts as tissue: it shows no glass to tell tissue from".into();
                return judge;
            }
        };
        (judge.density, judge.saturation) = (density as f32, saturation as f32);
        judge.rule = format!(
            "tissue has an optical density above {density:.3} and a saturation above {saturation:.3}, by {rule}"
        );
        judge
    }

    /// Is a cell of this colour tissue?
    pub fn is_tissue(&self, color: Color) -> bool {
        self.whole || (self.density_of(color) > self.density && color.saturation() >= self.saturation)
    }

    /// Optical density of the densest channel against the glass, 0 to 1.
    fn density_of(&self, color: Color) -> f32 {
        let channels = self.densities.iter().zip(color.rgb());
        channels.map(|(densities, value)| densities[usize::from(value)]).fold(0.0, f32::max)
    }
}

/// The upper quartile of each channel over the cells that look like glass.
fn measured_glass(colors: impl Iterator<Item = Color>) -> [u8; 3] {
    let mut counts = [[0u64; 256]; 3];
    let (mut all, mut like_glass) = (0u64, 0u64);
    for color in colors {
        all += 1;
        if color.is_like_glass() {
            like_glass += 1;
            for (channel, value) in counts.iter_mut().zip(color.rgb()) {
                channel[usize::from(value)] += 1;
            }
        }
    }
    if (like_glass as f64) < MEASURABLE_GLASS * all as f64 || like_glass == 0 {
        return USUAL_GLASS;
    }
    counts.map(|channel| percentile(channel.iter().copied().enumerate(), 0.75) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(colors: &[([u8; 3], usize)]) -> Judge {
        let colors: Vec<Color> =
            colors.iter().flat_map(|&(rgb, count)| std::iter::repeat_n(Color::new(rgb), count)).collect();
        Judge::new(colors.iter().copied(), &TissueConfig::default())
    }

    #[test]
    fn pale_eosin_is_tissue_and_grey_dust_is_not() {
        let judge = judge(&[([242, 242, 243], 900), ([180, 90, 150], 200), ([236, 215, 226], 50)]);
        assert!(judge.rule.contains("Otsu"), "{}", judge.rule);
        assert!(judge.is_tissue(Color::new([236, 215, 226])) && judge.is_tissue(Color::new([180, 90, 150])));
        assert!(!judge.is_tissue(Color::new([170, 171, 170])) && !judge.is_tissue(Color::new([238, 237, 239])));
    }

    #[test]
    fn tinted_glass_is_glass() {
        let judge = judge(&[([236, 230, 206], 900), ([180, 90, 150], 200)]);
        assert!(!judge.is_tissue(Color::new([236, 230, 206])) && judge.is_tissue(Color::new([180, 90, 150])));
    }

    #[test]
    fn a_field_of_tissue_is_whole_and_a_field_of_glass_is_none() {
        let tissue = judge(&[([200, 120, 170], 500), ([120, 70, 150], 300), ([230, 190, 215], 300)]);
        assert!(tissue.whole && tissue.is_tissue(Color::new([230, 190, 215])));
        let glass = judge(&[([242; 3], 500), ([240, 241, 243], 300)]);
        assert!(!glass.whole && !glass.is_tissue(Color::new([240, 241, 243])) && glass.rule.contains("fixed"));
    }

    #[test]
    fn a_slide_without_colour_is_judged_by_density() {
        let judge = judge(&[([240; 3], 900), ([120; 3], 300)]);
        assert!(judge.is_tissue(Color::new([120; 3])) && !judge.is_tissue(Color::new([235; 3])), "{}", judge.rule);
    }
}
