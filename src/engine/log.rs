//! Where an engine's standard error goes: one file an engine, the newest ten of them.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Logs that are kept.
const KEPT: usize = 10;
/// Bytes of a log's end that a message quotes.
const QUOTED: u64 = 2000;

/// The user's folder for logs: `$XDG_STATE_HOME/slidestream`, `~/.local/state/slidestream`, or one in the temporary folder.
pub(super) fn usual_folder() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    state.unwrap_or_else(std::env::temp_dir).join("slidestream")
}

/// A new log in `folder`; older ones are removed.
///
/// # Errors
/// [`Error::Io`] if the folder or the file cannot be made.
pub(super) fn create(folder: &Path) -> Result<(PathBuf, File)> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    tidy(folder);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("engine-{}-{number}.log", std::process::id()));
    let file = File::create(&path).map_err(Error::io("create", &path))?;
    Ok((path, file))
}

/// Removes all but the newest logs. What cannot be read or removed stays: a log too many does no harm.
fn tidy(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("engine-") && name.ends_with(".log")
    };
    let dated = |path: PathBuf| Some((fs::metadata(&path).ok()?.modified().ok()?, path));
    let mut logs: Vec<_> = entries.filter(is_log).filter_map(dated).collect();
    logs.sort();
    logs.iter().rev().skip(KEPT - 1).for_each(|(_, path)| {
        let _ = fs::remove_file(path);
    });
}

/// The end of a log, in one line with ` | ` between its lines; empty if there is nothing in it.
pub(super) fn end(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(QUOTED);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(QUOTED).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_logs_are_kept_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let paths: Vec<_> = (0..KEPT + 3).map(|_| create(&folder.path().join("")).unwrap().0).collect();
        assert!(paths.iter().rev().take(3).all(|path| path.exists()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn the_end_of_a_log_is_quoted_in_one_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{}\nlast but one\n\n  last \n", "x".repeat(5000))).unwrap();
        assert!(end(file.path()).ends_with("x | last but one | last") && end(file.path()).len() < 2000);
        assert_eq!(end(Path::new("/nowhere")), "");
    }
}
