//! The classes that are scored, and the two maps of an image: what its mask says and what the model says.

use crate::config::{ClassRole, Labels, MaskKind, ModelClass, ModelPackage, Task};
use crate::data::{Item, Sample};
use crate::error::{Error, Result};
use crate::metrics::calibration::Calibration;
use crate::run::scene::Scene;
use crate::run::whole_image::Found;
use crate::tile::ProbabilityMaps;
use crate::vectorize::pieces::{Connectivity, pieces};
use std::collections::BTreeSet;

/// The classes that are scored: background, then the objects'. A boundary counts as object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    /// Names, background first.
    pub names: Vec<String>,
    /// Colours of the objects' classes, one fewer than names.
    pub colors: Vec<[u8; 3]>,
    /// Scored class of each class of the model.
    of_model: Vec<u8>,
    /// What the masks' levels mean.
    pub kind: MaskKind,
    /// Whether masks and model tell objects apart alike. Black and white masks join nuclei that touch.
    pub objects: bool,
}

impl Classes {
    /// Those of a model scored against masks of this kind.
    pub fn of(model: &ModelPackage, kind: MaskKind) -> Result<Self> {
        let refuse = |value: &str, reason: &str| Err(Error::config("--labels", value, reason));
        let objects: Vec<&ModelClass> = model.classes.iter().filter(|c| c.role == ClassRole::Object).collect();
        match (kind, model.task) {
            (MaskKind::Classes, Task::Instances) => {
                return refuse("classes", "the model finds single objects without classes; use instances or binary");
            }
            (MaskKind::Instances | MaskKind::Binary, Task::Regions) if objects.len() > 1 => {
                return refuse(
                    "instances or binary",
                    "the model tells several classes apart; its masks are of kind classes",
                );
            }
            _ => {}
        }
        if model.classes.len() > usize::from(u8::MAX) {
            let reason = format!("has {} classes; 255 can be scored", model.classes.len());
            return Err(Error::model(&model.name, reason));
        }
        let apart = model.task == Task::Regions;
        let objects_alike = !(kind == MaskKind::Binary && model.task == Task::Instances);
        let mut next = 0;
        let of_model = model.classes.iter().map(|class| match class.role {
            ClassRole::Background => 0,
            ClassRole::Object if apart => {
                next += 1;
                next
            }
            ClassRole::Object | ClassRole::Boundary => 1,
        });
        let of_model = of_model.collect();
        let background = model.classes.iter().find(|class| class.role == ClassRole::Background);
        let background = background.map_or("Background".into(), |class| class.name.clone());
        let shown = if apart { objects.len() } else { 1 };
        let (names, colors) = objects.iter().take(shown).map(|class| (class.name.clone(), class.color)).unzip();
        let names: Vec<String> = names;
        Ok(Self {
            names: std::iter::once(background).chain(names).collect(),
            colors,
            of_model,
            kind,
            objects: objects_alike,
        })
    }

    /// Number of scored classes, background included.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Checks a mask's levels against the model's classes; see [`Levels`] for what only all masks together can tell.
    pub fn check(&self, item: &Item, sample: &Sample) -> Result<()> {
        let most = self.of_model.len() as u32;
        if self.kind != MaskKind::Classes {
            return Ok(());
        }
        match sample.labels.iter().find(|&&level| level >= most) {
            None => Ok(()),
            Some(level) => {
                let reason = format!(
                    "has the grey level {level}, but the model has {most} classes, 0 to {}; a mask holds the number \
                     of the class of each pixel",
                    most - 1
                );
                Err(Error::dataset(&item.mask, reason))
            }
        }
    }

    /// What a mask says.
    pub fn truth(&self, sample: &Sample) -> Scene {
        let size = sample.size();
        match self.kind {
            MaskKind::Instances => Scene::of_mask(sample, Labels::Instances),
            MaskKind::Binary => Scene::of_mask(sample, Labels::Binary),
            MaskKind::Classes => {
                let classes: Vec<u8> = sample.labels.iter().map(|&level| self.of_model[level as usize]).collect();
                Scene { objects: pieces(&classes, size, 0, Connectivity::Four).of_pixel, classes }
            }
        }
    }

    /// What a model says.
    pub fn prediction(&self, found: Found) -> Scene {
        if found.classes.is_empty() {
            return Scene::of_objects(found.objects);
        }
        let scored = |class: &Option<u8>| class.map_or(0, |class| self.of_model[usize::from(class)]);
        Scene { classes: found.classes.iter().map(scored).collect(), objects: found.objects }
    }

    /// How well probabilities fit the true classes. Those of a boundary count for its object.
    pub fn calibration(&self, maps: &ProbabilityMaps, truth: &[u8]) -> Calibration {
        let planes: Vec<(usize, &[u8])> =
            self.of_model.iter().enumerate().map(|(class, &scored)| (usize::from(scored), maps.plane(class))).collect();
        let mut calibration = Calibration::default();
        let mut weights = vec![0; self.count()];
        for (at, &class) in truth.iter().enumerate() {
            weights.fill(0);
            planes.iter().for_each(|&(scored, plane)| weights[scored] += u32::from(plane[at]));
            calibration.add(&weights, usize::from(class));
        }
        calibration
    }

    /// The likeliest scored class of each pixel, the first one of equals.
    pub fn likeliest(&self, maps: &ProbabilityMaps) -> Vec<u8> {
        let mut sums = vec![vec![0_u16; maps.plane(0).len()]; self.count()];
        for (class, &scored) in self.of_model.iter().enumerate() {
            let sum = &mut sums[usize::from(scored)];
            sum.iter_mut().zip(maps.plane(class)).for_each(|(sum, &value)| *sum += u16::from(value));
        }
        let best = |at: usize| (0..sums.len()).rev().max_by_key(|&class| sums[class][at]).unwrap_or(0);
        (0..maps.plane(0).len()).map(|at| best(at) as u8).collect()
    }
}

/// The grey levels that the masks of a run have together.
#[derive(Debug, Default)]
pub(super) struct Levels {
    seen: BTreeSet<u32>,
}

impl Levels {
    pub fn add(&mut self, sample: &Sample) {
        // Two levels or more besides 0 say all that will be asked.
        let mut last = 0;
        for &level in sample.labels.iter().filter(|&&level| level != 0) {
            if level != last && self.seen.len() < 2 {
                self.seen.insert(level);
            }
            last = level;
        }
    }

    /// # Errors
    /// No mask shows anything, or masks that should number objects are all black and white.
    pub fn check(&self, kind: MaskKind, masks: &std::path::Path) -> Result<()> {
        if self.seen.is_empty() {
            return Err(Error::dataset(masks, "no mask holds an object, so nothing could be measured"));
        }
        if kind == MaskKind::Instances && self.seen.iter().eq([&255]) {
            let reason = "masks have the level 255 only and so do not number objects; give --labels binary";
            return Err(Error::dataset(masks, reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::fake::FakeSegmenter;
    use image::RgbImage;

    fn sample(labels: &[u32]) -> Sample {
        Sample { image: RgbImage::new(labels.len() as u32, 1), labels: labels.to_vec() }
    }

    #[test]
    fn a_boundary_counts_as_object_and_classes_keep_their_order() {
        let nuclei = Classes::of(&FakeSegmenter::package(0.5, 64, 16), MaskKind::Instances).unwrap();
        assert_eq!((nuclei.count(), nuclei.of_model.as_slice()), (2, [0, 1, 1].as_slice()));
        let maps = ProbabilityMaps { classes: 3, width: 2, height: 1, values: vec![200, 5, 30, 150, 25, 100] };
        assert_eq!(nuclei.likeliest(&maps), [0, 1]);
        let brier = nuclei.calibration(&maps, &[0, 0]).brier().unwrap();
        let off = [55.0 / 255.0, 250.0 / 255.0_f64];
        assert!((brier - (off[0] * off[0] + off[1] * off[1]) / 2.0).abs() < 1e-12);
        let regions = Classes::of(&FakeSegmenter::region_package(0.5, 64, 16), MaskKind::Classes).unwrap();
        let scene = regions.truth(&sample(&[0, 2, 2, 1, 0, 1]));
        assert_eq!((scene.classes, scene.objects), (vec![0, 2, 2, 1, 0, 1], vec![0, 1, 1, 2, 0, 3]));
        assert_eq!(regions.names.len(), 3);
    }

    #[test]
    fn masks_of_the_wrong_kind_are_refused() {
        let nuclei = FakeSegmenter::package(0.5, 64, 16);
        let regions = FakeSegmenter::region_package(0.5, 64, 16);
        assert!(Classes::of(&nuclei, MaskKind::Classes).unwrap_err().to_string().contains("`--labels` is classes"));
        assert!(Classes::of(&regions, MaskKind::Binary).unwrap_err().to_string().contains("of kind classes"));
        let mut levels = Levels::default();
        assert!(levels.check(MaskKind::Binary, "m".as_ref()).unwrap_err().to_string().contains("no mask holds"));
        levels.add(&sample(&[0, 255, 255]));
        assert!(levels.check(MaskKind::Binary, "m".as_ref()).is_ok());
        assert!(levels.check(MaskKind::Instances, "m".as_ref()).unwrap_err().to_string().contains("--labels binary"));
        levels.add(&sample(&[0, 7, 255]));
        assert!(levels.check(MaskKind::Instances, "m".as_ref()).is_ok());
    }
}
