//! `plot.png`: loss and overlap against the epoch.

use super::canvas::Canvas;
use crate::error::{Error, Result};
use crate::train::EpochRow;
use image::RgbImage;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (1200, 460);
const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(217, 95, 2);
const GREY: RGBColor = RGBColor(90, 90, 90);

/// A line with its name.
struct Curve {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

impl Curve {
    fn of(name: &'static str, color: RGBColor, rows: &[EpochRow], value: impl Fn(&EpochRow) -> Option<f64>) -> Self {
        let point = |row: &EpochRow| value(row).filter(|v| v.is_finite()).map(|v| (row.epoch as f64, v));
        Self { name, color, points: rows.iter().filter_map(point).collect() }
    }
}

/// Draws the figures of a run's epochs.
///
/// # Errors
/// The file cannot be written.
pub(super) fn plot(rows: &[EpochRow], best: Option<u64>, path: &Path) -> Result<()> {
    let mut pixels = vec![255; SIZE.0 as usize * SIZE.1 as usize * 3];
    draw(rows, best, &mut pixels).map_err(|e| Error::compute("drawing the plot")(e.to_string()))?;
    let image =
        RgbImage::from_raw(SIZE.0, SIZE.1, pixels).ok_or_else(|| Error::Internal("a plot of odd size".into()))?;
    image.save(path).map_err(Error::compute(format!("writing {}", path.display())))
}

fn draw(rows: &[EpochRow], best: Option<u64>, pixels: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
    let area = Canvas(BitMapBackend::with_buffer(pixels, SIZE)).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    let losses = [
        Curve::of("training", BLUE, rows, |row| row.train_loss),
        Curve::of("validation", ORANGE, rows, |row| row.val_loss),
    ];
    let overlaps =
        [Curve::of("Dice", BLUE, rows, |row| row.val_dice), Curve::of("IoU", ORANGE, rows, |row| row.val_iou)];
    chart(&left, "Loss", &losses, None, best)?;
    chart(&right, "Overlap on the validation images", &overlaps, Some(1.0), best)?;
    area.present()?;
    Ok(())
}

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    curves: &[Curve],
    top: Option<f64>,
    best: Option<u64>,
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let last = all().map(|p| p.0).fold(1.0, f64::max);
    let highest = top.unwrap_or_else(|| all().map(|p| p.1).fold(1e-6, f64::max) * 1.05);
    let font = ("monospace", 16);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(title, font)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..last * 1.02, 0.0..highest)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 228, 228))
        .axis_style(GREY)
        .x_labels(8)
        .y_labels(6)
        .x_desc("epoch")
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(&|v| format!("{v:.2}"))
        .label_style(font)
        .draw()?;
    if let Some(best) = best {
        let (at, grey) = (best as f64, GREY.mix(0.6));
        chart.draw_series(DashedLineSeries::new([(at, 0.0), (at, highest)], 4, 4, grey.stroke_width(1)))?;
    }
    for curve in curves {
        let color = curve.color;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), color.stroke_width(2)))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        // A run of one epoch has points but no line.
        chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 2, color.filled())))?;
    }
    let place = if top.is_some() { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperRight };
    chart.configure_series_labels().position(place).background_style(WHITE.mix(0.85)).label_font(font).draw()?;
    Ok(())
}
