//! Batches of pixels to a CUDA device, and answers back.

use super::torch_cuda::CopyStream;
use crate::error::{Error, Result};
use image::RgbImage;
use tch::{Device, Kind, TchError, Tensor};

/// A lane's copy stream and its place on the device for a batch of pixels.
pub(super) struct Copies {
    stream: CopyStream,
    device: Device,
    /// `[N, H, W, 3]` bytes of the last batch; none before the first one and after an error, when the device may still
    /// read them.
    pixels: Option<Tensor>,
}

impl Copies {
    /// For a CUDA device; none for the CPU, whose memory needs no copies.
    ///
    /// # Errors
    /// [`Error::Device`] with what CUDA's runtime says.
    pub fn of(device: Device) -> Result<Option<Self>> {
        let Device::Cuda(number) = device else { return Ok(None) };
        let stream = CopyStream::new(number).map_err(refused(device))?;
        Ok(Some(Self { stream, device, pixels: None }))
    }

    /// Another one for another lane.
    ///
    /// # Errors
    /// As [`Copies::of`].
    pub fn another(&self) -> Result<Self> {
        let stream = self.stream.another().map_err(refused(self.device))?;
        Ok(Self { stream, device: self.device, pixels: None })
    }

    /// The pixels on the device, bytes `[N, H, W, 3]` as `size` says. The images have this size.
    ///
    /// # Errors
    /// Those of libtorch and of CUDA's runtime.
    pub fn up(&mut self, images: &[&RgbImage], size: [i64; 4]) -> Result<Tensor, TchError> {
        let kept = self.pixels.take().filter(|pixels| pixels.size() == size);
        let fresh = kept.is_none();
        let pixels = match kept {
            Some(pixels) => pixels,
            None => Tensor::f_empty(size, (Kind::Uint8, self.device))?,
        };
        let parts = images.iter().map(|image| image.as_raw().as_slice());
        assert_eq!(pixels.numel(), parts.clone().map(<[u8]>::len).sum::<usize>(), "images of the size given");
        // SAFETY: the tensor has room for the parts, as was just checked. It is new, or the answer to the batch that it
        // held has been fetched, so nothing on the device reads it any more.
        unsafe { self.stream.upload(parts, pixels.data_ptr().cast(), fresh) }.map_err(TchError::Torch)?;
        Ok(pixels)
    }

    /// The answer to `pixels`, which [`Copies::up`] gave: the bytes of `answer`, cut into one part an image.
    ///
    /// # Errors
    /// Those of CUDA's runtime.
    pub fn down(&mut self, answer: &Tensor, pixels: Tensor) -> Result<Vec<Vec<u8>>, TchError> {
        assert!(answer.kind() == Kind::Uint8 && answer.is_contiguous(), "bytes in one piece");
        let (bytes, images) = (answer.numel(), pixels.size()[0].max(1) as usize);
        // SAFETY: the tensor has this many bytes and lives until the copy is complete.
        let values = unsafe { self.stream.download(answer.data_ptr().cast(), bytes) }.map_err(TchError::Torch)?;
        let parts = values.chunks_exact(bytes / images).map(<[u8]>::to_vec).collect();
        self.pixels = Some(pixels);
        Ok(parts)
    }
}

fn refused(device: Device) -> impl FnOnce(String) -> Error {
    move |reason| Error::Device { device: super::torch_device::device_name(device), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::torch_cuda::pretend::Pretend;
    use std::sync::Arc;

    #[test]
    fn a_batch_goes_up_and_its_answer_comes_down_and_the_place_is_used_again() {
        let runtime = Arc::new(Pretend::default());
        let stream = CopyStream::with(runtime.clone(), 0).unwrap();
        let mut copies = Copies { stream, device: Device::Cpu, pixels: None };
        let image = |value: u8| RgbImage::from_pixel(4, 2, image::Rgb([value; 3]));
        for (turn, values) in [[10, 20], [30, 40]].into_iter().enumerate() {
            let images = values.map(image);
            let pixels = copies.up(&images.iter().collect::<Vec<_>>(), [2, 2, 4, 3]).unwrap();
            assert_eq!(runtime.asked().len(), if turn == 0 { 3 } else { 2 }, "the second batch needs no waiting");
            let answer = &pixels + 1;
            let parts = copies.down(&answer, pixels).unwrap();
            assert_eq!(parts, values.map(|value| vec![value + 1; 24]));
            assert_eq!(runtime.asked(), ["wait for the default stream", "down", "synchronize"]);
        }
        let pixels = copies.up(&[&image(7)], [1, 2, 4, 3]).unwrap();
        assert_eq!(pixels.size(), [1, 2, 4, 3], "a smaller batch gets a place of its own");
        assert!(runtime.asked()[0].starts_with("wait"));
        drop(pixels);
        let _again = copies.up(&[&image(7)], [1, 2, 4, 3]).unwrap();
        assert!(runtime.asked()[0].starts_with("wait"), "so does the batch after one that failed");
    }
}
