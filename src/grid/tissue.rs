//! Tells tissue from glass, ink, dust and borders.

use crate::config::TissueConfig;
use crate::error::{Error, Result};
use crate::grid::TissueMask;
use crate::grid::cells::Cells;
use crate::grid::color::Color;
use crate::grid::ink::{self, Ink};
use crate::grid::judge::Judge;
use crate::grid::shape;
use crate::slide::SlideSource;
use image::{GrayImage, Luma};

/// A slide with this share of dark cells, 0 to 1, ...
const DARK_SHARE: f64 = 0.3;
/// ... and among its other cells less than this share of light ones is not lit from below.
const LIGHT_SHARE: f64 = 0.05;

/// Finds the tissue of a brightfield slide of `mpp` micrometres per level-0 pixel.
///
/// The slide is averaged over cells of about 8 µm, read from the coarsest level that has them. A cell is tissue if both
/// its optical density and its saturation lie above the glass's, each by Otsu's method with a guard for slides without
/// two modes. Pen marks, black borders and dust are left out, gaps closed, small holes filled. The mask's notes say
/// which rule was used and, if there is no tissue, why.
///
/// Pixels are read in parallel on rayon's pool: do not call this on an async worker.
///
/// # Errors
/// [`Error::Unsupported`] for a fluorescence slide, [`Error::Config`] for a bad setting, [`Error::Read`] if pixels
/// cannot be read.
pub fn detect_tissue(slide: &dyn SlideSource, mpp: f64, config: &TissueConfig) -> Result<TissueMask> {
    config.validate()?;
    if !(mpp.is_finite() && mpp > 0.0) {
        return Err(Error::config("mpp", mpp, "micrometres per pixel must be above 0"));
    }
    let cells = Cells::read(slide, mpp, config)?;
    let mut mask = TissueMask::empty(slide.info().size(), cells.scale);
    let colors = || cells.colors.iter().map(|rgb| Color::new(*rgb));
    if colors().all(|color| color.brightest <= 5) {
        mask.note("no tissue: the whole slide is black");
        return Ok(mask);
    }
    if colors().all(Color::is_white) {
        mask.note("no tissue: the whole slide is white");
        return Ok(mask);
    }
    if is_dark_field(colors()) {
        return Err(Error::Unsupported {
            path: slide.path().to_owned(),
            reason: "its background is dark, as in fluorescence, and tissue is looked for on bright glass; \
                     segment it with --whole-slide or --roi instead"
                .into(),
        });
    }
    let tissue = Finder { cells, config }.find(&mut mask);
    for (column, row, _) in tissue.enumerate_pixels().filter(|(.., value)| value.0[0] > 0) {
        mask.set(column, row);
    }
    Ok(mask)
}

/// Is the slide lit from above, as in fluorescence? Black borders and fills lie beside light glass; here nothing does.
fn is_dark_field(colors: impl Iterator<Item = Color>) -> bool {
    let (mut all, mut dark, mut light) = (0u64, 0u64, 0u64);
    for color in colors {
        all += 1;
        dark += u64::from(color.brightest <= 60);
        light += u64::from(color.darkest >= 150);
    }
    dark as f64 >= DARK_SHARE * all as f64 && (light as f64) < LIGHT_SHARE * (all - dark).max(1) as f64
}

struct Finder<'a> {
    cells: Cells,
    config: &'a TissueConfig,
}

impl Finder<'_> {
    /// 255 where tissue is; says in the mask's notes how it was found.
    fn find(mut self, mask: &mut TissueMask) -> GrayImage {
        let ink = if self.config.reject_pen { Some(ink::find(&self.cells, self.config)) } else { None };
        let black = self.plane(|color| color.brightest <= self.config.black_level && color.chroma() <= 25);
        let excluded =
            |cell: usize| black.as_raw()[cell] > 0 || ink.as_ref().is_some_and(|ink| ink.mask.as_raw()[cell] > 0);
        let judge = self.judge(&excluded);
        mask.note(judge.rule.clone());
        if let Some(note) = ink.as_ref().and_then(Ink::note) {
            mask.note(note);
        }
        let mut tissue = self.plane(|color| judge.is_tissue(color));
        let border = self.border(black);
        for (value, black) in tissue.iter_mut().zip(border.iter()) {
            *value &= !black;
        }
        let remove_ink = |tissue: &mut GrayImage| {
            if let Some(ink) = &ink {
                tissue.iter_mut().zip(ink.mask.iter()).for_each(|(value, ink)| *value &= !ink);
            }
        };
        remove_ink(&mut tissue);
        if judge.whole {
            return tissue;
        }
        // From here on only planes of one byte a cell are needed.
        self.cells.colors = Vec::new();
        let stained = tissue.iter().any(|value| *value > 0);
        let dropped = self.shape(&mut tissue);
        // Closing and filling may not reach back over ink and borders.
        remove_ink(&mut tissue);
        tissue.iter_mut().zip(border.iter()).for_each(|(value, black)| *value &= !black);
        match (tissue.iter().all(|value| *value == 0), stained) {
            (true, false) => mask.note("no tissue: nothing on the glass is stained"),
            (true, true) => mask.note(format!("no tissue: what is stained is {}", self.dust())),
            (false, _) if dropped > 0 => mask.note(format!("left out {dropped} pieces {}", self.dust())),
            _ => {}
        }
        tissue
    }

    /// The slide's thresholds, from the cells that were scanned and are neither black nor ink.
    fn judge(&self, excluded: &impl Fn(usize) -> bool) -> Judge {
        let colors = || {
            let colors = self.cells.colors.iter().map(|rgb| Color::new(*rgb)).enumerate();
            colors.filter(|(cell, _)| !excluded(*cell)).map(|(_, color)| color)
        };
        // White fill beside light grey glass is not the glass; on scanners that burn out the glass it is.
        let scanned = || colors().filter(|color| !color.is_white());
        let (count, glass) =
            scanned().fold((0u64, 0u64), |(n, glass), c| (n + 1, glass + u64::from(c.is_like_glass())));
        if glass as f64 >= self.config.min_glass_share * count as f64 && glass > 0 {
            Judge::new(scanned(), self.config)
        } else {
            Judge::new(colors(), self.config)
        }
    }

    /// Drops dust, closes gaps, fills holes, drops small pieces and counts them.
    fn shape(&self, tissue: &mut GrayImage) -> usize {
        let cell_um2 = self.cells.um * self.cells.um;
        shape::drop_small(tissue, self.config.speck_um2 / cell_um2);
        shape::close(tissue, shape::radius(self.config.closing_um, self.cells.um));
        shape::fill_holes(tissue, self.config.max_hole_um2 / cell_um2);
        shape::drop_small(tissue, self.min_area_um2() / cell_um2)
    }

    fn min_area_um2(&self) -> f64 {
        let slide_um2 = self.cells.size.area() as f64 * self.cells.um * self.cells.um;
        self.config.min_area_um2.min(slide_um2 / 100.0)
    }

    fn dust(&self) -> String {
        format!("smaller than {:.0} µm²", self.min_area_um2())
    }

    /// Black that is too large for pigment or reaches the slide's edge.
    fn border(&self, mut black: GrayImage) -> GrayImage {
        shape::keep_large_or_at_border(&mut black, self.config.min_area_um2 / (self.cells.um * self.cells.um));
        black
    }

    fn plane(&self, holds: impl Fn(Color) -> bool) -> GrayImage {
        let width = self.cells.size.width;
        GrayImage::from_fn(width, self.cells.size.height, |x, y| {
            Luma([u8::from(holds(Color::new(self.cells.colors[(y * width + x) as usize]))) * 255])
        })
    }
}

impl Ink {
    /// What was left out, for people.
    fn note(&self) -> Option<String> {
        let found: Vec<String> = self.found.iter().map(|(name, um2)| format!("{name} {:.2} mm²", um2 / 1e6)).collect();
        (!found.is_empty()).then(|| format!("left out pen marks: {}", found.join(", ")))
    }
}

#[cfg(test)]
mod tests;
