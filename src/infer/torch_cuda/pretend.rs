//! A runtime whose device is the host: copies happen when their stream is synchronized, and not before.

use super::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};

/// A copy that was put off: to, from, bytes.
type Put = (usize, usize, usize);

/// What was asked of the runtime, and what is still to do.
#[derive(Default)]
pub(in crate::infer) struct Pretend {
    asked: Mutex<Vec<String>>,
    todo: Mutex<BTreeMap<usize, Vec<Put>>>,
    sizes: Mutex<BTreeMap<usize, usize>>,
    handles: AtomicUsize,
}

impl Pretend {
    /// Every call since the last time, in order.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Page-locked memory that was not given back.
    pub fn host_memory_left(&self) -> usize {
        self.sizes.lock().unwrap().len()
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }

    fn handle(&self) -> Handle {
        Handle((self.handles.fetch_add(1, Ordering::Relaxed) + 1) as *mut c_void)
    }
}

// SAFETY: `synchronize` does what was put off.
unsafe impl Runtime for Pretend {
    fn set_device(&self, device: c_int) -> Result<(), String> {
        if device < 8 { Ok(()) } else { Err(format!("no device {device}")) }
    }

    fn stream(&self) -> Result<Handle, String> {
        Ok(self.handle())
    }

    fn event(&self) -> Result<Handle, String> {
        Ok(self.handle())
    }

    fn host_memory(&self, bytes: usize) -> Result<NonNull<u8>, String> {
        let memory = Box::leak(vec![0_u8; bytes].into_boxed_slice());
        self.sizes.lock().unwrap().insert(memory.as_ptr() as usize, bytes);
        Ok(NonNull::from(memory).cast())
    }

    unsafe fn free_host_memory(&self, memory: NonNull<u8>) {
        let bytes = self.sizes.lock().unwrap().remove(&(memory.as_ptr() as usize)).expect("memory of this runtime");
        // SAFETY: leaked with this size by `host_memory`.
        drop(unsafe { Vec::from_raw_parts(memory.as_ptr(), bytes, bytes) });
    }

    unsafe fn destroy(&self, stream: Handle, _event: Handle) {
        assert!(self.todo.lock().unwrap().get(&(stream.0 as usize)).is_none_or(Vec::is_empty), "a copy is under way");
    }

    fn wait_for(&self, _stream: Handle, _event: Handle, on: Handle) -> Result<(), String> {
        assert_eq!(on, DEFAULT_STREAM);
        self.note("wait for the default stream");
        Ok(())
    }

    unsafe fn copy(
        &self,
        to: *mut u8,
        from: *const u8,
        bytes: usize,
        kind: c_int,
        stream: Handle,
    ) -> Result<(), String> {
        self.note(if kind == HOST_TO_DEVICE { "up" } else { "down" });
        self.todo.lock().unwrap().entry(stream.0 as usize).or_default().push((to as usize, from as usize, bytes));
        Ok(())
    }

    fn synchronize(&self, stream: Handle) -> Result<(), String> {
        self.note("synchronize");
        for (to, from, bytes) in self.todo.lock().unwrap().remove(&(stream.0 as usize)).unwrap_or_default() {
            // SAFETY: the word of whoever asked for the copy.
            unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, bytes) };
        }
        Ok(())
    }
}

#[test]
fn bytes_go_there_and_back_in_the_order_that_the_streams_need() {
    let runtime = Arc::new(Pretend::default());
    let mut copies = CopyStream::with(runtime.clone(), 0).unwrap();
    let mut device = vec![0_u8; 5];
    let parts: [&[u8]; 2] = [&[1, 2], &[3, 4, 5]];
    // SAFETY: the device's memory is the vector, and nothing else uses it.
    unsafe { copies.upload(parts.into_iter(), device.as_mut_ptr(), true).unwrap() };
    assert_eq!(device, [1, 2, 3, 4, 5]);
    assert_eq!(runtime.asked(), ["wait for the default stream", "up", "synchronize"]);
    // SAFETY: as above.
    unsafe { copies.upload(parts.into_iter(), device.as_mut_ptr(), false).unwrap() };
    assert_eq!(runtime.asked(), ["up", "synchronize"], "memory of one's own needs no waiting");
    device.push(6);
    // SAFETY: as above.
    assert_eq!(unsafe { copies.download(device.as_ptr(), 6).unwrap() }, [1, 2, 3, 4, 5, 6]);
    assert_eq!(runtime.asked(), ["wait for the default stream", "down", "synchronize"]);
    assert_eq!(runtime.host_memory_left(), 1, "it grew, and the smaller piece went back");
    drop(copies);
    assert_eq!(runtime.host_memory_left(), 0);
    assert!(CopyStream::with(runtime, 99).is_err());
}
