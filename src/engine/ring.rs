//! Memory that both processes see: slots for pixels to the engine and for packed objects to the host.
//!
//! Who may touch a slot follows from the messages: a pixel slot is the host's from `Want` to `Pixels`, a result slot is the
//! host's from `Objects` to `Release`; at all other times they are the engine's.

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

/// Slots for pixels.
pub const PIXEL_SLOTS: u32 = 16;
/// Bytes of a slot for pixels: a region of 836 x 836; larger ones come in bands.
pub const PIXEL_BYTES: usize = 2 << 20;
/// Slots for packed objects.
pub const RESULT_SLOTS: u32 = 16;
/// Bytes of a slot for packed objects: about two thousand nuclei.
pub const RESULT_BYTES: usize = 1 << 20;

/// Bytes of the whole.
pub const RING_BYTES: usize = PIXEL_SLOTS as usize * PIXEL_BYTES + RESULT_SLOTS as usize * RESULT_BYTES;

/// The shared memory, mapped.
#[derive(Debug)]
pub struct Ring {
    map: MmapRaw,
    /// Kept open by the host until the engine has mapped it too.
    file: File,
}

/// One of its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// For pixels.
    Pixels(u32),
    /// For packed objects.
    Result(u32),
}

impl Ring {
    /// Makes the memory: without a name, so that it goes with the two processes, and with every page there, so that
    /// no access can fail.
    ///
    /// # Errors
    /// The system has no room for it.
    pub fn create() -> io::Result<Self> {
        let file = create(RING_BYTES)?;
        Self::map(file)
    }

    /// Where the engine finds it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Maps the memory that the host made.
    ///
    /// # Errors
    /// It cannot be opened or has another size.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        if length != RING_BYTES as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes instead of {RING_BYTES}")));
        }
        Self::map(file)
    }

    fn map(file: File) -> io::Result<Self> {
        let map = MmapOptions::new().len(RING_BYTES).map_raw(&file)?;
        Ok(Self { map, file })
    }

    /// Copies `bytes` to the start of a slot that is this side's.
    ///
    /// # Errors
    /// They do not fit, or there is no such slot.
    pub fn write(&self, slot: Slot, bytes: &[u8]) -> io::Result<()> {
        let at = self.at(slot, bytes.len())?;
        // SAFETY: `at` checked that the range lies inside the map, which lives as long as `self`; the messages give the
        // slot to one side at a time, and both only ever copy bytes, so that a side that breaks the rules spoils bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(at), bytes.len()) };
        Ok(())
    }

    /// Appends `count` bytes from the start of a slot that is this side's.
    ///
    /// # Errors
    /// It has not as many, or there is no such slot.
    pub fn read(&self, slot: Slot, count: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let at = self.at(slot, count)?;
        into.reserve(count);
        // SAFETY: as in `write`; the vector has room for `count` more bytes, which are initialised before its length
        // says so.
        unsafe {
            std::ptr::copy_nonoverlapping(self.map.as_ptr().add(at), into.as_mut_ptr().add(into.len()), count);
            into.set_len(into.len() + count);
        }
        Ok(())
    }

    fn at(&self, slot: Slot, count: usize) -> io::Result<usize> {
        let (number, slots, bytes, start) = match slot {
            Slot::Pixels(number) => (number, PIXEL_SLOTS, PIXEL_BYTES, 0),
            Slot::Result(number) => (number, RESULT_SLOTS, RESULT_BYTES, PIXEL_SLOTS as usize * PIXEL_BYTES),
        };
        if number >= slots || count > bytes {
            let reason = format!("{count} bytes in {slot:?}, which has {bytes}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(start + number as usize * bytes)
    }
}

/// Nameless memory of `bytes` bytes that can be mapped by another process and not be cut short.
fn create(bytes: usize) -> io::Result<File> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    // SAFETY: the name is a C string; the flags are memfd_create's own. A descriptor that is not negative is open and
    // nobody else's.
    let file = unsafe {
        let fd = libc::memfd_create(c"slidestream-ring".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        File::from_raw_fd(fd)
    };
    reserve(&file, length)?;
    // SAFETY: as above.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) } {
        0 => Ok(file),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives a file its pages. Without this an access to one that the system has no room for kills the process with SIGBUS.
fn reserve(file: &File, length: libc::off_t) -> io::Result<()> {
    // SAFETY: the descriptor is open; the call touches no memory of this process.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let host = Ring::create().unwrap();
        let engine = Ring::open(&host.path()).unwrap();
        host.write(Slot::Pixels(PIXEL_SLOTS - 1), &vec![7; PIXEL_BYTES]).unwrap();
        engine.write(Slot::Result(0), b"objects").unwrap();
        let (mut pixels, mut objects) = (Vec::new(), b"> ".to_vec());
        engine.read(Slot::Pixels(PIXEL_SLOTS - 1), PIXEL_BYTES, &mut pixels).unwrap();
        host.read(Slot::Result(0), 7, &mut objects).unwrap();
        assert!(pixels == vec![7; PIXEL_BYTES] && objects == b"> objects");
    }

    #[test]
    fn nothing_is_touched_outside_a_slot() {
        let ring = Ring::create().unwrap();
        for (slot, bytes) in [
            (Slot::Pixels(PIXEL_SLOTS), 1),
            (Slot::Result(RESULT_SLOTS), 1),
            (Slot::Result(0), RESULT_BYTES + 1),
            (Slot::Pixels(u32::MAX), 0),
        ] {
            assert!(ring.write(slot, &vec![0; bytes]).is_err() && ring.read(slot, bytes, &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn every_page_is_there_before_anyone_touches_it() {
        let file = Ring::create().unwrap().file;
        assert!(file.metadata().unwrap().blocks() * 512 >= RING_BYTES as u64);
    }

    #[test]
    fn what_the_system_refuses_is_an_error_and_no_signal() {
        assert!(reserve(&File::open("/dev/null").unwrap(), 4096).is_err());
        assert!(create(usize::MAX).is_err(), "more than a file can have");
    }

    #[test]
    fn it_cannot_be_cut_short_under_the_other_side() {
        let ring = Ring::create().unwrap();
        assert!(ring.file.set_len(10).is_err());
        let short = tempfile::NamedTempFile::new().unwrap();
        assert!(Ring::open(short.path()).unwrap_err().to_string().contains("0 bytes instead of"));
    }
}
