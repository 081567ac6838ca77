//! Patches from the tissue of whole slides, read while training.

use crate::budget::Budget;
use crate::config::{AugmentConfig, SlidesSource};
use crate::data::patch::{View, patch_of_window, permit};
use crate::data::{Grouping, Patches, Unit};
use crate::error::{Error, Result};
use crate::geometry::{Model, Rect};
use crate::grid::{TilePlan, TissueMask, detect_tissue};
use crate::slide::{self, Limits, SlideSource};
use crate::stream::{read_tile, tile_bytes};
use crate::tile::TileSpec;
use image::RgbImage;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where one slide's tissue is and how it is read.
struct TissueSlide {
    path: PathBuf,
    mask: TissueMask,
    /// Cells of tissue up to the end of each row.
    up_to_row: Vec<u64>,
    /// Level and scale; without tiles.
    plan: TilePlan,
}

/// Whole slides as a source of patches: any place of the tissue is as likely as any other, and nothing is written down.
pub(super) struct TissueSlides {
    units: Vec<Unit>,
    slides: Vec<TissueSlide>,
    /// Square millimetres of tissue.
    tissue_mm2: f64,
    /// The slides used last, the latest at the end.
    open: Mutex<VecDeque<(usize, Arc<dyn SlideSource>)>>,
    most_open: usize,
    budget: Budget,
}

impl TissueSlides {
    /// Opens each slide once and finds its tissue; `name` tells this source's groups from those of others, `mpp` is the
    /// model's. `tell` hears a line a slide.
    ///
    /// # Errors
    /// A slide cannot be read, does not tell its mpp or has no tissue; [`Error::Cancelled`] after `stop`.
    pub fn open(
        config: &SlidesSource,
        name: &str,
        mpp: f64,
        budget: Budget,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(String),
    ) -> Result<Self> {
        let grouping = Grouping::new(&config.group, name)?;
        let paths = files(&config.paths)?;
        let (mut units, mut slides, mut tissue_mm2) = (Vec::new(), Vec::new(), 0.0);
        for (number, path) in paths.iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let slide = slide::open(path, &Limits::default())?;
            let own = slide::mpp(slide.as_ref(), config.mpp).map_err(|error| {
                Error::dataset(
                    path,
                    format!("{}; in a pre-training say so with `mpp` of its [[source]]", error.with_causes()),
                )
            })?;
            let mask = detect_tissue(slide.as_ref(), own, &config.tissue)?;
            if mask.is_empty() {
                let why = mask.notes().join("; ");
                let reason = format!("no tissue was found ({why}); leave the slide out or change `source.tissue`");
                return Err(Error::dataset(path, reason));
            }
            let mm2 = mask.share() * mask.base_size().area() as f64 * own * own / 1e6;
            tissue_mm2 += mm2;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tell(format!("slide {} of {}: {file}, {mm2:.1} mm² of tissue", number + 1, paths.len()));
            let nothing = TissueMask::empty(mask.base_size(), mask.scale());
            let plan = TilePlan::new(slide.info(), own, mpp, 1, 0, &nothing)?;
            units.push(Unit { group: grouping.of(&file, path)?, file });
            slides.push(TissueSlide::new(path.clone(), mask, plan));
        }
        let (open, most_open) = (Mutex::new(VecDeque::new()), config.open);
        Ok(Self { units, slides, tissue_mm2, open, most_open, budget })
    }

    /// The slide, opened again if it has been closed since.
    fn slide(&self, unit: usize) -> Result<Arc<dyn SlideSource>> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut open = lock();
            if let Some(place) = open.iter().position(|(of, _)| *of == unit)
                && let Some(found) = open.remove(place)
            {
                let slide = found.1.clone();
                open.push_back(found);
                return Ok(slide);
            }
        }
        // Opened without the lock: another thread may go on reading, or open the same slide once more.
        let slide = slide::open(&self.slides[unit].path, &Limits::default())?;
        let mut open = lock();
        open.push_back((unit, slide.clone()));
        if open.len() > self.most_open {
            open.pop_front();
        }
        Ok(slide)
    }
}

impl Patches for TissueSlides {
    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn summary(&self) -> String {
        format!("{} slides with {:.1} mm² of tissue", self.units.len(), self.tissue_mm2)
    }

    fn patch(&self, unit: usize, edge: u32, augment: &AugmentConfig, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
        let tissue = &self.slides[unit];
        let view = View::draw(augment, rng);
        let window = tissue.window(view.window(edge), rng);
        let slide = self.slide(unit)?;
        let _permit = permit(&self.budget, tile_bytes(&tissue.plan, window.width, 1).reading)?;
        let spec = TileSpec { index: 0, column: 0, row: 0, tile: window, core: window };
        let pixels = read_tile(slide.as_ref(), &tissue.plan, &spec)?;
        patch_of_window(&pixels, view, edge, augment, rng)
    }
}

impl TissueSlide {
    fn new(path: PathBuf, mask: TissueMask, plan: TilePlan) -> Self {
        let size = mask.size();
        let in_row = |row| (0..size.width).filter(|&column| mask.is_tissue(column, row)).count() as u64;
        let add = |sum: &mut u64, row| {
            *sum += in_row(row);
            Some(*sum)
        };
        let up_to_row = (0..size.height).scan(0, add).collect();
        Self { path, mask, up_to_row, plan }
    }

    /// A window of `edge` model pixels around a random point of the tissue, moved inside the slide where it fits.
    fn window(&self, edge: u32, rng: &mut ChaCha8Rng) -> Rect<Model> {
        let cells = self.up_to_row.last().copied().unwrap_or(0);
        let number = rng.random_range(0..cells.max(1));
        let row = self.up_to_row.partition_point(|&end| end <= number);
        let before = if row == 0 { 0 } else { self.up_to_row[row - 1] };
        let row = row as u32;
        let mut columns = (0..self.mask.size().width).filter(|&column| self.mask.is_tissue(column, row));
        let column = columns.nth((number - before) as usize).unwrap_or(0);
        let slide = self.plan.model_size;
        let corner = |cell: u32, length: u32, rng: &mut ChaCha8Rng| {
            let base = self.mask.scale().to_base(f64::from(cell) + rng.random::<f64>());
            let at = (self.plan.scale.from_base(base) - f64::from(edge) / 2.0).round() as i64;
            let free = i64::from(length) - i64::from(edge);
            at.clamp(free.min(0), free.max(0))
        };
        let (x, y) = (corner(column, slide.width, rng), corner(row, slide.height, rng));
        Rect::new(x, y, edge, edge)
    }
}

/// The files of the folders among `paths`, sorted, and the others as they are.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(Error::io("read", path))?;
        let inside: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut inside = inside.map_err(Error::io("read", path))?;
        // Folders inside hold the pixels of the MIRAX and Hamamatsu files beside them.
        inside.retain(|file| file.is_file());
        inside.sort();
        if inside.is_empty() {
            return Err(Error::dataset(path, "holds no slide"));
        }
        found.append(&mut inside);
    }
    match found.iter().enumerate().find(|(i, path)| found[..*i].contains(path)) {
        Some((_, twice)) => Err(Error::dataset(twice, "is named twice in `source.paths`")),
        None => Ok(found),
    }
}

/// For errors that concern no single file.
pub(super) fn first_place(config: &crate::config::SourceConfig) -> &Path {
    match config {
        crate::config::SourceConfig::Folder(folder) => &folder.path,
        crate::config::SourceConfig::Slides(slides) => {
            slides.paths.first().map_or(Path::new("source"), PathBuf::as_path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Scale, Size};
    use crate::slide::synthetic::SyntheticSlide;
    use rand::SeedableRng;

    /// A synthetic slide with one square of tissue from (400, 200) to (600, 400).
    fn one_square(open: bool) -> (TissueSlides, Arc<SyntheticSlide>) {
        let slide = Arc::new(SyntheticSlide::new(Size::new(1000, 600), 0.5, 1));
        let cells: Vec<bool> = (0..10 * 6).map(|i| (4..6).contains(&(i % 10)) && (2..4).contains(&(i / 10))).collect();
        let mask = TissueMask::from_cells(Size::new(1000, 600), Scale::new(100.0), &cells);
        let nothing = TissueMask::empty(Size::new(1000, 600), Scale::new(100.0));
        let plan = TilePlan::new(slide.info(), 0.5, 1.0, 1, 0, &nothing).unwrap();
        let kept: Arc<dyn SlideSource> = slide.clone();
        let all = TissueSlides {
            units: vec![Unit { file: "a".into(), group: "a".into() }],
            slides: vec![TissueSlide::new("missing.svs".into(), mask, plan)],
            tissue_mm2: 0.01,
            open: Mutex::new(if open { VecDeque::from([(0, kept)]) } else { VecDeque::new() }),
            most_open: 1,
            budget: Budget::bytes("training.memory_mb", 1 << 20),
        };
        (all, slide)
    }

    #[test]
    fn windows_lie_around_the_tissue_and_all_over_it() {
        let (all, _) = one_square(true);
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut quarters = [0; 4];
        for _ in 0..400 {
            let window = all.slides[0].window(20, rng);
            // In model pixels, half as many as level 0 has, the tissue is at (200, 100) to (300, 200).
            let centre = [window.x + 10, window.y + 10];
            assert!((200..=300).contains(&centre[0]) && (100..=200).contains(&centre[1]), "{centre:?}");
            quarters[usize::from(centre[0] >= 250) + 2 * usize::from(centre[1] >= 150)] += 1;
        }
        assert!(quarters.iter().all(|&n| n > 60), "{quarters:?}");
        let wide = all.slides[0].window(320, rng);
        assert!(wide.y == -20 || wide.y == 0, "taller than the slide: {wide:?}");
        assert!(wide.x >= 0 && wide.right() <= 500, "moved inside where it fits: {wide:?}");
    }

    #[test]
    fn patches_are_the_slide_s_own_pixels_and_every_permit_comes_back() {
        let (all, slide) = one_square(true);
        let augment = AugmentConfig::none();
        let patch = all.patch(0, 16, &augment, &mut ChaCha8Rng::seed_from_u64(7)).unwrap();
        let rng = &mut ChaCha8Rng::seed_from_u64(7);
        let view = View::draw(&augment, rng);
        let window = all.slides[0].window(view.window(16), rng);
        let spec = TileSpec { index: 0, column: 0, row: 0, tile: window, core: window };
        assert_eq!(patch, read_tile(slide.as_ref(), &all.slides[0].plan, &spec).unwrap());
        assert_eq!(all.budget.free(), 1 << 20);
        let zoomed = AugmentConfig { scale: [0.5, 2.0], rotation_deg: 20.0, ..AugmentConfig::default() };
        for seed in 0..10 {
            let patch = |_| all.patch(0, 16, &zoomed, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            assert_eq!(patch(0), patch(1));
        }
    }

    #[test]
    fn a_slide_that_was_closed_is_opened_again_by_its_path() {
        let (all, _) = one_square(false);
        let message = all.patch(0, 16, &AugmentConfig::none(), &mut ChaCha8Rng::seed_from_u64(7)).unwrap_err();
        assert!(message.to_string().contains("missing.svs"));
    }

    #[test]
    fn folders_stand_for_their_files_and_nothing_is_named_twice() {
        let dir = tempfile::tempdir().unwrap();
        assert!(files(&[dir.path().into()]).unwrap_err().to_string().contains("holds no slide"));
        for name in ["b.svs", "a.svs"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let found = files(&[dir.path().into()]).unwrap();
        assert_eq!(found, [dir.path().join("a.svs"), dir.path().join("b.svs")]);
        let twice = files(&[dir.path().into(), dir.path().join("a.svs")]).unwrap_err().to_string();
        assert!(twice.contains("named twice"), "{twice}");
    }
}
