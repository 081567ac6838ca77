//! The moving average of the weights.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use tch::{TchError, Tensor, nn};

/// Draws the weights and batch statistics of a shadow store after those of a live one. Nothing ever flows back: the
/// shadow is what is validated and shipped, the live weights are what is trained.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    /// Live and shadow of each variable.
    pairs: Vec<(Tensor, Tensor)>,
    updates: u64,
}

impl Ema {
    /// Starts with equal stores. Decay 0 keeps them equal.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stores do not hold the same names.
    pub fn new(decay: f64, live: &nn::VarStore, shadow: &nn::VarStore) -> Result<Self> {
        let live: BTreeMap<_, _> = live.variables().into_iter().collect();
        let mut others = shadow.variables();
        let mut pairs = Vec::with_capacity(live.len());
        for (name, tensor) in live {
            let other = others.remove(&name);
            pairs.push((tensor, other.ok_or_else(|| Error::Internal(format!("the shadow has no `{name}`")))?));
        }
        let mut ema = Self { decay, pairs, updates: 0 };
        ema.lerp(1.0).map_err(Error::compute("copying the weights"))?;
        Ok(ema)
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Continues after `updates` updates; the shadow store is restored by its owner.
    pub fn restore(&mut self, updates: u64) {
        self.updates = updates;
    }

    /// Moves the shadow towards the live weights. The decay rises with the number of updates,
    /// `min(decay, (1 + n) / (10 + n))`, so that the initial weights are soon forgotten.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    pub fn update(&mut self) -> Result<()> {
        let n = self.updates as f64;
        self.updates += 1;
        self.lerp(1.0 - self.decay.min((1.0 + n) / (10.0 + n))).map_err(Error::compute("averaging the weights"))
    }

    fn lerp(&mut self, weight: f64) -> Result<(), TchError> {
        let _guard = tch::no_grad_guard();
        for (live, shadow) in &mut self.pairs {
            let _ = shadow.f_lerp_(live, weight)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn store(value: f64) -> (nn::VarStore, Tensor, Tensor) {
        let vs = nn::VarStore::new(Device::Cpu);
        let weight = vs.root().var("weight", &[1], nn::Init::Const(value));
        let mut statistic = vs.root().zeros_no_train("running_mean", &[1]);
        let _ = statistic.fill_(value);
        (vs, weight, statistic)
    }

    #[test]
    fn weights_and_statistics_follow_the_known_recursion_and_the_live_ones_stay() {
        let (live, mut weight, mut statistic) = store(1.0);
        let (shadow, average, mean) = store(-5.0);
        let mut ema = Ema::new(0.5, &live, &shadow).unwrap();
        let mut want = 1.0;
        for step in 0..30 {
            let value = f64::from(step);
            tch::no_grad(|| _ = weight.fill_(value));
            let _ = statistic.fill_(value);
            ema.update().unwrap();
            let decay = f64::min(0.5, (1.0 + value) / (10.0 + value));
            want = decay * want + (1.0 - decay) * value;
            assert!((average.double_value(&[0]) - want).abs() < 1e-5);
            assert!((mean.double_value(&[0]) - want).abs() < 1e-5);
            assert_eq!(weight.double_value(&[0]), value);
        }
        assert!(weight.requires_grad() && average.kind() == Kind::Float);
    }
}
