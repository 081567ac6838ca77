//! The one error type of the library: the value, the place and the cure.

use std::io;
use std::path::{Path, PathBuf};

/// The cause kept inside an [`Error`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result with this library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, sorted by who can mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done, as a verb: `read`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own answer.
        source: io::Error,
    },
    /// The file is damaged, hostile or not what its name says.
    #[error("{path}: {reason}", path = path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, where in the file, and what to do.
        reason: String,
    },
    /// A sound file of a kind that this program does not read or write.
    #[error("{path} is not supported: {reason}", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported and what would be.
        reason: String,
    },
    /// A file asks for more than the [`Limits`](crate::slide::Limits) allow.
    #[error("{path}: {what} is {value}, over the limit of {limit} (`{name}`)", path = path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// What the file asks for.
        what: String,
        /// How much it asks for.
        value: u64,
        /// How much is allowed.
        limit: u64,
        /// The field of `Limits` that says so.
        name: &'static str,
    },
    /// A property of a slide is missing or senseless.
    #[error("{path}: property `{property}` is {value}; {cure}", path = path.display())]
    Property {
        /// The slide.
        path: PathBuf,
        /// The property's name.
        property: String,
        /// Its value in quotes, or `missing`.
        value: String,
        /// What the user can do.
        cure: String,
    },
    /// Pixels could not be read.
    #[error("cannot read level {level} at level-0 pixel ({x}, {y}) of {path}: {source}", path = path.display())]
    Read {
        /// The slide.
        path: PathBuf,
        /// Pyramid level, 0 is the finest.
        level: u32,
        /// Left edge, level-0 pixels.
        x: i64,
        /// Top edge, level-0 pixels.
        y: i64,
        /// What the reader said.
        source: BoxError,
    },
    /// One tile failed in one stage of a run.
    #[error("{stage} failed for tile {tile} (column {column}, row {row}) of {slide}: {source}", slide = slide.display())]
    Tile {
        /// `reading`, `model`, `vectorizing`, `stitching`, `writing`.
        stage: &'static str,
        /// The slide.
        slide: PathBuf,
        /// Number of the tile in the plan, from 0.
        tile: u32,
        /// Column of the tile in the plan.
        column: u32,
        /// Row of the tile in the plan.
        row: u32,
        /// The cause.
        source: Box<Error>,
    },
    /// More tiles failed than the run allows for.
    #[error("{failed} of {total} tiles of {slide} failed, and `--max-failed-tiles` lets {allowed} pass; the first: {source}", slide = slide.display())]
    TooManyFailedTiles {
        /// The slide.
        slide: PathBuf,
        /// Tiles that failed before the run was stopped.
        failed: u32,
        /// Tiles that may fail.
        allowed: u32,
        /// Tiles of the plan.
        total: u32,
        /// The first tile's failure.
        source: Box<Error>,
    },
    /// A configuration or an option has a value that cannot be used.
    #[error("`{field}` is {value}: {reason}")]
    Config {
        /// The field or option.
        field: String,
        /// Its value.
        value: String,
        /// Why not, and what would do.
        reason: String,
    },
    /// A model package is incomplete, inconsistent or not trusted.
    #[error("model `{model}`: {reason}")]
    Model {
        /// Name or folder of the package.
        model: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Pixels of a shape that the model cannot take.
    #[error("model `{model}` wants N,C,H,W {want:?}, got {got:?}")]
    Shape {
        /// Name of the package.
        model: String,
        /// Wanted shape.
        want: [i64; 4],
        /// Given shape.
        got: [i64; 4],
    },
    /// The device is not there or cannot be used.
    #[error("device `{device}`: {reason}")]
    Device {
        /// As the user named it.
        device: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The device ran out of memory.
    #[error("device `{device}` is out of memory with a batch of {batch}; use a smaller --batch")]
    OutOfDeviceMemory {
        /// The device.
        device: String,
        /// Tiles in the batch.
        batch: usize,
    },
    /// Training or evaluation data are unusable.
    #[error("{path}: {reason}", path = path.display())]
    Dataset {
        /// The image, mask, index or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A computation failed inside a library (libtorch, an encoder).
    #[error("{what}: {source}")]
    Compute {
        /// What was being computed.
        what: String,
        /// The library's error.
        source: BoxError,
    },
    /// The user or the caller stopped the job.
    #[error("stopped on request")]
    Cancelled,
    /// A defect of this program; please report it.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Who can mend an [`Error`]: the classes that a caller in another language needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Disk, permissions, missing file.
    Io,
    /// The input file.
    Input,
    /// The configuration or an option.
    Config,
    /// The model package.
    Model,
    /// Device or its memory.
    Device,
    /// Stopped on request.
    Cancelled,
    /// A defect of this program or of a library.
    Internal,
}

impl Error {
    /// Who can mend this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Io,
            Self::BadFile { .. }
            | Self::Unsupported { .. }
            | Self::Limit { .. }
            | Self::Property { .. }
            | Self::Read { .. }
            | Self::Dataset { .. } => ErrorKind::Input,
            Self::Tile { source, .. } | Self::TooManyFailedTiles { source, .. } => source.kind(),
            Self::Config { .. } => ErrorKind::Config,
            Self::Model { .. } | Self::Shape { .. } => ErrorKind::Model,
            Self::Device { .. } | Self::OutOfDeviceMemory { .. } => ErrorKind::Device,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Compute { .. } | Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// The message with those of its causes, in one line, leaving out a cause that is in the message already.
    pub fn with_causes(&self) -> String {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        message
    }

    /// An adapter for `map_err` on file operations: `fs::read(p).map_err(Error::io("read", p))`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// A [`Error::BadFile`].
    pub fn bad_file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// A [`Error::Dataset`].
    pub fn dataset(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Dataset { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// A [`Error::Config`].
    pub fn config(field: impl Into<String>, value: impl ToString, reason: impl Into<String>) -> Self {
        Self::Config { field: field.into(), value: value.to_string(), reason: reason.into() }
    }

    /// A [`Error::Model`].
    pub fn model(model: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Model { model: model.into(), reason: reason.into() }
    }

    /// An adapter for `map_err` on library calls: `tensor.f_add(..).map_err(Error::compute("adding"))`.
    pub fn compute<E: Into<BoxError>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::Compute { what: what.into(), source: source.into() }
    }
}
