//! Writing an archive: the same files give the same bytes.

use super::{FOLDER, SUMS, hexadecimal};
use crate::error::{Error, Result};
use crate::file::{write_bytes, write_whole};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a file of the archive is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// A copy of this file.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Files of an archive by their names inside its folder, with `/` between folders.
pub type Files = BTreeMap<String, Content>;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of the files together.
    pub content: u64,
    /// Bytes of the archive.
    pub archive: u64,
    /// Sum of the archive, also in the file beside it that ends in `.sha256`.
    pub sha256: String,
}

/// Adds every file below `folder` under `name`.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read, [`Error::BadFile`] for names that are not UTF-8.
pub fn add_folder(files: &mut Files, folder: &Path, name: &str) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let base = path.file_name().and_then(|base| base.to_str());
        let base = base.ok_or_else(|| Error::bad_file(&path, "has a name that is not UTF-8"))?;
        let inside = format!("{name}/{base}");
        if path.is_dir() {
            add_folder(files, &path, &inside)?;
        } else {
            files.insert(inside, Content::File(path));
        }
    }
    Ok(())
}

/// Writes `files` to `archive` and its sum to a file beside it, both complete or not at all. zstd's `level` is from 1 to 22.
/// `go_on` is told bytes done and in all, the reading for the sums included, and ends the work with `false`.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read or written, [`Error::Cancelled`].
pub fn pack(files: &Files, archive: &Path, level: i32, go_on: &mut dyn FnMut(u64, u64) -> bool) -> Result<Packed> {
    let sizes = files.values().map(Content::size).collect::<Result<Vec<_>>>()?;
    let content = sizes.iter().sum::<u64>();
    let mut watch = Watch { done: 0, all: 2 * content, go_on, stopped: false };
    let mut sums = String::new();
    for (name, content) in files {
        let mut hash = Sha256::new();
        let read = content.open().and_then(|reader| {
            io::copy(
                &mut Watched { reader, watch: &mut watch },
                &mut Summed { out: io::sink(), hash: &mut hash, bytes: &mut 0 },
            )
        });
        read.map_err(|error| watch.explain(error, content.path().unwrap_or(archive), "read"))?;
        sums.push_str(&format!("{}  {name}\n", hexadecimal(&hash.finalize())));
    }

    let mut hash = Sha256::new();
    let mut written = 0;
    write_whole(archive, |file| {
        let out = Summed { out: file, hash: &mut hash, bytes: &mut written };
        let fill = || {
            let mut encoder = zstd::Encoder::new(out, level)?;
            // Libraries repeat themselves over long distances.
            encoder.long_distance_matching(true)?;
            encoder.window_log(27)?;
            let mut tar = tar::Builder::new(encoder);
            append(&mut tar, SUMS, sums.len() as u64, 0o644, sums.as_bytes())?;
            for ((name, content), &size) in files.iter().zip(&sizes) {
                let reader = Watched { reader: content.open()?, watch: &mut watch };
                append(&mut tar, name, size, content.mode()?, reader)?;
            }
            tar.into_inner()?.finish().map(drop)
        };
        fill().map_err(|error| watch.explain(error, archive, "write"))
    })?;
    let sha256 = hexadecimal(&hash.finalize());
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_bytes(&archive.with_file_name(format!("{name}.sha256")), format!("{sha256}  {name}\n").as_bytes())?;
    Ok(Packed { content, archive: written, sha256 })
}

impl Content {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Bytes(_) => None,
        }
    }

    fn size(&self) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => Ok(std::fs::metadata(path).map_err(Error::io("read", path))?.len()),
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
            Self::File(path) => Box::new(File::open(path)?),
        })
    }

    /// Of an archive's two: for programs and for other files.
    fn mode(&self) -> io::Result<u32> {
        let executable = match self {
            Self::Bytes(_) => false,
            Self::File(path) => std::fs::metadata(path)?.permissions().mode() & 0o100 != 0,
        };
        Ok(if executable { 0o755 } else { 0o644 })
    }
}

/// Adds a file with nothing of this machine but the content: no owner and no time.
fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, size: u64, mode: u32, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(1);
    tar.append_data(&mut header, format!("{FOLDER}/{name}"), content)
}

/// Who is told how far the work is, and may end it.
struct Watch<'a> {
    done: u64,
    all: u64,
    go_on: &'a mut dyn FnMut(u64, u64) -> bool,
    stopped: bool,
}

impl Watch<'_> {
    fn explain(&self, error: io::Error, path: &Path, action: &'static str) -> Error {
        if self.stopped { Error::Cancelled } else { Error::io(action, path)(error) }
    }
}

struct Watched<'a, 'b, R> {
    reader: R,
    watch: &'a mut Watch<'b>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(room)?;
        self.watch.done += length as u64;
        if !(self.watch.go_on)(self.watch.done, self.watch.all) {
            self.watch.stopped = true;
            return Err(io::Error::other("stopped"));
        }
        Ok(length)
    }
}

/// Counts and sums what passes through.
struct Summed<'a, W> {
    out: W,
    hash: &'a mut Sha256,
    bytes: &'a mut u64,
}

impl<W: Write> Write for Summed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.out.write(bytes)?;
        self.hash.update(&bytes[..length]);
        *self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
