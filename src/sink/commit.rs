//! Results appear whole or not at all.
//!
//! A run writes into an attempt folder `.NAME.attempt-UUID` beside the place of its result. At the end every file is on the
//! disk, the manifest is written as the last one, and the folder is renamed to `NAME`. A rename onto a folder with files
//! in it fails, so of two runs that race, the first to commit wins. A folder with a manifest is a result; anything else
//! is not.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// The file that makes a folder a result.
pub const MANIFEST: &str = "manifest.json";

/// An attempt folder in which nothing was written for so long belongs to a dead run.
const DEAD_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The result is in place.
    Committed,
    /// Another run committed first; its result stands and this one is gone.
    LostRace,
}

/// A result being written. Dropping it without [`Attempt::commit`] removes what was written.
#[derive(Debug)]
pub struct Attempt {
    place: PathBuf,
    folder: PathBuf,
    /// Inode of the result that this attempt may replace.
    replaces: Option<u64>,
}

/// Is there a finished result at `place`?
pub fn is_complete(place: &Path) -> bool {
    place.join(MANIFEST).is_file()
}

impl Attempt {
    /// Starts an attempt for the result folder `place`, whose parent is created if needed. With `replace` a result that
    /// is there now is replaced at the commit and stays untouched until then. Leftovers of runs that died more than
    /// a day ago are removed, and a result that a dying run had set aside is put back.
    ///
    /// # Errors
    /// [`Error::Config`] if there is a result and not `replace`, or something that is no result; [`Error::Io`].
    pub fn begin(place: &Path, replace: bool) -> Result<Self> {
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(Error::config("out", place.display(), "must name a folder"));
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let name = name.to_string_lossy();
        tidy(parent, &name, place)?;
        let replaces = match fs::metadata(place) {
            Ok(_) if !replace => {
                let reason = if is_complete(place) {
                    "holds a result; --force replaces it"
                } else {
                    "is there but holds no manifest.json; move it away, or use --force to replace it"
                };
                return Err(Error::config("out", place.display(), reason));
            }
            Ok(found) => Some(found.ino()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", place)(error)),
        };
        let folder = parent.join(format!(".{name}.attempt-{}", Uuid::new_v4()));
        fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self { place: place.to_owned(), folder, replaces })
    }

    /// Where to write the result's file `name`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The attempt folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings all files to the disk, adds the manifest as the last one and puts the folder in its place.
    ///
    /// # Errors
    /// [`Error::Io`]; the attempt is removed and an older result stays as it was.
    pub fn commit(self, manifest: &[u8]) -> Result<Outcome> {
        for entry in fs::read_dir(&self.folder).map_err(Error::io("read", &self.folder))? {
            sync(&entry.map_err(Error::io("read", &self.folder))?.path())?;
        }
        let path = self.file(MANIFEST);
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(Error::io("create", &path))?;
        file.write_all(manifest).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
        sync(&self.folder)?;
        let outcome = self.put_in_place()?;
        sync(self.folder.parent().unwrap_or(Path::new(".")))?;
        Ok(outcome)
    }

    fn put_in_place(&self) -> Result<Outcome> {
        let aside = self.aside();
        let mut set_aside = false;
        // A run that starts while the old result is aside puts it back; so try again a few times.
        for _ in 0..3 {
            if let Some(inode) = self.replaces {
                match fs::metadata(&self.place) {
                    Ok(found) if found.ino() != inode => return Ok(Outcome::LostRace),
                    Ok(_) => {
                        fs::rename(&self.place, &aside).map_err(Error::io("move", &self.place))?;
                        set_aside = true;
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::io("read", &self.place)(error)),
                }
            }
            match fs::rename(&self.folder, &self.place) {
                Ok(()) => {
                    if set_aside {
                        // The new result is in place; what is left of the old one is cleared by a later run at worst.
                        let _ = fs::remove_dir_all(&aside);
                    }
                    return Ok(Outcome::Committed);
                }
                Err(error) if is_taken(&error) && self.replaces.is_none() && is_complete(&self.place) => {
                    return Ok(Outcome::LostRace);
                }
                Err(error) if is_taken(&error) && self.replaces.is_some() => {}
                Err(error) => {
                    if set_aside {
                        // If this fails too, the next run puts it back; the first error is the one to report.
                        let _ = fs::rename(&aside, &self.place);
                    }
                    return Err(Error::io("create", &self.place)(error));
                }
            }
        }
        Ok(Outcome::LostRace)
    }

    /// Where the old result waits while the new one takes its place.
    fn aside(&self) -> PathBuf {
        let name = self.place.file_name().unwrap_or_default().to_string_lossy();
        self.place.with_file_name(format!(".{name}.old-{}", Uuid::new_v4()))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // After a commit the folder is gone; else a failure here leaves litter that a later run clears.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Is this error what a rename onto something that exists gives?
fn is_taken(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory)
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
}

/// Clears what dead runs for this result have left, and puts a set-aside result back if its place is empty.
fn tidy(parent: &Path, name: &str, place: &Path) -> Result<()> {
    let (attempts, olds) = (format!(".{name}.attempt-"), format!(".{name}.old-"));
    for entry in fs::read_dir(parent).map_err(Error::io("read", parent))? {
        let entry = entry.map_err(Error::io("read", parent))?;
        let found = entry.file_name().to_string_lossy().into_owned();
        let is = |prefix: &str| found.strip_prefix(prefix).is_some_and(|id| Uuid::parse_str(id).is_ok());
        if is(&olds) && !place.exists() {
            fs::rename(entry.path(), place).map_err(Error::io("move", entry.path()))?;
        } else if (is(&attempts) || is(&olds)) && last_change(&entry.path()).is_some_and(|age| age > DEAD_AFTER) {
            // Litter is no reason to fail.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// How long ago the folder or a file in it was changed last; none if that cannot be told.
fn last_change(folder: &Path) -> Option<Duration> {
    let own = fs::metadata(folder).ok()?.modified().ok()?;
    let files = fs::read_dir(folder).ok()?;
    let newest = files.filter_map(|file| file.ok()?.metadata().ok()?.modified().ok()).fold(own, SystemTime::max);
    SystemTime::now().duration_since(newest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn litter(folder: &Path) -> usize {
        let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
        fs::read_dir(folder).unwrap().filter(|entry| hidden(entry.as_ref().unwrap())).count()
    }

    fn attempt(place: &Path, replace: bool, text: &str) -> Attempt {
        let attempt = Attempt::begin(place, replace).unwrap();
        fs::write(attempt.file("objects.geojson"), text).unwrap();
        attempt
    }

    #[test]
    fn a_result_is_there_only_after_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out/slide [1].svs");
        let attempt = attempt(&place, false, "objects");
        assert!(!place.exists());
        assert_eq!(attempt.commit(b"{}").unwrap(), Outcome::Committed);
        assert!(is_complete(&place));
        assert_eq!(fs::read_to_string(place.join("objects.geojson")).unwrap(), "objects");
        assert_eq!(litter(place.parent().unwrap()), 0);
    }

    #[test]
    fn a_dropped_attempt_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(attempt(&folder.path().join("slide"), false, "half"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn of_two_racing_runs_the_first_to_commit_wins() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("slide");
        let (first, second) = (attempt(&place, false, "first"), attempt(&place, false, "second"));
        assert_eq!(second.commit(b"{}").unwrap(), Outcome::Committed);
        assert_eq!(first.commit(b"{}").unwrap(), Outcome::LostRace);
        assert_eq!(fs::read_to_string(place.join("objects.geojson")).unwrap(), "second");
        assert_eq!(litter(folder.path()), 0);
    }

    #[test]
    fn a_replaced_result_stays_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("slide");
        attempt(&place, false, "old").commit(b"{}").unwrap();
        assert!(matches!(Attempt::begin(&place, false), Err(Error::Config { .. })));
        drop(attempt(&place, true, "failed"));
        let (new, late) = (attempt(&place, true, "new"), attempt(&place, true, "late"));
        assert_eq!(fs::read_to_string(place.join("objects.geojson")).unwrap(), "old");
        assert_eq!(new.commit(b"{}").unwrap(), Outcome::Committed);
        assert_eq!(late.commit(b"{}").unwrap(), Outcome::LostRace);
        assert_eq!(fs::read_to_string(place.join("objects.geojson")).unwrap(), "new");
        assert_eq!(litter(folder.path()), 0);
    }

    #[test]
    fn a_folder_that_is_no_result_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("slide");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("thesis.txt"), "years of work").unwrap();
        let said = Attempt::begin(&place, false).unwrap_err().to_string();
        assert!(said.contains("holds no manifest.json"), "{said}");
    }

    #[test]
    fn what_a_dead_run_left_is_cleared_and_a_result_set_aside_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("slide");
        attempt(&place, false, "old").commit(b"{}").unwrap();
        fs::rename(&place, folder.path().join(format!(".slide.old-{}", Uuid::new_v4()))).unwrap();
        let (dead, live) = (format!(".slide.attempt-{}", Uuid::new_v4()), format!(".slide.attempt-{}", Uuid::new_v4()));
        for name in [&dead, &live] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let two_days_ago = SystemTime::now() - 2 * DEAD_AFTER;
        File::open(folder.path().join(&dead)).unwrap().set_modified(two_days_ago).unwrap();
        drop(Attempt::begin(&place, true).unwrap());
        assert!(is_complete(&place));
        assert!(!folder.path().join(&dead).exists());
        assert!(folder.path().join(&live).exists());
    }

    #[test]
    fn a_manifest_that_is_there_already_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let attempt = attempt(&folder.path().join("slide"), false, "");
        fs::write(attempt.file(MANIFEST), "written too early").unwrap();
        assert!(attempt.commit(b"{}").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
