//! The arithmetic of an update, piece by piece and side by side.

use crate::config::OptimizerKind;
use rayon::prelude::*;
use tch::{Device, Kind, TchError, Tensor};

/// Numbers of a parameter that are updated at once on a CPU: what is made on the way stays in the cache, and libtorch
/// shares no piece so small between its own threads.
pub(super) const PIECE: i64 = 1 << 15;

/// The rule for one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    pub kind: OptimizerKind,
    pub betas: [f64; 2],
    /// What the two moments are still short of.
    pub bias: [f64; 2],
    pub eps: f64,
    pub rate: f64,
    pub decay: f64,
    /// Of the gradient, by clipping.
    pub scale: f64,
}

/// A piece of a parameter: flat views of the same numbers.
#[derive(Debug)]
pub(super) struct Piece {
    pub parameter: Tensor,
    pub first: Tensor,
    pub second: Tensor,
    pub gradient: Tensor,
    pub update: Update,
}

impl Piece {
    fn apply(&mut self) -> Result<(), TchError> {
        let Update { kind, betas: [beta1, beta2], bias: [bias1, bias2], eps, rate, decay, scale } = self.update;
        let Self { parameter, first, second, gradient, .. } = self;
        let mut gradient = gradient.shallow_clone();
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
        Ok(())
    }
}

/// First number and length of the pieces of a flat tensor. Another device than a CPU takes it whole.
pub(super) fn pieces(flat: &Tensor) -> impl Iterator<Item = [i64; 2]> {
    let all = flat.numel() as i64;
    let most = if flat.device() == Device::Cpu { PIECE } else { all.max(1) };
    (0..all).step_by(most as usize).map(move |from| [from, most.min(all - from)])
}

/// Updates every piece. No piece depends on another, so the result does not depend on the number of threads.
pub(super) fn update(pieces: Vec<Piece>) -> Result<(), TchError> {
    shared(pieces, |mut piece| piece.apply())?;
    Ok(())
}

/// Euclidean norm of all numbers of flat tensors, summed in f64 in a fixed order.
pub(super) fn norm<'a>(flat: impl Iterator<Item = &'a Tensor>) -> Result<f64, TchError> {
    let _guard = tch::no_grad_guard();
    let mut parts = Vec::new();
    for tensor in flat {
        for [from, length] in pieces(tensor) {
            parts.push(tensor.f_narrow(0, from, length)?);
        }
    }
    let squares = shared(parts, |part| part.f_square()?.f_sum(Kind::Double))?;
    if squares.is_empty() {
        return Ok(0.0);
    }
    Tensor::f_stack(&squares, 0)?.f_sum(Kind::Double)?.f_sqrt()?.f_double_value(&[])
}

/// `work` on each item, on as many threads as libtorch computes with; answers in the items' order.
fn shared<T: Send, U: Send>(items: Vec<T>, work: impl Fn(T) -> Result<U, TchError> + Sync) -> Result<Vec<U>, TchError> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1);
    let most = items.len().div_ceil(threads).max(1);
    let mut items = items.into_iter();
    let shares: Vec<Vec<T>> = std::iter::from_fn(|| Some(items.by_ref().take(most).collect::<Vec<_>>()))
        .take_while(|share| !share.is_empty())
        .collect();
    let done: Result<Vec<Vec<U>>, TchError> = shares
        .into_par_iter()
        .map(|share| {
            // The guard counts for its own thread only.
            let _guard = tch::no_grad_guard();
            share.into_iter().map(&work).collect()
        })
        .collect();
    Ok(done?.into_iter().flatten().collect())
}
