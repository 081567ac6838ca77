//! Unpacking an archive to where the engine is looked for: checked first, then put in place at once.

use super::{FOLDER, PROGRAM, SUMS, hexadecimal};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use uuid::Uuid;

/// Bytes that one archive may hold: some hundred times what it does, so that a wrong file cannot fill the disk.
const MOST_BYTES: u64 = 16 << 30;
/// Files that one archive may hold.
const MOST_FILES: usize = 100_000;

/// Unpacks `archive` to `place`, which then holds the program and all its files. An engine that was there is replaced when
/// the new one is complete, and stays as it is if anything fails; one that runs goes on with the files that it has open.
/// `go_on` is told the bytes of the archive that are done and in all, and ends the work with `false`.
///
/// # Errors
/// [`Error::BadFile`] if the archive is no archive of an engine, is cut off, damaged, for another platform or would write
/// anywhere else; [`Error::Io`] such as a full disk; [`Error::Cancelled`].
pub fn install(archive: &Path, place: &Path, go_on: &mut dyn FnMut(u64, u64) -> bool) -> Result<()> {
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let draft = parent.join(format!(".engine-{}", Uuid::new_v4()));
    fs::create_dir(&draft).map_err(Error::io("create", &draft))?;
    let placed = unpack(archive, &draft, go_on).and_then(|()| put(&draft, place));
    // Either the unfinished new engine or the one that was replaced.
    let removed = fs::remove_dir_all(&draft);
    placed?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &draft)(error)),
        _ => Ok(()),
    }
}

/// Puts `draft` at `place`; what was there is at `draft` then.
fn put(draft: &Path, place: &Path) -> Result<()> {
    if !place.exists() {
        return fs::rename(draft, place).map_err(Error::io("create", place));
    }
    if !place.join(PROGRAM).is_file() {
        let reason =
            format!("holds no engine that could be replaced (there is no {PROGRAM} in it); name an empty place");
        return Err(Error::config("place", place.display(), reason));
    }
    let [from, to] = [draft, place].map(|path| CString::new(path.as_os_str().as_bytes()));
    let (Ok(from), Ok(to)) = (from, to) else {
        return Err(Error::config("place", place.display(), "must not have a zero byte in its name"));
    };
    // At once: there is always one whole engine for whoever starts it.
    // SAFETY: both strings end in a zero byte and outlive the call.
    let status =
        unsafe { libc::renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::RENAME_EXCHANGE) };
    if status == 0 { Ok(()) } else { Err(Error::io("replace", place)(io::Error::last_os_error())) }
}

/// Unpacks into a folder that is there and empty, and checks that all is there.
fn unpack(archive: &Path, draft: &Path, go_on: &mut dyn FnMut(u64, u64) -> bool) -> Result<()> {
    let file = File::open(archive).map_err(Error::io("read", archive))?;
    let all = file.metadata().map_err(Error::io("read", archive))?.len();
    let mut stopped = false;
    let counted = Counted { file, done: 0, all, go_on, stopped: &mut stopped };
    let unpacked = Unpacking { archive, draft, sums: BTreeMap::new(), seen: 0, bytes: 0 }.all(counted);
    if stopped { Err(Error::Cancelled) } else { unpacked }
}

struct Unpacking<'a> {
    archive: &'a Path,
    draft: &'a Path,
    /// Sums of the files that have not come yet, by name.
    sums: BTreeMap<String, String>,
    seen: usize,
    bytes: u64,
}

impl Unpacking<'_> {
    fn bad(&self, reason: impl Into<String>) -> Error {
        Error::bad_file(self.archive, format!("{}; download it again", reason.into()))
    }

    fn broken(&self) -> impl Fn(io::Error) -> Error + use<'_> {
        let archive = self.archive;
        move |error| {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => "is cut off".to_owned(),
                _ => format!("is damaged or no archive of an engine ({error})"),
            };
            Error::bad_file(archive, format!("{reason}; download it again"))
        }
    }

    fn all(mut self, input: impl Read) -> Result<()> {
        let decoder = zstd::Decoder::new(input).map_err(self.broken())?;
        let mut tar = tar::Archive::new(decoder);
        let entries = tar.entries().map_err(self.broken())?;
        for entry in entries {
            let mut entry = entry.map_err(self.broken())?;
            let name = self.name_of(&entry)?;
            if self.seen == 0 {
                if name != SUMS {
                    return Err(
                        self.bad(format!("begins with `{name}` instead of {SUMS}, so it is no archive of an engine"))
                    );
                }
                let mut text = String::new();
                entry.by_ref().take(MOST_FILES as u64 * 256).read_to_string(&mut text).map_err(self.broken())?;
                self.sums = self.parse(&text)?;
            } else {
                self.file(&name, &mut entry)?;
            }
            self.seen += 1;
        }
        // Reads to the end, where zstd checks that nothing is missing.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(self.broken())?;
        match self.sums.first_key_value() {
            Some((name, _)) => Err(self.bad(format!("lacks `{name}` and {} other files", self.sums.len() - 1))),
            None if !self.draft.join(PROGRAM).is_file() => Err(self.bad(format!("holds no program `{PROGRAM}`"))),
            None => Ok(()),
        }
    }

    /// The entry's name inside the archive's folder. Only ordinary files whose path goes nowhere else have one.
    fn name_of(&self, entry: &tar::Entry<'_, impl Read>) -> Result<String> {
        let path = entry.path().map_err(self.broken())?.into_owned();
        let inside = path.strip_prefix(FOLDER).ok().filter(|inside| {
            let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
            plain && inside.components().next().is_some() && entry.header().entry_type().is_file()
        });
        let name = inside.and_then(|inside| inside.to_str()).map(str::to_owned);
        name.ok_or_else(|| self.bad(format!("holds `{}`, which is no file of an engine", path.display())))
    }

    fn parse(&self, text: &str) -> Result<BTreeMap<String, String>> {
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            match line.split_once("  ") {
                Some((sum, name)) if sum.len() == 64 => sums.insert(name.to_owned(), sum.to_owned()),
                _ => return Err(self.bad(format!("has a line in {SUMS} that is no sum: `{line}`"))),
            };
        }
        if sums.len() > MOST_FILES { Err(self.bad(format!("lists {} files", sums.len()))) } else { Ok(sums) }
    }

    fn file<R: Read>(&mut self, name: &str, entry: &mut tar::Entry<'_, R>) -> Result<()> {
        let Some(wanted) = self.sums.remove(name) else {
            return Err(self.bad(format!("holds `{name}` twice or without a sum")));
        };
        self.bytes = self.bytes.saturating_add(entry.size());
        if self.bytes > MOST_BYTES {
            return Err(self.bad("holds more than 16 GiB"));
        }
        let executable = entry.header().mode().map_err(self.broken())? & 0o100 != 0;
        let path: PathBuf = self.draft.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let mode = if executable { 0o755 } else { 0o644 };
        let file = File::options().write(true).create_new(true).mode(mode).open(&path);
        let mut file = file.map_err(Error::io("create", &path))?;
        let mut hash = Sha256::new();
        let mut part = vec![0; 1 << 20];
        loop {
            let length = entry.read(&mut part).map_err(self.broken())?;
            if length == 0 {
                break;
            }
            hash.update(&part[..length]);
            file.write_all(&part[..length]).map_err(Error::io("write", &path))?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("write", &path))?;
        file.sync_all().map_err(Error::io("write", &path))?;
        if hexadecimal(&hash.finalize()) == wanted {
            Ok(())
        } else {
            Err(self.bad(format!("has a `{name}` that differs from its sum")))
        }
    }
}

/// Tells how much of the archive is read.
struct Counted<'a> {
    file: File,
    done: u64,
    all: u64,
    go_on: &'a mut dyn FnMut(u64, u64) -> bool,
    stopped: &'a mut bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(room)?;
        self.done += length as u64;
        if !(self.go_on)(self.done, self.all) {
            *self.stopped = true;
            return Err(io::Error::other("stopped"));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
