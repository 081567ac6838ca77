//! Work on many things at once, with results in the order of the things.

use crate::error::{Error, Result};
use rayon::ThreadPool;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What may be alive at once: made, and its result not yet taken. One thing may always.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub things: usize,
    /// In the unit of `weight`.
    pub weight: u64,
}

/// Makes `count` things one after the other on the calling thread, works on them on the threads of `pool`, and takes the
/// results on the calling thread in the order of the things. So nothing depends on the number of threads.
///
/// # Errors
/// The first that `make`, `work` or `take` reports; what has begun ends first. A panic of `work` is an
/// [`Error::Internal`].
pub(super) fn ordered<T: Send, R: Send>(
    pool: &ThreadPool,
    weights: &[u64],
    most: Most,
    mut make: impl FnMut(usize) -> Result<T>,
    work: impl Fn(T) -> Result<R> + Sync,
    mut take: impl FnMut(usize, R) -> Result<()>,
) -> Result<()> {
    let (sender, receiver) = flume::unbounded();
    let work = &work;
    pool.in_place_scope(|scope| {
        let mut waiting = BTreeMap::new();
        let (mut made, mut taken, mut alive) = (0, 0, 0_u64);
        while taken < weights.len() {
            let fits = |weight: &u64| made == taken || (made - taken < most.things && alive + weight <= most.weight);
            if weights.get(made).is_some_and(fits) {
                let (number, thing, sender) = (made, make(made)?, sender.clone());
                scope.spawn(move |_| {
                    let result = catch_unwind(AssertUnwindSafe(|| work(thing)));
                    let result = result.unwrap_or_else(|_| Err(Error::Internal(format!("work {number} panicked"))));
                    // Nobody listens any more after an error.
                    let _ = sender.send((number, result));
                });
                alive += weights[made];
                made += 1;
            } else {
                let lost = |_| Error::Internal("a thread ended without a result".into());
                let (number, result) = receiver.recv().map_err(lost)?;
                waiting.insert(number, result);
            }
            waiting.extend(receiver.try_iter());
            while let Some(result) = waiting.remove(&taken) {
                take(taken, result?)?;
                alive -= weights[taken];
                taken += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn pool(threads: usize) -> ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn results_come_in_order_and_no_more_is_alive_than_allowed() {
        for threads in [1, 4] {
            let (alive, highest) = (AtomicU64::new(0), AtomicU64::new(0));
            let weights: Vec<u64> = (0..60).map(|i| if i == 30 { 50 } else { 1 + i % 3 }).collect();
            let make = |i: usize| {
                let now = alive.fetch_add(weights[i], Ordering::SeqCst) + weights[i];
                // The one that alone exceeds everything must be alone.
                assert!(i != 30 || now == 50);
                highest.fetch_max(if i == 30 { 0 } else { now }, Ordering::SeqCst);
                Ok(i)
            };
            // Early ones take longest.
            let work = |i: usize| {
                std::thread::sleep(std::time::Duration::from_micros(60 - i as u64));
                Ok(i * i)
            };
            let mut taken = Vec::new();
            let take = |i: usize, square| {
                alive.fetch_sub(weights[i], Ordering::SeqCst);
                taken.push(square);
                Ok(())
            };
            ordered(&pool(threads), &weights, Most { things: 5, weight: 9 }, make, work, take).unwrap();
            assert_eq!(taken, (0..60).map(|i| i * i).collect::<Vec<_>>());
            assert!(highest.load(Ordering::SeqCst) <= 9);
        }
    }

    #[test]
    fn an_error_or_a_panic_anywhere_ends_it() {
        let run = |place: &str| {
            let fail = |here: &str, i: usize| {
                if here == place && i == 3 { Err(Error::Internal(format!("{here} {i}"))) } else { Ok(i) }
            };
            let work = |i| if place == "panic" && i == 3 { panic!("on purpose") } else { fail("work", i) };
            let take = |i, _| fail("take", i).map(drop);
            ordered(&pool(2), &[1; 9], Most { things: 3, weight: 9 }, |i| fail("make", i), work, take)
        };
        for place in ["make", "work", "take"] {
            assert!(run(place).unwrap_err().to_string().contains(&format!("{place} 3")));
        }
        assert!(run("panic").unwrap_err().to_string().contains("work 3 panicked"));
        run("nowhere").unwrap();
    }
}
