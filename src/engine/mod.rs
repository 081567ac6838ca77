//! The engine process: the same program in a child process of a host (a JVM), so that a crash costs a job, not the host.
//!
//! ```text
//! host: Engine -> Process -- stdin/stdout: frames --> serve: reader thread -> one thread a job -> run
//!                       \__ one shared ring: pixels to the engine, packed objects to the host __/
//! ```
//! The host's half ([`protocol`], [`frame`], [`ring`], [`batch`], [`process`], [`client`]) needs no native library. Neither
//! half ever waits for the other without an end: a silent engine is killed, and an engine whose host is gone ends itself.

pub mod batch;
pub mod client;
pub mod failure;
pub mod frame;
mod inbox;
mod link;
mod log;
pub mod process;
pub mod protocol;
pub mod ring;
pub mod serve;
