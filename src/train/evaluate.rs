//! What a network says of whole images.

use super::loss::Loss;
use crate::config::{ClassRole, FinetuneConfig, ModelClass, Precision, TrainInput};
use crate::data::{Batch, Dataset, class_map};
use crate::error::{Error, Result};
use crate::infer::tiling::{Window, windows};
use crate::metrics::confusion::Confusion;
use crate::metrics::segmentation::Overlap;
use crate::nn::{Mode, UNet};
use crate::tile::ProbabilityMaps;
use crate::vectorize::class_map::class_map as likeliest;
use image::RgbImage;
use tch::{Device, Kind, TchError, Tensor};

/// Runs a network over whole images: at once when they are small, in tiles whose halos overlap when they are not.
/// Outside the image lies its mirror.
#[derive(Debug, Clone)]
pub struct Predictor {
    device: Device,
    mode: Mode,
    input: TrainInput,
    classes: Vec<ModelClass>,
    stride: u32,
}

/// Scores of one epoch, as means over images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Value of the training loss.
    pub loss: f64,
    /// Dice of the pixels of objects, or with several classes the mean over those that are in an image's truth or
    /// prediction; images with none are left out.
    pub dice: f64,
    /// Intersection over union of the same.
    pub iou: f64,
}

/// Sums of what a [`Validation`] has the means of.
#[derive(Debug, Default)]
struct Tally {
    loss: f64,
    losses: f64,
    dice: f64,
    iou: f64,
    /// Images with a class to score.
    scored: f64,
}

impl Tally {
    fn means(&self) -> Validation {
        let Self { loss, losses, dice, iou, scored } = self;
        Validation { loss: loss / losses, dice: dice / scored, iou: iou / scored }
    }
}

/// Class probabilities of one image.
pub type Prediction = ProbabilityMaps;

/// Kind of the tensors inside the network.
pub(super) fn compute_kind(precision: Precision) -> Kind {
    match precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    }
}

/// RGB8 `[N, H, W, 3]` as `[N, 3, H, W]` of f32 in `range`, channels last in memory.
pub(super) fn to_input(
    pixels: &[u8],
    n: i64,
    height: i64,
    width: i64,
    range: [f32; 2],
    device: Device,
) -> Result<Tensor, TchError> {
    let bytes = Tensor::f_from_data_size(pixels, &[n, height, width, 3], Kind::Uint8)?.f_to_device(device)?;
    let scale = f64::from(range[1] - range[0]) / 255.0;
    let floats = bytes.f_to_kind(Kind::Float)?.f_mul_scalar(scale)?.f_add_scalar(f64::from(range[0]))?;
    floats.f_permute([0, 3, 1, 2])
}

impl Predictor {
    /// For networks of this configuration on `device`.
    pub fn new(config: &FinetuneConfig, device: Device) -> Self {
        Self {
            device,
            mode: Mode::eval(compute_kind(config.training.precision)),
            input: config.input.clone(),
            classes: config.classes(),
            stride: config.network.stride_px(),
        }
    }

    /// Logits of an image, `[1, C, H, W]` on the device.
    ///
    /// # Errors
    /// What the network answers.
    pub fn logits(&self, network: &UNet, image: &RgbImage) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let TrainInput { tile_px, halo_px, .. } = self.input;
        let mut rows = Vec::new();
        for windows in windows(image.width(), image.height(), tile_px, halo_px, self.stride) {
            let part = |window: &Window| {
                let logits = self.window(network, image, window)?;
                cut(&logits, window.inner, window.kept).map_err(Error::compute("cutting the halo"))
            };
            let row: Vec<Tensor> = windows.iter().map(part).collect::<Result<_>>()?;
            rows.push(Tensor::f_cat(&row, 3).map_err(Error::compute("joining tiles"))?);
        }
        Tensor::f_cat(&rows, 2).map_err(Error::compute("joining tiles"))
    }

    /// Logits of a window that may reach outside the image.
    fn window(&self, network: &UNet, image: &RgbImage, window: &Window) -> Result<Tensor> {
        let [width, height] = window.size;
        let input = to_input(window.pixels(image).as_raw(), 1, height, width, self.input.range, self.device);
        network.forward(&input.map_err(Error::compute("preparing an image"))?, None, self.mode)
    }

    /// Class probabilities of an image.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn predict(&self, network: &UNet, image: &RgbImage) -> Result<Prediction> {
        probabilities(&self.logits(network, image)?).map_err(Error::compute("reading the prediction"))
    }

    /// Scores a network on some images of a dataset.
    ///
    /// # Errors
    /// An image cannot be read; what the network answers.
    ///
    /// # Panics
    /// Without images.
    pub fn validate(
        &self,
        network: &UNet,
        data: &Dataset,
        images: &[usize],
        boundary_px: u32,
        loss: &Loss,
    ) -> Result<Validation> {
        assert!(!images.is_empty(), "nothing to validate on");
        let _guard = tch::no_grad_guard();
        let mut tally = Tally::default();
        for &index in images {
            let sample = data.sample(index)?;
            let truth = class_map(&sample.labels, sample.size(), boundary_px);
            let logits = self.logits(network, &sample.image)?;
            self.add(&mut tally, &logits, &truth, loss)?;
        }
        Ok(tally.means())
    }

    /// Scores a network on batches of crops; the loss is a mean over batches, as in training.
    ///
    /// # Errors
    /// A batch cannot be had; what the network answers.
    pub fn validate_crops(
        &self,
        network: &UNet,
        batches: impl Iterator<Item = Result<Batch>>,
        loss: &Loss,
    ) -> Result<Validation> {
        let _guard = tch::no_grad_guard();
        let mut tally = Tally::default();
        for batch in batches {
            let batch = batch?;
            let (n, edge) = (batch.len as i64, i64::from(batch.edge));
            let input = to_input(&batch.pixels, n, edge, edge, self.input.range, self.device);
            let logits = network.forward(&input.map_err(Error::compute("preparing crops"))?, None, self.mode)?;
            self.add(&mut tally, &logits, &batch.classes, loss)?;
        }
        Ok(tally.means())
    }

    /// Adds the loss of `[N, C, H, W]` logits and the overlap of each of their images.
    fn add(&self, tally: &mut Tally, logits: &Tensor, truth: &[u8], loss: &Loss) -> Result<()> {
        let [n, _, height, width] = logits.size()[..] else {
            return Err(Error::Internal("logits of odd shape".into()));
        };
        let classes = Tensor::f_from_data_size(truth, &[n, height, width], Kind::Uint8);
        let classes = classes.and_then(|t| t.f_to_device(self.device)?.f_to_kind(Kind::Int64));
        let terms = loss.compute(logits, &classes.map_err(Error::compute("preparing a mask"))?)?;
        tally.loss += terms.total.f_double_value(&[]).map_err(Error::compute("reading the loss"))?;
        tally.losses += 1.0;
        for (image, truth) in (0..n).zip(truth.chunks_exact((height * width) as usize)) {
            let maps = logits.f_narrow(0, image, 1).and_then(|logits| probabilities(&logits));
            let overlaps = self.overlaps(truth, &maps.map_err(Error::compute("reading the prediction"))?);
            let figures: Vec<_> = overlaps.iter().filter_map(|overlap| overlap.dice().zip(overlap.iou())).collect();
            if !figures.is_empty() {
                let mean = |sum: f64| sum / figures.len() as f64;
                tally.dice += mean(figures.iter().map(|figure| figure.0).sum());
                tally.iou += mean(figures.iter().map(|figure| figure.1).sum());
                tally.scored += 1.0;
            }
        }
        Ok(())
    }

    /// Pixels of each class of objects, a rim counted for its object.
    fn overlaps(&self, truth: &[u8], maps: &ProbabilityMaps) -> Vec<Overlap> {
        let objects = self.classes.iter().filter(|class| class.role == ClassRole::Object).count();
        if objects == 1 {
            let found = maps.plane(0).iter().map(|&p| p < 128);
            return vec![Overlap::of(truth.iter().map(|&class| class != 0), found)];
        }
        let found = likeliest(maps, &self.classes, 0.5).classes;
        let found: Vec<u8> = found.into_iter().map(|class| class.unwrap_or(0)).collect();
        let confusion = Confusion::of(truth, &found, self.classes.len());
        (1..self.classes.len()).map(|class| confusion.overlap(class)).collect()
    }
}

fn cut(logits: &Tensor, [x, y]: [i64; 2], [width, height]: [i64; 2]) -> Result<Tensor, TchError> {
    logits.f_narrow(2, y, height)?.f_narrow(3, x, width)
}

fn probabilities(logits: &Tensor) -> Result<ProbabilityMaps, TchError> {
    let size = logits.size();
    let bytes = logits.f_softmax(1, Kind::Float)?.f_mul_scalar(255.0)?.f_round()?.f_to_kind(Kind::Uint8)?;
    let bytes = bytes.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut values = vec![0; bytes.numel()];
    bytes.f_copy_data_u8(&mut values, bytes.numel())?;
    Ok(ProbabilityMaps { classes: size[1] as usize, width: size[3] as u32, height: size[2] as u32, values })
}
