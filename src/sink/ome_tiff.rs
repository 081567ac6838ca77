//! The class of every pixel as a tiled OME-TIFF.
//!
//! A tile of the file is the core of a tile of the plan, so it is compressed and written as it comes; what was not looked
//! at shares one tile of background. The file is a BigTIFF, whose directory is written last.

use super::Sink;
use crate::config::{ClassRole, ModelClass};
use crate::error::{Error, Result};
use crate::file::OutFile;
use crate::geometry::Size;
use crate::tile::{ClassBlock, Object};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a BigTIFF's header.
const HEADER: u64 = 16;

/// Tag, then type, count and value; sorted by tag in the file.
type Entry = (u16, (u16, u64, Vec<u8>));

/// The grid of cores that the image is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassGrid {
    /// Pixels of the whole image.
    pub size: Size,
    /// Edge of a core in pixels, a multiple of 16.
    pub core_px: u32,
    /// Micrometres per pixel.
    pub mpp: f64,
}

/// Writes class indices as an 8-bit image with the classes' colours.
#[derive(Debug)]
pub struct ClassTiffSink {
    file: OutFile,
    name: String,
    grid: ClassGrid,
    colors: Vec<[u8; 3]>,
    names: Vec<String>,
    /// Index of the background.
    background: u8,
    columns: u32,
    /// Offset and length of each tile; 0 where none was written.
    tiles: Vec<(u64, u64)>,
    end: u64,
}

impl ClassTiffSink {
    /// Creates the file; `classes` are the model's, in plane order.
    ///
    /// # Errors
    /// [`Error::Config`] if the core cannot be a TIFF tile, [`Error::Io`] if the file cannot be created.
    pub fn create(path: &Path, classes: &[ModelClass], grid: ClassGrid) -> Result<Self> {
        if grid.core_px == 0 || !grid.core_px.is_multiple_of(16) {
            return Err(Error::config("core", grid.core_px, "a TIFF tile's edge is a multiple of 16 pixels"));
        }
        let mut file = OutFile::create(path)?;
        file.append(&[0; HEADER as usize])?;
        let (columns, rows) = (grid.size.width.div_ceil(grid.core_px), grid.size.height.div_ceil(grid.core_px));
        Ok(Self {
            file,
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            grid,
            colors: classes.iter().map(|class| class.color).collect(),
            names: classes.iter().map(|class| class.name.clone()).collect(),
            background: classes.iter().position(|class| class.role == ClassRole::Background).unwrap_or(0) as u8,
            columns,
            tiles: vec![(0, 0); columns as usize * rows as usize],
            end: HEADER,
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        // Everything that a directory points at begins on a word.
        let padding = (self.end.next_multiple_of(8) - self.end) as usize;
        self.file.append(&[0; 8][..padding])?;
        let start = self.end + padding as u64;
        self.file.append(bytes)?;
        self.end = start + bytes.len() as u64;
        Ok(start)
    }

    fn append_tile(&mut self, classes: &[u8]) -> Result<(u64, u64)> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        let bytes = encoder.write_all(classes).and_then(|()| encoder.finish());
        let bytes = bytes.map_err(Error::compute("compressing classes"))?;
        Ok((self.append(&bytes)?, bytes.len() as u64))
    }

    fn description(&self) -> String {
        let Size { width, height } = self.grid.size;
        let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
        let mut classes = String::new();
        for (index, name) in self.names.iter().enumerate() {
            classes.push_str(&format!("<M K=\"{index}\">{}</M>", escape(name)));
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" Creator=\"slidestream {version}\">\
             <Image ID=\"Image:0\" Name=\"classes\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"uint8\" \
             SizeX=\"{width}\" SizeY=\"{height}\" SizeC=\"1\" SizeZ=\"1\" SizeT=\"1\" PhysicalSizeX=\"{mpp}\" \
             PhysicalSizeXUnit=\"µm\" PhysicalSizeY=\"{mpp}\" PhysicalSizeYUnit=\"µm\">\
             <Channel ID=\"Channel:0:0\" Name=\"class\" SamplesPerPixel=\"1\"/><TiffData IFD=\"0\"/></Pixels></Image>\
             <StructuredAnnotations><MapAnnotation ID=\"Annotation:0\" Namespace=\"slidestream/classes\">\
             <Value>{classes}</Value></MapAnnotation></StructuredAnnotations></OME>",
            version = env!("CARGO_PKG_VERSION"),
            mpp = self.grid.mpp,
        )
    }

    /// Colours of the 256 indices: all reds, all greens, all blues, in 16 bits.
    fn color_map(&self) -> Vec<u8> {
        let color = |index: usize, channel: usize| self.colors.get(index).map_or(0, |color| color[channel]);
        (0..3).flat_map(|channel| (0..256).flat_map(move |index| [color(index, channel); 2])).collect()
    }

    fn directory(&mut self) -> Result<Vec<u8>> {
        let mut text = self.description().into_bytes();
        text.push(0);
        let colors = self.color_map();
        let numbers = |values: &mut dyn Iterator<Item = u64>| values.flat_map(u64::to_le_bytes).collect::<Vec<_>>();
        let offsets = numbers(&mut self.tiles.iter().map(|tile| tile.0));
        let lengths = numbers(&mut self.tiles.iter().map(|tile| tile.1));
        // Pixels per centimetre, as a fraction.
        let per_cm = [(1e7 / self.grid.mpp).round() as u32, 1000].map(u32::to_le_bytes).concat();
        let (short, long) = (3_u16, 4_u16);
        let Size { width, height } = self.grid.size;
        let core = self.grid.core_px;
        let number = |kind: u16, value: u32| (kind, 1, value.to_le_bytes().to_vec());
        let tiles = self.tiles.len() as u64;
        let software = format!("slidestream {}\0", env!("CARGO_PKG_VERSION")).into_bytes();
        let entries: Vec<Entry> = vec![
            (256, number(long, width)),
            (257, number(long, height)),
            (258, number(short, 8)),
            (259, number(short, 8)), // deflate
            (262, number(short, 3)), // palette
            (270, (2, text.len() as u64, text)),
            (277, number(short, 1)),
            (282, (5, 1, per_cm.clone())),
            (283, (5, 1, per_cm)),
            (296, number(short, 3)), // centimetres
            (305, (2, software.len() as u64, software)),
            (320, (short, 768, colors)),
            (322, number(long, core)),
            (323, number(long, core)),
            (324, (16, tiles, offsets)),
            (325, (16, tiles, lengths)),
        ];
        let mut directory = (entries.len() as u64).to_le_bytes().to_vec();
        for (tag, (kind, count, mut value)) in entries {
            directory.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            directory.extend(count.to_le_bytes());
            if value.len() > 8 {
                value = self.append(&value)?.to_le_bytes().to_vec();
            }
            value.resize(8, 0);
            directory.extend(value);
        }
        directory.extend([0; 8]); // no further directory
        Ok(directory)
    }
}

impl Sink for ClassTiffSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn objects(&mut self, _objects: &[Object]) -> Result<()> {
        Ok(())
    }

    fn block(&mut self, block: &ClassBlock) -> Result<()> {
        let edge = self.grid.core_px;
        let place = (block.column < self.columns)
            .then(|| block.row as usize * self.columns as usize + block.column as usize)
            .filter(|&place| place < self.tiles.len());
        let fits = (block.core.width, block.core.height) == (edge, edge)
            && block.classes.len() as u64 == block.core.size().area();
        let (Some(place), true) = (place, fits) else {
            return Err(Error::Internal(format!("block ({}, {}) does not fit {}", block.column, block.row, self.name)));
        };
        self.tiles[place] = self.append_tile(&block.classes)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.tiles.contains(&(0, 0)) {
            let background = vec![self.background; (self.grid.core_px * self.grid.core_px) as usize];
            let shared = self.append_tile(&background)?;
            self.tiles.iter_mut().filter(|tile| **tile == (0, 0)).for_each(|tile| *tile = shared);
        }
        let directory = self.directory()?;
        let at = self.append(&directory)?;
        let path = self.file.path().to_owned();
        self.file.seek(SeekFrom::Start(0)).map_err(Error::io("write", &path))?;
        // "II", version 43, offsets of 8 bytes.
        self.file.append(&[b'I', b'I', 43, 0, 8, 0, 0, 0])?;
        self.file.append(&at.to_le_bytes())?;
        self.file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use flate2::read::ZlibDecoder;
    use std::io::Read;
    use tiff::decoder::Decoder;
    use tiff::tags::Tag;

    fn classes() -> Vec<ModelClass> {
        let class = |name: &str, role, color| ModelClass { name: name.into(), role, color };
        vec![
            class("Debris", ClassRole::Object, [9; 3]),
            class("Tumour & <stroma>", ClassRole::Object, [200, 10, 30]),
            class("Glass", ClassRole::Background, [255; 3]),
        ]
    }

    /// Writes an image of 70 x 40 pixels in cores of 32, of which only the block (1, 0) is given.
    fn image() -> (tempfile::TempDir, Decoder<std::io::BufReader<std::fs::File>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.tif");
        let grid = ClassGrid { size: Size::new(70, 40), core_px: 32, mpp: 0.5 };
        let mut sink = Box::new(ClassTiffSink::create(&path, &classes(), grid).unwrap());
        let block = ClassBlock {
            column: 1,
            row: 0,
            core: Rect::new(32, 0, 32, 32),
            classes: (0..32 * 32).map(|i| u8::from(i % 3 == 0)).collect(),
        };
        sink.block(&block).unwrap();
        sink.finish().unwrap();
        (folder, Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).unwrap())
    }

    #[test]
    fn another_reader_gets_the_blocks_where_they_were_put_and_background_elsewhere() {
        let (folder, mut decoder) = image();
        assert_eq!((decoder.dimensions().unwrap(), decoder.chunk_dimensions()), ((70, 40), (32, 32)));
        // The decoder knows no palettes, so it is asked for the tiles' places only.
        let file = std::fs::read(folder.path().join("classes.tif")).unwrap();
        let offsets = decoder.get_tag_u64_vec(Tag::TileOffsets).unwrap();
        let lengths = decoder.get_tag_u64_vec(Tag::TileByteCounts).unwrap();
        assert_eq!((offsets.len(), lengths.len()), (6, 6));
        for (chunk, (offset, length)) in offsets.into_iter().zip(lengths).enumerate() {
            let mut pixels = Vec::new();
            ZlibDecoder::new(&file[offset as usize..][..length as usize]).read_to_end(&mut pixels).unwrap();
            assert_eq!(pixels.len(), 32 * 32);
            for (i, pixel) in pixels.iter().enumerate() {
                let expected = if chunk == 1 { u8::from(i % 3 == 0) } else { 2 };
                assert_eq!(*pixel, expected, "tile {chunk}, pixel {i}");
            }
        }
    }

    #[test]
    fn resolution_colours_and_names_are_in_the_file() {
        let (_folder, mut decoder) = image();
        let text = decoder.get_tag_ascii_string(Tag::ImageDescription).unwrap();
        assert!(text.contains("PhysicalSizeX=\"0.5\"") && text.contains("SizeX=\"70\""), "{text}");
        assert!(text.contains("<M K=\"1\">Tumour &amp; &lt;stroma&gt;</M>"), "{text}");
        let colors = decoder.get_tag_u16_vec(Tag::ColorMap).unwrap();
        assert_eq!([colors[1], colors[257], colors[513]], [200 * 257, 10 * 257, 30 * 257]);
    }

    #[test]
    fn a_block_that_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let grid = ClassGrid { size: Size::new(70, 40), core_px: 32, mpp: 0.5 };
        let mut sink = ClassTiffSink::create(&folder.path().join("classes.tif"), &classes(), grid).unwrap();
        let outside = ClassBlock { column: 3, row: 0, core: Rect::new(96, 0, 32, 32), classes: vec![0; 1024] };
        assert!(sink.block(&outside).is_err());
        let grid = ClassGrid { core_px: 30, ..grid };
        assert!(ClassTiffSink::create(&folder.path().join("x.tif"), &classes(), grid).is_err());
    }
}
