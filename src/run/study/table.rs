//! From the figures of single runs to a table: means over images and seeds, intervals over patients.

use super::cell::{Cell, Score, percent};
use crate::config::Study;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::metrics::bootstrap::{Interval, mean_interval};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Resamples of the patients behind every interval.
const RESAMPLES: u32 = 2000;

/// A finished run.
#[derive(Debug)]
pub(super) struct Finished {
    pub cell: Cell,
    pub scores: Vec<Score>,
}

/// All seeds of one start, loss and share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Arm {
    pub start: String,
    pub loss: String,
    pub share: f64,
    /// Seeds that are finished.
    pub seeds: usize,
    /// Mean over images and seeds.
    pub dice: f64,
    /// 95 % interval of it, by resampling the groups (patients) of the reported images.
    pub dice_low: f64,
    pub dice_high: f64,
    /// Standard deviation over the seeds; nothing for one.
    pub dice_sd_seeds: Option<f64>,
    pub aji: f64,
    pub pq: f64,
    pub f1: f64,
    /// Dice less that of the first start with the same loss, share, seed and image; nothing for the first start itself.
    pub gain: Option<f64>,
    /// 95 % interval of the gain, over groups.
    pub gain_low: Option<f64>,
    pub gain_high: Option<f64>,
}

/// One arm for each start, loss and share that has a finished run, in the order of the grid.
pub(super) fn arms(study: &Study, finished: &[Finished]) -> Vec<Arm> {
    let config = &study.config;
    let mut arms = Vec::new();
    for &share in &config.shares {
        for (loss, named) in config.losses.iter().enumerate() {
            let runs = |start: usize| -> Vec<&Finished> {
                let same =
                    |run: &&Finished| run.cell.start == start && run.cell.loss == loss && run.cell.share == share;
                finished.iter().filter(same).collect()
            };
            let first = runs(0);
            for (start, begun) in config.starts.iter().enumerate() {
                let own = runs(start);
                if let Some(arm) = arm(&own, if start == 0 { &[] } else { &first }) {
                    arms.push(Arm { start: begun.name.clone(), loss: named.name.clone(), share, ..arm });
                }
            }
        }
    }
    arms
}

fn arm(runs: &[&Finished], reference: &[&Finished]) -> Option<Arm> {
    let mean_of = |value: fn(&Score) -> Option<f64>| {
        mean(&runs.iter().flat_map(|run| run.scores.iter().filter_map(value)).collect::<Vec<f64>>())
    };
    let dice = Values::of(runs, |_, score| score.dice);
    let seeds: Vec<f64> =
        runs.iter().map(|run| mean(&run.scores.iter().filter_map(|score| score.dice).collect::<Vec<f64>>())).collect();
    let interval = dice.interval()?;
    let before: BTreeMap<(u64, &str), f64> = reference
        .iter()
        .flat_map(|run| run.scores.iter().filter_map(|s| Some(((run.cell.seed, s.image.as_str()), s.dice?))))
        .collect();
    let gains = Values::of(runs, |run, score| {
        score.dice.zip(before.get(&(run.cell.seed, score.image.as_str()))).map(|(now, then)| now - then)
    });
    let gain = gains.interval();
    Some(Arm {
        start: String::new(),
        loss: String::new(),
        share: 0.0,
        seeds: runs.len(),
        dice: mean(&dice.values),
        dice_low: interval.low,
        dice_high: interval.high,
        dice_sd_seeds: deviation(&seeds),
        aji: mean_of(|s| s.aji),
        pq: mean_of(|s| s.pq),
        f1: mean_of(|s| s.f1),
        gain: gain.map(|_| mean(&gains.values)),
        gain_low: gain.map(|gain| gain.low),
        gain_high: gain.map(|gain| gain.high),
    })
}

/// A figure of every image and seed, with the number of the image's group.
struct Values {
    values: Vec<f64>,
    groups: Vec<usize>,
}

impl Values {
    fn of(runs: &[&Finished], value: impl Fn(&Finished, &Score) -> Option<f64>) -> Self {
        let mut numbers = BTreeMap::<&str, usize>::new();
        let (mut values, mut groups) = (Vec::new(), Vec::new());
        for (run, score) in runs.iter().flat_map(|run| run.scores.iter().map(move |score| (run, score))) {
            if let Some(value) = value(run, score) {
                let next = numbers.len();
                groups.push(*numbers.entry(&score.group).or_insert(next));
                values.push(value);
            }
        }
        Self { values, groups }
    }

    /// Nothing with fewer than two groups.
    fn interval(&self) -> Option<Interval> {
        mean_interval(&self.values, &self.groups, RESAMPLES, 0)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Writes `runs.csv` (one line a run), `arms.csv` and `table.md` (one line an arm) into the study's folder.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(study: &Study, finished: &[Finished], arms: &[Arm], out: &Path) -> Result<()> {
    write_csv(&out.join("runs.csv"), finished.iter().map(|run| RunRow::of(study, run)))?;
    write_csv(&out.join("arms.csv"), arms)?;
    write_bytes(&out.join("table.md"), markdown(study, finished.len(), arms).as_bytes())
}

#[derive(Debug, Serialize)]
struct RunRow<'a> {
    start: &'a str,
    loss: &'a str,
    share: f64,
    seed: u64,
    images: usize,
    dice: f64,
    aji: f64,
    pq: f64,
    f1: f64,
}

impl<'a> RunRow<'a> {
    fn of(study: &'a Study, run: &Finished) -> Self {
        let Cell { start, loss, share, seed } = run.cell;
        let of = |value: fn(&Score) -> Option<f64>| mean(&run.scores.iter().filter_map(value).collect::<Vec<f64>>());
        Self {
            start: &study.config.starts[start].name,
            loss: &study.config.losses[loss].name,
            share,
            seed,
            images: run.scores.len(),
            dice: of(|s| s.dice),
            aji: of(|s| s.aji),
            pq: of(|s| s.pq),
            f1: of(|s| s.f1),
        }
    }
}

fn write_csv<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<()> {
    let mut file = csv::Writer::from_writer(Vec::new());
    for row in rows {
        file.serialize(row).map_err(Error::compute(format!("writing {}", path.display())))?;
    }
    let bytes = file.into_inner().map_err(|e| Error::io("write", path)(e.into_error()))?;
    write_bytes(path, &bytes)
}

fn markdown(study: &Study, runs: usize, arms: &[Arm]) -> String {
    let all = Cell::all(study).len();
    let first = &study.config.starts[0].name;
    let mut text = format!(
        "{runs} of {all} runs. Dice: mean over the images of `{}` and the seeds, with the 95 % interval over patients in \
         brackets; deviation over seeds; gain over `{first}` on the same images and seeds.\n\n\
         | share of the groups | loss | start | seeds | Dice | over seeds | gain |\n|---|---|---|---|---|---|---|\n",
        study.config.report.name()
    );
    for arm in arms {
        let over = arm.dice_sd_seeds.map_or("-".into(), |sd| format!("± {sd:.4}"));
        let gain = match (arm.gain, arm.gain_low, arm.gain_high) {
            (Some(gain), Some(low), Some(high)) => format!("{gain:+.4} [{low:+.4}, {high:+.4}]"),
            _ => "-".into(),
        };
        text += &format!(
            "| {} % | {} | {} | {} | {:.4} [{:.4}, {:.4}] | {over} | {gain} |\n",
            percent(arm.share),
            arm.loss,
            arm.start,
            arm.seeds,
            arm.dice,
            arm.dice_low,
            arm.dice_high
        );
    }
    text
}
