//! `sheet.png`: held-out images beside their true and predicted outlines.

use super::Run;
use super::canvas::{save, text_size, write};
use crate::data::{Sample, Split};
use crate::error::Result;
use crate::geometry::Size;
use crate::nn::UNet;
use crate::run::panels::{PREDICTION, TRUTH, fitted, outlined_classes};
use crate::run::scene::Scene;
use crate::run::score::ImageScore;
use crate::run::whole_image::Found;
use crate::train::Predictor;
use image::{Rgb, RgbImage};
use std::path::Path;
use std::sync::Arc;

/// One row of the sheet.
pub(super) struct Row {
    pub title: String,
    pub sample: Arc<Sample>,
    pub truth: Scene,
    pub prediction: Scene,
}

/// What a network makes of an image, and how well.
///
/// # Errors
/// What reading and computing report.
pub(super) fn look(run: &Run, predictor: &Predictor, network: &UNet, index: usize) -> Result<(Row, ImageScore)> {
    let config = &run.config;
    let (labels, classes) = (config.data.labels, config.classes());
    let sample = run.data.sample(index)?;
    let maps = predictor.predict(network, &sample.image)?;
    let found = Found::of(&maps, &classes, &config.postprocessing, labels.task(), config.input.mpp);
    let (truth, prediction) = (Scene::of_mask(&sample, labels), Scene::of_found(found));
    let names = [run.table.files[index].as_str(), &run.table.groups[index], &run.table.styles[index]];
    let several = run.classes_shown().len();
    let score = ImageScore::of(names, run.table.splits[index].name(), &prediction.against(&truth, several));
    Ok((Row { title: title(&score), sample, truth, prediction }, score))
}

/// Held-out images, one a group first, then more.
pub(super) fn held_out(run: &Run, most: usize) -> Vec<usize> {
    let held_out: Vec<usize> = [Split::Val, Split::Test].iter().flat_map(|&split| run.table.of(split)).collect();
    let mut seen = std::collections::BTreeSet::new();
    let (mut chosen, more): (Vec<usize>, Vec<usize>) =
        held_out.into_iter().partition(|&index| seen.insert(&run.table.groups[index]));
    chosen.extend(more);
    chosen.truncate(most);
    chosen
}

fn title(score: &ImageScore) -> String {
    let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    let ImageScore { split, group, image, objects, found, .. } = score;
    let (dice, aji, f1) = (figure(score.dice), figure(score.aji), figure(score.f1));
    format!("{split} {group} {image}: Dice {dice} AJI {aji} F1 {f1}, {objects} true, {found} found")
}

const PANEL: u32 = 420;
const GAP: u32 = 8;

/// Draws image, truth and prediction of each row, two rows of images side by side when there are many. With several
/// `classes`, names and colours, each has its own.
///
/// # Errors
/// The file cannot be written.
pub(super) fn sheet(rows: &[Row], classes: &[(String, [u8; 3])], path: &Path) -> Result<()> {
    let columns = if rows.len() > 5 { 2 } else { 1 };
    let line = text_size("X").1 + 4;
    let colors: Vec<[u8; 3]> = classes.iter().map(|class| class.1).collect();
    let panels: Vec<[RgbImage; 3]> = rows.iter().map(|row| panels(row, &colors)).collect();
    let key = if classes.len() > 1 { line } else { 0 };
    let heights: Vec<u32> =
        panels.chunks(columns).map(|row| row.iter().map(|p| p[0].height()).max().unwrap_or(0) + line + GAP).collect();
    let block = 3 * (PANEL + GAP) + GAP;
    let height = heights.iter().sum::<u32>() + line + key + 2 * GAP;
    let mut page = RgbImage::from_pixel(block * columns as u32, height, Rgb([255; 3]));
    for (column, x) in (0..columns).map(|c| (c, c as u32 * block + GAP)) {
        let heads = [("image", [0; 3]), ("truth", [0, 140, 40]), ("prediction", [190, 130, 0])];
        for (i, (head, color)) in heads.into_iter().enumerate() {
            write(&mut page, head, ((x + i as u32 * (PANEL + GAP)) as i32, GAP as i32), color);
        }
        let mut across = x;
        for (name, color) in classes.iter().filter(|_| key > 0) {
            write(&mut page, name, (across as i32, (GAP + line) as i32), *color);
            across += text_size(name).0 + 2 * GAP;
        }
        let mut y = line + key + GAP;
        for (row, height) in heights.iter().enumerate() {
            if let Some((images, row)) = panels.get(row * columns + column).zip(rows.get(row * columns + column)) {
                write(&mut page, &row.title, (x as i32, y as i32), [60; 3]);
                for (i, panel) in images.iter().enumerate() {
                    let left = i64::from(x + i as u32 * (PANEL + GAP));
                    image::imageops::replace(&mut page, panel, left, i64::from(y + line));
                }
            }
            y += height;
        }
    }
    save(&page, path)
}

fn panels(row: &Row, colors: &[[u8; 3]]) -> [RgbImage; 3] {
    let image = &row.sample.image;
    let size = Size::new(image.width(), image.height());
    let plain = fitted(image, PANEL);
    let drawn = |scene: &Scene, color| outlined_classes(&plain, scene, size, color, colors);
    let (truth, prediction) = (drawn(&row.truth, TRUTH), drawn(&row.prediction, PREDICTION));
    [plain, truth, prediction]
}
