//! The program with every subcommand, which `slidestream` becomes when it needs libtorch; see [`slidestream::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    slidestream::cli::main()
}
