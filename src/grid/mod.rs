//! Where the tissue is and which tiles cover it.

mod cells;
mod color;
mod ink;
mod judge;
mod layout;
mod mask;
mod modes;
#[cfg(test)]
mod painted;
mod runs;
mod shape;
mod tissue;

pub use layout::TilePlan;
pub use mask::TissueMask;
pub use tissue::detect_tissue;
