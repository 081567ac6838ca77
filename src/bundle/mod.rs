//! The engine as one archive for machines without a build of their own: packed here, installed there.
//!
//! An archive is a zstd-compressed tar with one folder: `SHA256SUMS` first, then the programs, `lib/`, `models/` and
//! `licences/` in the order of their names. The sums are those of `sha256sum`, so every file is checked while it is
//! unpacked, and by hand with `sha256sum -c SHA256SUMS`.

pub mod install;
#[cfg(feature = "torch")]
pub mod licences;
#[cfg(feature = "torch")]
pub mod loaded;
pub mod pack;

/// The folder in every archive.
pub const FOLDER: &str = "slidestream-engine";
/// The program in it, which is started.
pub const PROGRAM: &str = "slidestream";
/// The program beside it that is linked to libtorch.
pub const WHOLE_PROGRAM: &str = "slidestream-torch";
/// The list of sums in it.
const SUMS: &str = "SHA256SUMS";

/// What this program runs on, as archives are named: `linux-x86_64`.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
