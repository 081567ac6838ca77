//! Small TIFF files made of bytes, for tests.

use super::tiff_file::tag;

/// Type numbers of TIFF.
pub(crate) const SHORT: u16 = 3;
pub(crate) const LONG: u16 = 4;

/// A classic or big TIFF file in the making.
pub(crate) struct Craft {
    pub little: bool,
    pub big: bool,
    pub bytes: Vec<u8>,
}

impl Craft {
    pub fn new(little: bool, big: bool) -> Self {
        let mut craft = Self { little, big, bytes: if little { b"II".to_vec() } else { b"MM".to_vec() } };
        craft.put(if big { 43 } else { 42 }, 2);
        if big {
            craft.put(8, 2);
            craft.put(0, 2);
        }
        craft
    }

    pub fn put(&mut self, value: u64, size: usize) {
        if self.little {
            self.bytes.extend(&value.to_le_bytes()[..size]);
        } else {
            self.bytes.extend(&value.to_be_bytes()[8 - size..]);
        }
    }

    /// Puts a position: 4 bytes in a classic file, 8 in a big one.
    pub fn put_offset(&mut self, value: u64) {
        self.put(value, if self.big { 8 } else { 4 });
    }

    /// Puts a directory of single values here and returns its position.
    pub fn directory(&mut self, entries: &[(u16, u16, u64)], next: u64) -> u64 {
        let at = self.bytes.len() as u64;
        let inline = if self.big { 8 } else { 4 };
        self.put(entries.len() as u64, if self.big { 8 } else { 2 });
        for &(tag, kind, value) in entries {
            self.put(tag.into(), 2);
            self.put(kind.into(), 2);
            self.put_offset(1);
            let size = if kind == SHORT { 2 } else { 4 };
            self.put(value, size);
            self.bytes.extend(vec![0; inline - size]);
        }
        self.put_offset(next);
        at
    }

    /// A file with one grey image of `edge` x `edge` pixels in one tile of `tile` x `tile`.
    pub fn one_tile(little: bool, big: bool, edge: u64, tile: u64) -> Self {
        let mut craft = Self::new(little, big);
        let first = if big { 16 } else { 8 };
        craft.put_offset(first);
        craft.directory(
            &[
                (tag::WIDTH, LONG, edge),
                (tag::HEIGHT, LONG, edge),
                (tag::BITS_PER_SAMPLE, SHORT, 8),
                (tag::COMPRESSION, SHORT, 1),
                (tag::PHOTOMETRIC, SHORT, 1),
                (tag::SAMPLES_PER_PIXEL, SHORT, 1),
                (tag::TILE_WIDTH, LONG, tile),
                (tag::TILE_HEIGHT, LONG, tile),
                (tag::TILE_OFFSETS, LONG, 8),
                (tag::TILE_BYTE_COUNTS, LONG, 64),
            ],
            0,
        );
        craft
    }
}
