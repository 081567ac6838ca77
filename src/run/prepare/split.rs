//! Which image is for what: by whole groups, by the official parts, or as published.

use super::{Entry, PrepareOptions, Source};
use crate::data::{Split, divide_groups, legacy_permutation};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How images are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// Whole groups (patients, slides) go to training, validation or test.
    Groups,
    /// The official parts; validation images are taken from the training ones, by whole groups.
    Official,
    /// The split behind the published figures of GenSelfDiff-HIS; validation images as with `Official`.
    Parity,
}

/// What one image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Labelled(Split),
    Unlabelled,
}

/// What each image is for.
#[derive(Debug)]
pub(super) struct Assignment {
    pub parts: Vec<Part>,
    /// Whether a group has images in several splits.
    pub divided: bool,
    pub notes: Vec<String>,
}

/// Divides the entries as asked.
///
/// # Errors
/// [`Error::Config`] if the source has no such split, or if a part that is asked for stays empty.
pub(super) fn assign(source: &dyn Source, entries: &[Entry], options: &PrepareOptions) -> Result<Assignment> {
    let mut splits: Vec<Option<Split>> = vec![None; entries.len()];
    let labelled: Vec<usize> = (0..entries.len()).filter(|&i| entries[i].labelled).collect();
    if labelled.is_empty() {
        return Err(Error::config("prepare", source.format(), "found no image with a mask"));
    }
    let mut notes = Vec::new();
    match options.split {
        SplitKind::Groups => share(entries, &labelled, [options.val, options.test], options.seed, &mut splits),
        SplitKind::Official => {
            for &i in &labelled {
                let reason = || {
                    format!(
                        "`{}` of {} belongs to no official part; use --split groups, or --index with --split-column",
                        entries[i].stem,
                        source.format()
                    )
                };
                splits[i] = Some(entries[i].official.ok_or_else(|| Error::config("--split", "official", reason()))?);
            }
        }
        SplitKind::Parity => {
            let [train, test] = source.published()?;
            train.into_iter().for_each(|i| splits[i] = Some(Split::Train));
            test.into_iter().for_each(|i| splits[i] = Some(Split::Test));
            let without = labelled.iter().filter(|&&i| splits[i].is_none()).count();
            if without > 0 {
                notes.push(format!("{without} images served without labels in the published work: see unlabelled/"));
            }
        }
    }
    let of = |splits: &[Option<Split>], split| -> Vec<usize> {
        (0..splits.len()).filter(|&i| splits[i] == Some(split)).collect()
    };
    if options.split != SplitKind::Groups && of(&splits, Split::Val).is_empty() {
        let train = of(&splits, Split::Train);
        share(entries, &train, [options.val, 0.0], options.seed, &mut splits);
    }
    let asked = [("train", Split::Train, 1.0), ("val", Split::Val, options.val), ("test", Split::Test, options.test)];
    for (name, split, share) in asked {
        if of(&splits, split).is_empty() && share > 0.0 && (split != Split::Test || options.split == SplitKind::Groups)
        {
            let groups = labelled.iter().map(|&i| &entries[i].group).collect::<BTreeSet<_>>().len();
            let reason = format!(
                "no image is left for {name}: {} images in {groups} groups cannot be divided so; give more or finer \
                 groups (--index with --group-column), or shares of 0",
                labelled.len()
            );
            return Err(Error::config("--split", format!("{:?}", options.split).to_lowercase(), reason));
        }
    }
    let crossing = crossing(entries, &splits);
    if !crossing.is_empty() {
        notes.push(format!(
            "{} groups have images in more than one split, such as `{}`: figures on the test images are not those of \
             unseen patients",
            crossing.len(),
            crossing[0]
        ));
    }
    if of(&splits, Split::Val).is_empty() {
        notes.push("no image is for validation, which training needs: give a --val above 0".into());
    }
    let parts = splits.into_iter().map(|split| split.map_or(Part::Unlabelled, Part::Labelled)).collect();
    Ok(Assignment { parts, divided: !crossing.is_empty(), notes })
}

/// Divides the images `chosen` by whole groups, each style on its own.
fn share(entries: &[Entry], chosen: &[usize], shares: [f64; 2], seed: u64, splits: &mut [Option<Split>]) {
    let groups: Vec<String> = chosen.iter().map(|&i| entries[i].group.clone()).collect();
    let styles: Vec<String> = chosen.iter().map(|&i| entries[i].style.clone()).collect();
    for (&i, split) in chosen.iter().zip(divide_groups(&groups, &styles, shares, seed)) {
        splits[i] = Some(split);
    }
}

/// Groups with images in several splits.
fn crossing(entries: &[Entry], splits: &[Option<Split>]) -> Vec<String> {
    let mut seen = BTreeMap::<&str, BTreeSet<Split>>::new();
    for (entry, split) in entries.iter().zip(splits) {
        if let Some(split) = split {
            seen.entry(&entry.group).or_default().insert(*split);
        }
    }
    seen.into_iter().filter(|(_, splits)| splits.len() > 1).map(|(group, _)| group.to_owned()).collect()
}

/// Seed of the published splits.
const PUBLISHED_SEED: u32 = 2023;

/// The published division of `images`, in their published order: four fifths are trained on, the rest is tested on.
pub(super) fn published(images: &[usize]) -> [Vec<usize>; 2] {
    let order = legacy_permutation(PUBLISHED_SEED, images.len() as u32);
    let mut train: Vec<usize> = order.into_iter().map(|place| images[place as usize]).collect();
    let test = train.split_off(images.len() * 4 / 5);
    [train, test]
}

/// Images in train, val, test and without mask.
pub(super) fn counts(parts: &[Part]) -> [usize; 4] {
    let of = |part| parts.iter().filter(|found| **found == part).count();
    let [train, val, test] = Split::ALL.map(|split| of(Part::Labelled(split)));
    [train, val, test, of(Part::Unlabelled)]
}

/// Different groups of the labelled images.
pub(super) fn groups(entries: &[Entry], parts: &[Part]) -> usize {
    let labelled = entries.iter().zip(parts).filter(|(_, part)| **part != Part::Unlabelled);
    labelled.map(|(entry, _)| &entry.group).collect::<BTreeSet<_>>().len()
}
