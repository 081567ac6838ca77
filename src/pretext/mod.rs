//! Self-supervised tasks; one file a task.

mod denoising;
mod diffusion;

pub use denoising::Denoising;
pub use diffusion::Diffusion;

use crate::config::PretextConfig;
use crate::error::{Error, Result};
use crate::nn::{Mode, UNet};
use tch::{Device, Tensor};

/// Clean images and the chance that goes into what is made of them, all on the network's device. Whoever makes a lesson
/// draws the chance, so that a task is a function of its arguments and a run can be repeated.
#[derive(Debug)]
pub struct Lesson {
    /// `[N, 3, H, W]` of float32 in the input range.
    pub images: Tensor,
    /// `[N, 3, H, W]` of float32, standard normal.
    pub noise: Tensor,
    /// One number of [0, 1) an image: how hard it is, for tasks with more than one noise level.
    pub levels: Vec<f64>,
}

/// What a network makes of a lesson's images, for the eye.
#[derive(Debug)]
pub struct Shown {
    /// The images as the network saw them, `[N, 3, H, W]`.
    pub seen: Tensor,
    /// The clean images as it guesses them.
    pub guessed: Tensor,
}

/// A task that images set by themselves.
pub trait Pretext: std::fmt::Debug + Send {
    /// Loss of each image, `[N]` of float32: a mean over its values, so that it depends neither on the batch nor on the
    /// image's size (trap 14).
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    fn losses(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Tensor>;

    /// What the network makes of the images.
    ///
    /// # Errors
    /// [`Error::Compute`] with libtorch's message.
    fn show(&self, network: &UNet, lesson: &Lesson, mode: Mode) -> Result<Shown>;

    /// Levels of a training step from as many independent draws of [0, 1).
    fn spread(&self, draws: &[f64]) -> Vec<f64> {
        draws.to_vec()
    }

    /// Does a lesson's level change anything?
    fn has_levels(&self) -> bool;
}

/// The task of a configuration, for images in `range`, on `device`.
///
/// # Errors
/// [`Error::Compute`] if the device has no memory.
pub fn create(config: &PretextConfig, device: Device) -> Result<Box<dyn Pretext>> {
    Ok(match config {
        PretextConfig::Diffusion(config) => {
            Box::new(Diffusion::new(config, device).map_err(Error::compute("preparing the diffusion"))?)
        }
        PretextConfig::Denoising(config) => Box::new(Denoising::new(config)),
    })
}
