//! The licences of everything in an archive.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beginnings of the names of files that hold a licence.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    /// Where it came from; nothing for packages of this workspace.
    source: Option<String>,
    manifest_path: PathBuf,
}

/// Name, version, licence and licence texts of every Rust crate that the workspace at `root` is built of for this platform,
/// those of its tests among them.
///
/// # Errors
/// [`Error::Compute`] if cargo cannot tell; [`Error::BadFile`] for a crate without a licence.
pub fn of_crates(root: &Path) -> Result<String> {
    const WHAT: &str = "asking cargo for the crates of this program";
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &target]);
    let output = cargo.output().map_err(Error::compute(WHAT))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::compute(WHAT)(format!("{}; pack from a checkout", said.trim())));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(Error::compute(WHAT))?;
    let mut text = String::new();
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let folder = package.manifest_path.parent().unwrap_or(Path::new("/"));
        let files = texts(folder)?;
        let Some(licence) = package.license.clone().or_else(|| (!files.is_empty()).then(|| "see below".into())) else {
            return Err(Error::bad_file(&package.manifest_path, "names no licence and has no text of one"));
        };
        let place = package.repository.as_deref().unwrap_or("crates.io");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:=<100}\n{} {}: {licence} ({place})", "", package.name, package.version);
        for file in files {
            let content = String::from_utf8_lossy(&fs::read(&file).map_err(Error::io("read", &file))?).into_owned();
            let _ = writeln!(text, "\n--- {}\n{content}", file.file_name().unwrap_or_default().to_string_lossy());
        }
    }
    Ok(text)
}

/// Files that hold a licence in `folder` and, for sources of others that a crate brings along, in the folders there; sorted.
fn texts(folder: &Path) -> Result<Vec<PathBuf>> {
    let inside = |folder: &Path| {
        let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
        Ok::<Vec<PathBuf>, Error>(entries.flatten().map(|entry| entry.path()).collect())
    };
    let mut files = inside(folder)?;
    for below in files.clone().iter().filter(|path| path.is_dir()) {
        files.extend(inside(below)?);
    }
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && NAMES.iter().any(|beginning| name.starts_with(beginning))
    });
    files.sort();
    Ok(files)
}

/// The folder `licences` that `./setup` keeps beside the native libraries: that of the first of `libraries` with one above.
///
/// # Errors
/// [`Error::Config`] if there is none.
pub fn of_natives(libraries: &[PathBuf]) -> Result<PathBuf> {
    let above = libraries.iter().flat_map(|library| library.ancestors().skip(1).take(4));
    above.map(|folder| folder.join("licences")).find(|folder| folder.is_dir()).ok_or_else(|| {
        let from: Vec<String> = libraries.iter().map(|path| path.display().to_string()).collect();
        Error::config("licences", from.join(", "), "no folder `licences` lies above these libraries; run ./setup again")
    })
}
