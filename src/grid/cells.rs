//! A slide as a raster of mean colours, read block by block.

use crate::config::TissueConfig;
use crate::error::Result;
use crate::geometry::{Level, Rect, Scale, Size};
use crate::slide::SlideSource;
use rayon::prelude::*;
use std::ops::Range;

/// Longest edge of a block that is read in one piece, level pixels: 3 MiB of RGB8 a thread.
const BLOCK_PX: u32 = 1024;

/// Mean colours of square cells.
pub(super) struct Cells {
    /// Columns and rows.
    pub size: Size,
    /// Cells to level 0.
    pub scale: Scale,
    /// Edge of a cell, micrometres.
    pub um: f64,
    /// Row-major RGB.
    pub colors: Vec<[u8; 3]>,
}

impl Cells {
    /// Reads the slide in cells of about `config.cell_um`, from the coarsest level that is fine enough, in parallel on
    /// the calling thread's rayon pool.
    pub fn read(slide: &dyn SlideSource, mpp: f64, config: &TissueConfig) -> Result<Self> {
        let info = slide.info();
        let base = info.size();
        let bounded = (base.area() as f64 / config.max_cells as f64).sqrt();
        let wanted = (config.cell_um / mpp).max(bounded);
        let fine_enough = |downsample: f64| downsample <= wanted * 1.01;
        let levels = info.levels.iter().enumerate().filter(|(_, level)| fine_enough(level.downsample));
        let (index, level) =
            levels.max_by(|a, b| a.1.downsample.total_cmp(&b.1.downsample)).unwrap_or((0, &info.levels[0]));
        let mut ratio = (wanted / level.downsample).round().max(1.0);
        let scale_of = |ratio: f64| Scale::new(ratio * level.downsample);
        while scale_of(ratio).size_of(base).area() > config.max_cells && ratio < f64::from(u32::MAX) {
            ratio += 1.0;
        }
        let scale = scale_of(ratio);
        let size = scale.size_of(base);
        let mut colors = vec![[255; 3]; size.area() as usize];
        let reader = Reader { slide, level: index as u32, pixels: level.size, ratio: ratio as u32 };
        let rows = (BLOCK_PX / reader.ratio).max(1);
        let strips = colors.par_chunks_mut((size.width * rows) as usize).enumerate();
        strips.try_for_each(|(strip, cells)| reader.strip(strip as u32 * rows, size.width, cells))?;
        Ok(Self { size, scale, um: scale.base_px() * mpp, colors })
    }
}

struct Reader<'a> {
    slide: &'a dyn SlideSource,
    level: u32,
    /// Size of the level.
    pixels: Size,
    /// Level pixels a cell.
    ratio: u32,
}

impl Reader<'_> {
    /// Fills whole rows of cells from row `top` on.
    fn strip(&self, top: u32, width: u32, cells: &mut [[u8; 3]]) -> Result<()> {
        let rows = top..top + cells.len() as u32 / width;
        let columns = (BLOCK_PX / self.ratio).max(1);
        for left in (0..width).step_by(columns as usize) {
            let across = left..(left + columns).min(width);
            let (x, y) = (self.span(&across, self.pixels.width), self.span(&rows, self.pixels.height));
            let region = Rect::<Level>::new(x.start.into(), y.start.into(), x.end - x.start, y.end - y.start);
            let image = self.slide.read(self.level, region)?;
            for row in rows.clone() {
                for column in across.clone() {
                    let px = self.span(&(column..column + 1), self.pixels.width);
                    let py = self.span(&(row..row + 1), self.pixels.height);
                    let part = (px.start - x.start..px.end - x.start, py.start - y.start..py.end - y.start);
                    cells[((row - top) * width + column) as usize] = mean(&image, part);
                }
            }
        }
        Ok(())
    }

    /// The level pixels of some cells, at least one: a level may be a pixel shorter than level 0 asks for.
    fn span(&self, cells: &Range<u32>, length: u32) -> Range<u32> {
        let end = cells.end.saturating_mul(self.ratio).min(length);
        let start = cells.start.saturating_mul(self.ratio).min(length - 1);
        start..end.max(start + 1)
    }
}

fn mean(image: &image::RgbImage, (x, y): (Range<u32>, Range<u32>)) -> [u8; 3] {
    let mut sums = [0u64; 3];
    let stride = image.width() as usize * 3;
    for row in y.clone() {
        let line = &image.as_raw()[row as usize * stride..][x.start as usize * 3..x.end as usize * 3];
        for pixel in line.chunks_exact(3) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
        }
    }
    let count = u64::from(x.end - x.start) * u64::from(y.end - y.start);
    sums.map(|sum| ((sum + count / 2) / count) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::painted::Painted;

    #[test]
    fn cells_are_area_means_and_the_last_ones_take_what_there_is() {
        let slide =
            Painted::new(Size::new(21, 11), |x, y| if x >= 20 || y >= 10 { [40; 3] } else { [10, (x * 10) as u8, 0] });
        let config = TissueConfig { cell_um: 5.0, ..Default::default() };
        let cells = Cells::read(&slide, 0.5, &config).unwrap();
        assert_eq!((cells.size, cells.scale.base_px(), cells.um), (Size::new(3, 2), 10.0, 5.0));
        assert_eq!(cells.colors, [[10, 45, 0], [10, 145, 0], [40; 3], [40; 3], [40; 3], [40; 3]]);
    }

    #[test]
    fn the_number_of_cells_is_bounded() {
        let slide = Painted::new(Size::new(3000, 2000), |_, _| [200; 3]);
        let config = TissueConfig { cell_um: 1.0, max_cells: 1000, ..Default::default() };
        let cells = Cells::read(&slide, 1.0, &config).unwrap();
        assert!(cells.colors.len() <= 1000 && cells.colors.len() > 900, "{}", cells.size);
    }

    #[test]
    fn a_block_border_changes_nothing() {
        let color = |x: u32, y: u32| [(x / 7 % 256) as u8, (y / 5 % 256) as u8, ((x ^ y) % 256) as u8];
        let slide = Painted::new(Size::new(2500, 1100), color);
        let cells = Cells::read(&slide, 1.0, &TissueConfig::default()).unwrap();
        for (column, row) in [(127, 0), (128, 128), (0, 127), (312, 137)] {
            let pixels = (row * 8..(row * 8 + 8).min(1100))
                .flat_map(|y| (column * 8..(column * 8 + 8).min(2500)).map(move |x| (x, y)));
            let (sum, count) = pixels.fold((0u32, 0u32), |(sum, n), (x, y)| (sum + u32::from(color(x, y)[2]), n + 1));
            let cell = cells.colors[(row * cells.size.width + column) as usize];
            assert_eq!(u32::from(cell[2]), (sum + count / 2) / count);
        }
    }
}
