//! Adam and AdamW with their state in the open, so that a checkpoint can hold it.

use crate::config::{OptimizerConfig, ScheduleKind, StartConfig};
use crate::error::{Error, Result};
use crate::nn::place;
use pieces::Piece;
use std::collections::BTreeMap;
use tch::{TchError, Tensor, nn};

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
    /// Sum of the gradients since the last update, flat, in the order in which the parameter lies in memory.
    gradient: Option<Tensor>,
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
            Ok(Slot { name, decayed, parameter, first, second, factor: 1.0, freezable: false, gradient: None })
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

    /// Forgets the gradients.
    pub fn zero_grad(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.gradient = None);
    }

    /// Adds the gradient of `loss`, one number, to that of every parameter that moves. libtorch hands its gradients over
    /// as they are: nothing is set to 0 first and added to.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn backward(&mut self, loss: &Tensor) -> Result<()> {
        let mut work = || -> Result<(), TchError> {
            let mut moving: Vec<_> = self.slots.iter_mut().filter(|slot| slot.parameter.requires_grad()).collect();
            let parameters: Vec<&Tensor> = moving.iter().map(|slot| &slot.parameter).collect();
            let gradients = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
            let _guard = tch::no_grad_guard();
            for (slot, gradient) in moving.iter_mut().zip(gradients) {
                // A parameter that the loss does not depend on has none.
                if gradient.defined() {
                    let row = slot.row(&gradient)?;
                    slot.gradient = Some(match &slot.gradient {
                        Some(before) => before.f_add(&row)?,
                        None => row,
                    });
                }
            }
            Ok(())
        };
        work().map_err(Error::compute("computing the gradient"))
    }

    /// Euclidean norm of the gradient over all parameters.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn gradient_norm(&self) -> Result<f64> {
        let gradients = self.slots.iter().filter_map(|slot| slot.gradient.as_ref());
        pieces::norm(gradients).map_err(Error::compute("measuring the gradient"))
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
        let OptimizerConfig { kind, betas, eps, weight_decay, .. } = self.config;
        let bias = |steps: u64| betas.map(|beta| 1.0 - beta.powf(steps as f64));
        let (whole, late) = (bias(self.steps), bias(self.steps - self.held));
        let mut all = Vec::new();
        for slot in self.slots.iter().filter(|slot| !(slot.freezable && self.frozen)) {
            let Some(gradient) = &slot.gradient else { continue };
            let update = pieces::Update {
                kind,
                betas,
                bias: if slot.freezable { late } else { whole },
                eps,
                rate: rate * slot.factor,
                decay: if slot.decayed { weight_decay } else { 0.0 },
                scale,
            };
            let [parameter, first, second] = [&slot.parameter, &slot.first, &slot.second].map(|t| slot.row_in_place(t));
            let (parameter, first, second) = (parameter?, first?, second?);
            for [from, length] in pieces::pieces(gradient) {
                let part = |tensor: &Tensor| tensor.f_narrow(0, from, length);
                let [parameter, first, second] = [part(&parameter)?, part(&first)?, part(&second)?];
                all.push(Piece { parameter, first, second, gradient: part(gradient)?, update });
            }
        }
        pieces::update(all)
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

mod pieces;
#[cfg(test)]
mod tests;
