//! `plot.png`: loss and overlap against the epoch.

use super::canvas::{Canvas, save};
use crate::error::{Error, Result};
use crate::train::EpochRow;
use image::RgbImage;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (1200, 460);
pub(in crate::run) const BLUE: RGBColor = RGBColor(31, 119, 180);
pub(in crate::run) const ORANGE: RGBColor = RGBColor(217, 95, 2);
const GREY: RGBColor = RGBColor(90, 90, 90);

/// A line with its name.
pub(in crate::run) struct Curve {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// Of each row's epoch and value, where there is one.
    pub fn of<R>(name: &'static str, color: RGBColor, rows: &[R], value: impl Fn(&R) -> (u64, Option<f64>)) -> Self {
        let point = |row: &R| {
            let (epoch, value) = value(row);
            value.filter(|v| v.is_finite()).map(|v| (epoch as f64, v))
        };
        Self { name, color, points: rows.iter().filter_map(point).collect() }
    }
}

/// Curves over one scale; its ends are those of the curves unless given.
pub(in crate::run) struct Chart {
    pub title: &'static str,
    pub curves: Vec<Curve>,
    pub bottom: Option<f64>,
    pub top: Option<f64>,
}

impl Chart {
    fn all(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.curves.iter().flat_map(|curve| &curve.points)
    }

    /// First and last epoch, lowest and highest value.
    fn ends(&self) -> [(f64, f64); 2] {
        let least = |pick: fn(&(f64, f64)) -> f64| self.all().map(pick).fold(f64::INFINITY, f64::min);
        let most = |pick: fn(&(f64, f64)) -> f64| self.all().map(pick).fold(1e-6, f64::max);
        let from = if self.bottom.is_some() { 0.0 } else { (least(|p| p.0) - 0.5).clamp(0.0, 1e9) };
        let high = self.top.unwrap_or_else(|| most(|p| p.1) * 1.05);
        let low = self.bottom.unwrap_or_else(|| (least(|p| p.1) * 0.95).min(high));
        [(from, most(|p| p.0).max(from + 1.0) * 1.02), (low, high)]
    }
}

/// Draws the figures of a run's epochs.
///
/// # Errors
/// The file cannot be written.
pub(super) fn plot(rows: &[EpochRow], best: Option<u64>, path: &Path) -> Result<()> {
    let losses = vec![
        Curve::of("training", BLUE, rows, |row| (row.epoch, row.train_loss)),
        Curve::of("validation", ORANGE, rows, |row| (row.epoch, row.val_loss)),
    ];
    let overlaps = vec![
        Curve::of("Dice", BLUE, rows, |row| (row.epoch, row.val_dice)),
        Curve::of("IoU", ORANGE, rows, |row| (row.epoch, row.val_iou)),
    ];
    let charts = [
        Chart { title: "Loss", curves: losses, bottom: Some(0.0), top: None },
        Chart { title: "Overlap on the validation images", curves: overlaps, bottom: Some(0.0), top: Some(1.0) },
    ];
    save(&picture(&charts, best)?, path)
}

/// Two charts side by side, with a mark at the best epoch.
///
/// # Errors
/// [`Error::Compute`] with the words of the drawing library.
pub(in crate::run) fn picture(charts: &[Chart; 2], best: Option<u64>) -> Result<RgbImage> {
    let mut pixels = vec![255; SIZE.0 as usize * SIZE.1 as usize * 3];
    draw(charts, best, &mut pixels).map_err(|e| Error::compute("drawing the plot")(e.to_string()))?;
    RgbImage::from_raw(SIZE.0, SIZE.1, pixels).ok_or_else(|| Error::Internal("a plot of odd size".into()))
}

fn draw(charts: &[Chart; 2], best: Option<u64>, pixels: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
    let area = Canvas(BitMapBackend::with_buffer(pixels, SIZE)).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    chart(&left, &charts[0], best)?;
    chart(&right, &charts[1], best)?;
    area.present()?;
    Ok(())
}

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    plan: &Chart,
    best: Option<u64>,
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let [(from, to), (low, high)] = plan.ends();
    // Small values and narrow scales need more digits.
    let digits = (2.0 - (high - low).log10().ceil()).clamp(2.0, 6.0) as usize;
    let font = ("monospace", 16);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(plan.title, font)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(from..to, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 228, 228))
        .axis_style(GREY)
        .x_labels(8)
        .y_labels(6)
        .x_desc("epoch")
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.digits$}"))
        .label_style(font)
        .draw()?;
    if let Some(at) = best.map(|best| best as f64).filter(|at| *at >= from) {
        let grey = GREY.mix(0.6);
        chart.draw_series(DashedLineSeries::new([(at, low), (at, high)], 4, 4, grey.stroke_width(1)))?;
    }
    for curve in &plan.curves {
        let color = curve.color;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), color.stroke_width(2)))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        // A run of one epoch has points but no line.
        chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 2, color.filled())))?;
    }
    let place = if plan.top.is_some() { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperRight };
    chart.configure_series_labels().position(place).background_style(WHITE.mix(0.85)).label_font(font).draw()?;
    Ok(())
}
