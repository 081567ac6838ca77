//! Bytes in flight: a budget hands out permits, and a permit rides with the data that it pays for.
//!
//! The protocol has two rules, and `tests/flows/permits.rs` explores this file under a model checker with both of
//! them kept and with each of them broken:
//! 1. A permit is taken before the bytes exist and before the work is handed out, never after it has been received:
//!    else the permits end up with tiles that wait behind the taker.
//! 2. One task takes the permits, in plan order. Then the tile that everything downstream waits for always has one.
//!
//! Permits are granted first come, first served, so that a large request is not starved by small ones.
//! The tests are all in that file, since this one is compiled twice.

use super::error::{Error, Result};
use super::sync::{Arc, Mutex};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

/// A bounded number of bytes that may be alive at once between two stages of one job.
#[derive(Debug, Clone)]
pub struct Budget {
    name: &'static str,
    total: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: u64,
    closed: bool,
    next_ticket: u64,
    /// Who waits, first come first; only the first may take.
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    waker: Waker,
}

/// The right to hold some bytes; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    bytes: u64,
    state: Arc<Mutex<State>>,
}

impl Budget {
    /// A budget of `bytes`, named as the option that sets it.
    pub fn bytes(name: &'static str, bytes: u64) -> Self {
        let state = State { free: bytes, closed: false, next_ticket: 0, queue: VecDeque::new() };
        Self { name, total: bytes, state: Arc::new(Mutex::new(state)) }
    }

    /// Waits until `bytes` are free and takes them. Dropping the future while it waits gives up its place.
    ///
    /// # Errors
    /// [`Error::Config`] if the whole budget is smaller than `bytes`; [`Error::Cancelled`] after [`Budget::close`].
    pub async fn take(&self, bytes: u64) -> Result<Permit> {
        if bytes > self.total {
            let reason = format!("one piece of work needs {bytes} bytes, so the job could never go on; raise it");
            return Err(Error::config(self.name, self.total, reason));
        }
        Take { budget: self, bytes, ticket: None }.await
    }

    /// Wakes every waiter with [`Error::Cancelled`]; permits that are out stay valid.
    pub fn close(&self) {
        let waiters = {
            let mut state = lock(&self.state);
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        waiters.into_iter().for_each(|waiter| waiter.waker.wake());
    }

    /// Bytes that nobody holds.
    pub fn free(&self) -> u64 {
        lock(&self.state).free
    }

    /// Bytes of the whole budget.
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl Permit {
    /// Bytes that this permit stands for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back all but `bytes`, for work that needs less room once it is done. More than it holds changes nothing.
    pub fn shrink_to(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        release(&self.state, excess);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        release(&self.state, self.bytes);
    }
}

/// The waiting half of [`Budget::take`].
struct Take<'a> {
    budget: &'a Budget,
    bytes: u64,
    ticket: Option<u64>,
}

impl Future for Take<'_> {
    type Output = Result<Permit>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = &self.budget.state;
        let mut state = lock(shared);
        if state.closed {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let first = state.queue.front().map(|waiter| waiter.ticket) == self.ticket;
        if first && state.free >= self.bytes {
            state.free -= self.bytes;
            state.queue.pop_front();
            // What is left may do for the next in line.
            let next = state.first_waker();
            drop(state);
            self.ticket = None;
            next.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(Permit { bytes: self.bytes, state: self.budget.state.clone() }));
        }
        let waker = context.waker().clone();
        match self.ticket {
            Some(ticket) => {
                if let Some(waiter) = state.queue.iter_mut().find(|waiter| waiter.ticket == ticket) {
                    waiter.waker = waker;
                }
            }
            None => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                state.queue.push_back(Waiter { ticket, waker });
                drop(state);
                self.ticket = Some(ticket);
            }
        }
        Poll::Pending
    }
}

impl Drop for Take<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = lock(&self.budget.state);
        state.queue.retain(|waiter| waiter.ticket != ticket);
        // If this one stood first it may have been woken in vain: pass the word on.
        let next = state.first_waker();
        drop(state);
        next.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn first_waker(&self) -> Option<Waker> {
        self.queue.front().map(|waiter| waiter.waker.clone())
    }
}

fn lock(state: &Mutex<State>) -> impl std::ops::DerefMut<Target = State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn release(state: &Mutex<State>, bytes: u64) {
    let mut state = lock(state);
    state.free += bytes;
    let first = state.first_waker();
    drop(state);
    first.into_iter().for_each(Waker::wake);
}
