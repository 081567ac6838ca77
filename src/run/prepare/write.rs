//! The files of a prepared data set.

use super::preview::COLORS;
use super::{Entry, Labelled, MaskKind};
use crate::config::OutputClass;
use crate::data::{PatchGrid, Split, published_jpeg};
use crate::error::{Error, Result};
use crate::geometry::Size;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Masks of classes have 8 bits.
const MOST_CLASSES: u32 = 255;

/// Writes images, masks and, at the end, the index and the table that reads them.
pub(super) struct Writer {
    folder: PathBuf,
    kind: MaskKind,
    patches: Option<PatchGrid>,
    /// Put each patch of an image through JPEG.
    compress: bool,
    rows: Vec<Row>,
    /// Everything written, for the last sync.
    files: Vec<PathBuf>,
    /// Images with pixels that no patch shows, and the most of them.
    cut: (usize, [u32; 2]),
}

/// One line of the index.
struct Row {
    name: String,
    group: String,
    style: String,
    split: Split,
    mpp: Option<f64>,
    /// Stem of the image that a patch is of, and its corner.
    patch: Option<(String, [u32; 2])>,
}

impl Writer {
    pub fn new(folder: &Path, kind: MaskKind, patches: Option<PatchGrid>, compress: bool) -> Result<Self> {
        for name in ["image", "mask"] {
            fs::create_dir(folder.join(name)).map_err(Error::io("create", folder.join(name)))?;
        }
        let (rows, files, folder) = (Vec::new(), Vec::new(), folder.to_owned());
        let compress = compress && patches.is_some();
        Ok(Self { folder, kind, patches, compress, rows, files, cut: (0, [0; 2]) })
    }

    /// Writes an image and its mask, or their patches.
    pub fn labelled(&mut self, entry: &Entry, split: Split, read: &Labelled) -> Result<()> {
        let size = Size::new(read.image.width(), read.image.height());
        if read.labels.len() as u64 != size.area() {
            let counts = format!("`{}`: {} labels on {size} pixels", entry.stem, read.labels.len());
            return Err(Error::Internal(counts));
        }
        for (name, corner, part) in self.parts(entry, size)? {
            let pixels = self.part(&read.image, corner, part)?;
            self.png(&format!("image/{name}"), &pixels, part, ExtendedColorType::Rgb8)?;
            let row = |y: u32| ((corner[1] + y) * size.width + corner[0]) as usize;
            let rows = (0..part.height).map(|y| &read.labels[row(y)..row(y) + part.width as usize]);
            self.mask(&format!("mask/{name}"), rows.flatten().copied(), part, &entry.stem)?;
            self.rows.push(Row {
                name,
                group: entry.group.clone(),
                style: entry.style.clone(),
                split,
                mpp: read.mpp,
                patch: self.patches.map(|_| (entry.stem.clone(), corner)),
            });
        }
        Ok(())
    }

    /// Writes an image without a mask, or its patches.
    pub fn unlabelled(&mut self, entry: &Entry, image: &RgbImage) -> Result<()> {
        let folder = self.folder.join("unlabelled");
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        for (name, corner, part) in self.parts(entry, Size::new(image.width(), image.height()))? {
            let pixels = self.part(image, corner, part)?;
            self.png(&format!("unlabelled/{name}"), &pixels, part, ExtendedColorType::Rgb8)?;
        }
        Ok(())
    }

    fn part(&self, image: &RgbImage, [x, y]: [u32; 2], size: Size) -> Result<RgbImage> {
        let pixels = imageops::crop_imm(image, x, y, size.width, size.height).to_image();
        published_jpeg::image(pixels, u32::from(self.compress))
    }

    /// Name, corner and size of each part of an image that becomes a file.
    fn parts(&mut self, entry: &Entry, size: Size) -> Result<Vec<(String, [u32; 2], Size)>> {
        let Some(grid) = self.patches else { return Ok(vec![(format!("{}.png", entry.stem), [0; 2], size)]) };
        let corners = grid.corners(size);
        if corners.is_empty() {
            let reason = format!("`{}` has only {size} pixels; use smaller patches, or whole images", entry.stem);
            return Err(Error::config("--patches", grid.edge, reason));
        }
        let left_over = grid.left_over(size);
        if left_over != [0; 2] {
            self.cut.0 += 1;
            self.cut.1 = [0, 1].map(|axis| self.cut.1[axis].max(left_over[axis]));
        }
        let name = |[x, y]: [u32; 2]| format!("{}_y{y:05}_x{x:05}.png", entry.stem);
        let part = Size::new(grid.edge, grid.edge);
        Ok(corners.into_iter().map(|corner| (name(corner), corner, part)).collect())
    }

    fn mask(&mut self, name: &str, labels: impl Iterator<Item = u32>, size: Size, stem: &str) -> Result<()> {
        let too_large = |value: u32, most: u32| {
            let reason = format!("has the label {value} where a mask of this kind holds {most} at most");
            Error::dataset(stem, reason)
        };
        let mut bytes = Vec::with_capacity(size.area() as usize * 2);
        let color = match self.kind {
            MaskKind::Instances => {
                for label in labels {
                    let label = u16::try_from(label).map_err(|_| too_large(label, u16::MAX.into()))?;
                    bytes.extend(label.to_ne_bytes());
                }
                ExtendedColorType::L16
            }
            MaskKind::Binary => {
                bytes.extend(labels.map(|label| if label == 0 { 0 } else { 255 }));
                ExtendedColorType::L8
            }
            MaskKind::Classes(_) => {
                for label in labels {
                    bytes.push(u8::try_from(label).map_err(|_| too_large(label, MOST_CLASSES))?);
                }
                ExtendedColorType::L8
            }
        };
        self.png(name, &bytes, size, color)
    }

    fn png(&mut self, name: &str, bytes: &[u8], size: Size, color: ExtendedColorType) -> Result<()> {
        let path = self.folder.join(name);
        let mut file = BufWriter::new(File::create_new(&path).map_err(Error::io("create", &path))?);
        PngEncoder::new(&mut file).write_image(bytes, size.width, size.height, color).map_err(|error| match error {
            image::ImageError::IoError(source) => Error::io("write", &path)(source),
            other => Error::compute(format!("encoding {}", path.display()))(other),
        })?;
        file.flush().map_err(Error::io("write", &path))?;
        self.files.push(path);
        Ok(())
    }

    /// What patches leave out.
    pub fn notes(&self) -> Vec<String> {
        let (images, [columns, rows]) = self.cut;
        let text = || {
            format!(
                "of {images} images up to {columns} columns at the right and {rows} rows at the bottom are in no patch"
            )
        };
        if images > 0 { vec![text()] } else { Vec::new() }
    }

    /// Writes `index.csv` and `dataset.toml` and brings every file to the disk. `divided` says that groups have images
    /// in several splits, which training refuses to take for groups. Returns the number of images.
    pub fn finish(mut self, place: &Path, divided: bool) -> Result<usize> {
        let known = self.rows.iter().filter(|row| row.mpp.is_some()).count();
        if let Some(row) = self.rows.iter().find(|row| row.mpp.is_none())
            && known > 0
        {
            let reason =
                format!("{known} images have a known pixel size, but `{}` has none; give one for all", row.name);
            return Err(Error::config("--mpp", "missing", reason));
        }
        let styled = self.rows.iter().all(|row| !row.style.is_empty());
        let (index, table) = (self.folder.join("index.csv"), self.folder.join("dataset.toml"));
        let text = self.index(styled, known > 0)?;
        fs::write(&index, text).map_err(Error::io("write", &index))?;
        let text = self.table(place, divided, styled, known > 0)?;
        fs::write(&table, text).map_err(Error::io("write", &table))?;
        self.files.extend([index, table]);
        let mut folders = BTreeSet::new();
        for path in &self.files {
            folders.extend(path.parent());
            sync(path)?;
        }
        folders.into_iter().try_for_each(sync)?;
        Ok(self.rows.len())
    }

    fn index(&self, styled: bool, scaled: bool) -> Result<Vec<u8>> {
        let bad = |e: csv::Error| Error::compute("writing index.csv")(e);
        let patched = self.patches.is_some();
        let columns = [
            ("image", true),
            ("mask", true),
            ("group", true),
            ("split", true),
            ("style", styled),
            ("mpp", scaled),
            ("source", patched),
            ("x", patched),
            ("y", patched),
        ];
        let mut file = csv::Writer::from_writer(Vec::new());
        file.write_record(columns.iter().filter(|(_, kept)| *kept).map(|(name, _)| name)).map_err(bad)?;
        for row in &self.rows {
            let (source, [x, y]) = row.patch.clone().unwrap_or_default();
            let mpp = row.mpp.map(|mpp| mpp.to_string()).unwrap_or_default();
            let (x, y) = (x.to_string(), y.to_string());
            let values = [&row.name, &row.name, &row.group, row.split.name(), &row.style, &mpp, &source, &x, &y];
            let kept = values.iter().zip(columns).filter(|(_, (_, kept))| *kept);
            file.write_record(kept.map(|(value, _)| value)).map_err(bad)?;
        }
        file.into_inner().map_err(|e| Error::io("write", "index.csv")(e.into_error()))
    }

    /// The `[data]` table of a training run on this data set, and the classes of its masks.
    fn table(&self, place: &Path, divided: bool, styled: bool, scaled: bool) -> Result<String> {
        let mut data = toml::Table::new();
        let mut put = |key: &str, value: &str| data.insert(key.into(), toml::Value::String(value.into()));
        put("root", &place.to_string_lossy());
        put("index", "index.csv");
        put("file_column", "image");
        put("split", "split");
        if !divided {
            put("group", "group");
        }
        if styled {
            put("style", "style");
        }
        if scaled {
            put("mpp_column", "mpp");
        }
        let labels = toml::Value::try_from(self.kind.labels()).map_err(Error::compute("writing dataset.toml"))?;
        data.insert("labels".into(), labels);
        let mut whole = toml::Table::from_iter([("data".to_owned(), toml::Value::Table(data))]);
        if let MaskKind::Classes(names) = &self.kind {
            let class = |(name, color): (&String, [u8; 3])| OutputClass { name: name.clone(), color };
            let classes: Vec<OutputClass> = names.iter().zip(COLORS.into_iter().cycle()).map(class).collect();
            let classes = toml::Value::try_from(classes).map_err(Error::compute("writing dataset.toml"))?;
            whole.insert("model".into(), toml::Table::from_iter([("class".to_owned(), classes)]).into());
        }
        let text = toml::to_string(&whole).map_err(Error::compute("writing dataset.toml"))?;
        let groups = if divided { "# No group: the splits divide groups, which training would refuse.\n" } else { "" };
        Ok(format!("# The table of a training configuration that reads this data set.\n{groups}{text}"))
    }
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
}
