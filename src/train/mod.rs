//! Training: loss, optimizer, moving average, checkpoints, the loop, and what it draws.

mod checkpoint;
pub mod device;
mod difference;
mod ema;
mod evaluate;
mod export;
mod fit;
mod generate;
mod loss;
mod model;
mod noise;
mod optimizer;
mod pretrained;
mod pretraining;
mod start;
mod trainer;
mod transfer;

pub use checkpoint::{Checkpoint, EpochRow, RunState, Saved, State};
pub use evaluate::{Prediction, Predictor, Validation};
pub use export::Shipped;
pub use fit::{BEST, Closing, Fit, LAST, Task, Timing};
pub use generate::{Recipe, generate};
pub use loss::{Loss, LossTerms};
pub use optimizer::{Optimizer, learning_rate};
pub use pretrained::{PRETRAINED, PretrainRow, Pretrained, PretrainedInfo};
pub use pretraining::{AfterEpoch, PretrainCheckpoint, PretrainEvent, Pretrainer, Pretraining, Pupil, to_pixels};
pub use start::Source;
pub use trainer::{Event, Segmentation, Trainer};
pub use transfer::{Account, Fate, Transfer};
