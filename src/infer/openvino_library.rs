//! Where OpenVINO is, and what it does on this CPU.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Folder of `libopenvino_c.so`, as `site-packages/openvino/libs` of the Python package.
const FOLDER: &str = "SLIDESTREAM_OPENVINO";
const LIBRARY: &str = "libopenvino_c.so";

/// Loads OpenVINO if it is there; later calls give the first one's answer: its version, or why it is not there.
///
/// # Errors
/// One line for the user.
pub fn load() -> Result<&'static str, String> {
    static LOADED: OnceLock<Result<String, String>> = OnceLock::new();
    LOADED.get_or_init(try_load).as_deref().map_err(Clone::clone)
}

fn try_load() -> Result<String, String> {
    let path = match std::env::var_os(FOLDER).map(PathBuf::from) {
        Some(folder) => {
            library_in(&folder).ok_or_else(|| format!("{FOLDER} is {}, where no {LIBRARY} is", folder.display()))?
        }
        None => beside_the_program().ok_or_else(|| {
            format!("OpenVINO is not installed: run ./setup --openvino, or let {FOLDER} name the folder of {LIBRARY}")
        })?,
    };
    openvino_sys::library::load_from(&path).map_err(|reason| format!("{}: {reason}", path.display()))?;
    // `2026.4.1-22982-...`
    let build = openvino::version().build_number;
    Ok(build.split('-').next().unwrap_or(&build).to_owned())
}

/// `libopenvino_c.so`, or its only version `libopenvino_c.so.2641`.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(LIBRARY);
    if plain.is_file() {
        return Some(plain);
    }
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_library = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LIBRARY));
    let mut found: Vec<PathBuf> = entries.filter(is_library).collect();
    found.sort();
    found.pop()
}

/// The library in `openvino/lib` or `.native/openvino/lib` beside the program or in one of the four folders above it.
pub fn beside_the_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folders = program.ancestors().skip(1).take(5);
    folders
        .flat_map(|folder| [folder.join("openvino/lib"), folder.join(".native/openvino/lib")])
        .find_map(|folder| library_in(&folder))
}

/// The precision to compute in and why.
///
/// # Errors
/// [`Error::Config`] for another word than `auto`, `f32` and `bf16`.
pub(super) fn precision(asked: &str) -> Result<(&'static str, &'static str)> {
    match asked {
        "f32" => Ok(("f32", "as asked")),
        "bf16" => Ok(("bf16", "as asked")),
        "auto" if super::torch_device::has_fast_bf16() => Ok(("bf16", "because this CPU has AVX512-BF16")),
        "auto" => Ok(("f32", "because this CPU has no AVX512-BF16")),
        "f16" => Err(Error::config("precision", asked, "f16 needs CUDA; use bf16 or f32 on a CPU")),
        _ => Err(Error::config("precision", asked, "must be auto, f32 or bf16")),
    }
}
