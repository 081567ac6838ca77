//! The `slidestream` program: what needs no network it does itself, all else it hands to `slidestream-torch` beside it.
//!
//! Loading libtorch costs 0.2 s and 110 MiB before `main`, which someone who asks for a slide's size should not pay. A
//! program of the main crate is linked to it whatever it calls, so this one is a crate of its own.

use slidestream::bundle::WHOLE_PROGRAM;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Subcommands that are the same without libtorch.
const OWN: [&str; 3] = ["info", "thumbnail", "tissue"];

/// Built together with the main crate, cargo would give both of them its features.
const _: () = assert!(!slidestream::WITH_TORCH, "build this crate by itself: cargo build -p slidestream-front");

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "slidestream".into());
    let arguments: Vec<_> = arguments.collect();
    if arguments.first().and_then(|first| first.to_str()).is_some_and(|first| OWN.contains(&first)) {
        return slidestream::cli::main();
    }
    hand_over(&name, &arguments)
}

/// Becomes the other program, with the same process number, files and signals. Comes back only if it cannot be started.
fn hand_over(name: &OsStr, arguments: &[impl AsRef<OsStr>]) -> ExitCode {
    let here = match std::env::current_exe() {
        Ok(here) => here,
        Err(error) => {
            eprintln!("error: finding this program's file failed\n  because: {error}");
            return ExitCode::FAILURE;
        }
    };
    let whole = here.with_file_name(WHOLE_PROGRAM);
    let error = Command::new(&whole).arg0(name).args(arguments).exec();
    eprintln!(
        "error: cannot start {}, which belongs beside {}; build it with cargo build --release, or install the engine again\n  \
         because: {error}",
        whole.display(),
        here.display()
    );
    ExitCode::FAILURE
}
