//! From the figures of images to those of all of them: `metrics.csv` and `summary.json`.

use super::measure::{Column, Pooled, mean};
use super::truth::Classes;
use crate::config::{EvaluateConfig, ModelPackage};
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::infer::EngineInfo;
use crate::metrics::bootstrap::{Interval, mean_interval};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The figures of one image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub image: String,
    /// Empty without a column of groups.
    pub group: String,
    /// Micrometres per pixel of the image as stored.
    pub mpp: f64,
    /// At the model's mpp.
    pub size: Size,
    /// True and predicted objects.
    pub objects: u64,
    pub found: u64,
    /// One a column.
    pub values: Vec<Option<f64>>,
}

/// A figure over all images that could be scored for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// As in the header of `metrics.csv`.
    pub name: String,
    /// Mean over images; nothing where no image could be scored.
    pub mean: Option<f64>,
    /// 95 % interval of the mean; nothing with fewer than two images or groups.
    pub interval: Option<Interval>,
    /// Number of images that were scored.
    pub images: usize,
    /// `um`, `sqrt(px)` or nothing.
    pub unit: &'static str,
}

/// All that is said of a run.
pub(super) struct Summary<'a> {
    pub model: &'a ModelPackage,
    pub engine: &'a EngineInfo,
    pub config: &'a EvaluateConfig,
    pub classes: &'a Classes,
    pub columns: &'a [Column],
    pub rows: &'a [Row],
    pub pooled: &'a Pooled,
    /// Column with the groups that were drawn; images were drawn without one.
    pub group_column: Option<&'a str>,
    pub split: Option<&'a str>,
}

impl Summary<'_> {
    /// Every column's mean and interval.
    pub fn figures(&self) -> Vec<Figure> {
        let mut numbers = BTreeMap::new();
        let groups: Vec<usize> = self
            .rows
            .iter()
            .map(|row| {
                let name = if self.group_column.is_some() { &row.group } else { &row.image };
                let next = numbers.len();
                *numbers.entry(name).or_insert(next)
            })
            .collect();
        let figure = |(at, column): (usize, &Column)| {
            let scored = self.rows.iter().zip(&groups).filter_map(|(row, group)| Some((row.values[at]?, *group)));
            let (values, groups): (Vec<f64>, Vec<usize>) = scored.unzip();
            Figure {
                name: column.name.clone(),
                mean: mean(values.iter().copied()),
                interval: mean_interval(&values, &groups, self.config.resamples, self.config.seed),
                images: values.len(),
                unit: column.unit.name(),
            }
        };
        self.columns.iter().enumerate().map(figure).collect()
    }

    /// Figures of all pixels or objects together, by name.
    pub fn pooled_figures(&self) -> Vec<(String, Option<f64>)> {
        let Pooled { confusion, calibration, objects: [truths, found, pairs], .. } = self.pooled;
        let mut figures = vec![("accuracy".to_owned(), confusion.accuracy())];
        for class in 1..self.classes.count() {
            let name = |figure: &str| match self.classes.count() {
                2 => figure.to_owned(),
                _ => format!("{figure}.{}", self.classes.names[class]),
            };
            let overlap = confusion.overlap(class);
            figures.extend([
                (name("dice"), overlap.dice()),
                (name("iou"), overlap.iou()),
                (name("precision"), overlap.precision()),
                (name("recall"), overlap.recall()),
                (name("specificity"), confusion.specificity(class)),
            ]);
        }
        if self.classes.objects {
            figures.push(("f1_50".into(), (truths + found > 0).then(|| 2.0 * *pairs as f64 / (truths + found) as f64)));
        }
        figures.extend([("ece".into(), calibration.ece()), ("brier".into(), calibration.brier())]);
        figures
    }

    /// Number of groups, or of images without groups.
    pub fn groups(&self) -> usize {
        let names = self.rows.iter().map(|row| if self.group_column.is_some() { &row.group } else { &row.image });
        names.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// `metrics.csv`: one line an image; a cell is empty where nothing could be scored.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let failed = || Error::compute::<csv::Error>("writing metrics.csv");
        let mut file = csv::Writer::from_writer(Vec::new());
        let fixed = ["image", "group", "mpp", "width_px", "height_px", "objects", "found"];
        let header = fixed.into_iter().chain(self.columns.iter().map(|column| column.name.as_str()));
        file.write_record(header).map_err(failed())?;
        for row in self.rows {
            let mut cells = vec![row.image.clone(), row.group.clone(), format!("{:.4}", row.mpp)];
            cells.extend(
                [u64::from(row.size.width), u64::from(row.size.height), row.objects, row.found].map(|n| n.to_string()),
            );
            cells.extend(row.values.iter().map(|value| value.map_or(String::new(), |value| format!("{value:.6}"))));
            file.write_record(&cells).map_err(failed())?;
        }
        file.into_inner().map_err(|e| Error::Internal(format!("metrics.csv in memory: {e}")))
    }

    /// `summary.json`.
    pub fn json(&self, figures: &[Figure]) -> Result<Vec<u8>> {
        let metrics: Map<String, Value> = figures
            .iter()
            .map(|f| {
                let (low, high) = (f.interval.map(|i| i.low), f.interval.map(|i| i.high));
                let value = json!({ "mean": f.mean, "low": low, "high": high, "images": f.images, "unit": f.unit });
                (f.name.clone(), value)
            })
            .collect();
        let pooled: Map<String, Value> =
            self.pooled_figures().into_iter().map(|(name, value)| (name, json!(value))).collect();
        let Pooled { confusion, calibration, objects: [truths, found, _], missed, invented, patches } = self.pooled;
        let bins = calibration.bins.iter().enumerate().map(|(i, bin)| {
            let share = |sum: f64| (bin.pixels > 0).then(|| sum / bin.pixels as f64);
            let (confidence, accuracy) = (share(bin.confidence), share(bin.right as f64));
            json!({ "up_to": (i + 1) as f64 / calibration.bins.len() as f64, "pixels": bin.pixels, "confidence": confidence, "accuracy": accuracy })
        });
        let summary = json!({
            "program": concat!("slidestream ", env!("CARGO_PKG_VERSION")),
            "model": {
                "name": self.model.name, "version": self.model.version, "sha256": self.model.weights.sha256,
                "task": self.model.task, "mpp": self.model.input.mpp,
            },
            "engine": self.engine,
            "settings": self.config,
            "split": self.split,
            "images": self.rows.len(),
            "resampled": self.group_column.map_or("images".into(), |column| format!("groups of `{column}`")),
            "groups": self.groups(),
            "objects": truths,
            "found": found,
            "missed": missed,
            "invented": invented,
            "compat_patches": self.config.compat.then_some(patches),
            "metrics": metrics,
            "pooled": pooled,
            "confusion": { "classes": self.classes.names, "pixels": confusion.rows().collect::<Vec<_>>() },
            "reliability": bins.collect::<Vec<_>>(),
        });
        serde_json::to_vec_pretty(&summary).map_err(Error::compute("writing summary.json"))
    }
}
