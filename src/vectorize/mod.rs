//! From class maps to outlines, objects and measurements.

pub mod baseline;
pub mod class_map;
pub mod contour;
pub mod landscape;
pub mod measure;
pub mod pieces;
pub mod simplify;
pub mod watershed;
