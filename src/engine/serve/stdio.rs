//! Standard input and output become the engine's private line to its host, before anything can print into it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

/// Takes the pipes to the host, and makes this process one that its host need not fear: it holds none of the host's open
/// files and ports, hears every signal, prints to standard error only, and dies with its host.
pub(super) fn take(host: u32) -> io::Result<(File, File)> {
    close_inherited()?;
    let input = private(0)?;
    let output = private(1)?;
    let nothing = File::open("/dev/null")?;
    replace(0, nothing.as_raw_fd())?;
    replace(1, 2)?;
    // A JVM's threads block signals that a user may want to send.
    // SAFETY: the set is made by sigemptyset before it is used; both calls touch only it.
    let unblocked = unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut())
    };
    if unblocked != 0 {
        return Err(io::Error::from_raw_os_error(unblocked));
    }
    die_with(host)?;
    Ok((input, output))
}

/// Closes every file above standard error: the JVM's ports and files come along, since Java opens them so.
fn close_inherited() -> io::Result<()> {
    // SAFETY: nothing of this program is open yet, so that nobody loses a file that it still uses.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } == 0 {
        return Ok(());
    }
    // Linux before 5.9.
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // SAFETY: as above; the listing's own file is closed already, which is an error without effect.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

/// The same open file under a number above 2 that no child inherits.
fn private(fd: RawFd) -> io::Result<File> {
    // SAFETY: the call touches no memory; a number that is not negative is open and nobody else's.
    match unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        copy => Ok(unsafe { File::from_raw_fd(copy) }),
    }
}

fn replace(fd: RawFd, by: RawFd) -> io::Result<()> {
    // SAFETY: the call touches no memory; what `fd` was before has been copied.
    if unsafe { libc::dup2(by, fd) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The end of the input tells a sound engine that its host is gone; this ends one that hangs.
fn die_with(host: u32) -> io::Result<()> {
    // SAFETY: the call touches no memory.
    #[cfg(target_os = "linux")]
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // It may have died before the order was given.
    if std::os::unix::process::parent_id() == host {
        Ok(())
    } else {
        Err(io::Error::other(format!("the host, process {host}, is not the one that started this engine")))
    }
}
