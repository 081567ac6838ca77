//! The command line: one file a subcommand.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Segments whole-slide images and trains the models for it.
#[derive(Debug, Parser)]
#[command(name = "slidestream", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// One variant a subcommand, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {}

/// Parses the process's arguments, runs the subcommand and says how it ended: 0 done, 1 failed, 2 wrong usage,
/// 3 some tiles failed, 130 stopped by Ctrl-C.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {}
}
