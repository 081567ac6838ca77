//! From class maps to outlines, objects and measurements.

pub mod contour;
pub mod pieces;
pub mod simplify;
