//! From class probabilities to one class a pixel.

use super::watershed::{at_least, sum_of};
use crate::config::{ClassRole, ModelClass};
use crate::tile::ProbabilityMaps;

/// The class of each pixel, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    /// Index of the likeliest class of objects; none for background.
    pub classes: Vec<Option<u8>>,
    /// Probability of belonging to any class of objects, 255 for 1.
    pub probability: Vec<u8>,
}

/// The classes of the pixels of `maps`: a pixel is background unless the classes of objects together reach `threshold`
/// (0 to 1); else it is of the likeliest of them, the first one of equals.
///
/// # Panics
/// Unless there is one class a plane, and 256 at most.
pub fn class_map(maps: &ProbabilityMaps, classes: &[ModelClass], threshold: f32) -> ClassMap {
    assert!(classes.len() == maps.classes && classes.len() <= 256, "{} classes for {}", classes.len(), maps.classes);
    let probability = sum_of(maps, classes, |role| role == ClassRole::Object);
    let mut planes = classes.iter().enumerate().filter(|(_, class)| class.role == ClassRole::Object);
    let Some((first, _)) = planes.next() else {
        return ClassMap { classes: vec![None; probability.len()], probability };
    };
    let mut likeliest = vec![first as u8; probability.len()];
    let mut most: Option<Vec<u8>> = None;
    for (index, _) in planes {
        let most = most.get_or_insert_with(|| maps.plane(first).to_vec());
        for ((class, most), &value) in likeliest.iter_mut().zip(most).zip(maps.plane(index)) {
            if value > *most {
                (*class, *most) = (index as u8, value);
            }
        }
    }
    let object = at_least(&probability, threshold);
    let classes = likeliest.into_iter().zip(object).map(|(class, object)| object.then_some(class)).collect();
    ClassMap { classes, probability }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_share_the_threshold_and_the_likeliest_wins() {
        let class = |name: &str, role| ModelClass { name: name.into(), role, color: [0; 3] };
        let classes = [
            class("Tumour", ClassRole::Object),
            class("Glass", ClassRole::Background),
            class("Stroma", ClassRole::Object),
        ];
        // Pixels: too little of both; enough together, stroma ahead; a tie.
        let values = [[60, 60, 100], [135, 120, 55], [60, 75, 100]].concat();
        let maps = ProbabilityMaps { classes: 3, width: 3, height: 1, values };
        let map = class_map(&maps, &classes, 0.5);
        assert_eq!(map.classes, [None, Some(2), Some(0)]);
        assert_eq!(map.probability, [120, 135, 200]);
    }
}
