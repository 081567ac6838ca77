//! `plot.png`: Dice against the share of the annotations, a panel a loss, a line a start.

use super::cell::percent;
use super::table::Arm;
use crate::config::Study;
use crate::error::{Error, Result};
use crate::run::finetune::canvas::Canvas;
use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const PANEL: (u32, u32) = (620, 480);
const COLORS: [RGBColor; 6] = [
    RGBColor(90, 90, 90),
    RGBColor(31, 119, 180),
    RGBColor(217, 95, 2),
    RGBColor(27, 158, 119),
    RGBColor(117, 112, 179),
    RGBColor(231, 41, 138),
];

/// Draws the arms that have a finished run.
///
/// # Errors
/// The file cannot be written.
pub(super) fn plot(study: &Study, arms: &[Arm], path: &Path) -> Result<()> {
    let (width, height) = (PANEL.0 * study.config.losses.len() as u32, PANEL.1);
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw(study, arms, (width, height), &mut pixels).map_err(|e| Error::compute("drawing the plot")(e.to_string()))?;
    let image =
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| Error::Internal("a plot of odd size".into()))?;
    image.save(path).map_err(Error::compute(format!("writing {}", path.display())))
}

fn draw(study: &Study, arms: &[Arm], size: (u32, u32), pixels: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
    let area = Canvas(BitMapBackend::with_buffer(pixels, size)).into_drawing_area();
    area.fill(&WHITE)?;
    // One scale for all panels, or they could not be compared.
    let low = arms.iter().map(|arm| arm.dice_low).fold(1.0, f64::min);
    let high = arms.iter().map(|arm| arm.dice_high).fold(0.0, f64::max);
    let room = ((high - low) * 0.08).max(0.005);
    let range = (low - room).max(0.0)..(high + room).min(1.0);
    for (panel, loss) in area.split_evenly((1, study.config.losses.len())).iter().zip(&study.config.losses) {
        let own: Vec<&Arm> = arms.iter().filter(|arm| arm.loss == loss.name).collect();
        chart(panel, study, &loss.name, &own, range.clone())?;
    }
    area.present()?;
    Ok(())
}

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    study: &Study,
    title: &str,
    arms: &[&Arm],
    range: std::ops::Range<f64>,
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let shares = &study.config.shares;
    let (least, most) = shares.iter().fold((1.0_f64, 0.0_f64), |(a, b), &share| (a.min(share), b.max(share)));
    let font = ("monospace", 16);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(format!("Dice an image, {title}"), font)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((least * 0.8..most * 1.25).log_scale().with_key_points(shares.clone()), range)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 228, 228))
        .x_desc("share of the annotated patients")
        .x_label_formatter(&|&share| format!("{} %", percent(share)))
        .y_label_formatter(&|dice| format!("{dice:.3}"))
        .label_style(font)
        .draw()?;
    for (number, start) in study.config.starts.iter().enumerate() {
        let color = COLORS[number % COLORS.len()];
        // Side by side, so that intervals of one share do not cover each other.
        let aside = 1.0 + 0.03 * (number as f64 - (study.config.starts.len() - 1) as f64 / 2.0);
        let mut own: Vec<&&Arm> = arms.iter().filter(|arm| arm.start == start.name).collect();
        own.sort_by(|a, b| a.share.total_cmp(&b.share));
        chart
            .draw_series(LineSeries::new(own.iter().map(|arm| (arm.share * aside, arm.dice)), color.stroke_width(2)))?
            .label(&start.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(own.iter().map(|arm| {
            let at = arm.share * aside;
            ErrorBar::new_vertical(at, arm.dice_low, arm.dice, arm.dice_high, color.filled(), 6)
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .label_font(font)
        .draw()?;
    Ok(())
}
