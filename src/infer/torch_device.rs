//! Which device and precision to compute with, and the CUDA half of libtorch, which is loaded only if it is there.

use super::DeviceInfo;
use crate::error::{Error, Result};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::{OsString, c_int};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tch::{Device, Kind};

/// The libtorch that this program was built with; its CUDA half must be of the same version.
pub const LIBTORCH: &str = "2.11.0";
/// Folder of `libtorch_cuda.so`, as `site-packages/torch/lib` of a PyTorch installation.
const FOLDER: &str = "SLIDESTREAM_LIBTORCH_CUDA";
const LIBRARY: &str = "libtorch_cuda.so";

/// Where and how to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The device.
    pub device: Device,
    /// Precision of activations.
    pub kind: Kind,
    /// One line: why these.
    pub reason: String,
}

impl Choice {
    /// Is it the CPU?
    pub fn is_cpu(&self) -> bool {
        self.device == Device::Cpu
    }
}

/// Loads libtorch's CUDA half if there is one; later calls give the first one's answer: nothing, or why it is not there.
///
/// Call this before anything else of libtorch, `tch::manual_seed` included: libtorch asks once whether there is CUDA
/// and remembers the answer.
///
/// # Errors
/// One line for the user.
pub fn load_cuda() -> Result<(), &'static str> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(try_load_cuda).as_ref().copied().map_err(String::as_str)
}

fn try_load_cuda() -> Result<(), String> {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    if let Some(version) = folder.as_deref().and_then(version_beside).filter(|v| !v.starts_with(LIBTORCH)) {
        let folder = folder.unwrap_or_default();
        return Err(format!("{} holds libtorch {version}, but this program needs {LIBTORCH}", folder.display()));
    }
    let path: OsString = folder.as_ref().map_or_else(|| LIBRARY.into(), |folder| folder.join(LIBRARY).into());
    // SAFETY: libtorch's own library; its initialisers register kernels with the CPU half that is loaded already and
    // run before any other use of libtorch. It is never unloaded.
    match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            let _stays_loaded = library.into_raw();
            Ok(())
        }
        Err(error) if folder.is_some() => Err(format!("{FOLDER} is set, but {}", cause(&error))),
        Err(error) if cause(&error).contains("undefined symbol") => {
            Err(format!("{LIBRARY} is not of version {LIBTORCH}: {}", cause(&error)))
        }
        Err(_) => Err(format!("no {LIBRARY} was found ({FOLDER} may name its folder)")),
    }
}

/// What the loader said, without the wrapper's words.
fn cause(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The version in PyTorch's `torch/version.py` or libtorch's `build-version`, one folder above the libraries.
fn version_beside(folder: &Path) -> Option<String> {
    let parent = folder.parent()?;
    if let Ok(version) = std::fs::read_to_string(parent.join("build-version")) {
        return Some(version.trim().to_owned());
    }
    let text = std::fs::read_to_string(parent.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim_matches(['\'', '"']).to_owned())
}

/// The device and precision for `device` (`auto`, `cpu`, `cuda`, `cuda:N`) and `precision` (`auto`, `f32`, `bf16`, `f16`).
///
/// # Errors
/// [`Error::Config`] for other words, [`Error::Device`] if CUDA was asked for and is not to be had.
pub fn choose(device: &str, precision: &str) -> Result<Choice> {
    let (device, mut reason) = match device {
        "cpu" => (Device::Cpu, "cpu as asked".to_owned()),
        "auto" => match cuda_devices() {
            Ok(count) => (Device::Cuda(0), format!("cuda:0, the first of {count} CUDA devices")),
            Err(why) => (Device::Cpu, format!("cpu: {why}")),
        },
        other => {
            let number = cuda_number(other)?;
            let fail = |reason: String| Error::Device { device: other.to_owned(), reason };
            let count = cuda_devices().map_err(|why| fail(format!("{why}; use --device cpu")))?;
            if number >= count {
                return Err(fail(format!("there are {count} CUDA devices, numbered from 0")));
            }
            (Device::Cuda(number), format!("{other} as asked"))
        }
    };
    let (kind, why) = match (precision, device) {
        ("f32", _) => (Kind::Float, "as asked"),
        ("bf16", _) => (Kind::BFloat16, "as asked"),
        ("f16", Device::Cuda(_)) => (Kind::Half, "as asked"),
        ("auto", Device::Cuda(number)) if has_fast_bf16_on_cuda(number) => {
            (Kind::BFloat16, "because this GPU is fast at it")
        }
        ("auto", Device::Cuda(_)) => (Kind::Float, "because this GPU has no fast bf16"),
        ("auto", _) if has_fast_bf16() => (Kind::BFloat16, "because this CPU has AVX512-BF16"),
        ("auto", _) => (Kind::Float, "because this CPU has no AVX512-BF16"),
        ("f16", _) => return Err(Error::config("precision", precision, "f16 needs CUDA; use bf16 or f32 on a CPU")),
        _ => return Err(Error::config("precision", precision, "must be auto, f32, bf16 or f16")),
    };
    reason = format!("{reason}; {} {why}", precision_name(kind));
    Ok(Choice { device, kind, reason })
}

/// Every device, the one that `auto` takes first; `cuda` with the reason if there is none.
pub fn devices() -> Vec<DeviceInfo> {
    let entry = |name: String| match choose(&name, "auto") {
        Ok(choice) => DeviceInfo { name, available: true, reason: choice.reason },
        Err(error) => DeviceInfo { name, available: false, reason: error.to_string() },
    };
    let cpu = entry("cpu".into());
    match cuda_devices() {
        Ok(count) => (0..count).map(|number| entry(format!("cuda:{number}"))).chain([cpu]).collect(),
        Err(reason) => vec![cpu, DeviceInfo { name: "cuda".into(), available: false, reason }],
    }
}

/// `f32`, `bf16`, `f16`.
pub fn precision_name(kind: Kind) -> &'static str {
    match kind {
        Kind::BFloat16 => "bf16",
        Kind::Half => "f16",
        _ => "f32",
    }
}

/// `cpu`, `cuda:0`.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn cuda_number(device: &str) -> Result<usize> {
    let rest = device.strip_prefix("cuda");
    let number = rest.and_then(|rest| if rest.is_empty() { Some(0) } else { rest.strip_prefix(':')?.parse().ok() });
    number.ok_or_else(|| Error::config("device", device, "must be auto, cpu, cuda or cuda:N"))
}

/// How many CUDA devices there are, or why none.
fn cuda_devices() -> Result<usize, String> {
    load_cuda()?;
    if !tch::Cuda::is_available() {
        return Err(format!("{LIBRARY} was loaded, but there is no NVIDIA GPU or no driver for it"));
    }
    usize::try_from(tch::Cuda::device_count()).map_err(|e| e.to_string())
}

/// AVX512-BF16; every CPU with AMX has it too.
pub(super) fn has_fast_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Compute capability 8.0 (Ampere) or above, by CUDA's own runtime, which libtorch has loaded.
fn has_fast_bf16_on_cuda(device: usize) -> bool {
    type GetAttribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;
    const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
    let Ok(device) = c_int::try_from(device) else { return false };
    let mut major: c_int = 0;
    // SAFETY: the library is in memory already; name and signature are those of CUDA's cuda_runtime_api.h, stable since
    // CUDA 5; the pointer is valid for the call.
    let status = unsafe {
        let Ok(runtime) = Library::open(Some("libcudart.so.13"), RTLD_NOW) else { return false };
        let Ok(get) = runtime.get::<GetAttribute>(b"cudaDeviceGetAttribute\0") else { return false };
        get(&mut major, COMPUTE_CAPABILITY_MAJOR, device)
    };
    status == 0 && major >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_always_finds_a_device_and_says_why() {
        let choice = choose("auto", "auto").unwrap();
        assert!(choice.reason.contains(&device_name(choice.device).replace(":0", "")), "{}", choice.reason);
        assert!(choice.reason.contains(precision_name(choice.kind)), "{}", choice.reason);
        assert_eq!(choice, choose("auto", "auto").unwrap());
    }

    #[test]
    fn the_list_of_devices_has_the_cpu_and_begins_with_what_auto_takes() {
        let list = devices();
        assert_eq!(list[0].name, device_name(choose("auto", "auto").unwrap().device));
        assert!(list.iter().any(|device| device.name == "cpu" && device.available), "{list:?}");
        assert!(list.iter().all(|device| !device.reason.is_empty()), "{list:?}");
    }

    #[test]
    fn what_was_asked_for_is_given_or_refused() {
        assert_eq!(choose("cpu", "bf16").unwrap().kind, Kind::BFloat16);
        assert!(choose("cpu", "f16").unwrap_err().to_string().contains("needs CUDA"));
        for device in ["gpu", "cuda:", "cuda:x", "CPU"] {
            assert!(choose(device, "f32").unwrap_err().to_string().contains("cuda:N"), "{device}");
        }
        assert!(choose("cpu", "double").is_err());
    }

    #[test]
    fn a_pytorch_of_another_version_is_known_by_its_version_file() {
        let torch = tempfile::tempdir().unwrap();
        std::fs::write(torch.path().join("version.py"), "from typing\n__version__ = '2.9.1+cu128'\ndebug = False\n")
            .unwrap();
        assert_eq!(version_beside(&torch.path().join("lib")).unwrap(), "2.9.1+cu128");
    }
}
