//! Where the tissue is and which tiles cover it.

mod layout;
mod mask;
mod rasterise;

pub use layout::TilePlan;
pub use mask::TissueMask;
