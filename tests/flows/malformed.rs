//! Every damaged or hostile file: none may end the process, hang it or make it take memory beyond the limits.

use crate::common::data;
use slidestream::geometry::Rect;
use slidestream::slide::{self, Limits};
use std::collections::BTreeSet;
use std::fs;

/// What is to become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Opens, and every tile reads.
    Reads,
    /// Opens, and some tile fails with this in its message.
    FailsReading(&'static str),
    /// Does not open, with this in the message.
    Refused(&'static str),
}
use Outcome::{FailsReading, Reads, Refused};

const OUTCOMES: [(&str, Outcome); 51] = [
    ("all_black.png", Reads),
    ("all_glass.svs", Reads),
    ("all_white.png", Reads),
    ("bits_per_sample_999.svs", Refused("999 samples")),
    ("compression_unknown.svs", Refused("compression: 60000")),
    ("dicom_not_wsi.dcm", Refused("not a whole-slide image")),
    ("dims_bomb_2e9.svs", Refused("level_pixels")),
    ("dims_zero_width.svs", Refused("0 x 768")),
    ("empty.svs", Refused("empty")),
    ("fuzz_00.svs", Refused("tag 277 claims")),
    ("fuzz_01.svs", FailsReading("damaged JPEG")),
    ("fuzz_02.svs", Refused("past its end")),
    ("fuzz_03.svs", FailsReading("damaged JPEG")),
    ("fuzz_04.svs", Refused("past its end")),
    ("fuzz_05.svs", FailsReading("damaged JPEG")),
    ("fuzz_06.svs", Refused("36502 entries")),
    ("fuzz_07.svs", FailsReading("damaged JPEG")),
    ("fuzz_08.svs", Refused("tag 283 claims")),
    ("fuzz_09.svs", FailsReading("damaged JPEG")),
    ("fuzz_10.svs", Refused("past its end")),
    ("fuzz_11.svs", FailsReading("damaged JPEG")),
    ("git_lfs_pointer.svs", Refused("Git LFS pointer")),
    ("grey16_tiled.tif", Reads),
    ("histolab_broken.svs", Refused("no reader knows")),
    ("html_404.svs", Refused("web page")),
    ("ifd_65535_entries.svs", Refused("65535 entries")),
    ("ifd_offset_past_eof.svs", Refused("past its end")),
    ("ifd_self_loop.svs", Refused("loop")),
    ("jpeg_tile_corrupt.svs", FailsReading("(256, 256)")),
    ("magic_only.tif", Refused("past its end at 8")),
    ("mirax_missing_data.mrxs", Refused("Data0000.dat")),
    ("mirax_no_ini.mrxs", Refused("Slidedat.ini")),
    ("mpp_decimal_comma.svs", Reads),
    ("mpp_huge.svs", Reads),
    ("mpp_missing.svs", Reads),
    ("mpp_nan.svs", Reads),
    ("mpp_negative.svs", Reads),
    ("mpp_text.svs", Reads),
    ("mpp_zero.svs", Reads),
    ("ok_reference.svs", Reads),
    ("one_byte.tif", Refused("no reader knows")),
    ("rgba_tiled.tif", Reads),
    ("strips_not_tiled.tif", Reads),
    ("tile_offset_past_eof.svs", Refused("tile 4 lies at byte 4294967040")),
    ("tilewidth_odd.svs", FailsReading("257 x 256")),
    ("tilewidth_zero.svs", Refused("0 x 256")),
    ("truncated_50pct.svs", Refused("cut off")),
    ("truncated_head_4k.svs", Refused("cut off")),
    ("truncated_last_1k.svs", Refused("cut off")),
    ("xml_entity_bomb.ome.tif", Reads),
    ("xml_xxe.ome.tif", Reads),
];

fn outcome(path: &std::path::Path) -> Result<(), (bool, String)> {
    let slide = slide::open(path, &Limits::default()).map_err(|error| (true, error.to_string()))?;
    let size = slide.info().size();
    let mut failure = None;
    for y in (0..size.height).step_by(256) {
        for x in (0..size.width).step_by(256) {
            if let Err(error) = slide.read(0, Rect::new(x.into(), y.into(), 256, 256)) {
                failure.get_or_insert(error.to_string());
            }
        }
    }
    failure.map_or(Ok(()), |error| Err((false, error)))
}

#[test]
fn every_file_has_its_outcome() {
    let Some(folder) = data("malformed") else { return };
    // 4 GiB of address space beyond what the test program has: a large allocation fails and the test with it.
    let _guard = AddressSpace::limit_to(4 << 30);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, want) in OUTCOMES {
        seen.insert(name.to_owned());
        let found = outcome(&folder.join(name));
        let right = match (&found, want) {
            (Ok(()), Reads) => true,
            (Err((false, error)), FailsReading(part)) => error.contains(part),
            (Err((true, error)), Refused(part)) => error.contains(part),
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {found:?}, not {want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let images = ["svs", "tif", "png", "mrxs", "dcm"];
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| images.iter().any(|known| extension == *known)) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(seen.contains(&name), "{name} has no expected outcome");
        }
    }
}

/// Bounds the address space of this process until dropped.
struct AddressSpace(libc::rlimit);

impl AddressSpace {
    /// Allows `more` bytes beyond what is mapped now.
    fn limit_to(more: u64) -> Self {
        let status = fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages: u64 = status.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls only read or write the struct that they are given.
        unsafe {
            assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &mut before), 0);
            let now = libc::rlimit { rlim_cur: pages * 4096 + more, ..before };
            assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &now), 0);
        }
        Self(before)
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // SAFETY: reads the struct.
        unsafe { libc::setrlimit(libc::RLIMIT_AS, &self.0) };
    }
}
