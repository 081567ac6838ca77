//! Files written whole: errors surface, and the bytes are on the disk when `finish` returns.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A buffered file whose last write error is not lost: `BufWriter`'s `Drop` forgets it, [`OutFile::finish`] returns it.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl OutFile {
    /// Creates or empties the file.
    ///
    /// # Errors
    /// [`Error::Io`] if that is not possible.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::io("create", path))?;
        Ok(Self { path: path.to_owned(), writer: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`], at once or at a later call, since bytes are buffered.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(Error::io("write", &self.path))
    }

    /// Writes what is buffered and waits until the disk has it.
    ///
    /// # Errors
    /// [`Error::Io`], such as a full disk.
    pub fn finish(self) -> Result<()> {
        let Self { path, mut writer } = self;
        writer.flush().map_err(Error::io("write", &path))?;
        writer.get_ref().sync_all().map_err(Error::io("write", &path))
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for OutFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer.seek(to)
    }
}

/// Writes a single file so that `path` holds either what it held before or all that `fill` wrote: into a file beside it
/// that is renamed at the end. A path that is no ordinary file (`/dev/stdout`) is written directly.
///
/// # Errors
/// [`Error::Io`], and whatever `fill` returns; the file beside `path` is removed.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut OutFile) -> Result<()>) -> Result<()> {
    let in_place = fs::metadata(path).is_ok_and(|found| !found.is_file());
    let name = path.file_name().ok_or_else(|| Error::config("output", path.display(), "must name a file"))?;
    let beside = path.with_file_name(format!(".{}.attempt-{}", name.to_string_lossy(), Uuid::new_v4()));
    let target = if in_place { path } else { beside.as_path() };
    let written = OutFile::create(target).and_then(|mut file| {
        fill(&mut file)?;
        if in_place { file.flush().map_err(Error::io("write", path)) } else { file.finish() }
    });
    if in_place {
        return written;
    }
    let placed = written.and_then(|()| fs::rename(&beside, path).map_err(Error::io("create", path)));
    if placed.is_err() {
        // The first error is the one to report; the leftover is only litter.
        let _ = fs::remove_file(&beside);
    }
    placed
}

/// [`write_whole`] of bytes that are there.
///
/// # Errors
/// [`Error::Io`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, |file| file.append(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_surfaces_from_finish() {
        let mut file = OutFile::create(Path::new("/dev/full")).unwrap();
        file.append(b"buffered, so this still seems to work").unwrap();
        assert!(matches!(file.finish(), Err(Error::Io { action: "write", .. })));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tissue.geojson");
        write_bytes(&path, b"old").unwrap();
        let failed = write_whole(&path, |file| {
            file.append(b"half of the ne")?;
            Err(Error::Cancelled)
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
