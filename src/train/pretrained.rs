//! What a pre-training hands on: the averaged weights and all that one must know to use them.

use super::checkpoint::{RunState, STATE};
use crate::config::{NetworkSpec, PretextConfig, PretrainConfig, PretrainInput};
use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::nn::weights::{self, Tensors};
use crate::nn::{Init, UNet};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Kind, nn};

/// One line of a pre-training's `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainRow {
    /// From 1.
    pub epoch: u64,
    /// Steps since the start.
    pub step: u64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Mean loss of an image over the epoch's steps, skipped ones left out; nothing if all were skipped.
    pub train_loss: Option<f64>,
    /// Mean loss of an image over the validation grid, averaged weights.
    pub val_loss: Option<f64>,
    /// Steps skipped since the start because a loss or gradient was not finite.
    pub skipped: u64,
    /// Share of the epoch's time that the model waited for crops.
    pub waited: f64,
    /// Seconds since the start, over all sessions of the run.
    pub seconds: f64,
}

/// What a pre-training's weights are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The run's name.
    pub name: String,
    /// The network.
    pub network: NetworkSpec,
    /// Planes of its output.
    pub out_channels: i64,
    /// Resolution and range of what it saw; for what predicts images, also the range of what it says.
    pub input: PretrainInput,
    /// Edge of the crops that it saw, in pixels.
    pub crop_px: u32,
    /// What it was asked.
    pub pretext: PretextConfig,
    /// `averaged` for the moving average, `raw` for the weights as trained.
    pub weights: String,
    /// The run's seed.
    pub seed: u64,
    /// Epochs behind these weights.
    pub epoch: u64,
    /// Loss on the validation grid, if there was one.
    pub val_loss: Option<f64>,
    /// The data, a line a source.
    pub data: Vec<String>,
}

/// The weights of a pre-training, by the names of the published state dictionary (`net.downs.0...`), in float32.
#[derive(Debug)]
pub struct Pretrained {
    /// What they are.
    pub info: PretrainedInfo,
    /// The tensors by name.
    pub tensors: Tensors,
}

/// File of the weights that a pre-training hands on.
pub const PRETRAINED: &str = "pretrained.safetensors";
const INFO: &str = "slidestream.pretrained";

impl PretrainedInfo {
    /// Of the averaged weights after the epochs of `rows`.
    pub fn of(config: &PretrainConfig, rows: &[PretrainRow], data: Vec<String>) -> Self {
        Self {
            format: 1,
            name: config.name.clone(),
            network: config.network.clone(),
            out_channels: 3,
            input: config.input.clone(),
            crop_px: config.training.crop_px,
            pretext: config.pretext.clone(),
            weights: "averaged".into(),
            seed: config.seed,
            epoch: rows.len() as u64,
            val_loss: rows.last().and_then(|row| row.val_loss),
            data,
        }
    }
}

impl Pretrained {
    /// Reads the averaged weights of a file that [`write`](Self::write) wrote, of a checkpoint (`last.safetensors`,
    /// `best.safetensors`) of a pre-training, or of the folder of a run.
    ///
    /// # Errors
    /// The file is missing, torn, of another kind or of another format.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_kind(path, "averaged")
    }

    /// As [`read`](Self::read), with the weights as trained instead of their moving average. Only checkpoints have them;
    /// of a folder `best.safetensors` is read.
    ///
    /// # Errors
    /// As [`read`](Self::read); the file has averaged weights only.
    pub fn read_raw(path: &Path) -> Result<Self> {
        Self::read_kind(path, "raw")
    }

    fn read_kind(path: &Path, kind: &str) -> Result<Self> {
        let raw = kind == "raw";
        if path.is_dir() {
            let file = path.join(if raw { super::BEST } else { PRETRAINED });
            if !file.exists() {
                let reason = format!(
                    "holds no {}; give the folder of a finished pre-training, or one of its checkpoints",
                    file.file_name().unwrap_or_default().display()
                );
                return Err(Error::bad_file(path, reason));
            }
            return Self::read_kind(&file, kind);
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let bad = |reason: &dyn std::fmt::Display| Error::bad_file(path, format!("is not of a pre-training: {reason}"));
        let name = path.display().to_string();
        if let Some(text) = weights::description(&bytes, INFO, path)? {
            let info: PretrainedInfo = serde_json::from_str(&text).map_err(|e| bad(&e))?;
            if info.format != 1 {
                return Err(bad(&format!("format {}, this program reads 1", info.format)));
            }
            if info.weights != kind {
                let reason =
                    format!("its weights are {}; the {kind} ones are in best.safetensors beside it", info.weights);
                return Err(Error::bad_file(path, reason));
            }
            return Ok(Self { info, tensors: weights::decode(&bytes, &name)? });
        }
        let Some(text) = weights::description(&bytes, STATE, path)? else {
            return Err(bad(&"its header says nothing about a run of this program"));
        };
        let state: RunState<PretrainConfig, PretrainRow> = serde_json::from_str(&text).map_err(|e| bad(&e))?;
        let sources = state.config.source.iter().map(|source| format!("{source:?}")).collect();
        let info = PretrainedInfo { weights: kind.into(), ..PretrainedInfo::of(&state.config, &state.rows, sources) };
        let prefix = if raw { "live." } else { "shadow." };
        let strip = |(name, tensor): (String, _)| Some((name.strip_prefix(prefix)?.to_owned(), tensor));
        let tensors = weights::decode(&bytes, &name)?.into_iter().filter_map(strip).collect();
        Ok(Self { info, tensors })
    }

    /// Writes a safetensors file with the information in its header, complete or not at all.
    ///
    /// # Errors
    /// A tensor cannot be copied; the disk is full or not writable.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(&self.info).map_err(Error::compute("describing the weights"))?;
        write_bytes(path, &weights::encode_described(&self.tensors, Kind::Float, Some((INFO, text)))?)
    }

    /// The network with these weights on `device`, and the variables it lives in.
    ///
    /// # Errors
    /// Weights and description do not fit together; the device has no room.
    pub fn network(&self, device: Device) -> Result<(UNet, nn::VarStore)> {
        let vs = nn::VarStore::new(device);
        let network = UNet::new(&vs.root(), &self.info.network, self.info.out_channels, Init::Default)?;
        weights::assign(&vs, &self.tensors, &self.info.name, &[])?;
        Ok((network, vs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    fn config() -> PretrainConfig {
        let text = r#"
            name = "toy"
            seed = 4
            [input]
            mpp = 1.0
            [network]
            dim = 8
            multipliers = [1, 2]
            [[source]]
            kind = "folder"
            path = "images"
        "#;
        toml::from_str(text).unwrap()
    }

    fn weights_of(config: &PretrainConfig) -> Tensors {
        let vs = nn::VarStore::new(Device::Cpu);
        UNet::new(&vs.root(), &config.network, 3, Init::Default).unwrap();
        vs.variables().into_iter().collect()
    }

    #[test]
    fn weights_and_what_they_are_survive_the_file_and_the_folder_stands_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let (config, tensors) = (config(), weights_of(&config()));
        let info = PretrainedInfo::of(&config, &[], vec!["3 images".into()]);
        let path = dir.path().join(PRETRAINED);
        Pretrained { info: info.clone(), tensors }.write(&path).unwrap();
        let read = Pretrained::read(dir.path()).unwrap();
        assert_eq!(read.info, info);
        let (network, vs) = read.network(Device::Cpu).unwrap();
        assert_eq!(network.out_channels(), 3);
        assert!(vs.variables().iter().all(|(name, tensor)| tensor.equal(&read.tensors[name])));
        let message = Pretrained::read_raw(&path).unwrap_err().to_string();
        assert!(message.contains("averaged") && message.contains("best.safetensors"), "{message}");
    }

    #[test]
    fn a_checkpoint_gives_its_averaged_and_its_raw_weights() {
        let dir = tempfile::tempdir().unwrap();
        let config = config();
        let both = weights_of(&config);
        let mut tensors = Tensors::new();
        for (name, tensor) in &both {
            tensors.insert(format!("live.{name}"), tensor + 1.0);
            tensors.insert(format!("shadow.{name}"), tensor.shallow_clone());
            tensors.insert(format!("first.{name}"), tensor.zeros_like());
        }
        let path = dir.path().join("best.safetensors");
        let state: RunState<PretrainConfig, PretrainRow> = RunState::new(&config);
        crate::train::Saved { state, tensors }.write(&path).unwrap();
        let (averaged, raw) = (Pretrained::read(&path).unwrap(), Pretrained::read_raw(dir.path()).unwrap());
        assert_eq!((averaged.info.weights.as_str(), raw.info.weights.as_str()), ("averaged", "raw"));
        for (name, tensor) in &both {
            assert!(tensor.equal(&averaged.tensors[name]));
            assert!((tensor + 1.0).equal(&raw.tensors[name]));
        }
        assert_eq!(averaged.tensors.len(), both.len());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| Pretrained::read(path).unwrap_err().to_string();
        assert!(message(dir.path()).contains("holds no pretrained.safetensors"));
        let path = dir.path().join("a.safetensors");
        std::fs::write(&path, b"no weights").unwrap();
        assert!(message(&path).contains("a.safetensors"));
        let tensors = Tensors::from([("a".to_owned(), Tensor::zeros([2], (Kind::Float, Device::Cpu)))]);
        std::fs::write(&path, weights::encode_tensors(&tensors, Kind::Float).unwrap()).unwrap();
        assert!(message(&path).contains("not of a pre-training"));
    }
}
