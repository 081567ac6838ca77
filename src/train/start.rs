//! Weights to start a run from.

use super::checkpoint::{Checkpoint, STATE};
use super::difference::difference;
use super::fit::{BEST, LAST};
use super::pretrained::{PRETRAINED, Pretrained};
use super::transfer::{Account, Fate, Transfer};
use crate::config::{FinetuneConfig, NetworkSpec, NoiseProcess, Parts, PretextConfig, StartConfig};
use crate::error::{Error, Result};
use crate::infer::package::Package;
use crate::nn::place;
use crate::nn::weights::{self, Tensors};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tch::nn;

/// Weights with what is known of them.
#[derive(Debug)]
pub struct Source {
    /// The file with the weights.
    pub path: PathBuf,
    /// One phrase: what the weights are of.
    pub kind: String,
    /// Of the file, in hexadecimal.
    pub sha256: String,
    /// The network they fit.
    pub network: NetworkSpec,
    /// Pixel values 0 and 255 were mapped to these.
    pub range: [f32; 2],
    /// Micrometres per pixel of the images.
    pub mpp: f64,
    /// The noise that the network knows, after a pre-training by diffusion.
    pub process: Option<NoiseProcess>,
    /// The weights by name.
    pub tensors: Tensors,
}

/// The file that a user means by a checkpoint, a run's folder, a package's folder or the name of an installed model.
enum Place {
    File(PathBuf),
    Package(Box<Package>),
}

impl Place {
    /// Of a run's folder: what a pre-training hands on, else the best and then the last checkpoint. The weights as trained
    /// are in checkpoints only.
    fn find(from: &Path, averaged: bool) -> Result<Self> {
        if from.is_file() {
            return Ok(Self::File(from.to_owned()));
        }
        if !from.is_dir() || from.join("model.toml").is_file() {
            if from.is_dir() || from.components().count() == 1 {
                return Package::find(&from.display().to_string()).map(|package| Self::Package(Box::new(package)));
            }
            let reason =
                "is not there; give a checkpoint, a run's folder, a model package or an installed model's name";
            return Err(Error::config("start.from", from.display(), reason));
        }
        let names = [PRETRAINED, BEST, LAST];
        let names = if averaged { &names[..] } else { &names[1..] };
        let file = names.iter().map(|name| from.join(name)).find(|path| path.is_file());
        file.map(Self::File).ok_or_else(|| {
            let reason = format!("holds neither {} nor model.toml: it is no run that got so far", names.join(" nor "));
            Error::config("start.from", from.display(), reason)
        })
    }

    fn file(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Package(package) => package.folder().join(&package.config.weights.file),
        }
    }
}

fn sha256(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Source {
    /// Reads what `start.from` names: the moving average of the weights, or the last ones.
    ///
    /// # Errors
    /// It is not there, is of another format, or has no weights of this kind; [`Error::Config`] that names `start.sha256`
    /// if the file is another one.
    pub fn read(from: &Path, start: &StartConfig) -> Result<Self> {
        let place = Place::find(from, start.averaged)?;
        let path = place.file();
        let sha256 = sha256(&path)?;
        if let Some(want) = start.sha256.as_ref().filter(|want| !want.eq_ignore_ascii_case(&sha256)) {
            let reason =
                format!("{} has {sha256}, so it is another file now; remove the key to take it", path.display());
            return Err(Error::config("start.sha256", want, reason));
        }
        match place {
            Place::Package(package) => Self::package(&package, path, sha256, start.averaged),
            Place::File(_) => Self::checkpoint(path, sha256, start.averaged),
        }
    }

    /// Sha256 of the file that `start.from` names.
    ///
    /// # Errors
    /// It is not there or cannot be read.
    pub fn fingerprint(from: &Path, start: &StartConfig) -> Result<String> {
        sha256(&Place::find(from, start.averaged)?.file())
    }

    fn checkpoint(path: PathBuf, sha256: String, averaged: bool) -> Result<Self> {
        let foreign = path.extension().is_some_and(|e| ["pt", "pth", "ckpt", "bin", "pkl"].iter().any(|f| e == *f));
        if foreign {
            let reason = "a pickle can run any program when read; write its state dictionary with the Python package \
                          safetensors into a model package, see docs/finetune.md";
            return Err(Error::bad_file(path, reason));
        }
        if !is_segmentation(&path)? {
            return Self::pretrained(path, sha256, averaged);
        }
        let checkpoint = Checkpoint::read(&path)?;
        let config = &checkpoint.state.config;
        Ok(Self {
            kind: format!("segmentation run `{}`, epoch {}", config.model.name, checkpoint.state.epochs()),
            sha256,
            network: config.network.clone(),
            range: config.input.range,
            mpp: config.input.mpp,
            process: config.start.process.clone(),
            tensors: checkpoint.part(if averaged { "shadow." } else { "live." }),
            path,
        })
    }

    fn pretrained(path: PathBuf, sha256: String, averaged: bool) -> Result<Self> {
        let Pretrained { info, tensors } =
            if averaged { Pretrained::read(&path) } else { Pretrained::read_raw(&path) }?;
        let process = match &info.pretext {
            PretextConfig::Diffusion(config) => Some(NoiseProcess { steps: config.steps, schedule: config.schedule }),
            PretextConfig::Denoising(_) => None,
        };
        Ok(Self {
            kind: format!(
                "{} pre-training `{}`, epoch {}, {} weights",
                info.pretext.kind(),
                info.name,
                info.epoch,
                info.weights
            ),
            path,
            sha256,
            network: info.network,
            range: info.input.range,
            mpp: info.input.mpp,
            process,
            tensors,
        })
    }

    fn package(package: &Package, path: PathBuf, sha256: String, averaged: bool) -> Result<Self> {
        let config = &package.config;
        if !config.network.is_unet() {
            let reason = format!("is a `{}` model: its weights cannot be taken over by name", config.network.kind);
            return Err(Error::model(&config.name, reason));
        }
        if !averaged {
            let reason = format!("model package `{}` has one set of weights; remove the key", config.name);
            return Err(Error::config("start.averaged", false, reason));
        }
        Ok(Self {
            path,
            kind: format!("model package `{}` {}", config.name, config.version),
            sha256,
            network: config.network.clone(),
            range: config.input.range,
            mpp: config.input.mpp,
            process: None,
            tensors: weights::decode(&package.weights()?, &config.name)?,
        })
    }

    /// Completes a configuration by what the source knows, and returns notes for the user.
    ///
    /// # Errors
    /// [`Error::Config`] if network or input range do not agree, or the noise of `start.noise` is not known.
    pub fn settle(&self, config: &mut FinetuneConfig) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        let from = self.path.display();
        if config.network_given {
            agree(&self.network, &config.network, &from)?;
        } else {
            config.network = NetworkSpec { step: config.start.step, ..self.network.clone() };
            config.network_given = true;
        }
        let range = config.input.range;
        if range != self.range && !config.start.range_mismatch {
            let reason = format!(
                "{from} was trained with {:?}: pixels would mean something else to its weights (trap T-1); use that \
                 range, or allow the change with `range_mismatch = true` in [start]",
                self.range
            );
            return Err(Error::config("input.range", format!("{range:?}"), reason));
        }
        if range != self.range {
            notes.push(format!("note: weights trained with pixels in {:?} now see {range:?}", self.range));
        }
        let ratio = config.input.mpp / self.mpp;
        if !(0.5..=2.0).contains(&ratio) {
            notes.push(format!(
                "note: {from} was trained at {} micrometres per pixel, this run is at {}: objects change size {:.1}-fold",
                self.mpp,
                config.input.mpp,
                ratio.max(1.0 / ratio)
            ));
        }
        if config.start.noise && config.start.process.is_none() {
            config.start.process.clone_from(&self.process);
            if self.process.is_none() {
                let reason = format!("{from} knows no noise; name `start.process`");
                return Err(Error::config("start.noise", true, reason));
            }
        }
        config.start.sha256 = Some(self.sha256.clone());
        config.validate()?;
        Ok(notes)
    }

    /// Copies the weights into the variables of `vs`; the head, and the decoder with [`Parts::Encoder`], stay as they are.
    ///
    /// # Errors
    /// [`Error::Model`] if a tensor that should be taken is missing or of another shape; nothing was copied then.
    pub fn transfer(&self, vs: &nn::VarStore, parts: Parts) -> Result<Transfer> {
        let fresh = |name: &str| name.starts_with(place::HEAD) || (parts == Parts::Encoder && !place::is_encoder(name));
        let mut rows = Vec::new();
        let variables: Tensors = vs.variables().into_iter().collect();
        let wanted: Tensors = self.tensors.iter().filter(|(name, _)| !fresh(name)).map(shallow).collect();
        let why_new = |name: &str| {
            if name.starts_with(place::HEAD) { "the head is new" } else { "the decoder is new: start.parts = encoder" }
        };
        for (name, variable) in &variables {
            let (fate, reason) = if fresh(name) { (Fate::New, why_new(name)) } else { (Fate::Taken, "") };
            rows.push(Account::of(name, variable, fate, reason));
        }
        for (name, tensor) in &self.tensors {
            if fresh(name) {
                rows.push(Account::of(name, tensor, Fate::Skipped, why_new(name)));
            } else if !variables.contains_key(name) && name.ends_with(".num_batches_tracked") {
                rows.push(Account::of(name, tensor, Fate::Skipped, "a counter of PyTorch's that nothing reads"));
            }
        }
        let fresh_names: Vec<&str> = variables.keys().map(String::as_str).filter(|name| fresh(name)).collect();
        weights::assign(vs, &wanted, &self.path.display().to_string(), &fresh_names)?;
        rows.sort_by(|a, b| a.name.cmp(&b.name).then(a.fate.cmp(&b.fate)));
        Ok(Transfer { rows })
    }
}

/// Is the file the checkpoint of a fine-tuning? Its configuration names a model, a pre-training's does not.
fn is_segmentation(path: &Path) -> Result<bool> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let Some(text) = weights::description(&bytes, STATE, path)? else { return Ok(false) };
    let state: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| Error::bad_file(path, format!("has a state that cannot be read: {e}")))?;
    Ok(state.pointer("/config/model").is_some())
}

fn shallow((name, tensor): (&String, &tch::Tensor)) -> (String, tch::Tensor) {
    (name.clone(), tensor.shallow_clone())
}

/// Refuses another network; the step and the full-resolution skip, which only the new head sees, may differ.
fn agree(theirs: &NetworkSpec, ours: &NetworkSpec, from: &dyn std::fmt::Display) -> Result<()> {
    let plain = |spec: &NetworkSpec| NetworkSpec { step: 0, full_resolution_skip: false, ..spec.clone() };
    let value = |spec: &NetworkSpec| serde_json::to_value(plain(spec)).map_err(Error::compute("comparing networks"));
    match difference(&value(theirs)?, &value(ours)?, "network") {
        None => Ok(()),
        Some((field, before, after)) => {
            let reason = format!("is {before} in {from}; leave [network] out to take that network as it is");
            Err(Error::config(field, after, reason))
        }
    }
}

#[cfg(test)]
mod tests;
