//! How much a run may hold in memory and how much of it may fail.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// One run's way through a slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Tiles a forward pass.
    pub batch: usize,
    /// Tiles read at once.
    pub readers: usize,
    /// Threads that turn predictions into objects.
    pub vectorizers: usize,
    /// Decoded pixels alive at once, in bytes. At least one batch and the level pixels behind one tile.
    pub pixel_budget: u64,
    /// Predictions alive at once until their results are written, in bytes. At least one batch.
    pub prediction_budget: u64,
    /// Share of the tiles, from 0 to 1, that may fail before the slide counts as failed. A failed tile is background.
    pub max_failed_tiles: f64,
}

impl Default for StreamConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            batch: 4,
            readers: cores.clamp(2, 16),
            vectorizers: cores.div_ceil(2).clamp(1, 8),
            pixel_budget: 512 << 20,
            prediction_budget: 256 << 20,
            max_failed_tiles: 0.0,
        }
    }
}

/// Bytes of one tile at the places where a budget counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileBytes {
    /// The tile's own pixels.
    pub pixels: u64,
    /// What is alive while the tile is read: the level's pixels and its own.
    pub reading: u64,
    /// The model's answer.
    pub prediction: u64,
}

impl StreamConfig {
    /// Checks every value, the budgets against tiles of this size.
    ///
    /// # Errors
    /// [`Error::Config`] that names the option.
    pub fn validate(&self, tile: TileBytes) -> Result<()> {
        for (option, value) in
            [("--batch", self.batch), ("--readers", self.readers), ("--vectorizers", self.vectorizers)]
        {
            if !(1..=4096).contains(&value) {
                return Err(Error::config(option, value, "must be from 1 to 4096"));
            }
        }
        if !(0.0..=1.0).contains(&self.max_failed_tiles) {
            return Err(Error::config("--max-failed-tiles", self.max_failed_tiles, "must be a share from 0 to 1"));
        }
        let batch = self.batch as u64;
        let budgets = [
            ("--pixel-budget", self.pixel_budget, (batch - 1) * tile.pixels + tile.reading.max(tile.pixels)),
            ("--prediction-budget", self.prediction_budget, batch * tile.prediction),
        ];
        for (option, budget, least) in budgets {
            if budget < least {
                let reason = format!(
                    "a batch of {batch} tiles needs {}, so the first one would never be complete; raise it or lower --batch",
                    display_bytes(least)
                );
                return Err(Error::config(option, display_bytes(budget), reason));
            }
        }
        Ok(())
    }
}

const UNITS: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
];

/// A number of bytes with a unit: `512MiB`, `1.5 GiB`, `800MB`, `4096`.
///
/// # Errors
/// [`Error::Config`] that names `option`.
pub fn parse_bytes(option: &str, text: &str) -> Result<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, factor)| lower.strip_suffix(unit).map(|number| (number.trim_end(), *factor)))
        .unwrap_or((&lower, 1));
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.parse::<f64>() {
        Ok(value) if plain && value * unit as f64 <= 2_f64.powi(53) => Ok((value * unit as f64).round() as u64),
        _ => {
            let reason = "must be a number of bytes with a unit, such as 512MiB, 1.5GiB or 800MB, up to 8192TiB";
            Err(Error::config(option, format!("`{text}`"), reason))
        }
    }
}

/// A number of bytes for people: `512 MiB`, `1.5 GiB`, `100 bytes`.
pub fn display_bytes(bytes: u64) -> String {
    let unit = UNITS[..4].iter().rev().zip(["TiB", "GiB", "MiB", "KiB"]).find(|((_, factor), _)| bytes >= *factor);
    match unit {
        Some(((_, factor), name)) => {
            let value = (bytes as f64 / *factor as f64 * 10.0).round() / 10.0;
            format!("{value} {name}")
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: TileBytes = TileBytes { pixels: 3 << 20, reading: 15 << 20, prediction: 4 << 20 };

    fn refusal(config: StreamConfig) -> String {
        config.validate(TILE).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_budget_smaller_than_a_batch_is_refused_by_name() {
        let config =
            StreamConfig { batch: 8, pixel_budget: 36 << 20, prediction_budget: 32 << 20, ..Default::default() };
        assert!(config.validate(TILE).is_ok(), "exactly one batch: 7 x 3 + 15 and 8 x 4");
        let pixels = refusal(StreamConfig { pixel_budget: (36 << 20) - 1, ..config.clone() });
        assert!(pixels.starts_with("`--pixel-budget` is 36 MiB: a batch of 8 tiles needs 36 MiB"), "{pixels}");
        let predictions = refusal(StreamConfig { prediction_budget: 31 << 20, ..config });
        assert!(predictions.starts_with("`--prediction-budget` is 31 MiB"), "{predictions}");
    }

    #[test]
    fn counts_and_shares_out_of_range_are_refused_by_name() {
        let default = StreamConfig::default;
        assert!(refusal(StreamConfig { batch: 0, ..default() }).contains("--batch"));
        assert!(refusal(StreamConfig { readers: 0, ..default() }).contains("--readers"));
        assert!(refusal(StreamConfig { vectorizers: 5000, ..default() }).contains("--vectorizers"));
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(refusal(StreamConfig { max_failed_tiles: share, ..default() }).contains("--max-failed-tiles"));
        }
    }

    #[test]
    fn byte_sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("1.5 GiB", 3 << 29),
            ("800MB", 800_000_000),
            ("4096", 4096),
            (" 2kib ", 2048),
            ("7 b", 7),
        ] {
            assert_eq!(parse_bytes("--pixel-budget", text).expect(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_senseless_byte_size_is_refused_with_its_option() {
        for text in ["", "MiB", "-1MiB", "1e9", "inf", "nan", "12 apples", "1,5GiB", "99999999TiB", "+5"] {
            let error = parse_bytes("--pixel-budget", text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("`--pixel-budget` is `{text}`")), "{error}");
        }
    }

    #[test]
    fn byte_sizes_are_shown_in_the_largest_unit_that_fits() {
        let shown = [100, 2048, 512 << 20, 3 << 29].map(display_bytes);
        assert_eq!(shown, ["100 bytes", "2 KiB", "512 MiB", "1.5 GiB"]);
    }
}
