//! What every training run does around its loop: its folder, its figures, its estimate of the time left.

use crate::data::SplitTable;
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::train::{BEST, LAST};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// Makes or checks the output folder: a run is never mixed with another.
///
/// # Errors
/// [`Error::Config`] if the folder holds a run and `resume` is false, or the other way round; [`Error::Dataset`] if the
/// data give another split than before.
pub(super) fn claim(out: &Path, resume: bool, table: &SplitTable, config: &impl Serialize) -> Result<()> {
    std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
    let (split, last) = (out.join("split.csv"), out.join(LAST));
    if !resume {
        if last.exists() || out.join(BEST).exists() {
            let reason = "holds a run already; give --resume to go on with it, or another --out";
            return Err(Error::config("--out", out.display(), reason));
        }
        write_config(out, config)?;
        return table.write(&split);
    }
    if !last.exists() {
        return Err(Error::config("--resume", out.display(), format!("there is no {LAST} to go on from")));
    }
    let again = out.join("split.csv.new");
    table.write(&again)?;
    let read = |path: &Path| std::fs::read(path).map_err(Error::io("read", path));
    let same = read(&again)? == read(&split)?;
    std::fs::remove_file(&again).map_err(Error::io("remove", &again))?;
    if !same {
        return Err(Error::dataset(split, "the data give another split now; put them back or start a new run"));
    }
    Ok(())
}

/// `config.toml`.
pub(super) fn write_config(out: &Path, config: &impl Serialize) -> Result<()> {
    let text = toml::to_string_pretty(config).map_err(Error::compute("writing the configuration"))?;
    write_bytes(&out.join("config.toml"), text.as_bytes())
}

/// `metrics.csv`, whole.
pub(super) fn write_rows<R: Serialize>(rows: &[R], path: &Path) -> Result<()> {
    let mut file = csv::Writer::from_writer(Vec::new());
    for row in rows {
        file.serialize(row).map_err(Error::compute("writing metrics.csv"))?;
    }
    let bytes = file.into_inner().map_err(|e| Error::io("write", path)(e.into_error()))?;
    write_bytes(path, &bytes)
}

/// Time left at the pace since `started`, when step `first` was done.
pub(super) fn left(started: Instant, first: u64, step: u64, total: u64) -> Duration {
    let done = (step - first).max(1) as f64;
    started.elapsed().mul_f64((total - step) as f64 / done)
}
