//! Settings of virtual re-staining, see [`crate::data`].

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How training crops are stained anew: their nuclei keep their shape and texture, while the hues of hematoxylin and
/// eosin, the strength of both and the tissue between the nuclei are drawn at random. Ranges are `[from, to]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restain {
    /// Share of the crops that are stained anew.
    pub probability: f32,
    /// Optical density that the nuclei have on average, summed along the hematoxylin vector.
    pub hematoxylin: [f32; 2],
    /// Optical density of eosin where the tissue is dense.
    pub eosin: [f32; 2],
    /// Hematoxylin taken up by what is not a nucleus (basophilic cytoplasm, mucin), as a share of that of the nuclei.
    pub haze: [f32; 2],
    /// Share of the re-stained crops that get pink fibres, and share that get pink grains, both with sharp edges and
    /// about as large as nuclei.
    pub distractors: f32,
    /// Share of the re-stained crops that get purple cytoplasm: patches larger than nuclei with sharp edges, with up to two
    /// thirds of the nuclei's hematoxylin.
    pub cytoplasm: f32,
    /// Share of the re-stained crops that get empty lumens and tears.
    pub gaps: f32,
    /// Crops whose mean eosin density is above this already hold both stains: only the hues and strengths of the two are
    /// drawn anew.
    pub already_eosin: f32,
}

impl Default for Restain {
    fn default() -> Self {
        Self {
            probability: 0.0,
            hematoxylin: [0.45, 1.3],
            eosin: [0.1, 0.9],
            haze: [0.0, 0.35],
            distractors: 0.6,
            cytoplasm: 0.4,
            gaps: 0.4,
            already_eosin: 0.12,
        }
    }
}

impl Restain {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        let shares = [
            ("restain.probability", self.probability),
            ("restain.distractors", self.distractors),
            ("restain.cytoplasm", self.cytoplasm),
            ("restain.gaps", self.gaps),
        ];
        for (field, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::config(field, share, "must lie between 0 and 1"));
            }
        }
        let ranges =
            [("restain.hematoxylin", self.hematoxylin), ("restain.eosin", self.eosin), ("restain.haze", self.haze)];
        for (field, [from, to]) in ranges {
            if !(0.0 <= from && from < to && to <= 4.0) {
                let value = format!("[{from}, {to}]");
                return Err(Error::config(field, value, "must be [from, to] with 0 <= from < to <= 4"));
            }
        }
        Ok(())
    }
}
