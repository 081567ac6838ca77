//! Pixels to a CUDA device and answers back, on a stream of their own, through memory that the device reads itself.
//!
//! libtorch computes on the device's default stream, one batch after the other. While it computes one lane's batch the
//! other lane's pixels travel on that lane's copy stream: two batches are in flight, and the device waits for neither. The
//! order between the streams:
//!
//! ```text
//! copy stream     [wait] pixels up  |                     [wait] answer down |
//! default stream  made ^            forward ............. done ^
//! ```
//! `|` is where the lane's thread waits. `[wait]` waits for what the default stream had to do before: the memory that the
//! pixels go to may have belonged to a tensor that is still in use there, and the answer must be complete.

use libloading::os::unix::{Library, RTLD_NOW};
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

/// CUDA's runtime of libtorch's CUDA half, which has loaded it.
const LIBRARY: &str = "libcudart.so.13";
/// From `cuda_runtime_api.h` and `driver_types.h`, unchanged since CUDA 7.
const HOST_TO_DEVICE: c_int = 1;
const DEVICE_TO_HOST: c_int = 2;
/// A stream that does not wait for the default one of its own accord.
const NON_BLOCKING: c_uint = 1;
const NO_TIMING: c_uint = 2;
/// The legacy default stream.
const DEFAULT_STREAM: Handle = Handle(std::ptr::null_mut());

/// A stream or an event of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(*mut c_void);

// SAFETY: CUDA's handles may be used from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// CUDA's calls that copies need. Tests have another one, whose device is the host.
///
/// # Safety
/// After `synchronize` of a stream, whatever was asked of that stream before has happened, and nothing reads or writes
/// the memory any more that was named for it.
pub(super) unsafe trait Runtime: Send + Sync {
    fn set_device(&self, device: c_int) -> Result<(), String>;
    fn stream(&self) -> Result<Handle, String>;
    fn event(&self) -> Result<Handle, String>;
    fn host_memory(&self, bytes: usize) -> Result<NonNull<u8>, String>;
    /// # Safety
    /// Of `host_memory` of this runtime, and in use no more.
    unsafe fn free_host_memory(&self, memory: NonNull<u8>);
    /// # Safety
    /// Both must be of this runtime, and in use no more.
    unsafe fn destroy(&self, stream: Handle, event: Handle);
    /// Makes `stream` wait for all that `on` was asked to do until now.
    fn wait_for(&self, stream: Handle, event: Handle, on: Handle) -> Result<(), String>;
    /// # Safety
    /// Both must have room for `bytes`, in the memory that `kind` says, until the stream has been synchronized.
    unsafe fn copy(
        &self,
        to: *mut u8,
        from: *const u8,
        bytes: usize,
        kind: c_int,
        stream: Handle,
    ) -> Result<(), String>;
    fn synchronize(&self, stream: Handle) -> Result<(), String>;
}

/// One lane's stream and its piece of page-locked memory. One thread uses it at a time.
pub(super) struct CopyStream {
    runtime: Arc<dyn Runtime>,
    device: c_int,
    stream: Handle,
    event: Handle,
    host: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory is owned and reached through `&mut` alone.
unsafe impl Send for CopyStream {}

impl CopyStream {
    /// For the device of this number, with CUDA's own runtime.
    ///
    /// # Errors
    /// One line for the user.
    pub fn new(device: usize) -> Result<Self, String> {
        static RUNTIME: OnceLock<Result<Arc<dyn Runtime>, String>> = OnceLock::new();
        let loaded = RUNTIME.get_or_init(|| Cuda::load().map(|cuda| Arc::new(cuda) as Arc<dyn Runtime>));
        Self::with(loaded.clone()?, device)
    }

    /// With this runtime.
    ///
    /// # Errors
    /// Those of the runtime.
    pub fn with(runtime: Arc<dyn Runtime>, device: usize) -> Result<Self, String> {
        let device = c_int::try_from(device).map_err(|e| e.to_string())?;
        runtime.set_device(device)?;
        let (stream, event) = (runtime.stream()?, runtime.event()?);
        Ok(Self { runtime, device, stream, event, host: NonNull::dangling(), bytes: 0 })
    }

    /// Another one for another lane.
    ///
    /// # Errors
    /// Those of the runtime.
    pub fn another(&self) -> Result<Self, String> {
        Self::with(self.runtime.clone(), self.device as usize)
    }

    /// Copies `parts`, one after the other, to `target` on the device. They are there when this returns. `fresh` says that
    /// the memory there was handed out since the last call.
    ///
    /// # Errors
    /// Those of the runtime.
    ///
    /// # Safety
    /// `target` must have room for all parts, on this device, and no work on the device may use it that was asked for
    /// after it was handed out.
    pub unsafe fn upload<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
        target: *mut u8,
        fresh: bool,
    ) -> Result<(), String> {
        let bytes = parts.clone().map(<[u8]>::len).sum();
        let mut room = self.host(bytes)?;
        for part in parts {
            let (here, rest) = room.split_at_mut(part.len());
            here.copy_from_slice(part);
            room = rest;
        }
        self.runtime.set_device(self.device)?;
        if fresh {
            self.runtime.wait_for(self.stream, self.event, DEFAULT_STREAM)?;
        }
        // SAFETY: the caller's word for the target; the host's memory has `bytes`; both are left alone until the stream
        // has been synchronized, also after an error.
        let asked = unsafe { self.runtime.copy(target, self.host.as_ptr(), bytes, HOST_TO_DEVICE, self.stream) };
        self.runtime.synchronize(self.stream).and(asked)
    }

    /// The bytes at `source` on the device, after all that the default stream was asked to do until now.
    ///
    /// # Errors
    /// Those of the runtime.
    ///
    /// # Safety
    /// `source` must have `bytes`, on this device.
    pub unsafe fn download(&mut self, source: *const u8, bytes: usize) -> Result<&[u8], String> {
        self.host(bytes)?;
        self.runtime.set_device(self.device)?;
        self.runtime.wait_for(self.stream, self.event, DEFAULT_STREAM)?;
        // SAFETY: as in `upload`.
        let asked = unsafe { self.runtime.copy(self.host.as_ptr(), source, bytes, DEVICE_TO_HOST, self.stream) };
        self.runtime.synchronize(self.stream).and(asked)?;
        Ok(self.host(bytes)?)
    }

    /// The first `bytes` of the page-locked memory, which grows where it must.
    fn host(&mut self, bytes: usize) -> Result<&mut [u8], String> {
        if bytes > self.bytes {
            self.free();
            self.host = self.runtime.host_memory(bytes)?;
            self.bytes = bytes;
        }
        // SAFETY: the runtime gave this many bytes, initialized, and no copy is under way: each is waited for.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.host.as_ptr(), bytes) })
    }

    fn free(&mut self) {
        if std::mem::take(&mut self.bytes) > 0 {
            // SAFETY: it is the runtime's, and no copy is under way.
            unsafe { self.runtime.free_host_memory(self.host) };
        }
    }
}

impl Drop for CopyStream {
    fn drop(&mut self) {
        self.free();
        // SAFETY: both are the runtime's, and no copy is under way.
        unsafe { self.runtime.destroy(self.stream, self.event) };
    }
}

type Status = c_int;
type SetDevice = unsafe extern "C" fn(c_int) -> Status;
type Create = unsafe extern "C" fn(*mut *mut c_void, c_uint) -> Status;
type HostAlloc = unsafe extern "C" fn(*mut *mut c_void, usize, c_uint) -> Status;
type OfOne = unsafe extern "C" fn(*mut c_void) -> Status;
type Record = unsafe extern "C" fn(*mut c_void, *mut c_void) -> Status;
type Wait = unsafe extern "C" fn(*mut c_void, *mut c_void, c_uint) -> Status;
type Copy = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int, *mut c_void) -> Status;

/// CUDA's runtime, as `cuda_runtime_api.h` declares it.
struct Cuda {
    set_device: SetDevice,
    create_stream: Create,
    create_event: Create,
    destroy_stream: OfOne,
    destroy_event: OfOne,
    host_alloc: HostAlloc,
    free_host: OfOne,
    record: Record,
    wait: Wait,
    copy: Copy,
    synchronize: OfOne,
}

impl Cuda {
    fn load() -> Result<Self, String> {
        // SAFETY: the library is in memory already, as libtorch's CUDA half needs it, and is never unloaded; names and
        // signatures are those of `cuda_runtime_api.h`.
        unsafe {
            let library = Library::open(Some(LIBRARY), RTLD_NOW).map_err(|e| format!("{LIBRARY}: {e}"))?;
            macro_rules! symbol {
                ($name:literal) => {
                    *library.get(concat!($name, "\0").as_bytes()).map_err(|e| format!("{LIBRARY}, {}: {e}", $name))?
                };
            }
            let cuda = Self {
                set_device: symbol!("cudaSetDevice"),
                create_stream: symbol!("cudaStreamCreateWithFlags"),
                create_event: symbol!("cudaEventCreateWithFlags"),
                destroy_stream: symbol!("cudaStreamDestroy"),
                destroy_event: symbol!("cudaEventDestroy"),
                host_alloc: symbol!("cudaHostAlloc"),
                free_host: symbol!("cudaFreeHost"),
                record: symbol!("cudaEventRecord"),
                wait: symbol!("cudaStreamWaitEvent"),
                copy: symbol!("cudaMemcpyAsync"),
                synchronize: symbol!("cudaStreamSynchronize"),
            };
            let _stays_loaded = library.into_raw();
            Ok(cuda)
        }
    }
}

fn checked(what: &str, status: Status) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(format!("{what} failed with CUDA's error {status}")) }
}

// SAFETY: these are CUDA's own promises for `cudaStreamSynchronize`.
unsafe impl Runtime for Cuda {
    fn set_device(&self, device: c_int) -> Result<(), String> {
        // SAFETY: takes any number.
        checked("cudaSetDevice", unsafe { (self.set_device)(device) })
    }

    fn stream(&self) -> Result<Handle, String> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the pointer is valid for the call.
        checked("cudaStreamCreateWithFlags", unsafe { (self.create_stream)(&mut handle, NON_BLOCKING) })?;
        Ok(Handle(handle))
    }

    fn event(&self) -> Result<Handle, String> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the pointer is valid for the call.
        checked("cudaEventCreateWithFlags", unsafe { (self.create_event)(&mut handle, NO_TIMING) })?;
        Ok(Handle(handle))
    }

    fn host_memory(&self, bytes: usize) -> Result<NonNull<u8>, String> {
        let mut memory = std::ptr::null_mut();
        // SAFETY: the pointer is valid for the call; the memory is initialized before it is handed out.
        unsafe {
            checked("cudaHostAlloc", (self.host_alloc)(&mut memory, bytes, 0))?;
            let memory = NonNull::new(memory.cast::<u8>()).ok_or("cudaHostAlloc gave nothing")?;
            memory.write_bytes(0, bytes);
            Ok(memory)
        }
    }

    unsafe fn free_host_memory(&self, memory: NonNull<u8>) {
        // SAFETY: the caller's word. An error here is one of an earlier call, which has reported it.
        let _ = unsafe { (self.free_host)(memory.as_ptr().cast()) };
    }

    unsafe fn destroy(&self, stream: Handle, event: Handle) {
        // SAFETY: the caller's word. An error here is one of an earlier call, which has reported it.
        let _ = unsafe { ((self.destroy_stream)(stream.0), (self.destroy_event)(event.0)) };
    }

    fn wait_for(&self, stream: Handle, event: Handle, on: Handle) -> Result<(), String> {
        // SAFETY: handles of this runtime, of the current device.
        unsafe {
            checked("cudaEventRecord", (self.record)(event.0, on.0))?;
            checked("cudaStreamWaitEvent", (self.wait)(stream.0, event.0, 0))
        }
    }

    unsafe fn copy(
        &self,
        to: *mut u8,
        from: *const u8,
        bytes: usize,
        kind: c_int,
        stream: Handle,
    ) -> Result<(), String> {
        // SAFETY: the caller's word.
        checked("cudaMemcpyAsync", unsafe { (self.copy)(to.cast(), from.cast(), bytes, kind, stream.0) })
    }

    fn synchronize(&self, stream: Handle) -> Result<(), String> {
        // SAFETY: a stream of this runtime.
        checked("cudaStreamSynchronize", unsafe { (self.synchronize)(stream.0) })
    }
}

#[cfg(test)]
pub(super) mod pretend;
