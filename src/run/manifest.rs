//! The record of a run: what went in, how it was computed, what came out.

use crate::config::{ModelPackage, Postprocessing, SegmentConfig};
use crate::data::stain::Stains;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::infer::EngineInfo;
use crate::slide::SlideSource;
use crate::slide::hosted::HOST_IDENTITY;
use crate::stream::FailedTile;
use crate::stream::stats::Timings;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the manifest's shape.
pub const FORMAT: u32 = 1;

/// Is every tile of the plan in the result?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Yes.
    Complete,
    /// Some tiles failed and are background; the manifest lists them.
    Partial,
}

/// Tells one slide file from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputRecord {
    /// As it was named; characters that are not UTF-8 are replaced.
    pub path: String,
    /// Of the file itself; companions of multi-file formats are in the quickhash.
    pub bytes: u64,
    /// `openslide:` and OpenSlide's own, `ends:` and the SHA-256 of the size and the first and last 64 KiB, or `host:` and
    /// what the program that hands over the pixels calls them.
    pub quickhash: String,
}

impl InputRecord {
    /// The record of an open slide.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read.
    pub fn of(slide: &dyn SlideSource) -> Result<Self> {
        let path = slide.path();
        let name = path.to_string_lossy().into_owned();
        let properties = &slide.info().properties;
        if let Some(seed) = properties.get("synthetic.seed") {
            return Ok(Self { path: name, bytes: 0, quickhash: format!("synthetic:{seed}") });
        }
        if let Some(identity) = properties.get(HOST_IDENTITY) {
            return Ok(Self { path: name, bytes: 0, quickhash: format!("host:{identity}") });
        }
        let bytes = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        let quickhash = match properties.get("openslide.quickhash-1") {
            Some(hash) => format!("openslide:{hash}"),
            None => format!("ends:{}", hash_of_ends(path, bytes).map_err(Error::io("read", path))?),
        };
        Ok(Self { path: name, bytes, quickhash })
    }
}

fn hash_of_ends(path: &Path, bytes: u64) -> io::Result<String> {
    const END: u64 = 64 << 10;
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    hash.update(bytes.to_le_bytes());
    for start in [0, bytes.saturating_sub(END)] {
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&mut file).take(END).read_to_end(&mut end)?;
        hash.update(&end);
    }
    Ok(hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The slide as it was read.
#[derive(Debug, Clone, Serialize)]
pub struct SlideRecord {
    /// Which file.
    #[serde(flatten)]
    pub file: InputRecord,
    /// `aperio`, `png`, ...
    pub vendor: String,
    /// Which reader served the pixels.
    pub reader: String,
    /// Level-0 pixels.
    pub size: Size,
    /// Micrometres per level-0 pixel that the run went by.
    pub mpp: f64,
    /// Did the user give it?
    pub mpp_given: bool,
    /// Level that was read.
    pub level: u32,
}

/// The model that computed.
#[derive(Debug, Clone, Serialize)]
pub struct ModelRecord {
    /// Name of the package.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// SHA-256 of the weights' file.
    pub weights_sha256: String,
    /// Micrometres per pixel that it wants.
    pub mpp: f64,
    /// Tile edge that was used, halo included.
    pub tile_px: u32,
    /// Halo that was used.
    pub halo_px: u32,
    /// From probabilities to objects.
    pub postprocessing: Postprocessing,
}

impl ModelRecord {
    /// The record of a package as it was used.
    pub fn of(model: &ModelPackage) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            weights_sha256: model.weights.sha256.clone(),
            mpp: model.input.mpp,
            tile_px: model.input.tile_px,
            halo_px: model.input.halo_px,
            postprocessing: model.postprocessing.clone(),
        }
    }
}

/// Tiles of the plan and what became of them.
#[derive(Debug, Clone, Serialize)]
pub struct TileRecord {
    /// Tiles of the plan.
    pub total: u32,
    /// Tiles a forward pass in the end.
    pub batch: usize,
    /// Tiles without a result.
    pub failed: Vec<FailedTile>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// All objects.
    pub objects: u64,
    /// Objects of each class, by name; classes without any are listed with 0.
    pub by_class: BTreeMap<String, u64>,
    /// Share of the slide that was looked at, 0 to 1.
    pub area_share: f64,
}

/// Seconds outside the pipeline; the pipeline's own are [`Timings`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Phases {
    /// Finding the tissue and planning the tiles.
    pub planning_s: f64,
    /// From the start of the process to the model's first answer for this slide, if there was one and the system tells.
    pub to_first_answer_s: Option<f64>,
    /// Creation of the output files.
    pub preparing_s: f64,
    /// Completing the output files.
    pub finishing_s: f64,
}

/// One file of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRecord {
    /// Name in the result folder.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the contents.
    pub sha256: String,
}

/// `manifest.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Is every tile in the result?
    pub status: Status,
    /// Version of this program.
    pub slidestream: &'static str,
    /// Start of the run, seconds since 1970 UTC.
    pub started_unix_s: u64,
    /// The slide.
    pub input: SlideRecord,
    /// The model.
    pub model: ModelRecord,
    /// The slide's stains, if the model sees these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stains: Option<Stains>,
    /// Engine, device, precision, threads and why.
    pub engine: EngineInfo,
    /// Everything that was asked for.
    pub config: SegmentConfig,
    /// Tiles and what became of them.
    pub tiles: TileRecord,
    /// What was found.
    pub counts: Counts,
    /// Where the pipeline's time went.
    pub timings: Timings,
    /// Seconds outside the pipeline.
    pub phases: Phases,
    /// Tiles of the plan by the pipeline's wall time.
    pub tiles_per_s: f64,
    /// Largest resident memory that the process has had so far, MiB.
    pub peak_rss_mb: Option<f64>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// How the tissue was found, why there is none.
    pub notes: Vec<String>,
    /// The other files of the result.
    pub files: Vec<FileRecord>,
}

impl Manifest {
    /// As it is written.
    ///
    /// # Errors
    /// [`Error::Compute`] if a number or path cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(Error::compute("writing manifest.json"))?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Records of all files in `folder`, sorted by name.
///
/// # Errors
/// [`Error::Io`] if one cannot be read.
pub fn files_in(folder: &Path) -> Result<Vec<FileRecord>> {
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let mut file = File::open(&path).map_err(Error::io("read", &path))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer).map_err(Error::io("read", &path))?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            bytes += count as u64;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        records.push(FileRecord { name, bytes, sha256: hex(&hash.finalize()) });
    }
    records.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(records)
}

/// Seconds since 1970 UTC.
pub fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recorded_with_size_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b"), "abc").unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let records = files_in(folder.path()).unwrap();
        assert_eq!(records[0].name, "a");
        assert_eq!(records[1].bytes, 3);
        // FIPS 180-2, appendix B.1.
        assert_eq!(records[1].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_hash_of_the_ends_sees_both_ends_and_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slide");
        let hash = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            hash_of_ends(&path, bytes.len() as u64).unwrap()
        };
        let mut slide = vec![7; 200_000];
        let first = hash(&slide);
        for at in [0, 199_999] {
            slide[at] = 8;
            assert_ne!(hash(&slide), first);
            slide[at] = 7;
        }
        assert_eq!(hash(&slide), first);
        slide.push(7);
        assert_ne!(hash(&slide), first);
    }
}
