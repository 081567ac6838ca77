//! Training: loss, optimizer, moving average, checkpoints, the loop, and what it draws.

mod checkpoint;
pub mod device;
mod ema;
mod evaluate;
mod export;
mod loss;
mod noise;
mod optimizer;
mod start;
mod trainer;

pub use checkpoint::{Checkpoint, EpochRow, State, write_whole};
pub use evaluate::{Prediction, Predictor, Validation, boundary_px};
pub use export::Shipped;
pub use loss::{Loss, LossTerms};
pub use optimizer::{Optimizer, learning_rate};
pub use start::{Account, Fate, Source, Transfer};
pub use trainer::{BEST, Event, LAST, Timing, Trainer};
