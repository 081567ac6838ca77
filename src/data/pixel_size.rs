//! Pixel sizes of images that do not state them, from the size of what they show.

use super::dataset::Dataset;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Fewest whole objects that a group's size is measured on.
const FEWEST: usize = 5;

/// Micrometres per pixel of each image, from the median equivalent diameter `2 sqrt(area / pi)` of the objects of its
/// group: a group is images of one slide and so of one magnification, and its objects are taken to be
/// `diameter_um` wide. Objects cut by the image's edge do not count. A group with fewer than five whole objects is given
/// the median of the other groups.
///
/// # Errors
/// An image cannot be read, or no group shows five whole objects.
pub fn estimate(data: &Dataset, groups: &[String], diameter_um: f64) -> Result<Vec<f64>> {
    let mut diameters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (image, group) in groups.iter().enumerate() {
        let sample = data.stored(image)?;
        let found = whole_objects(&sample.labels, sample.size().width as usize);
        diameters.entry(group).or_default().extend(found);
    }
    let mut measured: Vec<f64> = Vec::new();
    for found in diameters.values_mut() {
        found.sort_by(f64::total_cmp);
        if found.len() >= FEWEST {
            measured.push(found[found.len() / 2]);
        }
    }
    measured.sort_by(f64::total_cmp);
    let Some(&usual) = measured.get(measured.len() / 2) else {
        let reason = format!("no group shows {FEWEST} whole objects to estimate a pixel size on; give `data.mpp`");
        return Err(Error::config("data.object_diameter_um", diameter_um, reason));
    };
    let median = |found: &Vec<f64>| if found.len() >= FEWEST { found[found.len() / 2] } else { usual };
    let mpp: BTreeMap<&str, f64> =
        diameters.iter().map(|(group, found)| (*group, diameter_um / median(found))).collect();
    Ok(groups.iter().map(|group| mpp[group.as_str()]).collect())
}

/// Equivalent diameters in pixels of the objects that touch no edge.
fn whole_objects(labels: &[u32], width: usize) -> Vec<f64> {
    let height = labels.len() / width;
    let mut areas: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let (x, y) = (i % width, i / width);
        let cut = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let area = areas.entry(label).or_insert(Some(0));
        *area = if cut { None } else { area.map(|area| area + 1) };
    }
    let diameter = |area: u32| 2.0 * (f64::from(area) / std::f64::consts::PI).sqrt();
    areas.into_values().flatten().map(diameter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_cut_by_the_edge_do_not_count() {
        // A 2 x 2 object inside, one at the left edge.
        let labels = [0, 0, 0, 0, 0, 2, 0, 1, 1, 0, 2, 0, 1, 1, 0, 0, 0, 0, 0, 0];
        let found = whole_objects(&labels, 5);
        assert_eq!(found.len(), 1);
        assert!((found[0] - 2.0 * (4.0 / std::f64::consts::PI).sqrt()).abs() < 1e-12);
    }
}
