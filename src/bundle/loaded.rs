//! The shared libraries that this program runs with, as the system's loader found them.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Folders of the system, whose libraries every machine has its own of.
const SYSTEM: [&str; 4] = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"];

/// Every library loaded from elsewhere than the system's folders, under the name by which it is looked for.
pub fn libraries() -> Vec<PathBuf> {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
        // SAFETY: the loader hands over a valid entry for the time of the call, and `found` is the vector below.
        let (name, found) = unsafe { ((*info).dlpi_name, &mut *found.cast::<Vec<PathBuf>>()) };
        if !name.is_null() {
            // SAFETY: the name ends in a zero byte.
            let name = unsafe { CStr::from_ptr(name) };
            found.push(PathBuf::from(OsStr::from_bytes(name.to_bytes())));
        }
        0
    }
    let mut found: Vec<PathBuf> = Vec::new();
    // SAFETY: `note` takes what it is given as what it is, and `found` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut found).cast()) };
    let theirs = |path: &PathBuf| SYSTEM.iter().any(|folder| path.starts_with(folder));
    found.retain(|path| path.is_absolute() && path.is_file() && !theirs(path));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_and_openslide_are_found_and_the_c_library_is_not() {
        let names: Vec<String> = libraries()
            .iter()
            .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .collect();
        for name in ["libtorch_cpu.so", "libc10.so", "libopenslide.so.1"] {
            assert!(names.iter().any(|found| found == name), "{name} among {names:?}");
        }
        assert!(!names.iter().any(|name| name.starts_with("libc.so")), "{names:?}");
    }
}
