//! The `slidestream` program; see [`slidestream::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    slidestream::cli::main()
}
