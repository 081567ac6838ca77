//! TorchScript models: programs, loaded only if the user trusts them.

use super::package::Package;
use crate::error::{Error, Result};
use crate::nn::{is_out_of_memory, torch_error};
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{CModule, Device, TchError, Tensor};

/// The module of a package whose weights are a `*.pt` file. It must take float32 `[N, 3, H, W]` and give logits
/// `[N, classes, H, W]`. What is loaded are the very bytes whose sha256 `model.toml` records.
///
/// # Errors
/// [`Error::Model`] unless `trust` is given, or if libtorch cannot read the file.
pub fn load(package: &Package, device: Device, trust: bool) -> Result<Script> {
    let name = &package.config.name;
    if !trust {
        let reason = format!(
            "{} is a TorchScript program, which can do more than segment; --trust-model runs it",
            package.folder().join(&package.config.weights.file).display()
        );
        return Err(Error::model(name, reason));
    }
    let bytes = package.weights()?;
    let mut module = CModule::load_data_on_device(&mut bytes.as_slice(), device)
        .map_err(torch_error(format!("reading the TorchScript file of model `{name}`")))?;
    module.f_set_eval().map_err(torch_error("switching the TorchScript model to inference"))?;
    Ok(Script { module, plain: AtomicBool::new(false) })
}

/// A program that answers pixels.
pub struct Script {
    module: CModule,
    /// It takes pixels plane by plane only.
    plain: AtomicBool,
}

impl Script {
    /// What it says to `x`, `[N, 3, H, W]` with the channels last in memory. Convolutions are a quarter faster so; a program that takes its
    /// input apart by `view` may refuse it and gets a copy with one plane after the other from then on.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        if !self.plain.load(Ordering::Relaxed) {
            match self.module.forward_ts(&[x]) {
                Err(error) if !is_out_of_memory(&error) => {}
                answer => return answer,
            }
        }
        let answer = self.module.forward_ts(&[x.f_contiguous()?])?;
        self.plain.store(true, Ordering::Relaxed);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn script(mut program: impl FnMut(&Tensor) -> Tensor) -> Script {
        let example = [Tensor::zeros([1, 3, 4, 8], (Kind::Float, Device::Cpu))];
        let mut closure = |inputs: &[Tensor]| vec![program(&inputs[0])];
        let module = CModule::create_by_tracing("script", "forward", &example, &mut closure).unwrap();
        Script { module, plain: AtomicBool::new(false) }
    }

    #[test]
    fn a_program_that_wants_planes_gets_them() {
        let x = Tensor::arange(96, (Kind::Float, Device::Cpu)).view([1, 4, 8, 3]).permute([0, 3, 1, 2]);
        let (any, planes) = (script(|x| x * 2.0), script(|x| x.view([1, 96]) * 2.0));
        for _ in 0..2 {
            assert_eq!(any.forward(&x).unwrap(), &x * 2.0);
            assert_eq!(planes.forward(&x).unwrap(), x.contiguous().view([1, 96]) * 2.0);
        }
        assert!(!any.plain.load(Ordering::Relaxed) && planes.plain.load(Ordering::Relaxed));
        let wrong = script(|x| x.view([1, 3, 4, 8]) * Tensor::ones([8], (Kind::Float, Device::Cpu)));
        assert!(wrong.forward(&Tensor::ones([1, 3, 4, 7], (Kind::Float, Device::Cpu))).is_err(), "its own error stays");
    }
}
