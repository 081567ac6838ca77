//! Where training runs.

use crate::error::Result;
use crate::infer::torch_device;

pub use tch::Device;

/// Threads of libtorch's own pool from now on; 0 leaves one a core.
pub fn set_threads(threads: usize) {
    if threads > 0 {
        tch::set_num_threads(threads as i32);
    }
}

/// The device called `auto` (the first CUDA device if there is one), `cpu`, `cuda` or `cuda:N`; loads libtorch's CUDA
/// half. Call it before anything else of libtorch.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) if it is not there, [`Error::Config`](crate::Error::Config) for another name.
pub fn choose(name: &str) -> Result<Device> {
    torch_device::choose(name, "f32").map(|choice| choice.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_absent_device_is_named() {
        assert_eq!(choose("cpu").unwrap(), Device::Cpu);
        assert!(choose("gpu").unwrap_err().to_string().contains("auto, cpu, cuda or cuda:N"));
        assert!(choose("cuda:999").unwrap_err().to_string().contains("`cuda:999`"));
    }
}
