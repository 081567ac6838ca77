//! Ctrl-C: the first one stops the run and lets it tidy up, the second one ends the program at once.

use crate::error::{Error, Result};
use crate::stream::CancellationToken;
#[cfg(feature = "torch")]
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Exit code of a program that was stopped: 128 and the number of SIGINT.
pub const STOPPED: u8 = 130;

/// A token that the first Ctrl-C (or a request to terminate) cancels.
///
/// # Errors
/// [`Error::Compute`] if the system lets no signal be watched.
pub fn token() -> Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancel = token.clone();
    watch(move || cancel.cancel())?;
    Ok(token)
}

/// As [`token`], a flag for loops that no runtime drives.
///
/// # Errors
/// As [`token`].
#[cfg(feature = "torch")]
pub fn flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    watch(move || set.store(true, Ordering::Relaxed))?;
    Ok(flag)
}

/// Calls `stop` at the first signal and ends the process at the second.
fn watch(stop: impl FnOnce() + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::compute("watching for Ctrl-C"))?;
    // Registered before this returns, so that no signal falls between.
    let mut signals = {
        let _context = runtime.enter();
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::compute("watching for Ctrl-C"));
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    let watching = move || {
        runtime.block_on(async move {
            let mut stop = Some(stop);
            loop {
                let got = tokio::select! {
                    got = signals.0.recv() => got,
                    got = signals.1.recv() => got,
                };
                if got.is_none() {
                    return;
                }
                if let Some(stop) = stop.take() {
                    eprintln!("stopping and tidying up; Ctrl-C again ends at once");
                    stop();
                } else {
                    // SAFETY: `_exit` touches no memory of this process; unlike `exit` it runs no handlers, which
                    // could wait for the threads that the user has lost patience with.
                    unsafe { libc::_exit(i32::from(STOPPED)) }
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watching)
        .map_err(Error::compute("watching for Ctrl-C"))?;
    Ok(())
}

/// From now on the process ends without a word when whoever reads its output has read enough, as in `slidestream info FILE | head`.
/// Only for subcommands that leave nothing half-written then.
pub(super) fn end_with_the_reader() {
    // SAFETY: the default action of a signal needs no handler; no other thread runs yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
