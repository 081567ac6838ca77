//! The bounded pipeline between slide and model, and on to the results.
//!
//! It knows tiles, permits and threads; what the stages do with a tile is handed in by `run`.

mod batcher;
mod model;
mod order;
mod pipeline;
pub mod reader;
pub mod resample;
mod results;
pub mod stats;
mod supervise;

pub use model::Forward;
pub use pipeline::{Flow, Outcome, Stages, read_only, run};
pub use reader::{ReadTile, expect_rows, read_tile, tile_bytes};
pub use results::{Progress, Stitch, Vectorize, Write};
pub use supervise::FailedTile;
pub(crate) use supervise::panicked;
/// Stops a run from outside; `tokio_util`'s own.
pub use tokio_util::sync::CancellationToken;
