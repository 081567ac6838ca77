//! The U-Net of GenSelfDiff-HIS (Purma et al., IEEE TMI 2025, section III) and its named deviations.

use super::attention::Attention;
use super::blocks::{ResBlock, Widths};
use super::layers::{Conv, Kernel, Norm, Result as TchResult};
use super::time_embedding::{TimeEmbedding, one_step};
use super::{Init, Mode, torch_error};
use crate::config::NetworkSpec;
use crate::error::{Error, Result};
use tch::{Device, Kind, Tensor, nn};

/// Two residual blocks, attention and a change of resolution: one level of the encoder or the decoder.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) blocks: [ResBlock; 2],
    pub(super) attention: Option<Attention>,
    /// To the next level's resolution; the deepest level of the encoder keeps its own.
    pub(super) resize: Option<Conv>,
}

/// A noise predictor for pre-training (3 output channels) or a segmentation network (one output channel a class).
///
/// With the default [`NetworkSpec`] it is the published network to the letter, also where that is surprising: the
/// level-0 skip is computed and dropped, the head's block has no time term, and a block adds its time term after
/// the activation. Parameters are named as in the published state dictionary (`net.downs.0.0.block1.proj.weight`).
#[derive(Debug)]
pub struct UNet {
    pub(super) stem: Conv,
    time: Option<TimeEmbedding>,
    pub(super) downs: Vec<Stage>,
    pub(super) mid: (ResBlock, Option<Attention>, ResBlock),
    pub(super) ups: Vec<Stage>,
    pub(super) head_block: ResBlock,
    pub(super) head: Conv,
    spec: NetworkSpec,
    out_channels: i64,
}

impl UNet {
    /// Adds the network's float32 parameters to `vs`, below `net`.
    ///
    /// # Errors
    /// [`Error::Config`] for a senseless `spec`; [`Error::Compute`] if the device has no room for the parameters.
    pub fn new(vs: &nn::Path, spec: &NetworkSpec, out_channels: i64, init: Init) -> Result<Self> {
        spec.validate()?;
        if out_channels < 1 {
            return Err(Error::config("out_channels", out_channels, "must be 1 or more"));
        }
        Self::build(&(vs / "net"), spec, out_channels, init).map_err(torch_error("creating the network"))
    }

    fn build(vs: &nn::Path, spec: &NetworkSpec, out_channels: i64, init: Init) -> TchResult<Self> {
        let (dim, norm) = (spec.dim, spec.normalisation);
        let time = spec.time_embedding.then_some(4 * dim);
        let stem_width = dim / 3 * 2;
        let widths: Vec<i64> = std::iter::once(stem_width).chain(spec.multipliers.iter().map(|m| m * dim)).collect();
        let block = |vs: nn::Path, input, output| ResBlock::new(&vs, Widths { input, output, time }, norm, init);
        let stage = |vs: nn::Path, input, output, resize: Option<Kernel>| {
            let attention = || Attention::linear(&(&vs / "2"), output, init);
            Ok(Stage {
                blocks: [block(&vs / "0", input, output)?, block(&vs / "1", output, output)?],
                attention: spec.attention.then(attention).transpose()?,
                resize: resize.map(|kernel| Conv::new(&(&vs / "3"), output, output, kernel, init)).transpose()?,
            })
        };

        let levels = spec.multipliers.len();
        let stem = Conv::new(&(vs / "init_conv"), 3, stem_width, Kernel::STEM, init)?;
        let embedding = || TimeEmbedding::new(&(vs / "time_mlp"), dim);
        let embedding = spec.time_embedding.then(embedding).transpose()?;
        let downs = (0..levels).map(|level| {
            let resize = (level + 1 < levels).then_some(Kernel::DOWN);
            stage(vs / "downs" / level, widths[level], widths[level + 1], resize)
        });
        let downs = downs.collect::<TchResult<Vec<_>>>()?;
        let deepest = widths[levels];
        let attention = || Attention::full(&(vs / "mid_attn"), deepest, init);
        let mid = (
            block(vs / "mid_block1", deepest, deepest)?,
            spec.attention.then(attention).transpose()?,
            block(vs / "mid_block2", deepest, deepest)?,
        );
        // Down to level 1: level 0 has no stage of its own in the decoder.
        let ups = (1..levels)
            .rev()
            .enumerate()
            .map(|(i, level)| stage(vs / "ups" / i, 2 * widths[level + 1], widths[level], Some(Kernel::UP)));
        let ups = ups.collect::<TchResult<Vec<_>>>()?;
        let joined = if spec.full_resolution_skip { 2 * widths[1] } else { widths[1] };
        let last = Widths { input: joined, output: dim, time: None };
        let head_vs = vs / "final_conv";
        Ok(Self {
            stem,
            time: embedding,
            downs,
            mid,
            ups,
            head_block: ResBlock::new(&(&head_vs / "0"), last, norm, init)?,
            head: Conv::new(&(&head_vs / "1"), dim, out_channels, Kernel::POINT, init)?,
            spec: spec.clone(),
            out_channels,
        })
    }

    /// The parameters that this network was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Planes of the output.
    pub fn out_channels(&self) -> i64 {
        self.out_channels
    }

    /// `x` is `[N, 3, H, W]` with H and W multiples of [`NetworkSpec::stride_px`]; `steps` the diffusion step of each
    /// image, `[N]` of int64 from 0, or `None` for the specification's step, as in segmentation. Gives float32
    /// `[N, out_channels, H, W]`: predicted noise, or logits.
    ///
    /// # Errors
    /// [`Error::Config`] for another shape of `x` and for steps in a network without a time embedding,
    /// [`Error::Compute`] with libtorch's message otherwise.
    pub fn forward(&self, x: &Tensor, steps: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        self.check(x)?;
        if steps.is_some() && self.time.is_none() {
            let reason = "a network without a time embedding takes no diffusion steps";
            return Err(Error::config("network.time_embedding", false, reason));
        }
        self.logits(x, steps, mode).map_err(torch_error("running the network"))
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let stride = i64::from(self.spec.stride_px());
        let got = x.size();
        match got[..] {
            [n, 3, h, w] if n > 0 && h > 0 && w > 0 && h % stride == 0 && w % stride == 0 => Ok(()),
            _ => {
                let field = "input shape";
                let reason = format!("must be [N, 3, H, W] with H and W multiples of {stride}");
                Err(Error::config(field, format!("{got:?}"), reason))
            }
        }
    }

    /// As [`forward`](Self::forward) without its checks, with libtorch's own error.
    pub(crate) fn logits(&self, x: &Tensor, steps: Option<&Tensor>, mode: Mode) -> TchResult<Tensor> {
        let time = self.embed(steps, x.device())?;
        let time = time.as_ref();
        let (mut x, mut skips) = self.encode(x, time, mode)?;
        for stage in &self.ups {
            let skip = skips.pop().expect("one skip a level, and the decoder has a level less");
            x = stage.features(&Tensor::f_cat(&[x, skip], 1)?, time, mode)?;
            if let Some(resize) = &stage.resize {
                x = resize.forward(&x, mode)?;
            }
        }
        if self.spec.full_resolution_skip {
            let skip = skips.pop().expect("level 0 is left");
            x = Tensor::f_cat(&[x, skip], 1)?;
        }
        self.head.forward(&self.head_block.forward(&x, None, mode)?, mode)?.f_to_kind(Kind::Float)
    }

    /// The middle's output, `[N, C, H / stride, W / stride]`, and the skips from level 0 on.
    fn encode(&self, x: &Tensor, time: Option<&Tensor>, mode: Mode) -> TchResult<(Tensor, Vec<Tensor>)> {
        let mut x = self.stem.forward(&x.f_to_kind(mode.compute)?, mode)?;
        let mut skips = Vec::with_capacity(self.downs.len());
        for stage in &self.downs {
            x = stage.features(&x, time, mode)?;
            skips.push(x.shallow_clone());
            if let Some(resize) = &stage.resize {
                x = resize.forward(&x, mode)?;
            }
        }
        x = self.mid.0.forward(&x, time, mode)?;
        if let Some(attention) = &self.mid.1 {
            x = attention.forward(x, mode)?;
        }
        Ok((self.mid.2.forward(&x, time, mode)?, skips))
    }

    /// Mean over space of the middle's output: `[N, C]` of float32, a description of each image. `x` as in
    /// [`forward`](Self::forward), at the specification's step.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn describe(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.check(x)?;
        let mean = || {
            let time = self.embed(None, x.device())?;
            let (middle, _) = self.encode(x, time.as_ref(), mode)?;
            middle.f_mean_dim(&[2_i64, 3][..], false, Kind::Float)
        };
        mean().map_err(torch_error("running the encoder"))
    }

    /// The activated embedding of the steps, `[N or 1, 4 * dim]`.
    fn embed(&self, steps: Option<&Tensor>, device: Device) -> TchResult<Option<Tensor>> {
        let Some(time) = &self.time else { return Ok(None) };
        let steps = match steps {
            Some(steps) => steps.shallow_clone(),
            None => one_step(self.spec.step, device)?,
        };
        time.forward(&steps)?.f_silu().map(Some)
    }

    /// The same network for inference at the specification's step: batch normalisation folded into the convolutions, every block's
    /// time term a constant, parameters detached and in `kind`. Give `kind` as the precision of its forward passes too.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn folded(&self, kind: Kind, device: Device) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        self.fold(kind, device).map_err(torch_error("folding the network"))
    }

    fn fold(&self, kind: Kind, device: Device) -> TchResult<Self> {
        let time = self.embed(None, device)?;
        let time = time.as_ref();
        let conv = |conv: &Conv| conv.folded(&Norm::None, kind).map(|(conv, _)| conv);
        let attention = |attention: &Option<Attention>| attention.as_ref().map(|a| a.folded(kind)).transpose();
        let stage = |stage: &Stage| {
            Ok(Stage {
                blocks: [stage.blocks[0].folded(time, kind)?, stage.blocks[1].folded(time, kind)?],
                attention: attention(&stage.attention)?,
                resize: stage.resize.as_ref().map(conv).transpose()?,
            })
        };
        Ok(Self {
            stem: conv(&self.stem)?,
            time: None,
            downs: self.downs.iter().map(stage).collect::<TchResult<_>>()?,
            mid: (self.mid.0.folded(time, kind)?, attention(&self.mid.1)?, self.mid.2.folded(time, kind)?),
            ups: self.ups.iter().map(stage).collect::<TchResult<_>>()?,
            head_block: self.head_block.folded(None, kind)?,
            head: conv(&self.head)?,
            spec: self.spec.clone(),
            out_channels: self.out_channels,
        })
    }
}

impl Stage {
    fn features(&self, x: &Tensor, time: Option<&Tensor>, mode: Mode) -> TchResult<Tensor> {
        let x = self.blocks[0].forward(x, time, mode)?;
        let x = self.blocks[1].forward(&x, time, mode)?;
        match &self.attention {
            Some(attention) => attention.forward(x, mode),
            None => Ok(x),
        }
    }
}

#[cfg(test)]
mod tests;
