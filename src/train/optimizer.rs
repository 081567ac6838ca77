//! Adam and AdamW with their state in the open, so that a checkpoint can hold it.

use crate::config::{OptimizerConfig, OptimizerKind, ScheduleKind, StartConfig};
use crate::error::{Error, Result};
use crate::nn::place;
use std::collections::BTreeMap;
use tch::{Device, Kind, TchError, Tensor, nn};

/// One parameter with its moments.
#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Tensor,
    /// Moving mean of the gradient.
    first: Tensor,
    /// Moving mean of its square.
    second: Tensor,
    decayed: bool,
    /// Its learning rate in units of the common one.
    factor: f64,
    /// Does it stay while the optimizer is frozen?
    freezable: bool,
}

impl Slot {
    /// Numbers of a tensor like the parameter, in the order in which the parameter has them in memory; a copy unless the
    /// tensor has them so too, as gradients do.
    fn row(&self, tensor: &Tensor) -> Result<Tensor, TchError> {
        self.in_order(tensor)?.f_contiguous()?.f_view([-1])
    }

    /// The same for the parameter and its moments, never a copy.
    fn row_in_place(&self, tensor: &Tensor) -> Result<Tensor, TchError> {
        self.in_order(tensor)?.f_view([-1])
    }

    /// Weights of convolutions have their channels last.
    fn in_order(&self, tensor: &Tensor) -> Result<Tensor, TchError> {
        if self.parameter.is_contiguous() { Ok(tensor.shallow_clone()) } else { tensor.f_permute([0, 2, 3, 1]) }
    }
}

/// Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) over the trainable parameters of a store.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
    steps: u64,
    frozen: bool,
    /// Updates made while frozen: the moments of the frozen parameters are younger by so many.
    held: u64,
}

/// Numbers of a parameter that are updated at once on a CPU: as many as libtorch does not yet share between threads, which
/// would cost more than the update.
const PIECE: i64 = 1 << 15;

/// Name of `held` among the tensors of the state.
const HELD: &str = "optimizer.held";

impl Optimizer {
    /// Moments of 0 for every trainable parameter.
    ///
    /// # Errors
    /// [`Error::Compute`] without memory for the moments.
    pub fn new(config: &OptimizerConfig, vs: &nn::VarStore) -> Result<Self> {
        // Sorted by name: the store's own order differs from process to process.
        let parameters: BTreeMap<_, _> = vs.variables().into_iter().filter(|(_, p)| p.requires_grad()).collect();
        let slot = |(name, parameter): (String, Tensor)| {
            let zeros = || parameter.f_detach()?.f_zeros_like();
            let (first, second) = (zeros()?, zeros()?);
            let decayed = parameter.dim() > 1;
            Ok(Slot { name, decayed, parameter, first, second, factor: 1.0, freezable: false })
        };
        let slots = parameters.into_iter().map(slot).collect::<Result<_, TchError>>();
        let slots = slots.map_err(Error::compute("creating the optimizer"))?;
        Ok(Self { config: config.clone(), slots, steps: 0, frozen: false, held: 0 })
    }

    /// Gives each parameter of a U-Net of `levels` levels its own rate and marks those that freeze.
    ///
    /// # Errors
    /// [`Error::Config`] if a name of `start.freeze` fits no parameter or nothing is left to train.
    pub fn follow(&mut self, start: &StartConfig, levels: usize) -> Result<()> {
        for part in &start.freeze {
            if !self.slots.iter().any(|slot| place::is_in(&slot.name, part)) {
                let mut modules: Vec<&str> = self.slots.iter().map(|slot| place::module(&slot.name)).collect();
                modules.dedup();
                let reason = format!("is no part of the network; there are encoder, {}", modules.join(", "));
                return Err(Error::config("start.freeze", part, reason));
            }
        }
        for slot in &mut self.slots {
            let depth = place::depth(&slot.name, levels)?;
            slot.factor = if depth == 0 { start.head_rate } else { start.layer_decay.powi(depth as i32) };
            slot.freezable = start.freeze.iter().any(|part| place::is_in(&slot.name, part));
        }
        if start.freeze_epochs == 0 && self.slots.iter().all(|slot| slot.freezable) {
            let reason = "freezes every weight for ever, so nothing is left to train";
            return Err(Error::config("start.freeze", start.freeze.join(", "), reason));
        }
        Ok(())
    }

    /// From now on the parts of `start.freeze` stay, or move again. Frozen parameters get no gradient, which also saves
    /// the time for it.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn freeze(&mut self, frozen: bool) -> Result<()> {
        if self.frozen != frozen {
            self.frozen = frozen;
            for slot in self.slots.iter().filter(|slot| slot.freezable) {
                let _ = slot
                    .parameter
                    .f_set_requires_grad(!frozen)
                    .map_err(Error::compute("freezing a part of the network"))?;
            }
        }
        Ok(())
    }

    /// Updates made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Drops the gradients.
    pub fn zero_grad(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.parameter.zero_grad());
    }

    /// Euclidean norm of the gradient over all parameters.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn gradient_norm(&self) -> Result<f64> {
        let squares = || {
            let _guard = tch::no_grad_guard();
            let mut squares = Vec::with_capacity(self.slots.len());
            for slot in &self.slots {
                let gradient = slot.parameter.f_grad()?;
                if gradient.defined() {
                    let gradient = slot.row(&gradient)?;
                    for [from, length] in pieces(&gradient) {
                        squares.push(gradient.f_narrow(0, from, length)?.f_square()?.f_sum(Kind::Double)?);
                    }
                }
            }
            if squares.is_empty() {
                return Ok(0.0);
            }
            Tensor::f_stack(&squares, 0)?.f_sum(Kind::Double)?.f_sqrt()?.f_double_value(&[])
        };
        squares().map_err(Error::compute("measuring the gradient"))
    }

    /// One update with the learning rate `rate`. `norm` is [`gradient_norm`](Self::gradient_norm), for the clipping.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn step(&mut self, rate: f64, norm: f64) -> Result<()> {
        self.steps += 1;
        self.held += u64::from(self.frozen);
        let clip = self.config.clip_norm;
        let scale = if clip > 0.0 && norm > clip { clip / norm } else { 1.0 };
        self.update(rate, scale).map_err(Error::compute("updating the weights"))
    }

    fn update(&mut self, rate: f64, scale: f64) -> Result<(), TchError> {
        let _guard = tch::no_grad_guard();
        let OptimizerConfig { kind, betas: [beta1, beta2], eps, weight_decay, .. } = self.config;
        let bias = |steps: u64| (1.0 - beta1.powf(steps as f64), 1.0 - beta2.powf(steps as f64));
        let (whole, late) = (bias(self.steps), bias(self.steps - self.held));
        for slot in &mut self.slots {
            if slot.freezable && self.frozen {
                continue;
            }
            let (bias1, bias2) = if slot.freezable { late } else { whole };
            let gradient = slot.parameter.f_grad()?;
            if !gradient.defined() {
                continue;
            }
            let [parameter, first, second] = [&slot.parameter, &slot.first, &slot.second].map(|t| slot.row_in_place(t));
            let (parameter, first, second, gradient) = (parameter?, first?, second?, slot.row(&gradient)?);
            let rate = rate * slot.factor;
            let decay = if slot.decayed { weight_decay } else { 0.0 };
            for [from, length] in pieces(&gradient) {
                let part = |tensor: &Tensor| tensor.f_narrow(0, from, length);
                let (mut parameter, mut first, mut second) = (part(&parameter)?, part(&first)?, part(&second)?);
                let mut gradient = part(&gradient)?;
                if scale != 1.0 {
                    gradient = gradient.f_mul_scalar(scale)?;
                }
                if decay > 0.0 {
                    match kind {
                        OptimizerKind::Adam => gradient = gradient.f_add(&parameter.f_mul_scalar(decay)?)?,
                        OptimizerKind::Adamw => _ = parameter.f_mul_scalar_(1.0 - rate * decay)?,
                    }
                }
                let _ = first.f_lerp_(&gradient, 1.0 - beta1)?;
                let _ = second.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
                let spread = second.f_sqrt()?.f_mul_scalar_(1.0 / bias2.sqrt())?.f_add_scalar_(eps)?;
                let _ = parameter.f_addcdiv_(&first.f_mul_scalar(-rate / bias1)?, &spread)?;
            }
        }
        Ok(())
    }

    /// The moments by name, `first.` and `second.` before the parameter's, and the number of updates while frozen.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let pair = |slot: &Slot| {
            [
                (format!("first.{}", slot.name), slot.first.shallow_clone()),
                (format!("second.{}", slot.name), slot.second.shallow_clone()),
            ]
        };
        let mut state: BTreeMap<String, Tensor> = self.slots.iter().flat_map(pair).collect();
        if self.slots.iter().any(|slot| slot.freezable) {
            state.insert(HELD.into(), Tensor::from(self.held as f32));
        }
        state
    }

    /// Takes over what [`state`](Self::state) gave after `steps` updates.
    ///
    /// # Errors
    /// [`Error::Internal`] if a moment is missing, [`Error::Compute`] if its shape differs.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>, steps: u64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for slot in &mut self.slots {
            for (prefix, moment) in [("first.", &mut slot.first), ("second.", &mut slot.second)] {
                let name = format!("{prefix}{}", slot.name);
                let saved =
                    state.get(&name).ok_or_else(|| Error::Internal(format!("no `{name}` in the checkpoint")))?;
                moment.f_copy_(saved).map_err(Error::compute(format!("restoring `{name}`")))?;
            }
        }
        if self.slots.iter().any(|slot| slot.freezable) {
            let held = state.get(HELD).ok_or_else(|| Error::Internal(format!("no `{HELD}` in the checkpoint")))?;
            self.held = held.f_double_value(&[]).map_err(Error::compute(format!("restoring `{HELD}`")))? as u64;
        }
        self.steps = steps;
        Ok(())
    }
}

/// First number and length of the pieces in which a CPU updates a parameter: all that is made on the way stays in its
/// cache. Another device takes it whole.
fn pieces(flat: &Tensor) -> impl Iterator<Item = [i64; 2]> {
    let all = flat.numel() as i64;
    let most = if flat.device() == Device::Cpu { PIECE } else { all.max(1) };
    (0..all).step_by(most as usize).map(move |from| [from, most.min(all - from)])
}

/// Learning rate of step `step` (from 0) of `total`: a linear rise over the warm-up, then constant or half a cosine.
pub fn learning_rate(config: &OptimizerConfig, step: u64, total: u64) -> f64 {
    if step < config.warmup_steps {
        return config.rate * (step + 1) as f64 / (config.warmup_steps + 1) as f64;
    }
    match config.schedule {
        ScheduleKind::Constant => config.rate,
        ScheduleKind::Cosine => {
            let left = total.saturating_sub(config.warmup_steps).max(1) as f64;
            let course = ((step - config.warmup_steps) as f64 / left).min(1.0);
            config.final_rate + (config.rate - config.final_rate) * 0.5 * (1.0 + (std::f64::consts::PI * course).cos())
        }
    }
}

#[cfg(test)]
mod tests;
