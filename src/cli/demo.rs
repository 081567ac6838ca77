//! `slidestream demo`: the shortest way to a picture.

use super::segment::{self, SegmentArgs};
use crate::error::{Error, Result};
use clap::Parser;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the slide lies in the sources of the crate `openslide-rs`, which every build of this program has fetched.
const SLIDE: &str = "tests/assets/default.svs";
/// Of that file: CMU-1-Small-Region of OpenSlide's test data, CC0-1.0.
const SHA256: &str = "ed92d5a9f2e86df67640d6f92ce3e231419ce127131697fbbce42ad5e002c8a7";

/// Segments the nuclei of a small public slide and says where the picture is.
///
/// The slide is CMU-1-Small-Region (Aperio, 20x, CC0) from OpenSlide's test data; the model is he-nuclei.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  slidestream demo\n  slidestream demo --out /tmp/demo --device cpu")]
pub struct DemoArgs {
    /// Folder for the results; created if needed. A result of an earlier demo is replaced.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
}

/// The arguments of `segment` as a program of its own, so that the demo runs just what a user would type.
#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    segment: SegmentArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// If the slide is not on this machine or is another file; and every error of `segment`.
pub fn run(args: DemoArgs) -> Result<ExitCode> {
    let slide = slide()?;
    let out = args.out.as_os_str();
    eprintln!(
        "slidestream segment {} --model he-nuclei --out {} --device {} --force",
        slide.display(),
        args.out.display(),
        args.device
    );
    let mut words: Vec<&std::ffi::OsStr> = vec!["segment".as_ref(), slide.as_os_str(), "--model".as_ref()];
    words.extend(["he-nuclei".as_ref(), "--out".as_ref(), out, "--device".as_ref(), args.device.as_ref()]);
    words.push("--force".as_ref());
    let typed = Typed::try_parse_from(words).map_err(|error| Error::Internal(error.to_string()))?;
    let code = segment::run(typed.segment)?;
    let overlay = args.out.join("default.svs").join("overlay.png");
    if code == ExitCode::SUCCESS {
        println!("open {}", overlay.display());
    }
    Ok(code)
}

/// The slide, found in cargo's folder of unpacked sources and checked.
fn slide() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let sources = home.join("registry/src");
    for registry in entries(&sources)? {
        for package in entries(&registry)? {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let path = package.join(SLIDE);
            if name.starts_with("openslide-rs-") && path.is_file() && sha256(&path)? == SHA256 {
                return Ok(path);
            }
        }
    }
    let reason = format!(
        "no openslide-rs-*/{SLIDE} with the sha256 {SHA256} lies below it; `cargo fetch` in this project's folder \
         brings it, or segment a slide of your own"
    );
    Err(Error::bad_file(sources, reason))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = std::fs::read_dir(folder).map_err(Error::io("look for the demo slide in", folder))?;
    list.map(|entry| Ok(entry.map_err(Error::io("read", folder))?.path())).collect()
}

fn sha256(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_slide_came_with_the_sources() {
        assert_eq!(sha256(&slide().unwrap()).unwrap(), SHA256);
    }
}
