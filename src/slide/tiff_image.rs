//! One image of a TIFF file: how it is stored, and the decoding of one of its tiles or strips.
//!
//! JPEG goes to [`tiff_jpeg`]; no compression, LZW, Deflate, PackBits go to the `tiff` crate. That crate only opens
//! images of the main chain, so a reader of it sees the file with its header linked to the wanted directory.
//!
//! Pixels become RGB8: 16-bit samples are scaled by 255/65535, grey is repeated, alpha is laid over white.

use super::Limits;
use super::region::WHITE;
use super::tiff_file::{TiffFile, tag};
use super::tiff_jpeg::{self, Color, rgb_of_ycbcr};
use super::tiff_relink::Relinked;
use crate::error::{BoxError, Error, Result};
use crate::geometry::Size;
use ::tiff::decoder::{Decoder, DecodingResult};
use image::RgbImage;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const JPEG: u64 = 7;
/// None, LZW, Deflate (two numbers), PackBits, Zstandard.
const THROUGH_TIFF: [u64; 6] = [1, 5, 8, 32946, 32773, 50000];

/// What the sample after the colours means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alpha {
    None,
    Premultiplied,
    Straight,
}

/// One image of the file.
pub(super) struct TiffImage {
    path: PathBuf,
    /// Read at places, so that threads share it.
    file: File,
    /// Pixels of the image.
    pub size: Size,
    /// Pixels of a whole tile or strip.
    pub piece: Size,
    directory: u64,
    big_tiff: bool,
    compression: u64,
    color: Color,
    alpha: Alpha,
    #[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
    bits: u64,
    samples: usize,
    planar: bool,
    offsets: Vec<u64>,
    counts: Vec<u64>,
    jpeg_tables: Option<Vec<u8>>,
    limits: Limits,
    /// Idle decoders: as many as ever worked at once.
    decoders: Mutex<Vec<Decoder<Relinked>>>,
}

impl TiffImage {
    /// Reads the layout of directory `index`, which has been checked.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming what is not decoded here.
    pub fn new<R: Read + Seek>(path: &Path, file: &mut TiffFile<R>, index: usize, limits: &Limits) -> Result<Self> {
        let mut number = |tag, default| Ok::<u64, Error>(file.number(index, tag)?.unwrap_or(default));
        let size = Size::new(number(tag::WIDTH, 0)? as u32, number(tag::HEIGHT, 0)? as u32);
        let (bits, samples) = (number(tag::BITS_PER_SAMPLE, 1)?, number(tag::SAMPLES_PER_PIXEL, 1)?);
        let (compression, photometric) = (number(tag::COMPRESSION, 1)?, number(tag::PHOTOMETRIC, 1)?);
        let (format, extra) = (number(tag::SAMPLE_FORMAT, 1)?, number(tag::EXTRA_SAMPLES, 0)?);
        let planar = number(tag::PLANAR, 1)? == 2;
        let rows = number(tag::ROWS_PER_STRIP, size.height.into())?.min(size.height.into());
        let tile = (number(tag::TILE_WIDTH, 0)?, number(tag::TILE_HEIGHT, 0)?);
        let refuse = |reason: String| Err(Error::Unsupported { path: path.to_owned(), reason });
        let color = match photometric {
            0 => Color::InvertedGray,
            1 => Color::Gray,
            2 => Color::Rgb,
            6 => Color::YCbCr,
            other => {
                return refuse(format!("its pixels are of photometric kind {other}; grey, RGB and YCbCr are read"));
            }
        };
        let colors = if matches!(color, Color::Rgb | Color::YCbCr) { 3 } else { 1 };
        if samples < colors || !matches!(bits, 8 | 16) || format != 1 {
            let reason = format!("its pixels have {samples} samples of {bits} bits and format {format}; ");
            return refuse(reason + "whole numbers of 8 or 16 bits are read");
        }
        let is_jpeg = compression == JPEG;
        if !is_jpeg && !THROUGH_TIFF.contains(&compression) {
            return refuse(format!(
                "its compression is number {compression}; none, LZW, Deflate, PackBits, Zstandard and JPEG are read"
            ));
        }
        if is_jpeg && (bits != 8 || planar || samples != colors) || color == Color::YCbCr && !is_jpeg {
            return refuse("this mixture of JPEG, YCbCr, planes and alpha is not read; save it as RGB".to_owned());
        }
        let tiled = tile.0 > 0;
        let piece = if tiled { Size::new(tile.0 as u32, tile.1 as u32) } else { Size::new(size.width, rows as u32) };
        let (offsets, counts) = match tiled {
            true => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
            false => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
        };
        let mut list = |tag| match file.directories[index].fields.get(&tag).copied() {
            Some(field) => file.values(tag, &field),
            None => Ok(Vec::new()),
        };
        let (offsets, counts) = (list(offsets)?, list(counts)?);
        let jpeg_tables = match file.directories[index].fields.get(&tag::JPEG_TABLES).copied() {
            Some(field) if is_jpeg => Some(file.bytes_of(tag::JPEG_TABLES, &field)?),
            _ => None,
        };
        let alpha = match extra {
            1 if samples > colors => Alpha::Premultiplied,
            2 if samples > colors => Alpha::Straight,
            _ => Alpha::None,
        };
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path).map_err(Error::io("open", path))?,
            size,
            piece,
            directory: file.directories[index].at,
            big_tiff: file.big_tiff,
            compression,
            color,
            alpha,
            #[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
            bits,
            samples: samples as usize,
            planar,
            offsets,
            counts,
            jpeg_tables,
            limits: limits.clone(),
            decoders: Mutex::default(),
        })
    }

    /// Is it cut into tiles of 8-bit colours without alpha, with all of them there?
    #[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
    pub fn is_plain(&self) -> Result<(), &'static str> {
        match () {
            () if self.bits != 8 => Err("its samples have 16 bits"),
            () if self.samples != 3 || self.planar => Err("its pixels are not three samples side by side"),
            () if self.counts.contains(&0) => Err("some of its tiles are left out"),
            () => Ok(()),
        }
    }

    /// Tiles or strips side by side.
    pub fn across(&self) -> u32 {
        self.size.width.div_ceil(self.piece.width)
    }

    /// Decodes piece `number`: as many pixels as lie inside the image, or more.
    pub fn decode(&self, number: u32) -> Result<RgbImage, BoxError> {
        let (column, row) = (number % self.across(), number / self.across());
        let width = self.piece.width.min(self.size.width - column * self.piece.width);
        let rows = self.piece.height.min(self.size.height - row * self.piece.height);
        let fail =
            |error: BoxError| -> BoxError { format!("tile {number} (column {column}, row {row}): {error}").into() };
        if self.counts[number as usize] == 0 {
            // Sparse files leave empty tiles out.
            return Ok(RgbImage::from_pixel(width, rows, WHITE));
        }
        if self.compression == JPEG {
            let tables = self.jpeg_tables.as_deref();
            let decoded =
                self.compressed(number).and_then(|tile| tiff_jpeg::decode(tables, &tile, self.color, self.piece, rows));
            return decoded.map_err(fail);
        }
        let idle = self.decoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = match idle {
            Some(decoder) => decoder,
            None => self.decoder().map_err(fail)?,
        };
        let pixels = self.decode_planes(&mut decoder, number, Size::new(width, rows)).map_err(fail)?;
        self.decoders.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        Ok(pixels)
    }

    /// The bytes of a piece as they lie in the file.
    fn compressed(&self, number: u32) -> Result<Vec<u8>, BoxError> {
        let count = self.counts[number as usize];
        if count > self.limits.tile_bytes {
            return Err(format!(
                "{count} compressed bytes are over the limit of {} (`tile_bytes`)",
                self.limits.tile_bytes
            )
            .into());
        }
        let mut bytes = vec![0; count as usize];
        self.file.read_exact_at(&mut bytes, self.offsets[number as usize])?;
        Ok(bytes)
    }

    fn decoder(&self) -> Result<Decoder<Relinked>, BoxError> {
        let mut limits = ::tiff::decoder::Limits::default();
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        limits.decoding_buffer_size = bytes(self.limits.tile_bytes);
        limits.intermediate_buffer_size = bytes(self.limits.tile_bytes);
        limits.ifd_value_size = bytes(self.limits.tag_bytes);
        let file = Relinked::open(&self.path, self.directory, self.big_tiff)?;
        let mut decoder = Decoder::new(file)?.with_limits(limits);
        decoder.next_image()?;
        Ok(decoder)
    }

    /// Decodes the chunk, or one for each sample, as samples of 8 bits.
    fn decode_planes(&self, decoder: &mut Decoder<Relinked>, number: u32, size: Size) -> Result<RgbImage, BoxError> {
        let plane = self.across() * self.size.height.div_ceil(self.piece.height);
        let planes = if self.planar { self.samples as u32 } else { 1 };
        let mut samples = Vec::new();
        for part in 0..planes {
            samples.push(match decoder.read_chunk(number + part * plane)? {
                DecodingResult::U8(values) => values,
                DecodingResult::U16(values) => {
                    values.iter().map(|v| ((u32::from(*v) * 255 + 32_767) / 65_535) as u8).collect()
                }
                _ => return Err("samples of an unexpected type".into()),
            });
        }
        let pixels = size.area() as usize;
        let stride = if self.planar { 1 } else { samples[0].len() / pixels.max(1) };
        if samples.iter().any(|plane| plane.len() != pixels * stride) || stride == 0 {
            return Err(format!("{} samples for {pixels} pixels", samples[0].len()).into());
        }
        let at = |pixel: usize, sample: usize| match self.planar {
            true => samples[sample][pixel],
            false => samples[0][pixel * stride + sample],
        };
        let kept = if self.planar { samples.len() } else { stride };
        let colors = if matches!(self.color, Color::Rgb | Color::YCbCr) { 3 } else { 1 };
        if kept < colors {
            return Err(format!("{kept} samples a pixel").into());
        }
        let mut rgb = Vec::with_capacity(pixels * 3);
        for pixel in 0..pixels {
            let color = match self.color {
                // The `tiff` crate has inverted a single grey plane; with alpha it hands out raw samples.
                Color::Gray => [at(pixel, 0); 3],
                Color::InvertedGray if self.samples == 1 => [at(pixel, 0); 3],
                Color::InvertedGray => [255 - at(pixel, 0); 3],
                Color::Rgb => [at(pixel, 0), at(pixel, 1), at(pixel, 2)],
                Color::YCbCr => rgb_of_ycbcr([at(pixel, 0), at(pixel, 1), at(pixel, 2)]),
            };
            let alpha = if kept > colors { self.alpha } else { Alpha::None };
            rgb.extend(match alpha {
                Alpha::None => color,
                Alpha::Premultiplied => color.map(|v| v.saturating_add(255 - at(pixel, colors))),
                Alpha::Straight => color.map(|v| over_white(v, at(pixel, colors))),
            });
        }
        RgbImage::from_raw(size.width, size.height, rgb).ok_or_else(|| "too few pixels".into())
    }
}

/// A straight-alpha sample on white.
pub(super) fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}
