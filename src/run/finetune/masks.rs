//! What the masks of a run hold, looked at before the first step.

use crate::config::{FinetuneConfig, Labels};
use crate::data::{Dataset, Split, SplitTable};
use crate::error::{Error, Result};

/// What all masks together say.
pub(super) struct Masks {
    /// Each training image's share of pixels that are not background.
    pub foreground: Vec<f64>,
    /// Classes that no validation image holds, where there are several.
    pub unvalidated: Vec<String>,
}

impl Masks {
    /// Reads every image and mask of the run, so that a bad one ends it before it has trained for hours.
    ///
    /// # Errors
    /// A file cannot be used; no validation image holds an object; a class is in no training image.
    pub fn read(data: &Dataset, table: &SplitTable, config: &FinetuneConfig) -> Result<Self> {
        let names: Vec<String> = config.classes().into_iter().map(|class| class.name).collect();
        let classes = if config.data.labels == Labels::Classes { names.len() } else { 2 };
        let (mut foreground, mut seen) = (Vec::new(), [vec![false; classes], vec![false; classes]]);
        for split in Split::ALL {
            for image in table.of(split) {
                let sample = data.sample(image)?;
                let mut counts = vec![0_u64; classes];
                sample.labels.iter().for_each(|&label| counts[(label as usize).min(classes - 1)] += 1);
                match split {
                    Split::Train => foreground.push(1.0 - counts[0] as f64 / sample.labels.len() as f64),
                    Split::Val => {}
                    Split::Test | Split::Unused => continue,
                }
                let seen = &mut seen[usize::from(split == Split::Val)];
                seen.iter_mut().zip(&counts).for_each(|(seen, &count)| *seen |= count > 0);
            }
        }
        let missing = |seen: &[bool]| (1..classes).filter(|&class| !seen[class]).collect::<Vec<_>>();
        let [in_train, in_val] = seen.map(|seen| missing(&seen));
        if in_val.len() + 1 == classes {
            let reason = "no validation image holds an object, so nothing could be measured; choose another split";
            return Err(Error::dataset(&config.data.root, reason));
        }
        if let (Labels::Classes, Some(&class)) = (config.data.labels, in_train.first()) {
            let reason = format!(
                "no training image holds the class `{}` (level {class} of the masks), so it cannot be learnt; choose another \
                 split, or leave it out of [[model.class]] and of the masks",
                names[class]
            );
            return Err(Error::dataset(&config.data.root, reason));
        }
        Ok(Self { foreground, unvalidated: in_val.into_iter().map(|class| names[class].clone()).collect() })
    }
}
