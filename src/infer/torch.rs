//! Models computed by libtorch.

use super::lanes::Lanes;
use super::package::Package;
use super::torch_copies::Copies;
use super::torch_device::{LIBTORCH, choose, device_name, precision_name};
use super::torchscript::{self, Script};
use super::{EngineInfo, EngineOptions, Segmenter, tiling};
use crate::error::{Error, Result};
use crate::nn::{Init, Mode, UNet, is_out_of_memory, torch_error, weights};
use crate::tile::{ProbabilityMaps, Tile};
use image::RgbImage;
use std::sync::Arc;
use tch::{Device, Kind, TchError, Tensor, nn};

/// A network ready for inference.
enum Network {
    UNet(Box<UNet>),
    Script(Arc<Script>),
}

/// A [`Segmenter`] that computes with libtorch on a CPU or a CUDA device.
pub struct TorchSegmenter {
    model: String,
    network: Network,
    device: Device,
    kind: Kind,
    /// For another device than the CPU.
    copies: Option<Copies>,
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
            copies: Copies::of(choice.device)?,
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
    pub fn predict_images(&mut self, images: &[&RgbImage]) -> Result<Vec<ProbabilityMaps>> {
        let Some(first) = images.first() else { return Ok(Vec::new()) };
        let (width, height) = first.dimensions();
        tiling::check(&self.model, images, self.stride)?;
        // libtorch keeps this for each thread, and the thread that loads a model need not be the one that runs it.
        tch::set_num_threads(i32::try_from(self.engine.threads).unwrap_or(i32::MAX));
        let _guard = tch::no_grad_guard();
        let values = self.compute(images, width, height).map_err(|error| self.explain(error, images.len()))?;
        let maps = |values| ProbabilityMaps { classes: self.classes, width, height, values };
        Ok(values.into_iter().map(maps).collect())
    }

    /// For each image `[classes, H, W]` probabilities as bytes: 255 times the probability, to the nearest whole number (halves to
    /// the even one), so off by 1/510 at most. The planes of a pixel need not add up to 255.
    fn compute(&mut self, images: &[&RgbImage], width: u32, height: u32) -> Result<Vec<Vec<u8>>, TchError> {
        let size = [images.len() as i64, i64::from(height), i64::from(width), 3];
        let pixels = match &mut self.copies {
            Some(copies) => copies.up(images, size)?,
            None => {
                let bytes = images.iter().map(|image| image.as_raw().as_slice()).collect::<Vec<_>>().concat();
                Tensor::f_from_data_size(&bytes, &size, Kind::Uint8)?
            }
        };
        let bytes = self.answer(&pixels)?;
        match &mut self.copies {
            Some(copies) => copies.down(&bytes, pixels),
            None => (0..size[0])
                .map(|image| {
                    let bytes = bytes.f_get(image)?;
                    let mut values = vec![0; bytes.numel()];
                    bytes.f_copy_data_u8(&mut values, bytes.numel())?;
                    Ok(values)
                })
                .collect(),
        }
    }

    /// Bytes `[N, classes, H, W]` for bytes `[N, H, W, 3]`, on the device.
    fn answer(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let [low, high] = self.range.map(f64::from);
        let x = pixels.f_to_kind(Kind::Float)?.f_mul_scalar((high - low) / 255.0)?.f_add_scalar(low)?;
        // Seen as [N, 3, H, W] with the channels last in memory: the layout that convolutions want, without a copy.
        let x = x.f_to_kind(self.kind)?.f_permute([0, 3, 1, 2])?;
        let logits = match &self.network {
            Network::UNet(net) => net.logits(&x, None, Mode::eval(self.kind))?,
            Network::Script(script) => script.forward(&x)?,
        };
        let size = pixels.size();
        let want = [size[0], self.classes as i64, size[1], size[2]];
        if logits.size() != want {
            return Err(TchError::Shape(format!("the model answers {:?} instead of {want:?}", logits.size())));
        }
        let bytes = logits.f_softmax(1, Kind::Float)?.f_mul_scalar(255.0)?.f_round()?.f_to_kind(Kind::Uint8)?;
        bytes.f_contiguous()
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

/// A model on each of several CUDA devices.
///
/// # Errors
/// [`Error::Config`] for other devices, the same one twice or another engine; as [`TorchSegmenter::load`].
pub(super) fn on_devices(package: &Package, options: &EngineOptions) -> Result<Lanes> {
    let engine = options.engine()?;
    if !matches!(&*engine, "auto" | "libtorch") {
        return Err(Error::config("engine", engine, "computes on one device; use libtorch for several"));
    }
    let devices: Vec<&str> = options.device.split(',').map(str::trim).collect();
    for (number, device) in devices.iter().enumerate() {
        if !device.starts_with("cuda:") {
            return Err(Error::config("device", &options.device, "several devices must be named as cuda:0,cuda:1"));
        }
        if devices[..number].contains(device) {
            return Err(Error::config("device", &options.device, format!("names {device} twice")));
        }
    }
    let load = |device: &&str| -> Result<Box<dyn Segmenter>> {
        let options = EngineOptions { device: (*device).to_owned(), ..options.clone() };
        Ok(Box::new(TorchSegmenter::load(package, &options)?))
    };
    Lanes::on_devices(devices.iter().map(load).collect::<Result<_>>()?, options)
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
            Network::Script(script) => Network::Script(script.clone()),
        };
        let copies = self.copies.as_ref().map(Copies::another).transpose()?;
        Ok(Box::new(Self { model: self.model.clone(), network, engine: self.engine.clone(), copies, ..*self }))
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
