//! The loss of a segmentation run.

use super::finetune::within;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the structural-similarity term looks at its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SsMode {
    /// As GenSelfDiff-HIS has it: the window is the whole crop, and the mean error multiplies the batch's cross-entropy.
    #[default]
    Patch,
    /// As Zhao et al. 2019 (arXiv 1910.08711) have it: Gaussian windows of sigma 1.5 px, and each pixel's error weights
    /// its own cross-entropy.
    Local,
}

/// Weights of the terms of the loss; terms of weight 0 are not computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Structural-similarity-weighted cross-entropy (GenSelfDiff-HIS, eq. 8-10).
    pub ss: f64,
    /// Its window.
    pub ss_mode: SsMode,
    /// Focal loss.
    pub focal: f64,
    /// Exponent of the focal loss.
    pub gamma: f64,
    /// Cross-entropy.
    pub ce: f64,
    /// Soft Dice over the classes other than background.
    pub dice: f64,
    /// Tversky loss over the classes other than background (Salehi et al. 2017).
    pub tversky: f64,
    /// Cost of a false positive in the Tversky loss; with 0.5 and 0.5 it is Dice.
    pub tversky_alpha: f64,
    /// Cost of a false negative in the Tversky loss.
    pub tversky_beta: f64,
    /// Weight of each class in `ce` and `focal`, background first; empty for 1 each.
    pub class_weights: Vec<f64>,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            ss: 1.0,
            ss_mode: SsMode::Patch,
            focal: 1.0,
            gamma: 2.0,
            ce: 0.0,
            dice: 0.0,
            tversky: 0.0,
            tversky_alpha: 0.3,
            tversky_beta: 0.7,
            class_weights: Vec::new(),
        }
    }
}

impl LossConfig {
    /// Name and weight of every term.
    fn terms(&mut self) -> [(&'static str, &mut f64); 5] {
        let Self { ss, focal, ce, dice, tversky, .. } = self;
        [("ss", ss), ("focal", focal), ("ce", ce), ("dice", dice), ("tversky", tversky)]
    }

    /// Replaces the weights by those of a formula such as `ss+focal`: 1 for each term named and 0 for the others.
    /// `lambda` is the weight of the last of several terms. Modes and exponents stay.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown or repeated term, and for a `lambda` that has nothing to weigh.
    pub fn choose(&mut self, formula: &str, lambda: Option<f64>) -> Result<()> {
        let names: Vec<&str> = formula.split('+').map(str::trim).collect();
        if let (Some(lambda), 1) = (lambda, names.len()) {
            let reason = format!("weighs the last of several terms, and --loss `{formula}` is one");
            return Err(Error::config("--lambda", lambda, reason));
        }
        self.terms().into_iter().for_each(|(_, weight)| *weight = 0.0);
        for (at, name) in names.iter().enumerate() {
            let mut terms = self.terms();
            let term = terms.iter_mut().find(|term| term.0 == *name);
            let (_, weight) = term.ok_or_else(|| {
                let reason = format!("`{name}` is no term; join some of ss, focal, ce, dice, tversky with +");
                Error::config("--loss", formula, reason)
            })?;
            if **weight != 0.0 {
                return Err(Error::config("--loss", formula, format!("`{name}` is named twice")));
            }
            let last = at + 1 == names.len();
            **weight = if last { lambda.unwrap_or(1.0) } else { 1.0 };
            within("--lambda", **weight, 1e-9, f64::MAX)?;
        }
        Ok(())
    }

    /// The terms in use, for a card: `1 x SS (whole crop) + 0.5 x focal (gamma 2)`.
    pub fn describe(&self) -> String {
        let ss = match self.ss_mode {
            SsMode::Patch => "SS (whole crop)".to_owned(),
            SsMode::Local => "SS (Gaussian windows)".to_owned(),
        };
        let tversky = format!("Tversky (alpha {}, beta {})", self.tversky_alpha, self.tversky_beta);
        let terms = [
            (self.ss, ss),
            (self.focal, format!("focal (gamma {})", self.gamma)),
            (self.ce, "cross-entropy".into()),
            (self.dice, "Dice".into()),
            (self.tversky, tversky),
        ];
        let used = terms.iter().filter(|term| term.0 > 0.0);
        let text = used.map(|(weight, name)| format!("{weight} x {name}")).collect::<Vec<_>>().join(" + ");
        if self.class_weights.is_empty() { text } else { format!("{text}, class weights {:?}", self.class_weights) }
    }

    /// Checks every value for a network of `classes` planes.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self, classes: usize) -> Result<()> {
        let mut copy = self.clone();
        let terms = copy.terms();
        for (name, weight) in &terms {
            within(&format!("loss.{name}"), **weight, 0.0, f64::MAX)?;
        }
        if terms.iter().all(|term| *term.1 == 0.0) {
            return Err(Error::config("loss", "all 0", "one term needs a weight above 0"));
        }
        within("loss.gamma", self.gamma, 0.0, 10.0)?;
        within("loss.tversky_alpha", self.tversky_alpha, 0.0, 100.0)?;
        within("loss.tversky_beta", self.tversky_beta, 0.0, 100.0)?;
        if self.tversky_alpha == 0.0 && self.tversky_beta == 0.0 {
            return Err(Error::config("loss.tversky_alpha", 0, "with beta 0 too, every answer would be perfect"));
        }
        let weights = format!("{:?}", self.class_weights);
        if !self.class_weights.is_empty() && self.class_weights.len() != classes {
            let reason = format!("needs {classes} values, background first");
            return Err(Error::config("loss.class_weights", weights, reason));
        }
        if !self.class_weights.is_empty() && self.ce == 0.0 && self.focal == 0.0 {
            let reason = "would do nothing: it weighs the terms `ce` and `focal`, and both are 0; remove it";
            return Err(Error::config("loss.class_weights", weights, reason));
        }
        for &weight in &self.class_weights {
            within("loss.class_weights", weight, 1e-6, f64::MAX)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_sets_the_named_terms_and_nothing_else() {
        let mut loss = LossConfig { dice: 3.0, gamma: 1.5, ss_mode: SsMode::Local, ..LossConfig::default() };
        loss.choose("ss+focal", Some(0.5)).unwrap();
        let want = LossConfig { ss: 1.0, focal: 0.5, gamma: 1.5, ss_mode: SsMode::Local, ..LossConfig::default() };
        assert_eq!(loss, want);
        assert_eq!(loss.describe(), "1 x SS (Gaussian windows) + 0.5 x focal (gamma 1.5)");
        loss.choose("ce", None).unwrap();
        assert_eq!((loss.ce, loss.ss, loss.focal), (1.0, 0.0, 0.0));
    }

    #[test]
    fn a_senseless_formula_is_refused_with_the_terms_that_there_are() {
        let refused = |formula, lambda| LossConfig::default().choose(formula, lambda).unwrap_err().to_string();
        assert!(refused("ss+hinge", None).contains("`hinge` is no term"));
        assert!(refused("ce", Some(0.5)).contains("`--lambda` is 0.5"));
        assert!(refused("ce+ce", None).contains("twice"));
        assert!(refused("ss+focal", Some(-1.0)).contains("--lambda"));
    }

    #[test]
    fn class_weights_without_a_term_that_takes_them_are_refused() {
        let mut loss = LossConfig { class_weights: vec![1.0, 2.0], ..LossConfig::default() };
        loss.validate(2).unwrap();
        loss.choose("ss+dice", None).unwrap();
        assert!(loss.validate(2).unwrap_err().to_string().contains("would do nothing"));
    }
}
