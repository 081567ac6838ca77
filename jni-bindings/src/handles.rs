//! Handles are numbers in a table: a stale one is an exception, and work in flight keeps what it works on.

use crate::policy::Fault;
use slidestream::engine::client::{Engine, Job};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What Java holds.
#[derive(Clone)]
enum Held {
    Engine(Arc<Engine>),
    Job(Arc<Job>),
}

#[derive(Default)]
struct Table {
    last: i64,
    held: HashMap<i64, Held>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn table() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(held: Held) -> i64 {
    let mut table = table();
    let table = table.get_or_insert_default();
    table.last += 1;
    table.held.insert(table.last, held);
    table.last
}

/// A new handle.
pub fn keep_engine(engine: Engine) -> i64 {
    keep(Held::Engine(Arc::new(engine)))
}

/// A new handle.
pub fn keep_job(job: Job) -> i64 {
    keep(Held::Job(Arc::new(job)))
}

/// # Errors
/// If it has been closed.
pub fn engine(handle: i64) -> Result<Arc<Engine>, Fault> {
    match table().as_ref().and_then(|table| table.held.get(&handle)) {
        Some(Held::Engine(engine)) => Ok(engine.clone()),
        _ => Err(Fault::Argument("the engine has been closed".into())),
    }
}

/// # Errors
/// If it has been closed.
pub fn job(handle: i64) -> Result<Arc<Job>, Fault> {
    match table().as_ref().and_then(|table| table.held.get(&handle)) {
        Some(Held::Job(job)) => Ok(job.clone()),
        _ => Err(Fault::Argument("the job has been closed".into())),
    }
}

/// Lets go of what a handle stands for; one that was closed already changes nothing.
pub fn close(handle: i64) {
    let held = table().as_mut().and_then(|table| table.held.remove(&handle));
    // Outside the lock: ending an engine takes a while.
    drop(held);
}

/// How many there are.
pub fn count() -> usize {
    table().as_ref().map_or(0, |table| table.held.len())
}
