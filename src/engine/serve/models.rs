//! Models that stay loaded from job to job.

use super::desk::{LOOK, Stop};
use crate::config::{ClassRole, ModelPackage, Task};
use crate::engine::protocol::{Class, Ending, LoadedModel, ModelChoice};
use crate::error::Result;
use crate::infer::lanes::Lanes;
use crate::infer::package::Package;
use crate::infer::{self, EngineOptions};
use crate::vectorize::measure::NAMES;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Models that stay loaded; the one that was used longest ago goes first.
const MOST_LOADED: usize = 2;

/// A model that is ready. Whoever has it locked computes with it.
pub(super) struct Loaded {
    pub package: ModelPackage,
    pub lanes: Lanes,
}

struct Entry {
    choice: ModelChoice,
    /// As it was when it was loaded: a package that was replaced on the disk is loaded anew.
    package: ModelPackage,
    model: Arc<Mutex<Loaded>>,
}

#[derive(Default)]
pub(super) struct Models(Mutex<Vec<Entry>>);

impl Models {
    /// The model, loaded if it is not yet. One is loaded at a time.
    ///
    /// # Errors
    /// Those of finding and loading a model; [`crate::Error::Cancelled`].
    pub fn get(&self, choice: &ModelChoice, stop: &Stop) -> Result<Arc<Mutex<Loaded>>> {
        let package = Package::find(&choice.model)?;
        let mut entries = wait_for(&self.0, stop)?;
        let at = entries.iter().position(|entry| entry.choice == *choice);
        if let Some(entry) = at.map(|at| entries.remove(at))
            && entry.package == package.config
        {
            let model = entry.model.clone();
            entries.push(entry);
            return Ok(model);
        }
        while entries.len() >= MOST_LOADED {
            entries.remove(0);
        }
        let ModelChoice { device, precision, threads, trust_model, .. } = choice.clone();
        let options = EngineOptions { device, precision, threads, trust_model, ..EngineOptions::default() };
        let lanes = infer::load(&package, &options)?;
        let engine = lanes.engine();
        eprintln!("loaded {} {} on {}", package.config.name, package.config.version, engine.device);
        let model = Arc::new(Mutex::new(Loaded { package: package.config.clone(), lanes }));
        entries.push(Entry { choice: choice.clone(), package: package.config, model: model.clone() });
        Ok(model)
    }

    /// What the model is.
    ///
    /// # Errors
    /// As [`Models::get`].
    pub fn describe(&self, choice: &ModelChoice, stop: &Stop) -> Result<Ending> {
        let model = self.get(choice, stop)?;
        let loaded = wait_for(&model, stop)?;
        let (package, engine) = (&loaded.package, loaded.lanes.engine());
        let class = |class: &crate::config::ModelClass| Class {
            name: class.name.clone(),
            color: class.color,
            reported: class.role == ClassRole::Object,
        };
        Ok(Ending::Model(LoadedModel {
            name: package.name.clone(),
            version: package.version.clone(),
            title: package.title.clone(),
            instances: package.task == Task::Instances,
            mpp: package.input.mpp,
            classes: package.classes.iter().map(class).collect(),
            measurements: NAMES.map(str::to_owned).to_vec(),
            device: engine.device.clone(),
            precision: engine.precision.clone(),
            reason: engine.reason.clone(),
        }))
    }
}

/// Waits for what another job has, unless this one is stopped.
///
/// # Errors
/// [`crate::Error::Cancelled`].
pub(super) fn wait_for<'a, T>(mutex: &'a Mutex<T>, stop: &Stop) -> Result<MutexGuard<'a, T>> {
    loop {
        stop.check()?;
        match mutex.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK / 10),
        }
    }
}
