//! Whether a TIFF file's directories are safe to hand to a C library.
//!
//! OpenSlide 4.0.1 allocates a tile on the file's word and ends the process when that fails: 242 bytes that declare a
//! tile of 60,000 x 60,000 pixels are enough. Everything that such a file states is held against the file's length and
//! the [`Limits`] here first. NDPI files keep a whole level in one strip with restart marks, and their offsets have
//! quirks, so that strips are looked at in their JPEG header instead.

use super::Limits;
use super::tiff_file::{Directory, TiffFile, tag};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// Bits of the widest sample that any reader decodes.
const WIDEST_SAMPLE: u64 = 64;
/// More samples than this are no picture; multiplexed images keep each channel in a directory of its own.
const MOST_SAMPLES: u64 = 256;
/// Bytes in which an NDPI strip must have told its restart interval.
const JPEG_HEAD_BYTES: u64 = 64 << 10;

/// Walks and checks every directory of `path`; the file is returned for readers that want its tags.
///
/// # Errors
/// [`Error::BadFile`] naming the directory and what is wrong, or [`Error::Limit`].
pub(super) fn check(path: &Path, limits: &Limits) -> Result<TiffFile<BufReader<File>>> {
    let input = File::open(path).map_err(Error::io("open", path))?;
    let mut file = TiffFile::open(path, BufReader::new(input), limits)?;
    check_directories(&mut file, limits)?;
    Ok(file)
}

fn check_directories<R: Read + Seek>(file: &mut TiffFile<R>, limits: &Limits) -> Result<()> {
    let mut images = 0;
    for index in 0..file.directories.len() {
        let directory = file.directories[index].clone();
        for (number, field) in &directory.fields {
            if field.bytes().is_some_and(|bytes| bytes > file.length) {
                let reason = format!("tag {number} claims {} values, more than the file holds", field.count);
                return Err(file.bad(at(&directory, &reason)));
            }
        }
        images += usize::from(check_image(file, limits, index, &directory)?);
    }
    if images == 0 {
        return Err(file.bad("it has TIFF directories, but none describes an image"));
    }
    Ok(())
}

fn at(directory: &Directory, what: &str) -> String {
    format!("the directory at byte {}: {what}", directory.at)
}

/// Checks one directory; says whether it describes an image at all.
fn check_image<R: Read + Seek>(
    file: &mut TiffFile<R>,
    limits: &Limits,
    index: usize,
    directory: &Directory,
) -> Result<bool> {
    let (Some(width), Some(height)) = (file.number(index, tag::WIDTH)?, file.number(index, tag::HEIGHT)?) else {
        return Ok(false);
    };
    if width == 0 || height == 0 {
        return Err(file.bad(at(directory, &format!("its image has {width} x {height} pixels"))));
    }
    let area = width.saturating_mul(height);
    let edge = u64::from(u32::MAX >> 1);
    if area > limits.level_pixels || width > edge || height > edge {
        let what = at(directory, &format!("an image of {width} x {height} pixels"));
        return Err(file.over(what, area, limits.level_pixels, "level_pixels"));
    }
    let samples = file.number(index, tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
    let bits = file.number(index, tag::BITS_PER_SAMPLE)?.unwrap_or(1);
    if !(1..=MOST_SAMPLES).contains(&samples) || !(1..=WIDEST_SAMPLE).contains(&bits) {
        let reason = format!("its pixels have {samples} samples of {bits} bits");
        return Err(file.bad(at(directory, &reason)));
    }
    if file.ndpi {
        check_ndpi(file, limits, index, directory, (width, height))?;
        return Ok(true);
    }
    let tiled = directory.fields.contains_key(&tag::TILE_WIDTH) || directory.fields.contains_key(&tag::TILE_OFFSETS);
    let name = if tiled { "tile" } else { "strip" };
    let (across, down) = if tiled {
        (file.number(index, tag::TILE_WIDTH)?.unwrap_or(0), file.number(index, tag::TILE_HEIGHT)?.unwrap_or(0))
    } else {
        (width, file.number(index, tag::ROWS_PER_STRIP)?.unwrap_or(height).min(height))
    };
    if across == 0 || down == 0 {
        return Err(file.bad(at(directory, &format!("its {name}s have {across} x {down} pixels"))));
    }
    let what = || at(directory, &format!("a {name} of {across} x {down} pixels"));
    let pixels = across.saturating_mul(down);
    if pixels > limits.tile_pixels {
        return Err(file.over(what(), pixels, limits.tile_pixels, "tile_pixels"));
    }
    let bytes = pixels.saturating_mul(samples.saturating_mul(bits).div_ceil(8));
    if bytes > limits.tile_bytes {
        return Err(file.over(format!("the size in bytes of {}", what()), bytes, limits.tile_bytes, "tile_bytes"));
    }
    let planes = if file.number(index, tag::PLANAR)? == Some(2) { samples } else { 1 };
    let pieces = width.div_ceil(across).saturating_mul(height.div_ceil(down)).saturating_mul(planes);
    check_pieces(file, index, directory, (name, pieces))?;
    Ok(true)
}

/// Every tile or strip has its place inside the file.
fn check_pieces<R: Read + Seek>(
    file: &mut TiffFile<R>,
    index: usize,
    directory: &Directory,
    (name, pieces): (&str, u64),
) -> Result<()> {
    let tags = match name {
        "tile" => [tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS],
        _ => [tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS],
    };
    let mut lists = [Vec::new(), Vec::new()];
    for (list, tag) in lists.iter_mut().zip(tags) {
        let Some(field) = file.directories[index].fields.get(&tag).copied() else {
            return Err(file.bad(at(directory, &format!("tag {tag} with the places of its {name}s is missing"))));
        };
        if field.count < pieces {
            let reason = format!("it needs {pieces} {name}s, but tag {tag} has {} values", field.count);
            return Err(file.bad(at(directory, &reason)));
        }
        *list = file.values(tag, &field)?;
    }
    let [offsets, counts] = &lists;
    for (number, (offset, count)) in offsets.iter().zip(counts).take(pieces as usize).enumerate() {
        if offset.checked_add(*count).is_none_or(|end| end > file.length) {
            let reason = format!(
                "{name} {number} lies at byte {offset} and has {count} bytes, but the file ends at {}; it is cut off or damaged",
                file.length
            );
            return Err(file.bad(at(directory, &reason)));
        }
    }
    Ok(())
}

/// A large level of an NDPI file must be readable in pieces: its JPEG needs a restart interval.
fn check_ndpi<R: Read + Seek>(
    file: &mut TiffFile<R>,
    limits: &Limits,
    index: usize,
    directory: &Directory,
    (width, height): (u64, u64),
) -> Result<()> {
    let pixels = width.saturating_mul(height);
    if pixels <= limits.tile_pixels {
        return Ok(());
    }
    // Offsets of files over 4 GiB need the high bits that only the scanner's own software writes; where the strip is
    // not found, there is no JPEG and OpenSlide refuses the level by itself.
    let Some(offset) = file.number(index, tag::STRIP_OFFSETS)?.filter(|offset| *offset < file.length) else {
        return Ok(());
    };
    let head = file.bytes_at(offset, JPEG_HEAD_BYTES.min(file.length - offset))?;
    if head.starts_with(&[0xFF, 0xD8]) && restart_interval(&head) == 0 {
        let what = at(directory, &format!("an NDPI level of {width} x {height} pixels without restart marks"));
        return Err(file.over(what, pixels, limits.tile_pixels, "tile_pixels"));
    }
    Ok(())
}

/// MCUs between the restart marks of a JPEG, from its header; 0 for none.
fn restart_interval(jpeg: &[u8]) -> u16 {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let [0xFF, marker, high, low, body @ ..] = rest {
        match marker {
            0xDD => return body.first_chunk().map_or(0, |interval| u16::from_be_bytes(*interval)),
            0xDA => return 0,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = rest.get(2 + length..).unwrap_or_default();
    }
    0
}

#[cfg(test)]
mod tests {
    use super::super::tiff_craft::{Craft, LONG, SHORT};
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn checked(bytes: &[u8]) -> Result<(), String> {
        let limits = Limits::default();
        let mut file =
            TiffFile::open(Path::new("a.tif"), Cursor::new(bytes), &limits).map_err(|error| error.to_string())?;
        check_directories(&mut file, &limits).map_err(|error| error.to_string())
    }

    fn refused(bytes: &[u8], why: &str) {
        let error = checked(bytes).expect_err(why);
        assert!(error.contains(why), "`{error}` does not say `{why}`");
    }

    #[test]
    fn a_sound_file_passes_in_all_four_forms() {
        for (little, big) in [(true, false), (true, true), (false, false), (false, true)] {
            checked(&Craft::one_tile(little, big, 8, 8).bytes).unwrap();
        }
    }

    #[test]
    fn a_huge_tile_is_refused_before_any_reader_sees_it() {
        for edge in [60_000, 160_000] {
            for (little, big) in [(true, false), (true, true), (false, false), (false, true)] {
                let craft = Craft::one_tile(little, big, edge, edge);
                assert!(craft.bytes.len() < 300);
                refused(&craft.bytes, "`tile_pixels`");
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("bomb.svs");
                std::fs::write(&path, &craft.bytes).unwrap();
                let error = crate::slide::open(&path, &Limits::default()).err().expect("refused");
                assert!(matches!(error, Error::Limit { name: "tile_pixels", .. }), "{error}");
            }
        }
    }

    #[test]
    fn loops_of_directories_are_found() {
        let image = [(tag::WIDTH, LONG, 8), (tag::HEIGHT, LONG, 8)];
        let mut onto_itself = Craft::new(true, false);
        onto_itself.put_offset(8);
        onto_itself.directory(&image, 8);
        refused(&onto_itself.bytes, "loop");

        let mut sub = Craft::new(true, false);
        sub.put_offset(8);
        sub.directory(&[(tag::SUB_IFDS, LONG, 8)], 0);
        refused(&sub.bytes, "loop");

        let mut two = Craft::new(false, true);
        two.put_offset(16);
        let end = 16 + 8 + 2 * 20 + 8;
        two.directory(&image, end);
        assert_eq!(two.directory(&image, 16), end);
        refused(&two.bytes, "loop");
    }

    #[test]
    fn senseless_figures_are_named() {
        let with = |changed: (u16, u16, u64)| {
            let mut entries = vec![
                (tag::WIDTH, LONG, 8),
                (tag::HEIGHT, LONG, 8),
                (tag::BITS_PER_SAMPLE, SHORT, 8),
                (tag::STRIP_OFFSETS, LONG, 8),
                (tag::STRIP_BYTE_COUNTS, LONG, 64),
            ];
            entries.retain(|entry| entry.0 != changed.0);
            entries.push(changed);
            let mut craft = Craft::new(true, false);
            craft.put_offset(8);
            craft.directory(&entries, 0);
            craft.bytes
        };
        checked(&with((tag::WIDTH, LONG, 8))).unwrap();
        refused(&with((tag::WIDTH, LONG, 0)), "0 x 8");
        refused(&with((tag::WIDTH, LONG, 4_000_000_000)), "`level_pixels`");
        refused(&with((tag::BITS_PER_SAMPLE, SHORT, 999)), "999 bits");
        refused(&with((tag::STRIP_OFFSETS, LONG, 1 << 30)), "cut off");
        refused(&with((tag::STRIP_BYTE_COUNTS, LONG, 1 << 30)), "cut off");
        refused(&with((tag::ROWS_PER_STRIP, LONG, 1)), "8 strips");
    }

    #[test]
    fn an_ndpi_level_needs_restart_marks_only_when_large() {
        assert_eq!(restart_interval(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xDD, 0, 4, 1, 2]), 258);
        assert_eq!(restart_interval(&[0xFF, 0xD8, 0xFF, 0xDA, 0, 4, 1, 2]), 0);
        assert_eq!(restart_interval(&[0xFF, 0xD8, 0xFF, 0xDD, 0, 4]), 0);
        let ndpi = |edge: u64| {
            let mut craft = Craft::new(true, false);
            craft.put(200, 8);
            craft.bytes.resize(200, 0);
            let entries = [
                (tag::WIDTH, LONG, edge),
                (tag::HEIGHT, LONG, edge),
                (tag::STRIP_OFFSETS, LONG, 100),
                (tag::STRIP_BYTE_COUNTS, LONG, 50),
                (tag::NDPI_FORMAT, LONG, 1),
            ];
            craft.directory(&entries, 0);
            craft.put(0, 4);
            craft.bytes[100..106].copy_from_slice(&[0xFF, 0xD8, 0xFF, 0xDA, 0, 2]);
            craft.bytes
        };
        checked(&ndpi(8_000)).unwrap();
        refused(&ndpi(60_000), "restart marks");
    }

    proptest! {
        #[test]
        fn flipped_bytes_never_panic(flips in prop::collection::vec((0_usize..200, any::<u8>()), 1..12), form in 0..4) {
            let mut craft = Craft::one_tile(form & 1 == 0, form & 2 == 0, 64, 16);
            let length = craft.bytes.len();
            for (at, value) in flips {
                craft.bytes[at % length] = value;
            }
            // Whatever it says, it says it without a panic and without taking memory on the file's word.
            let _ = checked(&craft.bytes);
        }
    }
}
