//! Why a job failed, and who can mend it.

use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// Who can mend a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// Disk, permissions, missing file.
    Io,
    /// The image or the training data.
    Input,
    /// An option or a configuration.
    Config,
    /// The model package.
    Model,
    /// The device.
    Device,
    /// The device's memory.
    OutOfDeviceMemory,
    /// Stopped on request.
    Cancelled,
    /// The engine process did not start, died or hung.
    Engine,
    /// A defect of this program or of a library.
    Internal,
}

impl FailureKind {
    /// All, for a binding that must know each one.
    pub const ALL: [Self; 9] = [
        Self::Io,
        Self::Input,
        Self::Config,
        Self::Model,
        Self::Device,
        Self::OutOfDeviceMemory,
        Self::Cancelled,
        Self::Engine,
        Self::Internal,
    ];
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Who can mend it.
    pub kind: FailureKind,
    /// The value, the place and the cure, with causes.
    pub message: String,
}

impl Failure {
    /// The engine process did not start, died or hung.
    pub fn engine(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Engine, message: message.into() }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let out_of_memory = |error: &Error| matches!(error, Error::OutOfDeviceMemory { .. });
        let kind = match error {
            Error::Tile { source, .. } | Error::TooManyFailedTiles { source, .. } if out_of_memory(source) => {
                FailureKind::OutOfDeviceMemory
            }
            error if out_of_memory(error) => FailureKind::OutOfDeviceMemory,
            error => match error.kind() {
                ErrorKind::Io => FailureKind::Io,
                ErrorKind::Input => FailureKind::Input,
                ErrorKind::Config => FailureKind::Config,
                ErrorKind::Model => FailureKind::Model,
                ErrorKind::Device => FailureKind::Device,
                ErrorKind::Cancelled => FailureKind::Cancelled,
                ErrorKind::Internal => FailureKind::Internal,
            },
        };
        Self { kind, message: error.with_causes() }
    }
}
