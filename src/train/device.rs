//! Where training runs.

use crate::error::{Error, Result};

pub use tch::Device;

/// Threads of libtorch's own pool from now on; 0 leaves one a core.
pub fn set_threads(threads: usize) {
    if threads > 0 {
        tch::set_num_threads(threads as i32);
    }
}

/// The device called `auto` (the first CUDA device if there is one), `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// [`Error::Device`] if it is not there, [`Error::Config`] for another name.
pub fn choose(name: &str) -> Result<Device> {
    let cuda = |number: usize| match tch::Cuda::device_count() as usize {
        0 => Err(Error::Device { device: name.into(), reason: "libtorch sees no CUDA device; use cpu".into() }),
        count if number >= count => {
            Err(Error::Device { device: name.into(), reason: format!("there are {count}, numbered from 0") })
        }
        _ => Ok(Device::Cuda(number)),
    };
    match name {
        "auto" => Ok(Device::cuda_if_available()),
        "cpu" => Ok(Device::Cpu),
        "cuda" => cuda(0),
        other => match other.strip_prefix("cuda:").and_then(|number| number.parse().ok()) {
            Some(number) => cuda(number),
            None => Err(Error::config("--device", other, "is none of auto, cpu, cuda, cuda:N")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_absent_device_is_named() {
        assert_eq!(choose("cpu").unwrap(), Device::Cpu);
        assert!(choose("gpu").unwrap_err().to_string().contains("auto, cpu, cuda, cuda:N"));
        assert!(choose("cuda:999").unwrap_err().to_string().contains("`cuda:999`"));
    }
}
