//! From overlapping tiles to one answer for every pixel and every object.

pub mod objects;
pub mod regions;
