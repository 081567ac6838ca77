//! A configuration made whole by what it starts from.

use super::FinetuneOptions;
use crate::config::FinetuneConfig;
use crate::error::{Error, Result};
use crate::train::{Checkpoint, LAST, Source};

/// What a run starts from, beside its data.
pub(super) struct Start {
    /// The whole configuration.
    pub config: FinetuneConfig,
    /// Weights to take over; nothing for new ones and for a resumed run, which has its own.
    pub source: Option<Source>,
    /// For the user.
    pub notes: Vec<String>,
}

/// Reads `start.from` and takes from it what the configuration leaves open. A run that is resumed has it all in its own
/// checkpoint, and the file it once started from may be gone; where it is there, it must still be the same.
///
/// # Errors
/// As [`Source::read`] and [`Source::settle`]; the run to resume did not start so.
pub(super) fn settle(options: &FinetuneOptions) -> Result<Start> {
    let mut config = options.config.clone();
    config.validate()?;
    let last = options.out.join(LAST);
    if options.resume && last.is_file() {
        let saved = Checkpoint::read(&last)?.state.config;
        again(&mut config, &saved)?;
        return Ok(Start { config, source: None, notes: Vec::new() });
    }
    let Some(from) = config.start.from.clone() else {
        return Ok(Start { config, source: None, notes: Vec::new() });
    };
    let source = Source::read(&from, &config.start)?;
    let mut notes = vec![format!("from {}: {}, sha256 {}", source.path.display(), source.kind, source.sha256)];
    notes.extend(source.settle(&mut config)?);
    Ok(Start { config, source: Some(source), notes })
}

/// Fills in what the run found out when it started.
fn again(config: &mut FinetuneConfig, saved: &FinetuneConfig) -> Result<()> {
    let name = |config: &FinetuneConfig| {
        config.start.from.as_ref().map_or("nothing".to_owned(), |from| from.display().to_string())
    };
    let (Some(from), Some(_)) = (&config.start.from, &saved.start.from) else {
        if config.start.from == saved.start.from {
            return Ok(());
        }
        let reason = format!("the run started from {}; resume with the same", name(saved));
        return Err(Error::config("start.from", name(config), reason));
    };
    let same = Some(from) == saved.start.from.as_ref();
    let now = if from.exists() || !same { Some(Source::fingerprint(from, &config.start)?) } else { None };
    if now.is_some() && now != saved.start.sha256 {
        let reason = format!(
            "the run started from {} with sha256 {}; give that file, or start a new run",
            name(saved),
            saved.start.sha256.as_deref().unwrap_or("unknown")
        );
        return Err(Error::config("start.from", from.display(), reason));
    }
    config.start.sha256.clone_from(&saved.start.sha256);
    if config.start.process.is_none() {
        config.start.process.clone_from(&saved.start.process);
    }
    if !config.network_given {
        config.network.clone_from(&saved.network);
        config.network_given = true;
    }
    config.validate()
}
