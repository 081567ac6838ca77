//! Plain and OME TIFF without OpenSlide: tiles or strips read one by one, pyramids in SubIFDs.

use super::piece_cache::PieceCache;
use super::region::read_inside;
use super::tiff_file::{TiffFile, tag};
use super::tiff_image::TiffImage;
use super::{LevelInfo, Limits, Mpp, SlideInfo, SlideSource, ome_xml};
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect, Size};
use image::RgbImage;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// Tiles that are kept beyond a row of windows.
const SPARE_TILES: u64 = 16;

/// A TIFF file whose tiles this program decodes itself.
pub(super) struct TiffSource {
    path: PathBuf,
    info: SlideInfo,
    limits: Limits,
    images: Vec<TiffImage>,
    cache: PieceCache,
    /// Who knows label, macro and thumbnail.
    associated: Option<Box<dyn SlideSource>>,
}

/// Does the first image's description hold OME-XML?
pub(super) fn is_ome<R: Read + Seek>(file: &mut TiffFile<R>) -> Result<bool> {
    Ok(file.text(0, tag::DESCRIPTION)?.is_some_and(|text| ome_xml::is_ome(&text)))
}

/// Opens a checked file.
///
/// # Errors
/// [`Error::Unsupported`] for pixels that are not decoded here.
pub(super) fn open<R: Read + Seek>(path: &Path, file: &mut TiffFile<R>, limits: &Limits) -> Result<TiffSource> {
    let is_image = |file: &TiffFile<R>, index: &usize| file.directories[*index].fields.contains_key(&tag::WIDTH);
    let Some(main) = (0..file.directories.len()).find(|index| is_image(file, index)) else {
        return Err(Error::bad_file(path, "it has no image"));
    };
    let base = TiffImage::new(path, file, main, limits)?;
    let text = file.text(main, tag::DESCRIPTION)?;
    let ome = text.as_deref().filter(|text| ome_xml::is_ome(text)).map(ome_xml::pixels);
    let channels = ome.as_ref().and_then(ome_xml::Pixels::channels).unwrap_or(1);
    if channels > 1 && file.number(main, tag::SAMPLES_PER_PIXEL)?.unwrap_or(1) == 1 {
        let reason = format!("it holds {channels} channels in planes of their own, as fluorescence does; RGB is read");
        return Err(Error::Unsupported { path: path.to_owned(), reason });
    }
    let mut images = vec![base];
    for index in (0..file.directories.len()).filter(|index| *index != main) {
        let reduced = file.number(index, tag::SUBFILE_TYPE)?.is_some_and(|kind| kind & 1 == 1);
        let own = file.directories[index].parent;
        if (own == Some(main) || own.is_none() && reduced && ome.is_none()) && is_image(file, &index) {
            images.push(TiffImage::new(path, file, index, limits)?);
        }
    }
    let images = pyramid(images);
    let base = images[0].size;
    let levels = images.iter().map(|image| LevelInfo { size: image.size, downsample: downsample(base, image.size) });
    let info = SlideInfo {
        vendor: if ome.is_some() { "ome-tiff" } else { "tiff" }.to_owned(),
        reader: "tiff".to_owned(),
        levels: levels.collect(),
        mpp: match ome.as_ref().map(ome_xml::Pixels::mpp) {
            Some(Mpp::Unusable { property, value }) if value == "missing" => {
                let tags = resolution(file, main)?;
                if matches!(tags, Mpp::Known(..)) { tags } else { Mpp::missing(&property) }
            }
            Some(mpp) => mpp,
            None => resolution(file, main)?,
        },
        properties: properties(file, main, ome, text)?,
        associated: Vec::new(),
    };
    let cache = PieceCache::new(limits.cache_bytes);
    Ok(TiffSource { path: path.to_owned(), info, limits: limits.clone(), images, cache, associated: None })
}

/// A source of `images`, one a level of `info`, each at least as large as its level. `other` reads the associated images.
#[cfg(all(feature = "openslide", feature = "jpeg-turbo"))]
pub(super) fn of_levels(
    info: SlideInfo,
    images: Vec<TiffImage>,
    other: Box<dyn SlideSource>,
    limits: &Limits,
) -> TiffSource {
    let (path, cache) = (other.path().to_owned(), PieceCache::new(limits.cache_bytes));
    TiffSource { path, info, limits: limits.clone(), images, cache, associated: Some(other) }
}

/// The first image and those that are the same picture, smaller and smaller.
fn pyramid(images: Vec<TiffImage>) -> Vec<TiffImage> {
    let mut levels: Vec<TiffImage> = Vec::new();
    for image in images {
        let fits = levels.last().is_none_or(|finer| {
            let by = f64::from(levels[0].size.width) / f64::from(image.size.width);
            let height = f64::from(levels[0].size.height) / by;
            image.size.width < finer.size.width && (height - f64::from(image.size.height)).abs() <= 2.0
        });
        if fits {
            levels.push(image);
        }
    }
    levels
}

fn downsample(base: Size, size: Size) -> f64 {
    let along = |base: u32, level: u32| f64::from(base) / f64::from(level);
    (along(base.width, size.width) + along(base.height, size.height)) / 2.0
}

fn resolution<R: Read + Seek>(file: &mut TiffFile<R>, index: usize) -> Result<Mpp> {
    let name = "tiff.XResolution";
    let (Some(x), Some(y)) = (file.fraction(index, tag::X_RESOLUTION)?, file.fraction(index, tag::Y_RESOLUTION)?)
    else {
        return Ok(Mpp::missing(name));
    };
    let micrometres = match file.number(index, tag::RESOLUTION_UNIT)?.unwrap_or(2) {
        2 => 25_400.0,
        3 => 10_000.0,
        _ => return Ok(Mpp::Unusable { property: name.to_owned(), value: format!("`{x}` without a unit") }),
    };
    Ok(Mpp::from_resolution_tags(name, micrometres / x, micrometres / y))
}

fn properties<R: Read + Seek>(
    file: &mut TiffFile<R>,
    index: usize,
    ome: Option<ome_xml::Pixels>,
    description: Option<String>,
) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    properties.extend(description.map(|text| ("tiff.ImageDescription".to_owned(), text)));
    for (name, value) in ome.map(|pixels| pixels.0).unwrap_or_default() {
        properties.insert(format!("ome.Pixels.{name}"), value);
    }
    let names = [
        (tag::BITS_PER_SAMPLE, "BitsPerSample"),
        (tag::COMPRESSION, "Compression"),
        (tag::PHOTOMETRIC, "PhotometricInterpretation"),
        (tag::SAMPLES_PER_PIXEL, "SamplesPerPixel"),
        (tag::RESOLUTION_UNIT, "ResolutionUnit"),
    ];
    for (tag, name) in names {
        properties.extend(file.number(index, tag)?.map(|value| (format!("tiff.{name}"), value.to_string())));
    }
    for (tag, name) in [(tag::X_RESOLUTION, "XResolution"), (tag::Y_RESOLUTION, "YResolution")] {
        properties.extend(file.fraction(index, tag)?.map(|value| (format!("tiff.{name}"), value.to_string())));
    }
    Ok(properties)
}

impl SlideSource for TiffSource {
    fn path(&self) -> &Path {
        &self.path
    }

    fn info(&self) -> &SlideInfo {
        &self.info
    }

    fn read(&self, level: u32, region: Rect<Level>) -> Result<RgbImage> {
        read_inside(&self.path, &self.info.levels, &self.limits, (level, region), |_, part| self.assemble(level, part))
    }

    fn expect_rows(&self, level: u32, height: u32) {
        let usual = self.limits.cache_bytes;
        self.cache.resize(self.bytes_of_rows(level, height).clamp(usual / 2, usual.saturating_mul(4)));
    }

    fn read_associated(&self, name: &str) -> Result<RgbImage> {
        match &self.associated {
            Some(other) => other.read_associated(name),
            None => Err(Error::bad_file(&self.path, format!("there is no image `{name}`; this reader shows none"))),
        }
    }
}

impl TiffSource {
    /// Bytes of all the tiles that a row of windows touches, wherever it lies, and of some more, as readers are a few
    /// windows apart. Room beyond need would only be filled.
    fn bytes_of_rows(&self, level: u32, height: u32) -> u64 {
        let Some(image) = self.images.get(level as usize) else { return 0 };
        let rows = u64::from(height.div_ceil(image.piece.height)) + 1;
        (rows * u64::from(image.across()) + SPARE_TILES) * image.piece.area() * 3
    }

    /// OpenSlide does not look at all of a tile.
    fn advised(&self, error: BoxError) -> BoxError {
        match self.associated {
            Some(_) => format!("{error}; --reader openslide may draw it all the same").into(),
            None => error,
        }
    }

    /// Puts `part`, which lies inside the level, together from its tiles.
    fn assemble(&self, level: u32, part: Rect<Level>) -> Result<RgbImage, BoxError> {
        let image = &self.images[level as usize];
        let piece = image.piece;
        let mut picture = RgbImage::new(part.width, part.height);
        let numbers =
            |from: i64, to: i64, edge: u32| (from / i64::from(edge)) as u32..=((to - 1) / i64::from(edge)) as u32;
        for row in numbers(part.y, part.bottom(), piece.height) {
            for column in numbers(part.x, part.right(), piece.width) {
                let number = row * image.across() + column;
                let pixels =
                    self.cache.get((level, number), || image.decode(number)).map_err(|error| self.advised(error))?;
                let (left, top) =
                    (i64::from(column) * i64::from(piece.width), i64::from(row) * i64::from(piece.height));
                let here = Rect::new(left, top, pixels.width(), pixels.height());
                let Some(shared) = here.intersection(&part) else { continue };
                let (x, y) = ((shared.x - left) as u32, (shared.y - top) as u32);
                copy(
                    &pixels,
                    [x, y],
                    &mut picture,
                    [(shared.x - part.x) as u32, (shared.y - part.y) as u32],
                    shared.size(),
                );
            }
        }
        Ok(picture)
    }
}

/// Copies `size` pixels, row by row, from a corner in one picture to a corner in another; both have room for them.
fn copy(from: &RgbImage, [x, y]: [u32; 2], to: &mut RgbImage, [left, top]: [u32; 2], size: Size) {
    let length = 3 * size.width as usize;
    let at = |width: u32, x: u32, y: u32| 3 * (y as usize * width as usize + x as usize);
    let (across, wide) = (from.width(), to.width());
    let (source, target) = (from.as_raw().as_slice(), &mut **to);
    for row in 0..size.height {
        let (source_at, target_at) = (at(across, x, y + row), at(wide, left, top + row));
        target[target_at..target_at + length].copy_from_slice(&source[source_at..source_at + length]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiff_craft::{Craft, LONG, SHORT};
    use super::*;
    use ::tiff::encoder::{Compression, TiffEncoder, colortype};
    use std::fs;

    fn opened(path: &Path) -> TiffSource {
        let limits = Limits::default();
        let mut file = super::super::tiff_check::check(path, &limits).unwrap();
        open(path, &mut file, &limits).unwrap()
    }

    #[test]
    fn the_cache_has_room_for_the_tiles_of_a_row_of_windows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let pixels = vec![7u8; 1000 * 300 * 3];
        let mut encoder = TiffEncoder::new(fs::File::create(&path).unwrap()).unwrap();
        encoder.write_image::<colortype::RGB8>(1000, 300, &pixels).unwrap();
        drop(encoder);
        let slide = opened(&path);
        let piece = slide.images[0].piece;
        let one = piece.area() * 3;
        assert_eq!(slide.images[0].across(), 1, "strips");
        // Windows as high as three strips touch four.
        assert_eq!(slide.bytes_of_rows(0, 3 * piece.height), (4 + SPARE_TILES) * one);
        assert_eq!(slide.bytes_of_rows(9, 100), 0, "there is no such level");
        slide.expect_rows(0, u32::MAX);
        slide.expect_rows(9, 1);
        assert!(slide.read(0, Rect::new(0, 0, 1000, 300)).is_ok());
    }

    #[test]
    fn a_pyramid_in_sub_ifds_opens_in_all_four_forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        for (little, big) in [(true, false), (true, true), (false, false), (false, true)] {
            let mut craft = Craft::new(little, big);
            let pixels = if big { 16 } else { 8 };
            craft.put_offset(pixels + 64 + 16);
            craft.bytes.extend(0..64);
            craft.bytes.extend([200; 16]);
            let image = |edge: u64, at: u64| {
                let size = [(tag::WIDTH, LONG, edge), (tag::HEIGHT, LONG, edge), (tag::BITS_PER_SAMPLE, SHORT, 8)];
                let strip = [(tag::STRIP_OFFSETS, LONG, at), (tag::STRIP_BYTE_COUNTS, LONG, edge * edge)];
                [&size[..], &[(tag::COMPRESSION, SHORT, 1), (tag::PHOTOMETRIC, SHORT, 1)], &strip].concat()
            };
            // The main directory comes first in the file, so its length tells where the other one will lie.
            let mut main = image(8, pixels);
            let (head, entry, next) = if big { (8, 20, 8) } else { (2, 12, 4) };
            let sub = craft.bytes.len() as u64 + head + 8 * entry + next;
            main.push((tag::SUB_IFDS, LONG, sub));
            craft.directory(&main, 0);
            assert_eq!(craft.directory(&image(4, pixels + 64), 0), sub);
            fs::write(&path, &craft.bytes).unwrap();

            let slide = opened(&path);
            assert_eq!(slide.info.levels[1], LevelInfo { size: Size::new(4, 4), downsample: 2.0 });
            let fine = slide.read(0, Rect::new(1, 2, 2, 1)).unwrap();
            assert_eq!(fine.as_raw(), &[17, 17, 17, 18, 18, 18]);
            assert!(slide.read(1, Rect::new(0, 0, 4, 4)).unwrap().as_raw().iter().all(|value| *value == 200));
        }
    }

    #[test]
    fn sixteen_bits_alpha_and_compression_come_out_as_rgb() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let encoder = || TiffEncoder::new(fs::File::create(&path).unwrap()).unwrap();
        let first = |slide: &TiffSource| slide.read(0, Rect::new(0, 0, 2, 1)).unwrap().into_raw();

        let grey: Vec<u16> = [0xFFFF, 0x8080].into_iter().cycle().take(300 * 40).collect();
        let mut file = encoder().with_compression(Compression::Lzw);
        file.write_image::<colortype::Gray16>(300, 40, &grey).unwrap();
        assert_eq!(first(&opened(&path)), [255, 255, 255, 128, 128, 128]);

        let rgb: Vec<u8> = (0..300 * 40 * 3).map(|n| n as u8).collect();
        let mut file = encoder().with_compression(Compression::Deflate(Default::default()));
        file.write_image::<colortype::RGB8>(300, 40, &rgb).unwrap();
        let slide = opened(&path);
        assert_eq!(slide.read(0, Rect::new(0, 0, 300, 40)).unwrap().as_raw(), &rgb);
        // From several threads at once, each with a decoder of its own.
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (slide, rgb) = (&slide, &rgb);
                scope.spawn(move || {
                    for y in (0..40).map(|n| (n * 7 + thread * 11) % 40) {
                        let row = slide.read(0, Rect::new(0, y as i64, 300, 1)).unwrap();
                        assert_eq!(row.as_raw(), &rgb[y * 900..(y + 1) * 900]);
                    }
                });
            }
        });

        // Half-transparent red, premultiplied (1) and straight (2); without the tag the fourth sample is not alpha.
        for (extra, want) in [(1, [255, 127, 127]), (2, [228, 127, 127]), (0, [201, 0, 0])] {
            let mut craft = Craft::new(true, false);
            craft.put_offset(12);
            craft.bytes.extend([if extra == 1 { 128 } else { 201 }, 0, 0, 128]);
            let entries = [
                (tag::WIDTH, LONG, 1),
                (tag::HEIGHT, LONG, 1),
                (tag::BITS_PER_SAMPLE, SHORT, 8),
                (tag::PHOTOMETRIC, SHORT, 2),
                (tag::STRIP_OFFSETS, LONG, 8),
                (tag::SAMPLES_PER_PIXEL, SHORT, 4),
                (tag::STRIP_BYTE_COUNTS, LONG, 4),
                (tag::EXTRA_SAMPLES, SHORT, extra),
            ];
            craft.directory(&entries, 0);
            fs::write(&path, &craft.bytes).unwrap();
            let pixel = opened(&path).read(0, Rect::new(0, 0, 1, 1)).unwrap();
            assert_eq!(pixel.as_raw(), &want, "kind {extra}");
        }
    }
}
