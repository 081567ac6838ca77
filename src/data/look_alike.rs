//! Groups of images that look as if they came from one slide, for sets that do not say.

use super::colour::{blur, lab};
use image::RgbImage;

/// What tells slides apart and stays the same over one slide: colour of the bare background (white balance, staining
/// time), colour of the darkest stain, and how the detail spreads over sizes (magnification, kind of tissue).
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    values: [f64; 9],
}

/// A share of detail weighs as much as this many units of Lab.
const DETAIL_WEIGHT: f64 = 20.0;
/// The nuclei's colour varies within a slide more than the background's.
const DARK_WEIGHT: f64 = 0.3;

impl Appearance {
    /// Measures an image. Distances between appearances are in units of Lab colour difference.
    pub fn of(image: &RgbImage) -> Self {
        let mut pixels: Vec<[f64; 3]> = image.pixels().map(|p| lab(p.0)).collect();
        let lightness: Vec<f32> = pixels.iter().map(|p| p[0] as f32).collect();
        let (width, height) = (image.width() as usize, image.height() as usize);
        let mut detail = [0.0; 4];
        let mut finer = lightness.clone();
        for (share, sigma) in detail.iter_mut().zip([1.0, 2.0, 4.0, 8.0]) {
            let coarser = blur(&lightness, width, height, 1, sigma);
            *share = deviation(finer.iter().zip(&coarser).map(|(a, b)| f64::from(a - b)));
            finer = coarser;
        }
        let sum = detail.iter().sum::<f64>().max(1e-9);
        pixels.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let part = |from: f64, to: f64, channel: usize| {
            let at = |share: f64| ((share * pixels.len() as f64) as usize).min(pixels.len() - 1);
            median(pixels[at(from)..=at(to)].iter().map(|p| p[channel]).collect())
        };
        let bright = [0, 1, 2].map(|channel| part(0.80, 0.98, channel));
        let dark = [1, 2].map(|channel| part(0.02, 0.10, channel) * DARK_WEIGHT);
        let detail = detail.map(|share| share / sum * DETAIL_WEIGHT);
        let values = [bright.as_slice(), &dark, &detail].concat();
        Self { values: std::array::from_fn(|i| values[i]) }
    }

    fn distance(&self, other: &Self) -> f64 {
        self.values.iter().zip(&other.values).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (values.map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Names a group for each image by agglomeration with average linkage: groups grow together while their mean distance
/// is at most `threshold`. Named `look01`, `look02`, ... by their first image. On the 107 purple-stained images of
/// DSB2018 a threshold of 5.3 gives 12 groups: its H&E fields are one group, the coarse violet ones another, and
/// only odd fields stay alone. From 7.5 to 13 there are 5, too few to divide well.
pub fn look_alike_groups(looks: &[Appearance], threshold: f64) -> Vec<String> {
    let count = looks.len();
    let mut distance: Vec<Vec<f64>> = looks.iter().map(|a| looks.iter().map(|b| a.distance(b)).collect()).collect();
    let mut size = vec![1.0; count];
    let mut member: Vec<usize> = (0..count).collect();
    let mut alive: Vec<usize> = (0..count).collect();
    let mut chain: Vec<usize> = Vec::new();
    // Nearest-neighbour chain: average linkage never brings a merged pair nearer to a third, so merging mutual
    // nearest neighbours in any order gives the tree that merging by smallest distance gives, in O(n^2).
    while alive.len() > 1 {
        let last = *chain.last().unwrap_or(&alive[0]);
        if chain.is_empty() {
            chain.push(last);
        }
        let before = chain.len().checked_sub(2).map(|i| chain[i]);
        let mut nearest = before.unwrap_or(usize::MAX);
        for &other in alive.iter().filter(|&&other| other != last) {
            if nearest == usize::MAX || distance[last][other] < distance[last][nearest] {
                nearest = other;
            }
        }
        if Some(nearest) != before {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (keep, gone) = (last.min(nearest), last.max(nearest));
        if distance[keep][gone] <= threshold {
            member.iter_mut().filter(|m| **m == gone).for_each(|m| *m = keep);
        }
        for &other in &alive {
            let mean =
                (size[keep] * distance[keep][other] + size[gone] * distance[gone][other]) / (size[keep] + size[gone]);
            distance[keep][other] = mean;
            distance[other][keep] = mean;
        }
        size[keep] += size[gone];
        alive.retain(|&other| other != gone);
    }
    let mut names = std::collections::BTreeMap::new();
    for &root in &member {
        let next = names.len() + 1;
        names.entry(root).or_insert(next);
    }
    member.iter().map(|root| format!("look{:02}", names[root])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn at(position: f64) -> Appearance {
        let mut values = [0.0; 9];
        values[0] = position;
        Appearance { values }
    }

    #[test]
    fn groups_grow_by_mean_distance_up_to_the_threshold() {
        let looks: Vec<Appearance> = [0.0, 10.0, 1.0, 11.0, 2.0, 30.0].map(at).into();
        let names = look_alike_groups(&looks, 3.0);
        assert_eq!(names, ["look01", "look02", "look01", "look02", "look01", "look03"]);
        assert!(look_alike_groups(&looks, 0.5).iter().collect::<std::collections::BTreeSet<_>>().len() == 6);
        assert!(look_alike_groups(&looks, 100.0).iter().all(|name| name == "look01"));
    }

    #[test]
    fn crops_of_one_slide_are_nearer_than_another_stain_or_magnification() {
        let slide = |shift: u32, period: u32, stain: [u8; 3]| {
            let nucleus =
                move |x: u32, y: u32| ((x + shift) % period) < period / 3 && ((y + 2 * shift) % period) < period / 3;
            let colour = move |x, y| if nucleus(x, y) { Rgb([80, 40, 120]) } else { Rgb(stain) };
            Appearance::of(&RgbImage::from_fn(128, 128, colour))
        };
        let here = slide(0, 16, [230, 200, 220]);
        assert!(here.distance(&slide(5, 16, [230, 200, 220])) < 1.0);
        assert!(here.distance(&slide(5, 16, [200, 180, 230])) > 4.0);
        assert!(here.distance(&slide(5, 48, [230, 200, 220])) > 4.0);
    }
}
