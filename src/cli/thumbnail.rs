//! `slidestream thumbnail`: the whole slide as a small PNG.

use super::reader::ReaderArgs;
use crate::error::{Error, Result};
use crate::slide;
use image::RgbImage;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes a small PNG of the whole slide.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream thumbnail slide.svs slide.png\n  \
                        slidestream thumbnail slide.svs slide.png --size 4096")]
pub struct ThumbnailArgs {
    /// Slide or image file.
    slide: PathBuf,
    /// PNG file to write; replaced if it is there.
    out: PathBuf,
    /// Pixels of the longer edge; a smaller slide keeps its size.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=16384))]
    size: u32,
    #[command(flatten)]
    reader: ReaderArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// If the slide cannot be read or the file cannot be written; then no file is left behind.
pub fn run(args: ThumbnailArgs) -> Result<ExitCode> {
    if !args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(Error::config("OUT", args.out.display(), "the thumbnail is a PNG file; end its name in .png"));
    }
    let slide = args.reader.open(&args.slide)?;
    let picture = slide::thumbnail(slide.as_ref(), args.size)?;
    write_png(&picture, &args.out)?;
    println!("{}: {} x {} pixels", args.out.display(), picture.width(), picture.height());
    Ok(ExitCode::SUCCESS)
}

/// Writes beside `out` first and renames, so that nobody ever sees half a file.
fn write_png(picture: &RgbImage, out: &Path) -> Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = out.with_file_name(name);
    let write = || -> Result<()> {
        let mut file = BufWriter::new(File::create(&part).map_err(Error::io("create", &part))?);
        let encoder = image::codecs::png::PngEncoder::new(&mut file);
        picture.write_with_encoder(encoder).map_err(Error::compute(format!("writing {}", part.display())))?;
        file.flush().map_err(Error::io("write", &part))?;
        file.get_ref().sync_all().map_err(Error::io("write", &part))?;
        fs::rename(&part, out).map_err(Error::io("create", out))
    };
    let written = write();
    if written.is_err() {
        // The first error is the one to report; a part that cannot be removed was never created.
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("there is a folder here.png");
        fs::create_dir(&out).unwrap();
        assert!(write_png(&RgbImage::new(4, 4), &out).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a.png");
        fs::write(&out, "old").unwrap();
        write_png(&RgbImage::new(4, 3), &out).unwrap();
        assert_eq!(image::open(&out).unwrap().to_rgb8().dimensions(), (4, 3));
    }
}
