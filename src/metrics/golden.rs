//! Figures made by tests/golden/evaluation_metrics.py, for the tests of this module.

use crate::geometry::Size;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Golden {
    pub tolerance_px: f64,
    pub cases: Vec<Case>,
    pub calibration: Vec<CalibrationCase>,
    pub compat: CompatCases,
    pub bootstrap: BootstrapCase,
}

/// Value and length of each run of equal labels, row-major.
type Runs = Vec<(u32, usize)>;

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    width: u32,
    height: u32,
    truth: Runs,
    prediction: Runs,
    pub pixels: Pixels,
    pub surface: Option<Surface>,
    pub glas: Option<Glas>,
    /// At IoU above 0.5, 0.6, 0.7, 0.8, 0.9.
    pub f1: [Option<f64>; 5],
}

#[derive(Deserialize)]
pub struct Pixels {
    pub dice: Option<f64>,
    pub iou: Option<f64>,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub specificity: Option<f64>,
}

#[derive(Deserialize)]
pub struct Surface {
    pub hd: f64,
    pub hd95: f64,
    pub assd: f64,
    pub surface_dice: f64,
    pub one_sided: bool,
}

#[derive(Deserialize)]
pub struct Glas {
    pub f1: f64,
    pub dice: f64,
    pub hausdorff: f64,
}

#[derive(Deserialize)]
pub struct CalibrationCase {
    pub classes: usize,
    pub planes: Vec<u32>,
    pub truth: Vec<usize>,
    pub ece: f64,
    pub brier: f64,
}

#[derive(Deserialize)]
pub struct CompatCases {
    pub table: Vec<CompatRow>,
    pub many: CompatMany,
}

#[derive(Deserialize)]
pub struct CompatRow {
    pub name: String,
    pub compat_hd: f64,
    pub true_hd: Option<f64>,
}

#[derive(Deserialize)]
pub struct CompatMany {
    pub width: u32,
    pub height: u32,
    pub classes: usize,
    pub edge: u32,
    pub stride: u32,
    pub truth: Runs,
    pub prediction: Runs,
    pub patches: usize,
    /// IoU, F1, Hausdorff distance of rows, AJI of class numbers.
    pub figures: [f64; 4],
}

#[derive(Deserialize)]
pub struct BootstrapCase {
    pub groups: Vec<usize>,
    pub values: Vec<f64>,
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Golden {
    pub fn read() -> Self {
        let golden: Self = serde_json::from_str(include_str!("../../tests/golden/evaluation_metrics.json")).unwrap();
        assert_eq!(golden.cases.len(), 17);
        golden
    }
}

impl Case {
    pub fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    pub fn truth(&self) -> Vec<u32> {
        unrolled(&self.truth)
    }

    pub fn prediction(&self) -> Vec<u32> {
        unrolled(&self.prediction)
    }
}

pub fn unrolled(runs: &[(u32, usize)]) -> Vec<u32> {
    runs.iter().flat_map(|&(value, length)| std::iter::repeat_n(value, length)).collect()
}

pub fn mask(labels: &[u32]) -> Vec<bool> {
    labels.iter().map(|&label| label != 0).collect()
}

pub fn close(name: &str, ours: Option<f64>, theirs: Option<f64>) {
    match (ours, theirs) {
        (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{name}: {a} instead of {b}"),
        (a, b) => assert_eq!(a, b, "{name}"),
    }
}
