//! The host's door to the engine: starts one when a job needs it, and another one when that died.

use super::batch::Batch;
use super::inbox::{Inbox, Item};
use super::link::Link;
use super::process::{EngineOptions, Process};
use super::protocol::{Ending, Failure, JobId, Order, Progress, ToEngine, Want};
use super::ring::Slot;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Starts and keeps one engine process for all of a host's jobs.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    process: Mutex<Option<Arc<Process>>>,
}

/// What happens in a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Read this region and [`Job::answer`]; the engine waits for it.
    Want(Want),
    /// Something that the user should know.
    Note(String),
    /// Objects that are final.
    Objects(Batch),
    /// How far it is.
    Progress(Progress),
    /// It is over; the same answer comes ever after.
    Ended(Result<Ending, Failure>),
}

/// A job of an engine. Dropping it stops the job.
#[derive(Debug)]
pub struct Job {
    id: JobId,
    inbox: Arc<Inbox>,
    link: Arc<Link>,
    /// Parts of a batch whose end has not come.
    parts: Mutex<Vec<u8>>,
}

impl Engine {
    /// Nothing is started before the first job.
    pub fn new(options: EngineOptions) -> Self {
        Self { options, process: Mutex::new(None) }
    }

    /// Begins a job, in the running engine or in a new one.
    ///
    /// # Errors
    /// [`Failure`] of the kind `Engine` if none can be started.
    pub fn begin(&self, order: Order) -> Result<Job, Failure> {
        // An engine may end, idle or killed, between the question and the order: then a fresh one gets it.
        for _ in 0..3 {
            let process = self.running()?;
            match process.begin(order.clone()) {
                Ok((id, inbox, link)) => return Ok(Job { id, inbox, link, parts: Mutex::default() }),
                Err(_) if !process.takes_jobs() => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::engine("three engines in a row ended before they took a job; their logs tell more"))
    }

    /// Does what needs no conversation, such as [`Order::Devices`].
    ///
    /// # Errors
    /// Why the job failed.
    pub fn ask(&self, order: Order) -> Result<Ending, Failure> {
        let job = self.begin(order)?;
        loop {
            if let Some(Event::Ended(end)) = job.next(Duration::from_secs(1))? {
                return end;
            }
        }
    }

    /// Process id of the engine, if one is running.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().filter(|process| process.death().is_none()).map(|process| process.pid())
    }

    /// Log of the engine that runs or ran last.
    pub fn log(&self) -> Option<PathBuf> {
        self.process().as_ref().map(|process| process.log().to_owned())
    }

    /// Stops all jobs and ends the engine, which gives back all memory; the next job starts another one.
    pub fn shutdown(&self) {
        let process = self.process().take();
        // The last one to drop it waits for its end.
        drop(process);
    }

    fn running(&self) -> Result<Arc<Process>, Failure> {
        let mut process = self.process();
        match &*process {
            Some(running) if running.takes_jobs() => Ok(running.clone()),
            _ => {
                let fresh = Arc::new(Process::start(&self.options)?);
                *process = Some(fresh.clone());
                Ok(fresh)
            }
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// What happens next; none if nothing does within `timeout`. To be called from one thread at a time.
    ///
    /// # Errors
    /// [`Failure`] if the engine breaks the rules.
    pub fn next(&self, timeout: Duration) -> Result<Option<Event>, Failure> {
        let until = Instant::now() + timeout;
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(item) = self.inbox.take(until.saturating_duration_since(Instant::now())) else { return Ok(None) };
            return Ok(Some(match item {
                Item::Want(want) => Event::Want(want),
                Item::Note(note) => Event::Note(note),
                Item::Progress(progress) => Event::Progress(progress),
                Item::Ended(end) => Event::Ended(end),
                Item::Part(part) => {
                    let read = self.link.ring.read(Slot::Result(part.slot), part.bytes as usize, &mut parts);
                    read.map_err(|error| Failure::engine(error.to_string()))?;
                    // An engine that has died meanwhile shows as the job's end.
                    let _ = self.link.send(&ToEngine::Release(part.slot));
                    if !part.last {
                        continue;
                    }
                    Event::Objects(Batch::new(std::mem::take(&mut parts)).map_err(Failure::engine)?)
                }
            }));
        }
    }

    /// Answers [`Event::Want`] with RGB8 pixels, row by row without padding, or with why there are none. Any thread may.
    ///
    /// # Errors
    /// [`Failure`] if the engine is gone.
    pub fn answer(&self, want: Want, pixels: Result<&[u8], String>) -> Result<(), Failure> {
        self.link.answer(want, pixels)
    }

    /// Stops it; its end tells whether that came in time. Any thread may.
    pub fn cancel(&self) {
        // An engine that is gone has no job to stop.
        let _ = self.link.send(&ToEngine::Cancel(self.id));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let (wants, parts, ended) = self.inbox.close();
        if !ended {
            self.cancel();
        }
        wants.into_iter().for_each(|want| self.link.refuse(Some(want), None));
        parts.into_iter().for_each(|part| self.link.refuse(None, Some(part)));
    }
}
