//! The permit protocol under a model checker: `src/budget.rs` itself, compiled on shuttle's instrumented mutex, in a
//! pipeline of the same shape as `stream::pipeline`: admission, readers, an ordering batcher, lanes of the model, an
//! ordering writer.

#[allow(dead_code)] // the program uses more of it than this model
#[path = "../../src/budget.rs"]
mod budget;

use budget::{Budget, Permit};
use shuttle::future::block_on;
use shuttle::sync::mpsc::{Receiver, sync_channel};
use slidestream::error;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What `budget.rs` imports as `super::sync`.
mod sync {
    pub use shuttle::sync::{Arc, Mutex};
}
use sync::{Arc, Mutex};

const SCHEDULES: usize = 10_000;
/// Places where a schedule may preempt.
const DEPTH: usize = 4;
const READERS: usize = 2;
const LANES: usize = 2;
const TILES: u32 = 5;

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    /// One task takes the permits in plan order and hands them out with the work.
    BeforeHandingOut,
    /// Each reader takes one when it has received its work.
    AfterReceiving,
}

#[derive(Clone, Copy, PartialEq)]
enum Turn {
    /// A lane takes a batch and room for its answers before the next lane takes anything.
    Held,
    /// A lane takes room when it has its batch, whoever else wants room.
    Free,
}

fn receive<T>(shared: &Mutex<Receiver<T>>) -> Option<T> {
    shared.lock().expect("no panic").recv().ok()
}

/// Sends all tiles through; every tile weighs one byte in both budgets.
fn pipeline(taken: Taken, turn: Turn, batch: usize, bytes: u64) {
    let pixels = Budget::bytes("--pixel-budget", bytes);
    let predictions = Budget::bytes("--prediction-budget", batch as u64);
    let (work, to_read) = sync_channel::<(u32, Option<Permit>)>(1);
    let (read, to_batch) = sync_channel::<(u32, Permit)>(1);
    let (batches, to_model) = sync_channel::<Vec<(u32, Permit)>>(1);
    let (results, to_write) = sync_channel::<(u32, Permit)>(1);

    let budget = pixels.clone();
    let admission = shuttle::thread::spawn(move || {
        for tile in 0..TILES {
            let permit = (taken == Taken::BeforeHandingOut).then(|| block_on(budget.take(1)).expect("open"));
            work.send((tile, permit)).expect("readers listen");
        }
    });
    let to_read = Arc::new(Mutex::new(to_read));
    for _ in 0..READERS {
        let (to_read, read, budget) = (to_read.clone(), read.clone(), pixels.clone());
        shuttle::thread::spawn(move || {
            while let Some((tile, permit)) = receive(&to_read) {
                let permit = permit.unwrap_or_else(|| block_on(budget.take(1)).expect("open"));
                read.send((tile, permit)).expect("the batcher listens");
            }
        });
    }
    drop(read);
    shuttle::thread::spawn(move || {
        let (mut early, mut full, mut next) = (BTreeMap::new(), Vec::new(), 0);
        while let Ok((tile, permit)) = to_batch.recv() {
            early.insert(tile, permit);
            while let Some(permit) = early.remove(&next) {
                full.push((next, permit));
                next += 1;
                if full.len() == batch || next == TILES {
                    batches.send(std::mem::take(&mut full)).expect("the model listens");
                }
            }
        }
    });
    let to_model = Arc::new(Mutex::new(to_model));
    let taking = Arc::new(Mutex::new(()));
    for _ in 0..LANES {
        let (to_model, taking, budget, results) =
            (to_model.clone(), taking.clone(), predictions.clone(), results.clone());
        shuttle::thread::spawn(move || {
            loop {
                let held = (turn == Turn::Held).then(|| taking.lock().expect("no panic"));
                let Some(batch) = receive(&to_model) else { break };
                let answers: Vec<_> = batch.iter().map(|_| block_on(budget.take(1)).expect("open")).collect();
                drop(held);
                for ((tile, pixels), answer) in batch.into_iter().zip(answers) {
                    drop(pixels);
                    results.send((tile, answer)).expect("the writer listens");
                }
            }
        });
    }
    drop(results);
    let (mut early, mut written) = (BTreeMap::new(), Vec::new());
    while let Ok((tile, answer)) = to_write.recv() {
        early.insert(tile, answer);
        while early.remove(&(written.len() as u32)).is_some() {
            written.push(written.len() as u32);
        }
    }
    admission.join().expect("no panic");
    assert_eq!(written, (0..TILES).collect::<Vec<_>>());
    assert_eq!((pixels.free(), predictions.free()), (pixels.total(), predictions.total()));
}

/// Explores `model` and returns what the checker found, if anything.
fn found(model: impl Fn() + Send + Sync + std::panic::UnwindSafe + 'static) -> Option<String> {
    let outcome = std::panic::catch_unwind(|| shuttle::check_pct(model, SCHEDULES, DEPTH));
    outcome.err().map(|panic| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().map_or_else(|_| "a panic".into(), |message| message.to_string()),
    })
}

#[test]
fn permits_taken_before_handing_out_never_deadlock_even_with_one_batch_of_room() {
    assert_eq!(found(|| pipeline(Taken::BeforeHandingOut, Turn::Held, 2, 2)), None);
    assert_eq!(found(|| pipeline(Taken::BeforeHandingOut, Turn::Held, 2, 3)), None);
}

#[test]
fn the_checker_finds_the_deadlock_of_permits_taken_after_receiving() {
    let message = found(|| pipeline(Taken::AfterReceiving, Turn::Held, 2, 2)).expect("this protocol is wrong");
    assert!(message.contains("deadlock"), "{message}");
}

#[test]
fn the_checker_finds_the_deadlock_of_lanes_that_take_room_out_of_turn() {
    let message = found(|| pipeline(Taken::BeforeHandingOut, Turn::Free, 2, 4)).expect("this protocol is wrong");
    assert!(message.contains("deadlock"), "{message}");
}

#[test]
fn the_checker_finds_the_deadlock_of_a_budget_smaller_than_a_batch() {
    let message =
        found(|| pipeline(Taken::BeforeHandingOut, Turn::Held, 3, 2)).expect("validate refuses this for a reason");
    assert!(message.contains("deadlock"), "{message}");
}

/// Takes `bytes`, but gives up at the first wait.
fn take_or_leave(budget: &Budget, bytes: u64) -> Option<Permit> {
    match pin!(budget.take(bytes)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(permit) => Some(permit.expect("open")),
        Poll::Pending => None,
    }
}

/// Takes `bytes`, waits through one wake-up for them, then gives up.
async fn take_impatiently(budget: &Budget, bytes: u64) -> Option<Permit> {
    let mut take = pin!(budget.take(bytes));
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match take.as_mut().poll(context) {
            Poll::Ready(permit) => Poll::Ready(Some(permit.expect("open"))),
            Poll::Pending if polls > 1 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn no_permit_and_no_wake_up_is_lost_when_waiters_give_up() {
    let model = || {
        let budget = Budget::bytes("--pixel-budget", 3);
        let patient = [1, 3, 2].map(|bytes| {
            let budget = budget.clone();
            shuttle::thread::spawn(move || {
                let mut permit = block_on(budget.take(bytes)).expect("open");
                permit.shrink_to(1);
            })
        });
        let others = [2, 3].map(|bytes| {
            let budget = budget.clone();
            shuttle::thread::spawn(move || {
                drop(take_or_leave(&budget, bytes));
                drop(block_on(take_impatiently(&budget, bytes)));
            })
        });
        patient.into_iter().chain(others).for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(budget.free(), budget.total());
    };
    assert_eq!(found(model), None);
}

#[test]
fn one_release_serves_every_waiter_that_it_has_room_for() {
    let model = || {
        let budget = Budget::bytes("--pixel-budget", 2);
        let large = block_on(budget.take(2)).expect("open");
        let together = Arc::new(shuttle::sync::Barrier::new(2));
        let small = [1, 1].map(|bytes| {
            let (budget, together) = (budget.clone(), together.clone());
            shuttle::thread::spawn(move || {
                let _permit = block_on(budget.take(bytes)).expect("open");
                together.wait(); // held until the other one has its own
            })
        });
        drop(large);
        small.into_iter().for_each(|thread| thread.join().expect("no panic"));
    };
    assert_eq!(found(model), None);
}

#[test]
fn closing_at_any_moment_ends_every_waiter_and_loses_nothing() {
    let model = || {
        let budget = Budget::bytes("--pixel-budget", 2);
        let takers = [2, 1, 2].map(|bytes| {
            let budget = budget.clone();
            shuttle::thread::spawn(move || match block_on(budget.take(bytes)) {
                Ok(permit) => assert_eq!(permit.bytes(), bytes),
                Err(error) => assert!(matches!(error, error::Error::Cancelled), "{error}"),
            })
        });
        budget.close();
        takers.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(budget.free(), 2);
    };
    assert_eq!(found(model), None);
}

/// The same file as the program compiles it.
mod alone {
    use slidestream::Error;
    use slidestream::budget::{Budget, Permit};
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn taken(poll: Poll<slidestream::Result<Permit>>) -> Permit {
        match poll {
            Poll::Ready(Ok(permit)) => permit,
            other => panic!("no permit: {other:?}"),
        }
    }

    #[test]
    fn a_request_waits_until_its_bytes_are_free() {
        let budget = Budget::bytes("--pixel-budget", 100);
        let first = taken(poll(pin!(budget.take(60))));
        let mut second = pin!(budget.take(60));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(taken(poll(second)).bytes(), 60);
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn a_small_request_does_not_overtake_a_large_one() {
        let budget = Budget::bytes("--pixel-budget", 100);
        let held = taken(poll(pin!(budget.take(50))));
        let mut large = pin!(budget.take(80));
        let mut small = pin!(budget.take(10));
        assert!(poll(large.as_mut()).is_pending());
        assert!(poll(small.as_mut()).is_pending(), "50 bytes are free, but 80 were asked for first");
        drop(held);
        let large = taken(poll(large));
        assert_eq!(taken(poll(small)).bytes() + large.bytes() + budget.free(), 100);
    }

    #[test]
    fn a_shrunk_permit_gives_the_rest_back_once() {
        let budget = Budget::bytes("--pixel-budget", 100);
        let mut permit = taken(poll(pin!(budget.take(70))));
        permit.shrink_to(20);
        permit.shrink_to(90);
        assert_eq!((permit.bytes(), budget.free()), (20, 80));
        drop(permit);
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn an_impossible_request_names_the_option() {
        let budget = Budget::bytes("--pixel-budget", 100);
        let Poll::Ready(Err(error)) = poll(pin!(budget.take(101))) else { panic!("must fail at once") };
        assert!(error.to_string().contains("`--pixel-budget` is 100"), "{error}");
    }

    #[test]
    fn closing_ends_every_wait() {
        let budget = Budget::bytes("--pixel-budget", 10);
        let held = taken(poll(pin!(budget.take(10))));
        let mut waiting = pin!(budget.take(1));
        assert!(poll(waiting.as_mut()).is_pending());
        budget.close();
        assert!(matches!(poll(waiting), Poll::Ready(Err(Error::Cancelled))));
        drop(held);
        assert_eq!(budget.free(), 10);
    }
}
