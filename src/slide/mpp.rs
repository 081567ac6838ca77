//! Micrometres per pixel: what a file says, whether it can be believed, and who decides.

use super::{Mpp, SlideSource};
use crate::error::{Error, Result};

/// Values outside are no resolution of a light microscope's slide: 0.01 is twenty times finer than a 100x objective,
/// 100 is coarser than any label camera.
const BELIEVABLE: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// A resolution tag above this many micrometres is meant for a printer.
const COARSEST_TAG: f64 = 20.0;

/// x and y may differ by this factor at most; more is a damaged tag, not a scanner.
const MOST_ANISOTROPY: f64 = 1.1;

/// Micrometres per level-0 pixel: `given` (the user's `--mpp`) if there is one, else what the slide says. x and y that
/// differ by at most 10 % are averaged (geometric mean).
///
/// # Errors
/// [`Error::Property`] naming the property if the slide has none or a senseless one; [`Error::Config`] if `given` lies
/// outside 0.01 to 100.
pub fn mpp(slide: &dyn SlideSource, given: Option<f64>) -> Result<f64> {
    if let Some(given) = given {
        if BELIEVABLE.contains(&given) {
            return Ok(given);
        }
        return Err(Error::config("--mpp", given, "use micrometres per pixel of the finest level, from 0.01 to 100"));
    }
    match &slide.info().mpp {
        Mpp::Known(x, y) => Ok((x * y).sqrt()),
        Mpp::Unusable { property, value } => Err(Error::Property {
            path: slide.path().to_owned(),
            property: property.clone(),
            value: value.clone(),
            cure: "give the micrometres per pixel of the finest level with --mpp, such as --mpp 0.25".to_owned(),
        }),
    }
}

impl Mpp {
    /// No property of this name, where one should be.
    pub(super) fn missing(property: &str) -> Self {
        Self::Unusable { property: property.to_owned(), value: "missing".to_owned() }
    }

    /// Checks numbers that were read from `property`.
    pub(super) fn checked(property: &str, x: f64, y: f64) -> Self {
        let unusable = |value: String| Self::Unusable { property: property.to_owned(), value };
        if let Some(bad) = [x, y].into_iter().find(|v| !BELIEVABLE.contains(v)) {
            return unusable(format!("{bad:?}, which is not between 0.01 and 100 µm"));
        }
        if x.max(y) > MOST_ANISOTROPY * x.min(y) {
            return unusable(format!("{x} across and {y} down, which differ by more than 10 %"));
        }
        Self::Known(x, y)
    }

    /// Checks micrometres per pixel that come from a resolution tag of a plain image, where scanners write microns but
    /// other programs write dots per inch of a print: 1,200 dpi would be 21 µm.
    pub(super) fn from_resolution_tags(property: &str, x: f64, y: f64) -> Self {
        match Self::checked(property, x, y) {
            Self::Known(x, y) if x.max(y) > COARSEST_TAG => {
                let value = format!("{x:.2} µm per pixel, a density for printing");
                Self::Unusable { property: property.to_owned(), value }
            }
            mpp => mpp,
        }
    }

    /// Parses and checks the texts of the properties of x and y. A decimal comma, a unit or any other text is refused:
    /// guessing here would scale every object of the slide.
    #[cfg(any(feature = "openslide", test))]
    pub(super) fn parsed([x, y]: [(&str, &str); 2]) -> Self {
        let number = |(property, text): (&str, &str)| {
            let quoted = || Self::Unusable { property: property.to_owned(), value: format!("`{text}`") };
            let value: f64 = text.trim().parse().map_err(|_| quoted())?;
            if BELIEVABLE.contains(&value) { Ok(value) } else { Err(quoted()) }
        };
        match (number(x), number(y)) {
            (Ok(across), Ok(down)) => Self::checked(x.0, across, down),
            (Err(unusable), _) | (_, Err(unusable)) => unusable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::slide::synthetic::SyntheticSlide;

    #[test]
    fn only_plain_numbers_in_range_are_believed() {
        let parse = |text| Mpp::parsed([("aperio.MPP", text), ("aperio.MPP", text)]);
        assert_eq!(parse("0.499"), Mpp::Known(0.499, 0.499));
        assert_eq!(parse(" 0.25 "), Mpp::Known(0.25, 0.25));
        for text in ["", "0", "-0.25", "nan", "inf", "0,499", "1e9", "0.25 um", "unknown", "0.001"] {
            let want = Mpp::Unusable { property: "aperio.MPP".into(), value: format!("`{text}`") };
            assert_eq!(parse(text), want);
        }
    }

    #[test]
    fn unequal_axes_are_refused() {
        assert!(matches!(Mpp::checked("p", 0.25, 0.26), Mpp::Known(..)));
        assert!(matches!(Mpp::checked("p", 0.25, 0.5), Mpp::Unusable { .. }));
    }

    #[test]
    fn the_given_value_wins_and_is_checked() {
        let slide = SyntheticSlide::new(Size::new(100, 100), 0.25, 1);
        assert_eq!(mpp(&slide, None).unwrap(), 0.25);
        assert_eq!(mpp(&slide, Some(0.5)).unwrap(), 0.5);
        for bad in [0.0, -1.0, f64::NAN, 1e9] {
            assert!(mpp(&slide, Some(bad)).unwrap_err().to_string().contains("--mpp"));
        }
    }
}
