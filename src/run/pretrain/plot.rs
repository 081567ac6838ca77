//! `plot.png`: loss against the epoch.

use crate::error::Result;
use crate::run::finetune::plot::{BLUE, Chart, Curve, ORANGE, picture};
use crate::run::picture::write_png;
use crate::train::PretrainRow;
use std::path::Path;

/// Draws the losses of a run's epochs: from 0, and near their end, where they move little.
///
/// # Errors
/// The file cannot be written.
pub(super) fn plot(rows: &[PretrainRow], best: Option<u64>, path: &Path) -> Result<()> {
    let late = &rows[rows.len() / 4..];
    let curves = |rows: &[PretrainRow]| {
        vec![
            Curve::of("training", BLUE, rows, |row| (row.epoch, row.train_loss)),
            Curve::of("validation, averaged weights", ORANGE, rows, |row| (row.epoch, row.val_loss)),
        ]
    };
    let charts = [
        Chart { title: "Loss of an image", curves: curves(rows), bottom: Some(0.0), top: None },
        Chart { title: "The same, from the first quarter on", curves: curves(late), bottom: None, top: None },
    ];
    write_png(&picture(&charts, best)?, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_is_drawn_in_both_colours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plot.png");
        for length in [1, 2, 9] {
            let row = |epoch| PretrainRow {
                epoch,
                step: epoch * 10,
                rate: 1e-4,
                train_loss: Some(0.5 / epoch as f64),
                val_loss: (epoch % 2 == 1).then_some(0.4 / epoch as f64),
                skipped: 0,
                waited: 0.0,
                seconds: 1.0,
            };
            let rows: Vec<PretrainRow> = (1..=length).map(row).collect();
            plot(&rows, Some(1), &path).unwrap();
            let drawn = image::open(&path).unwrap().into_rgb8();
            let count = |rgb: [u8; 3]| drawn.pixels().filter(|p| p.0 == rgb).count();
            assert!(count([31, 119, 180]) > 10 && count([217, 95, 2]) > 10, "{length} epochs");
        }
    }
}
