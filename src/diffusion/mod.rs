//! The diffusion process: how images become noise and how a network's predictions lead back.

mod objective;
mod sampler;
pub mod schedule;

pub use objective::Objective;
pub use sampler::{Course, Method, sample};
pub use schedule::Schedule;
