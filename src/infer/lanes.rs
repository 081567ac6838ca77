//! One model, run by several threads at once.

use super::{EngineInfo, EngineOptions, Segmenter};
use crate::error::{Error, Result};

/// Forward passes at once on a CPU where the user does not say. Each keeps its own activations in memory.
const USUAL_LANES: usize = 4;
/// On another device: one batch is computed while the other's pixels and answers travel.
const LANES_A_DEVICE: usize = 2;

/// Copies of a model over the same weights, each for one thread.
///
/// Threads that share each layer of one forward pass wait for the slowest of them after every layer, so whatever else the
/// machine does costs them all. Forward passes of different tiles wait for nothing.
pub struct Lanes {
    engine: EngineInfo,
    /// One or more.
    lanes: Vec<Box<dyn Segmenter>>,
}

impl Lanes {
    /// `first` and copies of it, as many as `options` ask for; 0 is for up to four on a CPU and two on another device.
    ///
    /// # Errors
    /// Those of copying a model.
    pub fn new(first: Box<dyn Segmenter>, options: &EngineOptions) -> Result<Self> {
        Self::on_devices(vec![first], options)
    }

    /// Models on several devices and copies of each. `options` count the lanes of a device.
    ///
    /// # Errors
    /// [`Error::Config`] without a model; those of copying one.
    pub fn on_devices(firsts: Vec<Box<dyn Segmenter>>, options: &EngineOptions) -> Result<Self> {
        let names: Vec<&str> = firsts.iter().map(|first| &*first.engine().device).collect();
        let Some(first) = firsts.first() else {
            return Err(Error::config("device", &options.device, "names no device"));
        };
        let engine = EngineInfo { device: names.join(","), ..first.engine().clone() };
        let usual = if engine.device == "cpu" { engine.threads.clamp(1, USUAL_LANES) } else { LANES_A_DEVICE };
        let devices = firsts.len();
        let count = devices * if options.lanes == 0 { usual } else { options.lanes };
        let mut lanes = firsts;
        // Devices take turns, so that the first lanes are of different ones.
        while lanes.len() < count {
            lanes.push(lanes[lanes.len() - devices].lane()?);
        }
        Ok(Self { engine: EngineInfo { lanes: count, ..engine }, lanes })
    }

    /// How they compute; the threads are those of all lanes together.
    pub fn engine(&self) -> &EngineInfo {
        &self.engine
    }

    /// Adds to the reason for this engine.
    pub fn explain(&mut self, why: &str) {
        self.engine.reason = format!("{}; {why}", self.engine.reason);
    }

    /// Number of classes, background included.
    pub fn classes(&self) -> usize {
        self.lanes[0].classes()
    }

    /// The model in one lane, with all threads.
    pub fn single(&mut self) -> &mut dyn Segmenter {
        let first = &mut self.lanes[0];
        first.set_threads(self.engine.threads);
        first.as_mut()
    }

    /// Lanes for `batches` forward passes, with the threads shared out: all lanes, or one if some would soon have
    /// nothing to do.
    pub fn for_batches(&mut self, batches: usize) -> &mut [Box<dyn Segmenter>] {
        let all = self.lanes.len();
        let count = if batches < 2 * all { 1 } else { all };
        let threads = self.engine.threads;
        for (number, lane) in self.lanes[..count].iter_mut().enumerate() {
            lane.set_threads((threads / count + usize::from(number < threads % count)).max(1));
        }
        &mut self.lanes[..count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::fake::FakeSegmenter;

    fn lanes(threads: usize, count: usize) -> Lanes {
        let mut fake = FakeSegmenter::new();
        fake.set_threads(threads);
        Lanes::new(Box::new(fake), &EngineOptions { lanes: count, ..EngineOptions::default() }).unwrap()
    }

    fn threads(lanes: &[Box<dyn Segmenter>]) -> Vec<usize> {
        lanes.iter().map(|lane| lane.engine().threads).collect()
    }

    #[test]
    fn threads_are_shared_out_and_none_is_lost() {
        assert_eq!(threads(lanes(7, 0).for_batches(100)), [2, 2, 2, 1]);
        assert_eq!(threads(lanes(2, 0).for_batches(100)), [1, 1]);
        assert_eq!(threads(lanes(2, 3).for_batches(100)), [1, 1, 1]);
        assert_eq!(lanes(2, 3).engine().lanes, 3);
    }

    #[test]
    fn devices_take_turns_and_each_has_two_batches_in_flight() {
        let on = |number: usize| {
            let fake: Box<dyn Segmenter> = Box::new(FakeSegmenter::on(&format!("cuda:{number}")));
            fake
        };
        let mut lanes = Lanes::on_devices(vec![on(0), on(1), on(2)], &EngineOptions::default()).unwrap();
        assert_eq!((&*lanes.engine().device, lanes.engine().lanes), ("cuda:0,cuda:1,cuda:2", 6));
        let devices: Vec<_> = lanes.for_batches(100).iter().map(|lane| lane.engine().device.clone()).collect();
        assert_eq!(devices, ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1", "cuda:2"]);
        assert!(Lanes::on_devices(Vec::new(), &EngineOptions::default()).is_err());
    }

    #[test]
    fn few_tiles_get_one_lane_with_all_threads() {
        let mut lanes = lanes(4, 0);
        assert_eq!(threads(lanes.for_batches(7)), [4]);
        assert_eq!(threads(lanes.for_batches(8)), [1; 4]);
        assert_eq!(lanes.single().engine().threads, 4);
    }
}
