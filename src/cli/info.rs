//! `slidestream info`: what a slide says about itself.

use super::reader::ReaderArgs;
use crate::error::{Error, Result};
use crate::slide::{Mpp, SlideInfo, SlideSource};
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Shows the format, size, resolution, levels and properties of a slide.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream info slide.svs\n  slidestream info slide.svs --json | jq .mpp")]
pub struct InfoArgs {
    /// Slide or image file.
    slide: PathBuf,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reader: ReaderArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// If the slide cannot be opened.
pub fn run(args: InfoArgs) -> Result<ExitCode> {
    let slide = args.reader.open(&args.slide)?;
    let text = if args.json { as_json(slide.as_ref())? } else { Table(slide.path(), slide.info()).to_string() };
    println!("{}", text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn as_json(slide: &dyn SlideSource) -> Result<String> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        path: &'a str,
        #[serde(flatten)]
        info: &'a SlideInfo,
    }
    let document = Document { path: &slide.path().to_string_lossy(), info: slide.info() };
    serde_json::to_string_pretty(&document).map_err(Error::compute("writing JSON"))
}

struct Table<'a>(&'a Path, &'a SlideInfo);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, info) = self;
        writeln!(f, "file        {}", printable(&path.to_string_lossy(), usize::MAX))?;
        writeln!(f, "vendor      {}", printable(&info.vendor, 80))?;
        writeln!(f, "reader      {}", info.reader)?;
        writeln!(f, "size        {} pixels", info.size())?;
        match &info.mpp {
            Mpp::Known(x, y) if x == y => writeln!(f, "resolution  {x} µm per pixel")?,
            Mpp::Known(x, y) => writeln!(f, "resolution  {x} x {y} µm per pixel")?,
            Mpp::Unusable { property, value } => {
                let value = printable(value, 80);
                writeln!(f, "resolution  unknown: property `{property}` is {value}; give it with --mpp")?;
            }
        }
        writeln!(f, "levels      {:>5}  {:>19}  {:>10}", "level", "pixels", "downsample")?;
        for (number, level) in info.levels.iter().enumerate() {
            writeln!(f, "            {number:>5}  {:>19}  {:>10.3}", level.size.to_string(), level.downsample)?;
        }
        let images = if info.associated.is_empty() { "none".to_owned() } else { info.associated.join(", ") };
        writeln!(f, "images      {}", printable(&images, 200))?;
        writeln!(f, "properties  {}", info.properties.len())?;
        let widest = info.properties.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(48);
        for (name, value) in &info.properties {
            writeln!(f, "  {:widest$}  {}", printable(name, 80), printable(value, 100))?;
        }
        Ok(())
    }
}

/// One line that a terminal can take: control characters become spaces, and a long text is cut at `most` characters.
fn printable(text: &str, most: usize) -> String {
    let mut line = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == most {
            let _ = write!(line, "... ({} characters)", text.chars().count());
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::slide::synthetic::SyntheticSlide;

    #[test]
    fn the_table_and_the_json_tell_the_same() {
        let slide = SyntheticSlide::new(Size::new(5000, 3000), 0.25, 9);
        let table = Table(slide.path(), slide.info()).to_string();
        assert!(table.contains("5000 x 3000 pixels") && table.contains("0.25 µm"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&as_json(&slide).unwrap()).unwrap();
        assert_eq!(json["levels"][0]["size"]["width"], 5000);
        assert_eq!(json["mpp"]["known"], serde_json::json!([0.25, 0.25]));
        assert_eq!(json["properties"]["synthetic.seed"], "9");
    }

    #[test]
    fn properties_cannot_write_to_the_terminal() {
        assert_eq!(printable("a\x1b[31m\nb", 80), "a [31m b");
        assert_eq!(printable("abcdef", 3), "abc... (6 characters)");
    }
}
