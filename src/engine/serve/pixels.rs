//! Pixels that the host reads for a job.

use super::desk::{Desk, LOOK, Stop};
use crate::config::HostImage;
use crate::engine::protocol::{FromEngine, JobId, Want};
use crate::engine::ring::{PIXEL_BYTES, Slot};
use crate::error::{BoxError, Error, Result};
use crate::geometry::{Level, Rect};
use crate::slide::Limits;
use crate::slide::hosted::HostedSlide;
use image::RgbImage;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The ring's pixel slots and what the host says of them.
#[derive(Debug)]
pub(super) struct Pixels {
    states: Mutex<Vec<State>>,
    changed: Condvar,
    /// Slots that one job may have.
    share: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Free,
    /// The host fills it for this job.
    Asked(JobId),
    /// The host is done.
    Answered(JobId, Result<(), String>),
    /// The host fills it for nobody: the job has been stopped.
    Orphan,
}

impl Pixels {
    pub fn new(count: u32, share: usize) -> Self {
        Self { states: Mutex::new(vec![State::Free; count as usize]), changed: Condvar::new(), share }
    }

    /// The host's answer. One that nobody asked for changes nothing.
    pub fn answer(&self, slot: u32, answer: Result<(), String>) {
        if let Some(state) = self.states().get_mut(slot as usize) {
            match state {
                State::Asked(job) => *state = State::Answered(*job, answer),
                State::Orphan => *state = State::Free,
                State::Free | State::Answered(..) => {}
            }
        }
        self.changed.notify_all();
    }

    fn take(&self, job: JobId, stop: &Stop) -> Result<u32> {
        let mut states = self.states();
        loop {
            stop.check()?;
            let of_job = |state: &&State| matches!(state, State::Asked(j) | State::Answered(j, _) if *j == job);
            if states.iter().filter(of_job).count() < self.share
                && let Some(free) = states.iter().position(|state| *state == State::Free)
            {
                states[free] = State::Asked(job);
                return Ok(free as u32);
            }
            states = self.wait(states);
        }
    }

    fn await_answer(&self, slot: u32, stop: &Stop) -> Result<(), BoxError> {
        let mut states = self.states();
        loop {
            let state = &mut states[slot as usize];
            match state {
                State::Answered(_, answer) => {
                    let answer = answer.clone();
                    if answer.is_err() {
                        *state = State::Free;
                        self.changed.notify_all();
                    }
                    return answer.map_err(Into::into);
                }
                _ if stop.check().is_err() => {
                    *state = State::Orphan;
                    return Err(Error::Cancelled.into());
                }
                _ => states = self.wait(states),
            }
        }
    }

    fn free(&self, slot: u32) {
        self.states()[slot as usize] = State::Free;
        self.changed.notify_all();
    }

    fn wait<'a>(&self, states: MutexGuard<'a, Vec<State>>) -> MutexGuard<'a, Vec<State>> {
        self.changed.wait_timeout(states, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host's image as a slide.
///
/// # Errors
/// [`Error::Config`] for senseless levels.
pub(super) fn hosted(desk: &Arc<Desk>, job: JobId, stop: &Stop, image: HostImage) -> Result<HostedSlide> {
    let (desk, stop) = (desk.clone(), stop.clone());
    let fetch = move |level, part| fetch(&desk, job, &stop, level, part);
    HostedSlide::new(image, Limits::default(), Box::new(fetch))
}

/// One region, in bands that fit into a slot.
fn fetch(desk: &Desk, job: JobId, stop: &Stop, level: u32, part: Rect<Level>) -> Result<RgbImage, BoxError> {
    let row = part.width as usize * 3;
    let rows = (PIXEL_BYTES / row.max(1)) as u32;
    if rows == 0 {
        return Err(format!("a region {} pixels wide; the host can hand over {}", part.width, PIXEL_BYTES / 3).into());
    }
    let mut pixels = Vec::with_capacity(row * part.height as usize);
    let mut top = 0;
    while top < part.height {
        let height = rows.min(part.height - top);
        let slot = desk.pixels.take(job, stop)?;
        let (x, y) = (part.x as u32, part.y as u32 + top);
        let want = Want { slot, level, x, y, width: part.width, height };
        desk.send(&FromEngine::Want(job, want));
        desk.pixels.await_answer(slot, stop)?;
        let copied = desk.ring.read(Slot::Pixels(slot), want.bytes(), &mut pixels);
        desk.pixels.free(slot);
        copied?;
        top += height;
    }
    RgbImage::from_raw(part.width, part.height, pixels).ok_or_else(|| "bands that do not add up".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_a_stopped_job_is_not_used_again_before_the_host_is_done_with_it() {
        let (pixels, stop) = (Pixels::new(1, 1), Stop::default());
        let slot = pixels.take(1, &stop).unwrap();
        stop.token.cancel();
        assert!(pixels.await_answer(slot, &stop).is_err());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pixels.take(2, &Stop::default()));
            std::thread::sleep(LOOK);
            assert!(!waiting.is_finished());
            pixels.answer(slot, Ok(()));
            assert_eq!(waiting.join().unwrap().unwrap(), slot);
        });
    }

    #[test]
    fn a_host_that_cannot_read_fails_the_region_with_its_own_words_and_frees_the_slot() {
        let (pixels, stop) = (Pixels::new(1, 1), Stop::default());
        let slot = pixels.take(1, &stop).unwrap();
        pixels.answer(slot, Err("server closed".into()));
        assert_eq!(pixels.await_answer(slot, &stop).unwrap_err().to_string(), "server closed");
        pixels.answer(slot, Ok(()));
        pixels.answer(99, Ok(()));
        assert_eq!(pixels.take(1, &stop).unwrap(), slot);
    }
}
