//! One run of a study: its place in the grid, its configuration, its figures.

use crate::config::{FinetuneConfig, Study};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A place in the grid, by number of start and loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub start: usize,
    pub loss: usize,
    pub share: f64,
    pub seed: u64,
}

/// Figures of one held-out image.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Score {
    pub image: String,
    pub split: String,
    pub group: String,
    pub dice: Option<f64>,
    pub aji: Option<f64>,
    pub pq: Option<f64>,
    pub f1: Option<f64>,
}

impl Cell {
    /// The whole grid. Seeds come last, so that a study that is stopped early has whole grids for the seeds that it got to.
    pub fn all(study: &Study) -> Vec<Self> {
        let config = &study.config;
        let mut cells = Vec::new();
        for &seed in &config.seeds {
            for &share in &config.shares {
                for loss in 0..config.losses.len() {
                    cells.extend((0..config.starts.len()).map(|start| Self { start, loss, share, seed }));
                }
            }
        }
        cells
    }

    /// Start, loss, share and seed in words.
    pub fn title(&self, study: &Study) -> String {
        let (start, loss) = (&study.config.starts[self.start].name, &study.config.losses[self.loss].name);
        format!("{start}, {loss}, {} % of the groups, seed {}", percent(self.share), self.seed)
    }

    /// Folder of the run.
    pub fn folder(&self, study: &Study, out: &Path) -> PathBuf {
        let (start, loss) = (&study.config.starts[self.start].name, &study.config.losses[self.loss].name);
        out.join("runs")
            .join(start)
            .join(loss)
            .join(format!("share-{}", self.share))
            .join(format!("seed-{}", self.seed))
    }

    /// The common configuration with what is this run's own.
    pub fn config(&self, study: &Study) -> FinetuneConfig {
        let mut config = study.base.clone();
        config.seed = self.seed;
        config.data.train_share = self.share;
        config.loss = study.config.losses[self.loss].terms.clone();
        config
    }

    /// Figures of the reported images of a finished run; nothing while it is not finished.
    ///
    /// # Errors
    /// The run's `scores.csv` cannot be read or holds none of the reported split.
    pub fn scores(&self, study: &Study, out: &Path) -> Result<Option<Vec<Score>>> {
        let folder = self.folder(study, out);
        if !folder.join(DONE).exists() {
            return Ok(None);
        }
        let path = folder.join("scores.csv");
        let bad = |e: csv::Error| Error::bad_file(&path, e.to_string());
        let rows = csv::Reader::from_path(&path).map_err(bad)?.into_deserialize();
        let scores: Vec<Score> = rows.collect::<Result<_, _>>().map_err(bad)?;
        let split = study.config.report.name();
        let scores: Vec<Score> = scores.into_iter().filter(|score| score.split == split).collect();
        if scores.is_empty() {
            return Err(Error::bad_file(&path, format!("no image of the split `{split}`")));
        }
        Ok(Some(scores))
    }
}

/// To two decimals, and without those that say nothing.
pub(super) fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 100.0
}

/// Written when all else of a run is there.
pub(super) const DONE: &str = "done";
