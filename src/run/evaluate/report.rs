//! `report.html`: figures and pictures in one file that needs no other.

use super::gallery::{Case, Gallery};
use super::measure::{Column, Unit};
use super::summary::{Figure, Row, Summary};
use base64ct::{Base64, Encoding};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1400px;padding:0 1.2em;color:#1b1b1b}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}table{border-collapse:collapse;font-size:13px}\
td,th{padding:3px 9px;text-align:right;border-bottom:1px solid #e6e6e6;white-space:nowrap}th{background:#f5f5f5;font-weight:600}\
td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}.note{color:#555;max-width:60em}\
figure{margin:1.2em 0}figure div{display:flex;gap:6px;flex-wrap:wrap}figure img{width:440px;max-width:32%;border:1px solid #ddd}\
figcaption{margin-bottom:4px}.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}svg rect{fill:#6b8fb5}";

/// Fewer groups than this are worth a warning.
const FEW_GROUPS: usize = 10;

/// Writes the page.
pub(super) fn report(summary: &Summary, figures: &[Figure], gallery: &Gallery, ranked_by: &str) -> String {
    let model = &summary.model;
    let title = format!("{} {} on {} images", model.name, model.version, summary.rows.len());
    let mut page = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page += &format!("<title>{}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n", escaped(&title));
    page += &format!("<p class=\"note\">{}</p>\n", escaped(&facts(summary)));
    page += &means(summary, figures);
    page += &pooled(summary);
    page += &cases("Worst images", &gallery.worst, summary, ranked_by);
    page += &cases("Best images", &gallery.best, summary, ranked_by);
    page += &confusion(summary);
    page += &reliability(summary);
    page += &images(summary);
    page + "</body></html>\n"
}

fn facts(summary: &Summary) -> String {
    let (engine, model) = (summary.engine, summary.model);
    let split = summary.split.map_or(String::new(), |split| format!(" Split {split}."));
    let groups = summary.groups();
    let few = if groups < FEW_GROUPS { "; so few say little, and the intervals are rough" } else { "" };
    let drawn = match summary.group_column {
        Some(column) => format!("{groups} groups of the column {column}{few}"),
        None => format!(
            "{groups} images{few}; if some show the same patient, the intervals are too narrow: name the column of \
             patients with --group"
        ),
    };
    format!(
        "{}.{split} Scored at {} µm per pixel, every pixel once. Computed by {} on {} in {}; sha256 of the weights {}. \
         Intervals are the middle 95 % of {} bootstrap means, seed {}, drawn from {drawn}. Outlines up to {} µm apart agree \
         in surface_dice. An image without a class in truth and prediction is not scored for it.",
        model.title,
        model.input.mpp,
        engine.engine,
        engine.device,
        engine.precision,
        model.weights.sha256,
        summary.config.resamples,
        summary.config.seed,
        summary.config.tolerance_um,
    )
}

fn means(summary: &Summary, figures: &[Figure]) -> String {
    let mut html =
        String::from("<h2>Means over images</h2>\n<table><tr><th>figure</th><th>mean</th><th>95 % interval</th>");
    html += "<th>unit</th><th>better</th><th>images</th><th>from 0 to 1</th></tr>\n";
    for (at, (figure, column)) in figures.iter().zip(summary.columns).enumerate() {
        let interval = figure.interval.map_or("-".into(), |i| format!("{} to {}", rounded(i.low), rounded(i.high)));
        let better = if column.unit.more_is_better() { "more" } else { "less" };
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{interval}</td><td>{}</td><td>{better}</td><td>{}</td><td>{}</td></tr>",
            escaped(&figure.name),
            shown(figure.mean),
            figure.unit.replace("um", "µm"),
            figure.images,
            spread(summary.rows, at, column),
        );
    }
    let super::measure::Pooled { missed, invented, patches, .. } = summary.pooled;
    html += "</table>\n";
    let _ = writeln!(
        html,
        "<p class=\"note\">{missed} times a class was there and not found at all, {invented} times it was found where there is \
         none: distances of these images are their diagonal.</p>"
    );
    if summary.config.compat {
        let _ = writeln!(
            html,
            "<p class=\"note\">The compat figures are computed as in the GenSelfDiff-HIS paper, over {patches} patches of 256 \
             pixels every 64, to compare with its tables only. compat_hd is a distance between rows of pixels, compat_aji takes \
             each class for one object, and an absent class scores 1.</p>"
        );
    }
    html
}

/// How the images spread, in twenty bars.
fn spread(rows: &[Row], at: usize, column: &Column) -> String {
    if !matches!(column.unit, Unit::Share | Unit::Error) {
        return String::new();
    }
    let mut counts = [0_u32; 20];
    for value in rows.iter().filter_map(|row| row.values[at]) {
        counts[((value * 20.0) as usize).min(19)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut svg = String::from("<svg width=\"160\" height=\"18\">");
    for (i, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (f64::from(*count) / f64::from(most) * 18.0).max(1.0);
        let _ = write!(svg, "<rect x=\"{}\" y=\"{:.1}\" width=\"7\" height=\"{height:.1}\"/>", i * 8, 18.0 - height);
    }
    svg + "</svg>"
}

fn pooled(summary: &Summary) -> String {
    let mut html =
        String::from("<h2>All pixels and objects together</h2>\n<table><tr><th>figure</th><th>value</th></tr>\n");
    for (name, value) in summary.pooled_figures() {
        let _ = writeln!(html, "<tr><td>{}</td><td>{}</td></tr>", escaped(&name), shown(value));
    }
    html + "</table>\n"
}

fn cases(title: &str, cases: &[Case], summary: &Summary, ranked_by: &str) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let mut html = format!("<h2>{title}, by {}</h2>\n<p>Image, truth, prediction.", escaped(ranked_by));
    let colors = &summary.classes.colors;
    for (name, [r, g, b]) in summary.classes.names[1..].iter().zip(colors).filter(|_| colors.len() > 1) {
        let _ = write!(html, "<span class=\"key\" style=\"background:rgb({r},{g},{b})\"></span>{}", escaped(name));
    }
    html += "</p>\n";
    for case in cases {
        let row = &summary.rows[case.row];
        let group = if row.group.is_empty() { String::new() } else { format!(" ({})", row.group) };
        let objects = if summary.classes.objects {
            format!(", {} objects in truth, {} found", row.objects, row.found)
        } else {
            String::new()
        };
        let caption = format!("{}{group}: {ranked_by} {:.3}{objects}", row.image, case.value);
        let _ = write!(html, "<figure><figcaption>{}</figcaption><div>", escaped(&caption));
        for (picture, what) in case.pictures.iter().zip(["image", "truth", "prediction"]) {
            let bytes = Base64::encode_string(picture);
            let _ = write!(html, "<img alt=\"{what}\" src=\"data:image/jpeg;base64,{bytes}\">");
        }
        html += "</div></figure>\n";
    }
    html
}

fn confusion(summary: &Summary) -> String {
    let names = &summary.classes.names;
    let mut html = String::from("<h2>Confusion of pixels</h2>\n<table><tr><th>truth \\ prediction</th>");
    names.iter().for_each(|name| html += &format!("<th>{}</th>", escaped(name)));
    html += "<th>pixels</th></tr>\n";
    for (name, row) in names.iter().zip(summary.pooled.confusion.rows()) {
        let all: u64 = row.iter().sum();
        let _ = write!(html, "<tr><td>{}</td>", escaped(name));
        for &pixels in row {
            let share = if all > 0 { pixels as f64 / all as f64 } else { 0.0 };
            let _ = write!(html, "<td style=\"background:rgba(107,143,181,{share:.3})\">{:.1} %</td>", 100.0 * share);
        }
        let _ = writeln!(html, "<td>{all}</td></tr>");
    }
    html + "</table>\n"
}

fn reliability(summary: &Summary) -> String {
    let bins = &summary.pooled.calibration.bins;
    let mut html =
        String::from("<h2>Probabilities against truth</h2>\n<p class=\"note\">Pixels by the probability of their ");
    html += "likeliest class. Where it exceeds the share that is right, the model is too sure.</p>\n<table>";
    html += "<tr><th>probability up to</th><th>mean</th><th>right</th><th>pixels</th></tr>\n";
    for (i, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.pixels > 0) {
        let share = |sum: f64| rounded(sum / bin.pixels as f64);
        let _ = writeln!(
            html,
            "<tr><td>{:.3}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (i + 1) as f64 / bins.len() as f64,
            share(bin.confidence),
            share(bin.right as f64),
            bin.pixels
        );
    }
    html + "</table>\n"
}

fn images(summary: &Summary) -> String {
    let mut html =
        String::from("<h2>Every image</h2>\n<div class=\"wide\"><table><tr><th>image</th><th>group</th><th>mpp</th>");
    html += "<th>objects</th><th>found</th>";
    summary.columns.iter().for_each(|column| html += &format!("<th>{}</th>", escaped(&column.name)));
    html += "</tr>\n";
    for row in summary.rows {
        let (image, group) = (escaped(&row.image), escaped(&row.group));
        let _ = write!(html, "<tr><td>{image}</td><td>{group}</td><td>{:.3}</td>", row.mpp);
        let _ = write!(html, "<td>{}</td><td>{}</td>", row.objects, row.found);
        row.values.iter().for_each(|&value| html += &format!("<td>{}</td>", shown(value)));
        html += "</tr>\n";
    }
    html + "</table></div>\n"
}

fn shown(value: Option<f64>) -> String {
    value.map_or("-".into(), rounded)
}

fn rounded(value: f64) -> String {
    format!("{value:.3}")
}

/// Text that stands for itself in HTML.
fn escaped(text: &str) -> String {
    let replaced = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")];
    text.chars().fold(String::new(), |mut out, c| {
        match replaced.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_cannot_become_markup() {
        assert_eq!(escaped("<b>&\"ä"), "&lt;b&gt;&amp;&quot;ä");
    }
}
