//! What the engine has said about one job and nobody has taken yet. It is bounded: of progress the newest counts, parts of
//! batches and wanted regions hold slots of which there are few, and of too many notes the rest is counted.

use super::protocol::{Ending, Failure, Progress, Want};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Notes that wait at most.
const MOST_NOTES: usize = 256;

/// A part of a batch, in a result slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub slot: u32,
    pub bytes: u32,
    pub last: bool,
}

/// What is next to be taken.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    Want(Want),
    Note(String),
    Part(Part),
    Progress(Progress),
    Ended(Result<Ending, Failure>),
}

/// One job's.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    wants: VecDeque<Want>,
    notes: VecDeque<String>,
    dropped: usize,
    parts: VecDeque<Part>,
    progress: Option<Progress>,
    ended: Option<Result<Ending, Failure>>,
    /// Nobody will take anything more.
    closed: bool,
}

impl Inbox {
    /// Puts something in; hands it back if nobody will take it.
    pub fn put(&self, item: Item) -> Option<Item> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Some(item);
        }
        match item {
            Item::Want(want) => waiting.wants.push_back(want),
            Item::Note(_) if waiting.notes.len() >= MOST_NOTES => waiting.dropped += 1,
            Item::Note(note) => waiting.notes.push_back(note),
            Item::Part(part) => waiting.parts.push_back(part),
            Item::Progress(progress) => waiting.progress = Some(progress),
            Item::Ended(end) => {
                if end.as_ref().is_err_and(|failure| failure.kind == super::protocol::FailureKind::Engine) {
                    // The engine is gone, and with it who would want the pixels and the rest of a batch.
                    waiting.wants.clear();
                    waiting.parts.clear();
                }
                waiting.ended.get_or_insert(end);
            }
        }
        self.came.notify_all();
        None
    }

    /// Takes what is most urgent, the end last of all; waits for it up to `timeout`.
    pub fn take(&self, timeout: Duration) -> Option<Item> {
        let until = Instant::now() + timeout;
        let mut waiting = self.waiting();
        loop {
            if let Some(item) = waiting.next() {
                return Some(item);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            waiting = self.came.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes nothing more: what waits is handed back, and so is what comes.
    pub fn close(&self) -> (Vec<Want>, Vec<Part>, bool) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let (wants, parts) = (std::mem::take(&mut waiting.wants), std::mem::take(&mut waiting.parts));
        (wants.into(), parts.into(), waiting.ended.is_some())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn next(&mut self) -> Option<Item> {
        if let Some(want) = self.wants.pop_front() {
            return Some(Item::Want(want));
        }
        if let Some(note) = self.notes.pop_front() {
            return Some(Item::Note(note));
        }
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            return Some(Item::Note(format!("{dropped} more notes came faster than they were read")));
        }
        if let Some(part) = self.parts.pop_front() {
            return Some(Item::Part(part));
        }
        if let Some(progress) = self.progress.take() {
            return Some(Item::Progress(progress));
        }
        self.ended.clone().map(Item::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_flood_is_bounded_and_the_end_comes_last() {
        let inbox = Inbox::default();
        inbox.put(Item::Ended(Ok(Ending::Devices(Vec::new()))));
        for done in 0..500_000 {
            inbox.put(Item::Progress(Progress { done, ..Default::default() }));
            inbox.put(Item::Note("again".into()));
        }
        let mut notes = Vec::new();
        while let Some(Item::Note(note)) = inbox.take(NOW) {
            notes.push(note);
            if notes.len() == MOST_NOTES + 1 {
                break;
            }
        }
        assert_eq!(notes[MOST_NOTES], format!("{} more notes came faster than they were read", 500_000 - MOST_NOTES));
        assert!(matches!(inbox.take(NOW), Some(Item::Progress(Progress { done: 499_999, .. }))));
        assert!(matches!(inbox.take(NOW), Some(Item::Ended(Ok(_)))));
        assert!(matches!(inbox.take(NOW), Some(Item::Ended(Ok(_)))), "the end can be asked for again");
    }

    #[test]
    fn a_dead_engine_leaves_nothing_to_do_but_its_end() {
        let inbox = Inbox::default();
        inbox.put(Item::Part(Part { slot: 0, bytes: 5, last: true }));
        inbox.put(Item::Ended(Err(Failure::engine("killed"))));
        assert!(matches!(inbox.take(NOW), Some(Item::Ended(Err(_)))));
    }

    #[test]
    fn what_a_closed_inbox_gets_is_handed_back() {
        let inbox = Inbox::default();
        let part = Part { slot: 3, bytes: 5, last: true };
        assert_eq!(inbox.put(Item::Part(part)), None);
        assert_eq!(inbox.close(), (Vec::new(), vec![part], false));
        assert_eq!(inbox.put(Item::Part(part)), Some(Item::Part(part)));
        assert_eq!(inbox.take(NOW), None);
    }
}
