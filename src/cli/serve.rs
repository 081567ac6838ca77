//! `slidestream engine`: serves a host, such as the JVM library; not for people.

use crate::engine::serve::serve;
use crate::error::Result;
use std::process::ExitCode;

/// Serves the process that started this one over standard input and output, until that one ends.
///
/// The JVM library starts this by itself; see docs/jvm.md.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  java -Dslidestream.engine=/opt/slidestream/slidestream -jar my-program.jar")]
pub struct ServeArgs {
    /// Process id of the host, which must be this process's parent.
    #[arg(long, value_name = "PID")]
    host: u32,
}

/// Runs the subcommand; it ends the process itself when the host is gone.
///
/// # Errors
/// If there is no host to serve.
pub fn run(args: ServeArgs) -> Result<ExitCode> {
    serve(args.host).map(|()| ExitCode::SUCCESS)
}
