//! The directories of a TIFF file, walked within bounds: classic and BigTIFF, both byte orders, SubIFDs, NDPI.
//!
//! Nothing is decoded here and no memory is taken on a file's word: every count is first held against the file's
//! length and the [`Limits`].

use super::Limits;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Numbers of the tags that are used here.
pub(super) mod tag {
    pub const SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const DESCRIPTION: u16 = 270;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR: u16 = 284;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    /// Hamamatsu's mark of an NDPI file.
    pub const NDPI_FORMAT: u16 = 65420;
}

/// Where one tag's values lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    kind: u16,
    /// Number of values.
    pub count: u64,
    /// Position of the first value in the file.
    pub at: u64,
}

impl Field {
    /// Bytes of all values; `None` for a type that TIFF does not know, or more than fit a number.
    pub fn bytes(&self) -> Option<u64> {
        let size = match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => return None,
        };
        self.count.checked_mul(size)
    }
}

/// One image directory.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    /// Position in the file.
    pub at: u64,
    /// Number of the directory that names this one as its SubIFD; none in the main chain.
    pub parent: Option<usize>,
    pub fields: BTreeMap<u16, Field>,
}

/// An open TIFF file and its directories.
pub(super) struct TiffFile<R> {
    input: R,
    path: PathBuf,
    /// Bytes of the file.
    pub length: u64,
    little_endian: bool,
    pub big_tiff: bool,
    pub ndpi: bool,
    limits: Limits,
    /// The main chain in its order; each SubIFD after the directory that names it.
    pub directories: Vec<Directory>,
}

impl<R: Read + Seek> TiffFile<R> {
    /// Walks every directory.
    ///
    /// # Errors
    /// [`Error::BadFile`] for loops and for offsets outside the file, [`Error::Limit`] for too many or too large parts.
    pub fn open(path: &Path, mut input: R, limits: &Limits) -> Result<Self> {
        let length = input.seek(SeekFrom::End(0)).map_err(Error::io("read", path))?;
        let mut file = Self {
            input,
            path: path.to_owned(),
            length,
            little_endian: true,
            big_tiff: false,
            ndpi: false,
            limits: limits.clone(),
            directories: Vec::new(),
        };
        let magic: [u8; 4] = file.array(0)?;
        file.little_endian = magic[0] == b'I';
        file.big_tiff = magic.contains(&43);
        let first = if file.big_tiff { file.u64_at(8)? } else { file.first_classic()? };
        if first == 0 {
            return Err(file.bad("it has a TIFF header but no image; the file is incomplete"));
        }
        file.walk(first)?;
        Ok(file)
    }

    /// The first directory's position. NDPI files have 64-bit positions in a classic TIFF, so both are tried.
    fn first_classic(&mut self) -> Result<u64> {
        let first = u64::from(self.u32_at(4)?);
        if self.little_endian && self.length >= 12 {
            let wide = self.u64_at(4)?;
            let candidates = if wide == first { vec![first] } else { vec![wide, first] };
            for at in candidates {
                self.ndpi = true;
                if self.directory(at).is_ok_and(|(fields, _, _)| fields.contains_key(&tag::NDPI_FORMAT)) {
                    return Ok(at);
                }
                self.ndpi = false;
            }
        }
        Ok(first)
    }

    fn walk(&mut self, first: u64) -> Result<()> {
        let mut seen = HashSet::new();
        // Positions still to visit, the next one last.
        let mut waiting = vec![(first, None)];
        while let Some((at, parent)) = waiting.pop() {
            if !seen.insert(at) {
                return Err(self.bad(format!("its directories form a loop at byte {at}")));
            }
            if self.directories.len() as u64 >= self.limits.directories {
                let count = self.limits.directories.saturating_add(1);
                return Err(self.over("the number of its directories", count, self.limits.directories, "directories"));
            }
            let (fields, next, children) = self.directory(at)?;
            let own = self.directories.len();
            // Some writers also chain the SubIFDs that they list: those are met through the list.
            let listed = parent.is_some() && (seen.contains(&next) || waiting.iter().any(|(at, _)| *at == next));
            if next != 0 && !listed {
                waiting.push((next, parent));
            }
            waiting.extend(children.into_iter().rev().filter(|child| *child != 0).map(|child| (child, Some(own))));
            self.directories.push(Directory { at, parent, fields });
        }
        Ok(())
    }

    /// Fields, position of the next directory (0 for none) and positions of the SubIFDs.
    fn directory(&mut self, at: u64) -> Result<(BTreeMap<u16, Field>, u64, Vec<u64>)> {
        let (head, entry, inline) = if self.big_tiff { (8, 20, 8) } else { (2, 12, 4) };
        let entries = if self.big_tiff { self.u64_at(at)? } else { u64::from(self.u16_at(at)?) };
        let end = entries.checked_mul(entry).and_then(|bytes| bytes.checked_add(at)?.checked_add(head));
        let Some(end) = end.filter(|end| *end <= self.length) else {
            return Err(self.bad(format!("the directory at byte {at} has {entries} entries, past the end of the file")));
        };
        if entries == 0 {
            return Err(self.bad(format!("the directory at byte {at} is empty")));
        }
        if entries > self.limits.entries {
            let what = format!("the number of entries of the directory at byte {at}");
            return Err(self.over(what, entries, self.limits.entries, "entries"));
        }
        let mut fields = BTreeMap::new();
        for start in (0..entries).map(|number| at + head + number * entry) {
            let (tag, kind) = (self.u16_at(start)?, self.u16_at(start + 2)?);
            let value_at = start + entry - inline;
            let count = if self.big_tiff { self.u64_at(start + 4)? } else { u64::from(self.u32_at(start + 4)?) };
            let mut field = Field { kind, count, at: value_at };
            if field.bytes().is_none_or(|bytes| bytes > inline) {
                field.at = if self.big_tiff { self.u64_at(value_at)? } else { u64::from(self.u32_at(value_at)?) };
                if self.ndpi {
                    field.at = before(field.at, at);
                }
            }
            fields.insert(tag, field);
        }
        // A file may end with its last entry: some writers leave the 0 of "no more" out.
        let wide = self.big_tiff || self.ndpi;
        let next = match self.length - end {
            0..4 => 0,
            4..8 if wide => 0,
            _ if wide => self.u64_at(end)?,
            _ => u64::from(self.u32_at(end)?),
        };
        let children = match fields.get(&tag::SUB_IFDS) {
            Some(field) if !self.ndpi => self.values(tag::SUB_IFDS, field)?,
            _ => Vec::new(),
        };
        Ok((fields, next, children))
    }

    /// The whole numbers of a field.
    ///
    /// # Errors
    /// If they lie outside the file, are no whole numbers or take more than `Limits::tag_bytes`.
    pub fn values(&mut self, tag: u16, field: &Field) -> Result<Vec<u64>> {
        let bytes = self.bytes_of(tag, field)?;
        let little = self.little_endian;
        let number = |chunk: &[u8]| {
            let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            if little { chunk.iter().rev().fold(0, shift) } else { chunk.iter().fold(0, shift) }
        };
        match field.kind {
            1 | 3 | 4 | 13 | 16 | 18 => {
                let size = bytes.len() / field.count.max(1) as usize;
                Ok(bytes.chunks_exact(size.max(1)).map(number).collect())
            }
            kind => Err(self.bad(format!("tag {tag} should hold whole numbers but is of type {kind}"))),
        }
    }

    /// The first value of a tag of directory `index`; `None` without that tag.
    pub fn number(&mut self, index: usize, tag: u16) -> Result<Option<u64>> {
        let Some(field) = self.directories[index].fields.get(&tag).copied() else { return Ok(None) };
        Ok(self.values(tag, &field)?.first().copied())
    }

    /// A rational or floating number of directory `index`, as resolutions are.
    pub fn fraction(&mut self, index: usize, tag: u16) -> Result<Option<f64>> {
        let Some(field) = self.directories[index].fields.get(&tag).copied() else { return Ok(None) };
        let words = match field.kind {
            5 => Field { kind: 4, count: 2, ..field },
            _ => Field { count: 1, ..field },
        };
        match *self.values(tag, &words)?.as_slice() {
            [over, under] => Ok(Some(over as f64 / under as f64)),
            [whole] => Ok(Some(whole as f64)),
            _ => Ok(None),
        }
    }

    /// The text of a tag of directory `index`, up to its first NUL.
    pub fn text(&mut self, index: usize, tag: u16) -> Result<Option<String>> {
        let Some(field) = self.directories[index].fields.get(&tag).copied() else { return Ok(None) };
        let bytes = self.bytes_of(tag, &field)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Ok(Some(String::from_utf8_lossy(&bytes[..end]).into_owned()))
    }

    /// The bytes of a field.
    pub fn bytes_of(&mut self, tag: u16, field: &Field) -> Result<Vec<u8>> {
        let Some(bytes) = field.bytes() else {
            return Err(self.bad(format!("tag {tag} has {} values of the unknown type {}", field.count, field.kind)));
        };
        if bytes > self.limits.tag_bytes {
            let what = format!("the size of tag {tag} in bytes");
            return Err(self.over(what, bytes, self.limits.tag_bytes, "tag_bytes"));
        }
        self.bytes_at(field.at, bytes)
    }

    /// `count` bytes at `at`, if the file has them.
    pub fn bytes_at(&mut self, at: u64, count: u64) -> Result<Vec<u8>> {
        if at.checked_add(count).is_none_or(|end| end > self.length) {
            let reason = format!(
                "bytes {at} to {} lie past its end at {}; it is cut off",
                at.saturating_add(count),
                self.length
            );
            return Err(self.bad(reason));
        }
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(usize::MAX)];
        let read = self.input.seek(SeekFrom::Start(at)).and_then(|_| self.input.read_exact(&mut bytes));
        read.map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N]> {
        let bytes = self.bytes_at(at, N as u64)?;
        bytes.try_into().map_err(|_| Error::Internal(format!("read other than {N} bytes")))
    }

    fn u16_at(&mut self, at: u64) -> Result<u16> {
        let bytes = self.array(at)?;
        Ok(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32_at(&mut self, at: u64) -> Result<u32> {
        let bytes = self.array(at)?;
        Ok(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn u64_at(&mut self, at: u64) -> Result<u64> {
        let bytes = self.array(at)?;
        Ok(if self.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }

    /// An [`Error::BadFile`] about this file.
    pub fn bad(&self, reason: impl Into<String>) -> Error {
        Error::bad_file(&self.path, reason)
    }

    /// An [`Error::Limit`] about this file.
    pub fn over(&self, what: impl Into<String>, value: u64, limit: u64, name: &'static str) -> Error {
        Error::Limit { path: self.path.clone(), what: what.into(), value, limit, name }
    }
}

/// The position that a 32-bit offset of an NDPI file means: the last one before the directory at `directory`.
fn before(offset: u64, directory: u64) -> u64 {
    let high = (directory & !0xFFFF_FFFF) | offset;
    if high >= directory && high >= 1 << 32 { high - (1 << 32) } else { high }
}
