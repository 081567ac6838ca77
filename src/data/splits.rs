//! Training, validation and test parts, made of whole groups.

use super::dataset::Dataset;
use super::legacy_permutation::legacy_permutation;
use super::look_alike::{Appearance, look_alike_groups};
use crate::config::{DataConfig, SplitBy};
use crate::error::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// The weights are fitted to it.
    Train,
    /// Chooses the best epoch.
    Val,
    /// Looked at once, in the end.
    Test,
    /// Left out of the training by `data.train_share`: of no use to this run.
    Unused,
}

impl Split {
    /// The three that a run uses, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// As written in `split.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
            Self::Unused => "unused",
        }
    }

    /// The split of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.name() == name)
    }
}

/// The group, style and split of every image of a dataset, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitTable {
    /// File name.
    pub files: Vec<String>,
    /// Images of one group share a split.
    pub groups: Vec<String>,
    /// Kind of tissue or stain; empty without a column.
    pub styles: Vec<String>,
    /// What the image is for.
    pub splits: Vec<Split>,
}

impl SplitTable {
    /// Takes the split column where there is one; else groups by the column or by look, and divides whole groups so
    /// that each style is shared out as asked, as far as its groups allow.
    ///
    /// # Errors
    /// A split column has another value than train, val and test, or divides a group; there are too few groups; an
    /// image cannot be read.
    pub fn make(data: &Dataset, config: &DataConfig, seed: u64) -> Result<Self> {
        let groups = match config.group.as_deref() {
            Some("look_alike") => {
                let looks: Vec<Appearance> = (0..data.len())
                    .into_par_iter()
                    .map(|i| Ok(Appearance::of(&data.sample(i)?.image)))
                    .collect::<Result<_>>()?;
                look_alike_groups(&looks, config.look_alike_threshold)
            }
            _ => data.items.iter().map(|item| item.group.clone().unwrap_or_else(|| item.file.clone())).collect(),
        };
        let styles: Vec<String> = data.items.iter().map(|item| item.style.clone()).collect();
        let files: Vec<String> = data.items.iter().map(|item| item.file.clone()).collect();
        let splits = if config.split.is_some() && config.split_by == SplitBy::Patch {
            by_patch(given(data, &config.root)?, config, seed)?
        } else if config.split.is_some() {
            given(data, &config.root)?
        } else {
            let kept = groups_of(&config.keep_in_train, &files, &groups)?;
            divide(&groups, &styles, &kept, [config.val_share, config.test_share], seed)
        };
        let mut table = Self { files, groups, styles, splits };
        table.thin(config.train_share, seed);
        table.check(&config.root, config.test_share > 0.0 && config.split.is_none())?;
        Ok(table)
    }

    /// Divides whole groups so that `share` of each style is for validation, nothing for 0, and the rest for training.
    ///
    /// # Errors
    /// There are too few groups; `place` is named.
    pub fn held_out(
        files: Vec<String>,
        groups: Vec<String>,
        styles: Vec<String>,
        share: f64,
        seed: u64,
        place: &Path,
    ) -> Result<Self> {
        let splits = match share {
            0.0 => vec![Split::Train; files.len()],
            _ => divide(&groups, &styles, &BTreeSet::new(), [share, 0.0], seed),
        };
        let table = Self { files, groups, styles, splits };
        if share > 0.0 {
            table.check(place, false)?;
        }
        Ok(table)
    }

    /// Numbers of the images of a split.
    pub fn of(&self, split: Split) -> Vec<usize> {
        (0..self.splits.len()).filter(|&i| self.splits[i] == split).collect()
    }

    /// Keeps a share of the groups that are trained on, at least one. A smaller share of the same seed keeps some of the
    /// groups that a larger one keeps, and no other.
    fn thin(&mut self, share: f64, seed: u64) {
        let train = self.of(Split::Train);
        let mut groups: Vec<&str> = train.iter().map(|&i| self.groups[i].as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        // A generator of its own, so that the draw of the splits does not depend on the share.
        groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ 0x7368_6172));
        let keep = (share * groups.len() as f64).round().max(1.0) as usize;
        let left_out: BTreeSet<String> = groups.into_iter().skip(keep).map(str::to_owned).collect();
        for image in train.into_iter().filter(|&i| left_out.contains(&self.groups[i])) {
            self.splits[image] = Split::Unused;
        }
    }

    fn check(&self, root: &Path, wants_test: bool) -> Result<()> {
        let mut first = BTreeMap::new();
        for (group, &split) in self.groups.iter().zip(&self.splits) {
            let there = *first.entry(group).or_insert(split);
            if there != split {
                let reason = format!("group `{group}` is in {} and in {}", there.name(), split.name());
                return Err(Error::dataset(root, reason));
            }
        }
        for split in Split::ALL {
            if self.of(split).is_empty() && (split != Split::Test || wants_test) {
                let reason = format!(
                    "no image is left for {}: {} groups cannot be divided as asked; give finer groups (for \
                     `look_alike` a smaller data.look_alike_threshold) or other shares",
                    split.name(),
                    first.len()
                );
                return Err(Error::dataset(root, reason));
            }
        }
        Ok(())
    }

    /// `image,group,style,split`, one line an image.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bad = |e: csv::Error| Error::compute(format!("writing {}", path.display()))(e);
        let mut file = csv::Writer::from_path(path).map_err(bad)?;
        file.write_record(["image", "group", "style", "split"]).map_err(bad)?;
        for i in 0..self.files.len() {
            let row = [&self.files[i], &self.groups[i], &self.styles[i], self.splits[i].name()];
            file.write_record(row).map_err(bad)?;
        }
        file.flush().map_err(Error::io("write", path))
    }
}

fn given(data: &Dataset, root: &Path) -> Result<Vec<Split>> {
    let parse = |item: &super::dataset::Item| {
        let value = item.split.as_deref().unwrap_or_default();
        let reason = || format!("{}: split `{value}` is none of train, val, test", item.file);
        Split::parse(value).ok_or_else(|| Error::dataset(root, reason()))
    };
    data.items.iter().map(parse).collect()
}

/// Holds out patches of the training images as published: by NumPy's permutation of the seed, in the order of the files.
fn by_patch(mut splits: Vec<Split>, config: &DataConfig, seed: u64) -> Result<Vec<Split>> {
    if splits.contains(&Split::Val) {
        let reason = "the split column has validation images already; remove it, or prepare with --val 0";
        return Err(Error::config("data.split_by", "patch", reason));
    }
    let small = u32::try_from(seed);
    let small = small.map_err(|_| Error::config("seed", seed, "NumPy's permutation takes a seed below 2^32"))?;
    let train: Vec<usize> = (0..splits.len()).filter(|&i| splits[i] == Split::Train).collect();
    let kept = (train.len() as f64 * (1.0 - config.val_share)) as usize;
    for &held in &legacy_permutation(small, train.len() as u32)[kept..] {
        splits[train[held as usize]] = Split::Val;
    }
    Ok(splits)
}

/// The groups of the named images.
fn groups_of<'a>(images: &[String], files: &[String], groups: &'a [String]) -> Result<BTreeSet<&'a str>> {
    let group = |image: &String| {
        let place = files.iter().position(|file| file == image);
        let missing = || Error::config("data.keep_in_train", image, "is not an image of this dataset");
        place.map(|place| groups[place].as_str()).ok_or_else(missing)
    };
    images.iter().map(group).collect()
}

/// Divides images by whole groups, each style on its own: `shares` of them for validation and test.
///
/// # Panics
/// Unless there is one style a group's entry.
pub fn divide_groups(groups: &[String], styles: &[String], shares: [f64; 2], seed: u64) -> Vec<Split> {
    assert_eq!(groups.len(), styles.len(), "a group and a style an image");
    divide(groups, styles, &BTreeSet::new(), shares, seed)
}

/// Goes through each style's groups from the largest to the smallest and gives each to the part that lacks most; the
/// `kept` groups are trained on and count for nothing.
fn divide(groups: &[String], styles: &[String], kept: &BTreeSet<&str>, shares: [f64; 2], seed: u64) -> Vec<Split> {
    let mut members = BTreeMap::<&str, Vec<usize>>::new();
    for (image, group) in groups.iter().enumerate().filter(|(_, group)| !kept.contains(group.as_str())) {
        members.entry(group).or_default().push(image);
    }
    let mut by_style = BTreeMap::<&str, Vec<Vec<usize>>>::new();
    for images in members.into_values() {
        let mut votes = BTreeMap::<&str, usize>::new();
        for &image in &images {
            *votes.entry(&styles[image]).or_default() += 1;
        }
        let style = votes.into_iter().max_by_key(|vote| vote.1).map_or("", |vote| vote.0);
        by_style.entry(style).or_default().push(images);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut splits = vec![Split::Train; groups.len()];
    for mut list in by_style.into_values() {
        let total = list.iter().map(Vec::len).sum::<usize>() as f64;
        let mut lacking = [(1.0 - shares[0] - shares[1]) * total, shares[0] * total, shares[1] * total];
        // Shuffled first, so that the seed decides between groups of one size.
        list.shuffle(&mut rng);
        list.sort_by_key(|images| std::cmp::Reverse(images.len()));
        for images in list {
            let part = (0..3).max_by(|&a, &b| lacking[a].total_cmp(&lacking[b])).unwrap_or(0);
            lacking[part] -= images.len() as f64;
            images.iter().for_each(|&image| splits[image] = Split::ALL[part]);
        }
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sizes: &[(usize, &str)], shares: [f64; 2], seed: u64) -> SplitTable {
        let mut groups = Vec::new();
        let mut styles = Vec::new();
        for (number, &(size, style)) in sizes.iter().enumerate() {
            groups.extend(vec![format!("g{number}"); size]);
            styles.extend(vec![style.to_owned(); size]);
        }
        let splits = divide(&groups, &styles, &BTreeSet::new(), shares, seed);
        SplitTable { files: groups.clone(), groups, styles, splits }
    }

    #[test]
    fn groups_stay_whole_and_each_style_is_shared_out() {
        let sizes: Vec<(usize, &str)> = (0..20).map(|i| (1 + i % 4, if i < 10 { "a" } else { "b" })).collect();
        let table = table(&sizes, [0.2, 0.2], 4);
        table.check(Path::new("data"), true).unwrap();
        for style in ["a", "b"] {
            let of = |split| {
                (0..table.splits.len()).filter(|&i| table.styles[i] == style && table.splits[i] == split).count()
            };
            let total = of(Split::Train) + of(Split::Val) + of(Split::Test);
            for split in [Split::Val, Split::Test] {
                let share = of(split) as f64 / total as f64;
                assert!((0.1..0.35).contains(&share), "{style} {split:?} {share}");
            }
        }
    }

    #[test]
    fn the_seed_decides_and_repeats() {
        let sizes = [(2, ""); 12];
        assert_eq!(table(&sizes, [0.25, 0.0], 1), table(&sizes, [0.25, 0.0], 1));
        assert!((2..10).any(|seed| table(&sizes, [0.25, 0.0], 1) != table(&sizes, [0.25, 0.0], seed)));
    }

    #[test]
    fn kept_groups_are_trained_on_and_the_others_are_shared_out_as_without_them() {
        let groups: Vec<String> = (0..12).map(|i| format!("g{}", i / 2)).collect();
        let styles = vec![String::new(); 12];
        let of = |kept: &[&str], seed| divide(&groups, &styles, &kept.iter().copied().collect(), [0.25, 0.25], seed);
        for seed in 0..20 {
            let splits = of(&["g1"], seed);
            assert_eq!(splits[2..4], [Split::Train; 2]);
            assert!(Split::ALL.iter().all(|split| splits.contains(split)), "seed {seed}: {splits:?}");
        }
        assert!((0..20).any(|seed| of(&[], seed)[2] != Split::Train), "the draw alone gives it elsewhere too");
        let files: Vec<String> = (0..12).map(|i| format!("{i}.png")).collect();
        assert_eq!(groups_of(&files[3..4], &files, &groups).unwrap(), ["g1"].into());
        let unknown = groups_of(&["x.png".to_owned()], &files, &groups).unwrap_err().to_string();
        assert!(unknown.contains("x.png") && unknown.contains("keep_in_train"), "{unknown}");
    }

    #[test]
    fn smaller_shares_are_parts_of_larger_ones_and_leave_the_held_out_images_alone() {
        let thinned = |share, seed| {
            let mut table = table(&[(3, ""); 20], [0.2, 0.1], 1);
            table.thin(share, seed);
            table
        };
        let all = thinned(1.0, 5);
        assert!(all.of(Split::Unused).is_empty());
        let mut larger = all.of(Split::Train);
        for share in [0.5, 0.25, 0.01] {
            let table = thinned(share, 5);
            let train = table.of(Split::Train);
            assert_eq!(train.len(), ((share * 14.0).round().max(1.0) * 3.0) as usize);
            assert!(train.iter().all(|image| larger.contains(image)), "{share}");
            assert_eq!([table.of(Split::Val), table.of(Split::Test)], [all.of(Split::Val), all.of(Split::Test)]);
            table.check(Path::new("data"), true).unwrap();
            larger = train;
        }
        assert_ne!(thinned(0.5, 5).splits, thinned(0.5, 6).splits);
    }

    #[test]
    fn patches_are_held_out_by_numpys_permutation_of_the_training_patches() {
        let config = |more: &str| -> DataConfig {
            toml::from_str(&format!("root = \"x\"\nlabels = \"binary\"\nsplit_by = \"patch\"\n{more}")).unwrap()
        };
        // Every third file is for the test; of the fourteen others RandomState(2023) puts 6, 9 and 7 last.
        let mut given = vec![Split::Train; 21];
        (0..21).step_by(3).for_each(|i| given[i] = Split::Test);
        let splits = by_patch(given.clone(), &config("val_share = 0.2"), 2023).unwrap();
        let train: Vec<usize> = (0..21).filter(|i| i % 3 != 0).collect();
        let held: Vec<usize> = (0..21).filter(|&i| splits[i] == Split::Val).collect();
        assert_eq!(held, [train[6], train[7], train[9]]);
        assert!((0..21).step_by(3).all(|i| splits[i] == Split::Test));
        given[1] = Split::Val;
        let message = by_patch(given, &config(""), 2023).unwrap_err().to_string();
        assert!(message.contains("`data.split_by` is patch") && message.contains("--val 0"), "{message}");
    }

    #[test]
    fn one_group_cannot_be_divided_and_the_cure_is_named() {
        let message = table(&[(9, "")], [0.2, 0.0], 1).check(Path::new("data"), false).unwrap_err().to_string();
        assert!(message.contains("no image is left for val: 1 groups"), "{message}");
    }
}
