//! What is where in an image: the class and the object of each pixel, as a mask or a model says.

#[cfg(feature = "torch")]
use super::whole_image::Found;
use crate::config::Labels;
use crate::data::Sample;
#[cfg(feature = "torch")]
use crate::metrics::{instance::Matching, segmentation::Overlap};
use crate::vectorize::pieces::{Connectivity, pieces};

/// Class and object number of each pixel, row-major; 0 is background in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scene {
    pub classes: Vec<u8>,
    pub objects: Vec<u32>,
}

impl Scene {
    /// What a mask says. The objects of masks without object numbers are the connected areas of a class.
    ///
    /// # Panics
    /// If the mask is of classes and holds one above 255.
    pub fn of_mask(sample: &Sample, labels: Labels) -> Self {
        if labels == Labels::Instances {
            return Self::of_objects(sample.labels.clone());
        }
        let class = |&level: &u32| u8::try_from(level).expect("classes have 8 bits");
        let classes: Vec<u8> = sample.labels.iter().map(class).collect();
        Self { objects: pieces(&classes, sample.size(), 0, Connectivity::Four).of_pixel, classes }
    }

    /// Objects of one class.
    pub fn of_objects(objects: Vec<u32>) -> Self {
        Self { classes: objects.iter().map(|&object| u8::from(object != 0)).collect(), objects }
    }

    /// Object numbers of one class alone.
    pub fn objects_of(&self, class: u8) -> Vec<u32> {
        self.objects.iter().zip(&self.classes).map(|(&object, &of)| if of == class { object } else { 0 }).collect()
    }

    /// The pixels of one class.
    pub fn mask(&self, class: u8) -> Vec<bool> {
        self.classes.iter().map(|&of| of == class).collect()
    }
}

/// For trainings, whose models have their classes in the order of the masks.
#[cfg(feature = "torch")]
impl Scene {
    /// What a model says whose first class is background and whose others but a boundary are of objects.
    pub fn of_found(found: Found) -> Self {
        if found.classes.is_empty() {
            return Self::of_objects(found.objects);
        }
        let classes = found.classes.iter().map(|class| class.unwrap_or(0)).collect();
        Self { classes, objects: found.objects }
    }

    /// Pixels and objects of each of the classes 1 to `classes` against a truth.
    pub fn against(&self, truth: &Self, classes: usize) -> Vec<(Overlap, Matching)> {
        let of_class = |class: u8| {
            let pixels = Overlap::of(truth.mask(class).into_iter(), self.mask(class).into_iter());
            (pixels, Matching::of(&truth.objects_of(class), &self.objects_of(class)))
        };
        (1..=classes as u8).map(of_class).collect()
    }
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn areas_of_classes_are_objects_and_a_wrong_class_matches_nothing() {
        let sample = Sample { image: RgbImage::new(6, 1), labels: vec![0, 2, 2, 1, 0, 1] };
        let truth = Scene::of_mask(&sample, Labels::Classes);
        assert_eq!(
            (truth.classes.as_slice(), truth.objects.as_slice()),
            (&[0, 2, 2, 1, 0, 1][..], &[0, 1, 1, 2, 0, 3][..])
        );
        let found = Found {
            objects: vec![0, 1, 1, 1, 0, 2],
            classes: [0, 1, 1, 1, 0, 1].map(|c| (c > 0).then_some(c)).to_vec(),
        };
        let scored = Scene::of_found(found).against(&truth, 2);
        assert_eq!((scored[0].0.dice(), scored[1].0.dice()), (Some(4.0 / 6.0), Some(0.0)));
        assert_eq!(scored[1].1.counts(), [1, 0, 0]);
        let numbered = Scene::of_mask(&sample, Labels::Instances);
        assert_eq!((numbered.classes, numbered.objects), (vec![0, 1, 1, 1, 0, 1], vec![0, 2, 2, 1, 0, 1]));
    }
}
