//! What a file is by its first bytes, so that each kind gets the right reader or the right refusal.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that are looked at.
const HEAD_BYTES: u64 = 4096;

/// Kinds of files that readers differ for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Classic TIFF or BigTIFF of either byte order: SVS, SCN, BIF, NDPI, Philips, OME and ordinary TIFF.
    Tiff,
    Png,
    Jpeg,
    /// 3DHISTECH: an index file whose pixels lie in the folder of the same name.
    Mirax,
    /// Hamamatsu VMS and VMU: a text file that names its JPEG files.
    HamamatsuIni,
    Dicom,
    /// Formats with a container of their own that OpenSlide may know.
    Other,
}

/// Looks at the file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::BadFile`] or [`Error::Unsupported`] if it is no image at all.
pub(super) fn detect(path: &Path) -> Result<Kind> {
    let metadata = std::fs::metadata(path).map_err(Error::io("open", path))?;
    if metadata.is_dir() {
        let reason = "it is a folder; give the slide's file, such as the .mrxs beside a MIRAX folder";
        return Err(Error::bad_file(path, reason));
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mrxs")) {
        return Ok(Kind::Mirax);
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::io("open", path))?;
    file.take(HEAD_BYTES).read_to_end(&mut head).map_err(Error::io("read", path))?;
    by_head(path, &head)
}

fn by_head(path: &Path, head: &[u8]) -> Result<Kind> {
    let text: String = head.iter().take(512).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let text = text.trim_start_matches("\u{ef}\u{bb}\u{bf}").trim_start();
    let unsupported = |what: &str, cure: &str| {
        Err(Error::Unsupported { path: path.to_owned(), reason: format!("it is {what}; {cure}") })
    };
    match head {
        [] => Err(Error::bad_file(path, "the file is empty; copy or download it again")),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Kind::Tiff),
        [0x89, b'P', b'N', b'G', ..] => Ok(Kind::Png),
        [0xFF, 0xD8, 0xFF, ..] => Ok(Kind::Jpeg),
        // Files from before DICOM's preamble begin with an element of group 8.
        [8, 0, 0 | 5 | 8 | 22, 0, ..] => Ok(Kind::Dicom),
        _ if head.get(128..132) == Some(b"DICM") => Ok(Kind::Dicom),
        _ if text.starts_with("version https://git-lfs") => {
            Err(Error::bad_file(path, "this is a Git LFS pointer, not the slide; fetch the file with `git lfs pull`"))
        }
        _ if text.starts_with("<!doctype html") || text.starts_with("<html") => {
            Err(Error::bad_file(path, "this is a web page, not a slide; the download went wrong"))
        }
        _ if text.starts_with("[virtual microscope specimen]")
            || text.starts_with("[uncompressed virtual microscope specimen]") =>
        {
            Ok(Kind::HamamatsuIni)
        }
        _ if text.starts_with("<dataobject objecttype=\"dpufsimport\"") => {
            unsupported("a Philips iSyntax file", "export it as Philips TIFF")
        }
        [b'P', b'K', 3, 4, ..] => unsupported("a ZIP archive", "unpack it first"),
        [0x1F, 0x8B, ..] => unsupported("gzip data", "unpack it first"),
        [b'G', b'I', b'F', b'8', ..] | [b'B', b'M', ..] | [b'R', b'I', b'F', b'F', ..] => {
            unsupported("a GIF, BMP or WebP image", "save it as PNG or TIFF")
        }
        [0, 0, 0, 12, b'j', b'P', ..] | [0xFF, 0x4F, 0xFF, 0x51, ..] => {
            unsupported("a bare JPEG 2000 image", "save it as PNG or TIFF")
        }
        // CZI, the SQLite file of Sakura, Hamamatsu's NDPIS: OpenSlide decides.
        _ => Ok(Kind::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &[u8]) -> Result<Kind> {
        by_head(Path::new("a.svs"), head)
    }

    #[test]
    fn tiff_is_known_in_all_four_forms() {
        for head in [b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"] {
            assert_eq!(kind(head).unwrap(), Kind::Tiff);
        }
    }

    #[test]
    fn files_that_are_no_slides_say_what_they_are() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
        let cases: [(&[u8], &str); 4] = [
            (pointer, "Git LFS pointer"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"", "empty"),
            (b"PK\x03\x04", "ZIP"),
        ];
        for (head, want) in cases {
            let error = kind(head).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
