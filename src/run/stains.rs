//! For models that see stains instead of colours: the stains of a slide, and its tiles through them.

use crate::config::ModelPackage;
use crate::data::stain::Stains;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::grid::TilePlan;
use crate::infer::Segmenter;
use crate::slide::SlideSource;
use crate::stream::read_tile;
use crate::tile::{ProbabilityMaps, Tile, TileSpec};
use image::RgbImage;

/// Fields of a slide that its stains are measured in, and the edge of each: three million pixels.
const FIELDS: usize = 48;
const FIELD_PX: u32 = 256;

/// The stains of the tissue that `plan` covers, measured in fields spread evenly over its tiles, at the model's mpp;
/// nothing for a model that sees colours.
///
/// # Errors
/// That of the last field if none can be read; a damaged one is left out, as the run will report it.
pub(super) fn of_slide(slide: &dyn SlideSource, plan: &TilePlan, model: &ModelPackage) -> Result<Option<Stains>> {
    if model.input.channels.is_rgb() || plan.tiles.is_empty() {
        return Ok(None);
    }
    let count = plan.tiles.len().min(FIELDS);
    let mut fields = Vec::with_capacity(count);
    let mut failure = None;
    for number in 0..count {
        let spec = plan.tiles[number * plan.tiles.len() / count];
        match read_tile(slide, plan, &field(plan, &spec)) {
            Ok(pixels) => fields.push(pixels),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if fields.is_empty() => Err(error),
        _ => Ok(Some(Stains::of(&fields))),
    }
}

/// The middle of a tile's core, as far as it lies on the slide.
fn field(plan: &TilePlan, spec: &TileSpec) -> TileSpec {
    let size = plan.model_size;
    let middle = |from: i64, length: u32, whole: u32| {
        let (from, to) = (from.max(0), (from + i64::from(length)).min(i64::from(whole)));
        let edge = (to - from).clamp(1, i64::from(FIELD_PX));
        ((from + to - edge) / 2, edge as u32)
    };
    let (x, width) = middle(spec.core.x, spec.core.width, size.width);
    let (y, height) = middle(spec.core.y, spec.core.height, size.height);
    TileSpec { tile: Rect::new(x, y, width, height), ..*spec }
}

/// What the model answers to tiles of a slide with these stains.
///
/// # Errors
/// Those of [`Segmenter::predict`].
pub(super) fn predict(
    lane: &mut dyn Segmenter,
    stains: Option<&Stains>,
    tiles: &[Tile],
) -> Result<Vec<ProbabilityMaps>> {
    let Some(stains) = stains else { return lane.predict(tiles) };
    let seen: Vec<RgbImage> = tiles.iter().map(|tile| stains.separated(&tile.rgb)).collect();
    lane.predict_images(&seen.iter().collect::<Vec<_>>())
}

/// A word for the user on stains that could not be measured.
pub(super) fn note(stains: &Stains) -> Option<String> {
    let note = "the model sees stains, but no two stains could be measured in this slide; textbook ones were used";
    (!stains.measured).then(|| note.into())
}
