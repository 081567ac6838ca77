//! A TIFF file as if its header led to one chosen directory, so that SubIFDs open like any other image.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The file with a changed header, and after its end a small directory whose successor is the chosen one.
///
/// The small one takes the place of the image that a decoder opens before it can be given its limits.
pub(super) struct Relinked {
    file: BufReader<File>,
    head: Vec<u8>,
    length: u64,
    tail: Vec<u8>,
    position: u64,
    /// Where the file itself stands.
    file_at: u64,
}

impl Relinked {
    /// Opens `path`, whose directory at byte `directory` becomes the second image.
    ///
    /// # Errors
    /// If the file cannot be read, or has no room for the additional directory.
    pub fn open(path: &Path, directory: u64, big: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = vec![0; if big { 16 } else { 8 }];
        file.read_exact(&mut head)?;
        if !big && length > u64::from(u32::MAX) - 1024 {
            return Err(io::Error::other("a classic TIFF of 4 GiB leaves no room"));
        }
        let little = head[0] == b'I';
        let number = |value: u64, size: usize| match little {
            true => value.to_le_bytes()[..size].to_vec(),
            false => value.to_be_bytes()[8 - size..].to_vec(),
        };
        let offset = if big { 8 } else { 4 };
        let header = head.len() - offset;
        head[header..].copy_from_slice(&number(length, offset));
        // Width, height, photometric kind, one strip: one black pixel, never decoded.
        let entries: [(u64, u64); 5] = [(256, 1), (257, 1), (262, 1), (273, 8), (279, 1)];
        let mut tail = number(entries.len() as u64, if big { 8 } else { 2 });
        for (tag, value) in entries {
            tail.extend(number(tag, 2));
            tail.extend(number(3, 2));
            tail.extend(number(1, offset));
            tail.extend(number(value, 2));
            tail.extend(vec![0; offset - 2]);
        }
        tail.extend(number(directory, offset));
        let file_at = head.len() as u64;
        Ok(Self { file: BufReader::new(file), head, length, tail, position: 0, file_at })
    }
}

impl Read for Relinked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.position;
        let read = if at < self.head.len() as u64 {
            (&self.head[at as usize..]).read(buffer)?
        } else if at < self.length {
            if self.file_at != at {
                self.file.seek_relative(at as i64 - self.file_at as i64)?;
                self.file_at = at;
            }
            let room = buffer.len().min(usize::try_from(self.length - at).unwrap_or(usize::MAX));
            let read = self.file.read(&mut buffer[..room])?;
            self.file_at += read as u64;
            read
        } else {
            let from = usize::try_from(at - self.length).unwrap_or(usize::MAX);
            self.tail.get(from..).unwrap_or_default().read(buffer)?
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Relinked {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => (self.length + self.tail.len() as u64).checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
