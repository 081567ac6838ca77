//! Models computed by libtorch.

use super::package::Package;
use super::torch_device::{LIBTORCH, choose, device_name, precision_name};
use super::{EngineInfo, EngineOptions, Segmenter, tiling, torchscript};
use crate::error::{Error, Result};
use crate::nn::{Init, Mode, UNet, is_out_of_memory, torch_error, weights};
use crate::tile::{ProbabilityMaps, Tile};
use image::RgbImage;
use std::sync::Arc;
use tch::{CModule, Device, Kind, TchError, Tensor, nn};

/// A network ready for inference.
enum Network {
    UNet(Box<UNet>),
    Script(Arc<CModule>),
}

/// A [`Segmenter`] that computes with libtorch on a CPU or a CUDA device.
pub struct TorchSegmenter {
    model: String,
    network: Network,
    device: Device,
    kind: Kind,
    /// Pixel values 0 and 255 are mapped to these.
    range: [f32; 2],
    stride: u32,
    classes: usize,
    engine: EngineInfo,
}

impl TorchSegmenter {
    /// Reads the weights and prepares the network: batch normalisation folded, parameters in the precision chosen.
    ///
    /// # Errors
    /// [`Error::Model`] for weights that do not fit or are not trusted, [`Error::Config`] and [`Error::Device`] for
    /// options that cannot be met.
    pub fn load(package: &Package, options: &EngineOptions) -> Result<Self> {
        let mut choice = choose(&options.device, &options.precision)?;
        let config = &package.config;
        if config.network.is_onnx() {
            let reason =
                "is an ONNX graph, which OpenVINO computes and libtorch does not; `./setup --openvino` fetches it";
            return Err(Error::model(&config.name, reason));
        }
        let network = if package.is_torchscript() {
            // The precision inside a script is its author's.
            match &*options.precision {
                "auto" => choice = choose(&options.device, "f32")?,
                "f32" => {}
                other => return Err(Error::config("precision", other, "a TorchScript model is fed f32")),
            }
            Network::Script(Arc::new(torchscript::load(package, choice.device, options.trust_model)?))
        } else {
            Network::UNet(Box::new(unet(package, choice.device)?.folded(choice.kind, choice.device)?))
        };
        let engine = EngineInfo {
            engine: format!("libtorch {LIBTORCH}"),
            device: device_name(choice.device),
            precision: precision_name(choice.kind).into(),
            threads: options.threads(),
            lanes: 1,
            reason: choice.reason,
        };
        Ok(Self {
            model: config.name.clone(),
            network,
            device: choice.device,
            kind: choice.kind,
            range: config.input.range,
            stride: config.network.stride_px(),
            classes: config.classes.len(),
            engine,
        })
    }

    /// Class probabilities of images of one size, as [`Segmenter::predict`].
    ///
    /// # Errors
    /// As [`Segmenter::predict`].
    pub fn predict_images(&self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>> {
        let Some(first) = images.first() else { return Ok(Vec::new()) };
        let (width, height) = first.dimensions();
        tiling::check(&self.model, images, self.stride)?;
        // libtorch keeps this for each thread, and the thread that loads a model need not be the one that runs it.
        tch::set_num_threads(i32::try_from(self.engine.threads).unwrap_or(i32::MAX));
        let _guard = tch::no_grad_guard();
        let values = self.compute(images, width, height).map_err(|error| self.explain(error, images.len()))?;
        let one = self.classes * width as usize * height as usize;
        let maps = |values: &[u8]| ProbabilityMaps { classes: self.classes, width, height, values: values.to_vec() };
        Ok(values.chunks_exact(one).map(maps).collect())
    }

    /// `[N, classes, H, W]` probabilities as bytes: 255 times the probability, to the nearest whole number (halves to
    /// the even one), so off by 1/510 at most. The planes of a pixel need not add up to 255.
    fn compute(&self, images: &[&RgbImage], width: u32, height: u32) -> Result<Vec<u8>, TchError> {
        let pixels: Vec<u8> = images.iter().flat_map(|image| image.as_raw()).copied().collect();
        let size = [images.len() as i64, i64::from(height), i64::from(width), 3];
        let [low, high] = self.range.map(f64::from);
        let x = Tensor::f_from_data_size(&pixels, &size, Kind::Uint8)?.f_to_device(self.device)?;
        let x = x.f_to_kind(Kind::Float)?.f_mul_scalar((high - low) / 255.0)?.f_add_scalar(low)?;
        // Seen as [N, 3, H, W] with the channels last in memory: the layout that convolutions want, without a copy.
        let x = x.f_to_kind(self.kind)?.f_permute([0, 3, 1, 2])?;
        let logits = match &self.network {
            Network::UNet(net) => net.logits(&x, None, Mode::eval(self.kind))?,
            Network::Script(module) => module.forward_ts(&[x.f_contiguous()?])?,
        };
        let want = [size[0], self.classes as i64, size[1], size[2]];
        if logits.size() != want {
            return Err(TchError::Shape(format!("the model answers {:?} instead of {want:?}", logits.size())));
        }
        let bytes = logits.f_softmax(1, Kind::Float)?.f_mul_scalar(255.0)?.f_round()?.f_to_kind(Kind::Uint8)?;
        let bytes = bytes.f_contiguous()?.f_to_device(Device::Cpu)?;
        let mut values = vec![0; bytes.numel()];
        bytes.f_copy_data_u8(&mut values, bytes.numel())?;
        Ok(values)
    }

    /// CUDA's allocator has given back its cached blocks and tried again before it reports this, and the tensors of the
    /// failed batch are gone by now: a smaller batch starts afresh.
    fn explain(&self, error: TchError, batch: usize) -> Error {
        if is_out_of_memory(&error) {
            return Error::OutOfDeviceMemory { device: self.engine.device.clone(), batch };
        }
        torch_error(format!("model `{}` on {}", self.model, self.engine.device))(error)
    }
}

/// The network of a package with its weights, in float32.
///
/// # Errors
/// [`Error::Model`] for weights that do not fit.
pub fn unet(package: &Package, device: Device) -> Result<UNet> {
    let config = &package.config;
    let vs = nn::VarStore::new(device);
    let net = UNet::new(&vs.root(), &config.network, config.classes.len() as i64, Init::Default)?;
    weights::assign(&vs, &weights::decode(&package.weights()?, &config.name)?, &config.name, &[])?;
    Ok(net)
}

impl Segmenter for TorchSegmenter {
    fn engine(&self) -> &EngineInfo {
        &self.engine
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn set_threads(&mut self, threads: usize) {
        self.engine.threads = threads;
    }

    fn lane(&self) -> Result<Box<dyn Segmenter>> {
        let network = match &self.network {
            // What is folded already is shared.
            Network::UNet(net) => Network::UNet(Box::new(net.folded(self.kind, self.device)?)),
            Network::Script(module) => Network::Script(module.clone()),
        };
        Ok(Box::new(Self { model: self.model.clone(), network, engine: self.engine.clone(), ..*self }))
    }

    fn predict(&mut self, tiles: &[Tile]) -> Result<Vec<ProbabilityMaps>> {
        self.predict_images(&tiles.iter().map(|tile| &tile.rgb).collect::<Vec<_>>())
    }

    fn predict_images(&mut self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>> {
        Self::predict_images(self, images)
    }
}

#[cfg(test)]
mod tests;
