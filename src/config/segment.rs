//! One segmentation run, as its manifest records it.

use super::{StreamConfig, TissueConfig};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where on a slide to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Where the tissue detector finds tissue.
    Tissue(TissueConfig),
    /// Inside the polygons of a GeoJSON file, level-0 pixels.
    Roi(PathBuf),
    /// Inside polygons, level-0 pixels; each is its outer ring and its holes, whose last point may repeat the first.
    Outlines(Vec<Vec<Vec<[f64; 2]>>>),
    /// Everywhere.
    WholeSlide,
}

/// A file of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// `objects.geojson`: outlines in level-0 pixels.
    Objects,
    /// `classes.tif`: the class of every pixel at the model's resolution.
    Classes,
    /// `measurements.csv`: a row an object.
    Measurements,
    /// `overlay.png`: outlines over a picture of the slide.
    Overlay,
}

impl Output {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Objects, Self::Classes, Self::Measurements, Self::Overlay];
}

/// What to do with each slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentConfig {
    /// Micrometres per level-0 pixel, for slides that do not say so; overrides what they say.
    pub mpp: Option<f64>,
    /// Where to look.
    pub area: Area,
    /// Edge of a tile in pixels at the model's mpp, halo included; the model's own if absent.
    pub tile_px: Option<u32>,
    /// Pixels on each side of a tile that only give context; the model's own if absent.
    pub halo_px: Option<u32>,
    /// Files to write beside the manifest, each once.
    pub outputs: Vec<Output>,
    /// Longer edge of the overlay, pixels.
    pub overlay_px: u32,
    /// Batch, threads, budgets.
    pub stream: StreamConfig,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            mpp: None,
            area: Area::Tissue(TissueConfig::default()),
            tile_px: None,
            halo_px: None,
            outputs: Output::ALL.to_vec(),
            overlay_px: 3072,
            stream: StreamConfig::default(),
        }
    }
}

impl SegmentConfig {
    /// Checks every value that does not depend on a slide.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn validate(&self) -> Result<()> {
        if !(64..=16_384).contains(&self.overlay_px) {
            return Err(Error::config("overlay_px", self.overlay_px, "must be from 64 to 16384"));
        }
        for (number, output) in self.outputs.iter().enumerate() {
            if self.outputs[..number].contains(output) {
                return Err(Error::config("outputs", format!("{output:?}").to_lowercase(), "is named twice"));
            }
        }
        match &self.area {
            Area::Tissue(tissue) => tissue.validate(),
            Area::Roi(path) if path.to_str().is_none() => {
                Err(Error::config("--roi", path.display(), "the manifest could not record this name; use one in UTF-8"))
            }
            Area::Outlines(polygons) => outlines(polygons),
            Area::Roi(_) | Area::WholeSlide => Ok(()),
        }
    }
}

fn outlines(polygons: &[Vec<Vec<[f64; 2]>>]) -> Result<()> {
    if polygons.is_empty() {
        return Err(Error::config("area.outlines", "empty", "name at least one polygon, or look at the whole slide"));
    }
    for (number, polygon) in polygons.iter().enumerate() {
        let field = format!("area.outlines[{number}]");
        if polygon.is_empty() || polygon.iter().any(|ring| ring.len() < 3) {
            return Err(Error::config(field, format!("{} rings", polygon.len()), "a ring needs three points at least"));
        }
        if let Some(odd) = polygon.iter().flatten().flatten().find(|value| !value.is_finite()) {
            return Err(Error::config(field, odd, "a coordinate must be a finite number of level-0 pixels"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_unknown_fields_are_refused() {
        let triangle = Area::Outlines(vec![vec![vec![[0.0, 0.5], [9.0, 0.0], [4.0, 7.0]]]]);
        for area in [Area::WholeSlide, Area::Roi("roi.geojson".into()), triangle, SegmentConfig::default().area] {
            let config = SegmentConfig { area, mpp: Some(0.25), ..Default::default() };
            let text = serde_json::to_string(&config).expect("JSON");
            assert_eq!(serde_json::from_str::<SegmentConfig>(&text).expect("the same"), config);
        }
        assert!(serde_json::from_str::<SegmentConfig>(r#"{"tile": 5}"#).is_err());
    }

    #[test]
    fn an_area_without_points_is_refused_by_its_number() {
        for (polygons, told) in [
            (vec![], "`area.outlines` is empty"),
            (vec![vec![vec![[0.0, 0.0], [1.0, 0.0]]]], "`area.outlines[0]`"),
            (vec![vec![vec![[0.0, 0.0], [1.0, f64::NAN], [1.0, 1.0]]]], "`area.outlines[0]` is NaN"),
        ] {
            let config = SegmentConfig { area: Area::Outlines(polygons), ..Default::default() };
            let error = config.validate().expect_err("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_overlay_of_no_size_is_refused_by_name() {
        let error = SegmentConfig { overlay_px: 0, ..Default::default() }.validate().expect_err("refused");
        assert!(error.to_string().contains("overlay_px"), "{error}");
    }
}
