//! Which tiles cover the tissue, at which level and scale they are read.

use crate::error::{Error, Result};
use crate::geometry::{Model, Rect, Scale, Size};
use crate::grid::TissueMask;
use crate::slide::SlideInfo;
use crate::tile::TileSpec;

/// A level counts as fine enough if it is coarser than the model by at most this share: scanners round their
/// downsamples, and a level of 4.0003 must serve a scale of 4.
const LEVEL_TOLERANCE: f64 = 0.01;

/// Most that a slide may be enlarged for a model; beyond it there is nothing left to see.
const MOST_ENLARGED: f64 = 4.0;

/// Most tiles of one plan: 64 bytes each, 1 GiB.
const MOST_TILES: usize = 1 << 24;

/// The tiles of one slide for one model, in row-major order.
///
/// Cores form a grid anchored at (0, 0) of the model's frame, whatever the tissue is, so that plans of one slide can be
/// compared. A tile is in the plan if and only if its core, cut at the slide's edges, holds tissue; so every tissue
/// pixel lies in exactly one core.
#[derive(Debug, Clone, PartialEq)]
pub struct TilePlan {
    /// The tiles. Tiles and cores may reach outside the slide; see [`TilePlan::clip`].
    pub tiles: Vec<TileSpec>,
    /// The pyramid level to read: the coarsest that is not coarser than the model, or level 0.
    pub level: u32,
    /// Model pixels to level 0; below 1 where the slide is enlarged.
    pub scale: Scale,
    /// Pixels of `level` to level 0.
    pub level_scale: Scale,
    /// Columns of the grid of cores, with or without tissue.
    pub columns: u32,
    /// Rows of the grid of cores, with or without tissue.
    pub rows: u32,
    /// Pixels of the slide at the model's mpp.
    pub model_size: Size,
    /// Pixels of level 0.
    pub base_size: Size,
}

impl TilePlan {
    /// Plans tiles of `tile_px` with `halo_px` on each side, at `model_mpp` micrometres per pixel, over the tissue of
    /// a slide of `slide_mpp`.
    ///
    /// # Errors
    /// [`Error::Config`] if the halo leaves no core, if an mpp is not above 0, if the slide is coarser than four times
    /// the model's mpp, or if the plan would have more than 16 million tiles.
    pub fn new(
        slide: &SlideInfo,
        slide_mpp: f64,
        model_mpp: f64,
        tile_px: u32,
        halo_px: u32,
        tissue: &TissueMask,
    ) -> Result<Self> {
        for (field, mpp) in [("mpp", slide_mpp), ("input.mpp", model_mpp)] {
            if !(mpp.is_finite() && mpp > 0.0) {
                return Err(Error::config(field, mpp, "micrometres per pixel must be above 0"));
            }
        }
        let core_px = halo_px.checked_mul(2).and_then(|halos| tile_px.checked_sub(halos)).filter(|&core| core > 0);
        let Some(core_px) = core_px else {
            let reason = format!("a halo on each side of a tile of {tile_px} pixels must leave a core");
            return Err(Error::config("input.halo_px", halo_px, reason));
        };
        if slide_mpp > model_mpp * MOST_ENLARGED {
            let reason = format!(
                "the model was made for {model_mpp} micrometres per pixel and the slide has {slide_mpp}, more than \
                 {MOST_ENLARGED} times as coarse; scan at a higher resolution or use a model for a coarser one"
            );
            return Err(Error::config("mpp", slide_mpp, reason));
        }
        let scale = Scale::new(model_mpp / slide_mpp);
        let (level, level_scale) = nearest_finer(slide, scale);
        let model_size = scale.size_of(slide.size());
        let mut plan = Self {
            tiles: Vec::new(),
            level,
            scale,
            level_scale,
            columns: model_size.width.div_ceil(core_px),
            rows: model_size.height.div_ceil(core_px),
            model_size,
            base_size: slide.size(),
        };
        plan.place(tissue, core_px, halo_px)?;
        Ok(plan)
    }

    /// The part of a core or tile that lies on the slide.
    pub fn clip(&self, rect: Rect<Model>) -> Option<Rect<Model>> {
        rect.intersection(&Rect::whole(self.model_size))
    }

    /// Left, top, right and bottom of a rectangle in level-0 pixels, unrounded.
    pub fn to_base(&self, rect: Rect<Model>) -> [f64; 4] {
        [rect.x, rect.y, rect.right(), rect.bottom()].map(|edge| self.scale.to_base(edge as f64))
    }

    /// Fills `tiles` with those whose core holds tissue.
    fn place(&mut self, tissue: &TissueMask, core_px: u32, halo_px: u32) -> Result<()> {
        for row in 0..self.rows {
            for column in 0..self.columns {
                let corner = [column, row].map(|index| i64::from(index) * i64::from(core_px));
                let core = Rect::<Model>::new(corner[0], corner[1], core_px, core_px);
                let [left, top, right, bottom] = self.to_base(core);
                if !tissue.covers_area(left, top, right, bottom) {
                    continue;
                }
                if self.tiles.len() == MOST_TILES {
                    let reason = format!(
                        "{} x {} cores of {core_px} pixels are more than {MOST_TILES} tiles; use larger tiles or --roi",
                        self.columns, self.rows
                    );
                    return Err(Error::config("input.tile_px", core_px + 2 * halo_px, reason));
                }
                let index = self.tiles.len() as u32;
                self.tiles.push(TileSpec { index, column, row, tile: core.grown(halo_px), core });
            }
        }
        self.tiles.shrink_to_fit();
        Ok(())
    }
}

/// The coarsest level that is not coarser than `scale`, or level 0.
fn nearest_finer(slide: &SlideInfo, scale: Scale) -> (u32, Scale) {
    let most = scale.base_px() * (1.0 + LEVEL_TOLERANCE);
    let fine_enough = slide.levels.iter().enumerate().filter(|(_, level)| level.downsample <= most);
    let coarsest = fine_enough.max_by(|(_, a), (_, b)| a.downsample.total_cmp(&b.downsample));
    coarsest.map_or((0, Scale::new(1.0)), |(index, level)| (index as u32, Scale::new(level.downsample)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slide::{LevelInfo, Mpp};
    use proptest::prelude::*;

    fn slide(size: Size, downsamples: &[f64]) -> SlideInfo {
        let level = |&downsample: &f64| LevelInfo { size: Scale::new(downsample).size_of(size), downsample };
        SlideInfo {
            vendor: "test".into(),
            reader: "test".into(),
            levels: downsamples.iter().map(level).collect(),
            mpp: Mpp::Known(1.0, 1.0),
            properties: Default::default(),
            associated: vec![],
        }
    }

    fn cores_over(plan: &TilePlan, x: u32, y: u32) -> usize {
        let centre = [x, y].map(|at| plan.scale.from_base(f64::from(at) + 0.5));
        plan.tiles.iter().filter(|tile| tile.core.contains(centre[0], centre[1])).count()
    }

    proptest! {
        #[test]
        fn every_tissue_pixel_is_in_exactly_one_core_and_every_core_holds_tissue(
            width in 1u32..120, height in 1u32..120, cell in 0.7f64..30.0, slide_mpp in 0.2f64..2.0,
            model_mpp in 0.2f64..3.0, core in 1u32..40, halo in 0u32..8, seed in any::<u64>(), rarity in 0u64..6,
        ) {
            prop_assume!(slide_mpp <= 4.0 * model_mpp);
            let (base, cell) = (Size::new(width, height), Scale::new(cell));
            let chance = |i: u64| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 & ((1 << rarity) - 1) == 0;
            let cells: Vec<bool> = (0..cell.size_of(base).area()).map(chance).collect();
            let mask = TissueMask::from_cells(base, cell, &cells);
            let info = slide(base, &[1.0, 4.0]);
            let plan = TilePlan::new(&info, slide_mpp, model_mpp, core + 2 * halo, halo, &mask).unwrap();
            for y in 0..height {
                for x in 0..width {
                    let count = cores_over(&plan, x, y);
                    prop_assert!(count <= 1, "pixel {x}, {y} in {count} cores");
                    prop_assert!(count == 1 || !mask.contains(f64::from(x) + 0.5, f64::from(y) + 0.5));
                }
            }
            let place = |tile: &TileSpec| (tile.row, tile.column);
            prop_assert!(plan.tiles.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])));
            for (index, tile) in plan.tiles.iter().enumerate() {
                let [left, top, right, bottom] = plan.to_base(tile.core);
                prop_assert!(mask.covers_area(left, top, right, bottom));
                prop_assert_eq!(tile.index as usize, index);
                prop_assert_eq!(tile.core.x, i64::from(tile.column * core));
                prop_assert_eq!(tile.tile, tile.core.grown(halo));
                prop_assert!(plan.clip(tile.core).is_some() && tile.column < plan.columns && tile.row < plan.rows);
            }
        }
    }

    #[test]
    fn the_level_is_the_coarsest_that_is_not_coarser_than_the_model() {
        let info = slide(Size::new(4000, 4000), &[1.0, 4.002, 16.0]);
        let whole = TissueMask::whole(info.size());
        let level = |mpp: f64| TilePlan::new(&info, 0.25, mpp, 256, 32, &whole).unwrap().level;
        assert_eq!([0.25, 0.5, 1.0, 3.9, 4.0, 40.0].map(level), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_slide_coarser_than_the_model_is_enlarged_up_to_four_times() {
        let info = slide(Size::new(100, 50), &[1.0]);
        let whole = TissueMask::whole(info.size());
        let plan = TilePlan::new(&info, 1.0, 0.25, 64, 0, &whole).unwrap();
        assert_eq!((plan.level, plan.scale.base_px(), plan.model_size), (0, 0.25, Size::new(400, 200)));
        let error = TilePlan::new(&info, 1.1, 0.25, 64, 0, &whole).unwrap_err().to_string();
        assert!(error.contains("0.25") && error.contains("1.1"), "{error}");
    }

    #[test]
    fn one_pixel_gives_one_tile_all_tissue_every_tile_and_no_tissue_none() {
        let one = slide(Size::new(1, 1), &[1.0]);
        let plan = TilePlan::new(&one, 0.5, 0.5, 256, 32, &TissueMask::whole(one.size())).unwrap();
        assert_eq!(plan.tiles.len(), 1);
        assert_eq!(plan.tiles[0].tile, Rect::new(-32, -32, 256, 256));
        assert_eq!(plan.clip(plan.tiles[0].core), Some(Rect::new(0, 0, 1, 1)));

        let info = slide(Size::new(1000, 500), &[1.0]);
        let all = TilePlan::new(&info, 0.5, 0.5, 164, 32, &TissueMask::whole(info.size())).unwrap();
        assert_eq!((all.columns, all.rows, all.tiles.len()), (10, 5, 50));
        let none = TissueMask::empty(info.size(), Scale::new(16.0));
        assert!(TilePlan::new(&info, 0.5, 0.5, 164, 32, &none).unwrap().tiles.is_empty());
    }

    #[test]
    fn the_last_pixel_of_a_slide_that_no_core_divides_has_its_tile() {
        let info = slide(Size::new(1001, 1001), &[1.0]);
        let cells: Vec<bool> = (0..1001 * 1001).map(|i| i == 1001 * 1001 - 1).collect();
        let mask = TissueMask::from_cells(info.size(), Scale::new(1.0), &cells);
        let plan = TilePlan::new(&info, 0.5, 0.5, 100, 0, &mask).unwrap();
        assert!(mask.covers(Rect::new(1000, 1000, 1, 1)));
        assert_eq!(plan.tiles.iter().map(|tile| (tile.column, tile.row)).collect::<Vec<_>>(), [(10, 10)]);
    }

    #[test]
    fn a_halo_without_a_core_and_a_senseless_mpp_are_refused_by_name() {
        let info = slide(Size::new(10, 10), &[1.0]);
        let whole = TissueMask::whole(info.size());
        let fails = |mpp: f64, tile, halo| TilePlan::new(&info, mpp, 0.5, tile, halo, &whole).unwrap_err().to_string();
        assert!(fails(0.5, 64, 32).contains("input.halo_px"));
        assert!(fails(0.5, 64, u32::MAX).contains("input.halo_px"));
        assert!(fails(f64::NAN, 64, 0).contains("mpp"));
    }
}
