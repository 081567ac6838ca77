//! Descriptions of whole images: features of a TorchScript network that the user brings, or of our own encoder.

use super::torch_device::choose;
use crate::config::NetworkSpec;
use crate::error::{Error, Result};
use crate::nn::weights::{self, Tensors};
use crate::nn::{Init, Mode, UNet, torch_error};
use image::RgbImage;
use sha2::{Digest, Sha256};
use std::path::Path;
use tch::{CModule, Device, Kind, TchError, Tensor, nn};

enum Network {
    Script(CModule),
    Encoder(Box<UNet>),
}

/// A network that describes an image by a row of numbers.
pub struct Extractor {
    network: Network,
    device: Device,
    range: [f32; 2],
    /// Sides of an image must be multiples of this.
    stride: u32,
    /// Of the script's file; empty for an encoder.
    sha256: String,
}

impl Extractor {
    /// A TorchScript program that takes float32 `[N, 3, H, W]` with pixels in `range` and gives `[N, D]`, or `[N, D, h, w]`,
    /// of which the mean over space is taken.
    ///
    /// # Errors
    /// [`Error::Model`] unless `trust` is given or if libtorch cannot read the file; [`Error::Device`].
    pub fn script(path: &Path, trust: bool, range: [f32; 2], device: &str) -> Result<Self> {
        let name = path.display().to_string();
        if !trust {
            let reason = "is a TorchScript program, which can do more than describe images; --trust-model runs it";
            return Err(Error::model(name, reason));
        }
        let device = choose(device, "f32")?.device;
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let mut module = CModule::load_data_on_device(&mut bytes.as_slice(), device)
            .map_err(torch_error(format!("reading the TorchScript file {name}")))?;
        module.f_set_eval().map_err(torch_error("switching the TorchScript program to inference"))?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { network: Network::Script(module), device, range, stride: 1, sha256 })
    }

    /// The encoder of a U-Net with these weights; the description is the mean over space of its middle.
    ///
    /// # Errors
    /// [`Error::Model`] that names `name` if the weights are not of this network; [`Error::Device`].
    pub fn encoder(spec: &NetworkSpec, tensors: &Tensors, range: [f32; 2], name: &str, device: &str) -> Result<Self> {
        let device = choose(device, "f32")?.device;
        let head = tensors.get("net.final_conv.1.weight");
        let planes =
            head.ok_or_else(|| Error::model(name, "has no head, so it is no U-Net of this program"))?.size()[0];
        let vs = nn::VarStore::new(device);
        let network = UNet::new(&vs.root(), spec, planes, Init::Default)?;
        weights::assign(&vs, tensors, name, &[])?;
        let network = Network::Encoder(Box::new(network.folded(Kind::Float, device)?));
        Ok(Self { network, device, range, stride: spec.stride_px(), sha256: String::new() })
    }

    /// Of the script's file, in hexadecimal; empty for an encoder.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Sides of an image must be multiples of this.
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// Features of images of one size, one image after the other, and their number an image.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message, also for an answer of another shape.
    pub fn describe(&self, images: &[RgbImage]) -> Result<(Vec<f32>, usize)> {
        let Some(first) = images.first() else { return Ok((Vec::new(), 0)) };
        let _guard = tch::no_grad_guard();
        let (width, height) = (i64::from(first.width()), i64::from(first.height()));
        let pixels: Vec<u8> = images.iter().flat_map(|image| image.as_raw()).copied().collect();
        let input = || -> Result<Tensor, TchError> {
            let [low, high] = self.range.map(f64::from);
            let size = [images.len() as i64, height, width, 3];
            let x = Tensor::f_from_data_size(&pixels, &size, Kind::Uint8)?.f_to_device(self.device)?;
            let x = x.f_to_kind(Kind::Float)?.f_mul_scalar((high - low) / 255.0)?.f_add_scalar(low)?;
            x.f_permute([0, 3, 1, 2])
        };
        let input = input().map_err(torch_error("preparing images"))?;
        let rows = match &self.network {
            Network::Encoder(network) => network.describe(&input, Mode::eval(Kind::Float))?,
            Network::Script(module) => {
                let run = || module.forward_ts(&[input.f_contiguous()?]);
                run().map_err(torch_error("running the TorchScript program"))?
            }
        };
        self.read(&rows, images.len() as i64).map_err(torch_error("reading the features"))
    }

    fn read(&self, rows: &Tensor, images: i64) -> Result<(Vec<f32>, usize), TchError> {
        let size = rows.size();
        let rows = match size[..] {
            [n, _] if n == images => rows.shallow_clone(),
            [n, _, _, _] if n == images => rows.f_mean_dim(&[2_i64, 3][..], false, Kind::Float)?,
            _ => return Err(TchError::Shape(format!("features of shape {size:?} for {images} images; wanted [N, D]"))),
        };
        let rows = rows.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut values = vec![0.0_f32; rows.numel()];
        rows.f_copy_data(&mut values, rows.numel())?;
        Ok((values, rows.size()[1] as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn images() -> Vec<RgbImage> {
        (0..3).map(|i| RgbImage::from_fn(16, 8, |x, y| Rgb([(40 * i + x) as u8, (9 * y) as u8, 7]))).collect()
    }

    #[test]
    fn an_encoders_description_is_the_same_alone_and_in_a_batch_and_tells_images_apart() {
        let spec = NetworkSpec { dim: 8, multipliers: vec![1, 2], ..NetworkSpec::default() };
        let vs = nn::VarStore::new(Device::Cpu);
        UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
        let tensors: Tensors = vs.variables().into_iter().collect();
        let extractor = Extractor::encoder(&spec, &tensors, [-1.0, 1.0], "m", "cpu").unwrap();
        let (all, dims) = extractor.describe(&images()).unwrap();
        assert_eq!((all.len(), dims), (3 * 16, 16));
        for (i, image) in images().iter().enumerate() {
            let (alone, _) = extractor.describe(std::slice::from_ref(image)).unwrap();
            assert!(alone.iter().zip(&all[16 * i..]).all(|(a, b)| (a - b).abs() < 1e-4));
        }
        assert!(all[..16].iter().zip(&all[16..32]).any(|(a, b)| (a - b).abs() > 1e-4));
        let none = Extractor::encoder(&spec, &Tensors::new(), [-1.0, 1.0], "m", "cpu");
        assert!(none.err().unwrap().to_string().contains("no head"));
    }

    #[test]
    fn a_script_runs_only_when_trusted_and_sees_the_range_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mean.pt");
        let mut mean = |inputs: &[Tensor]| vec![inputs[0].mean_dim(&[2_i64, 3][..], false, Kind::Float)];
        let example = [Tensor::zeros([1, 3, 8, 16], (Kind::Float, Device::Cpu))];
        let module = CModule::create_by_tracing("mean", "forward", &example, &mut mean).unwrap();
        module.save(&path).unwrap();
        let refused = Extractor::script(&path, false, [0.0, 1.0], "cpu").err().unwrap().to_string();
        assert!(refused.contains("--trust-model"), "{refused}");
        let extractor = Extractor::script(&path, true, [-1.0, 1.0], "cpu").unwrap();
        let white = RgbImage::from_pixel(16, 8, Rgb([255, 0, 255]));
        let (values, dims) = extractor.describe(&[white]).unwrap();
        assert_eq!(dims, 3);
        assert!([1.0, -1.0, 1.0].iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-6), "{values:?}");
        assert_eq!(extractor.sha256().len(), 64);
    }
}
