//! Stopping a run at any point ends it, with no thread left.

use super::*;

/// Cancels when `stage` reaches tile `at`, and returns how the run ended.
fn cancelled_in(stage: &str, at: u32, lanes: usize, config: StreamConfig) -> Result<Outcome> {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let hook = move |tile: u32| {
        if tile == at {
            token.cancel();
        }
        Ok(())
    };
    let mut probe = Probe { lanes, ..Default::default() };
    match stage {
        "read" => probe.read = Box::new(hook),
        "forward" => probe.forward = Box::new(move |tiles| tiles.iter().try_for_each(|&tile| hook(tile))),
        "vectorize" => probe.vectorize = Box::new(hook),
        "stitch" => probe.stitch = Box::new(hook),
        "write" => probe.write = Box::new(hook),
        other => unreachable!("no stage {other}"),
    }
    probe.run(&flow(5_000, config), &cancel).0
}

#[test]
fn a_run_stopped_in_any_stage_at_any_time_leaves_no_thread() {
    let _alone = alone();
    let tight = StreamConfig { pixel_budget: 2 * 48, prediction_budget: 2 * 16, ..config() };
    for stage in ["read", "forward", "vectorize", "stitch", "write"] {
        for at in [0, 1, 7, 1000] {
            for (lanes, config) in [(1, config()), (3, config()), (1, tight.clone()), (3, tight.clone())] {
                let end = cancelled_in(stage, at, lanes, config);
                assert!(matches!(end, Err(Error::Cancelled)), "{stage} {at}: {end:?}");
                wait_until("the threads are gone", || pipeline_threads().is_empty());
            }
        }
    }
}

#[test]
fn a_run_stopped_before_it_begins_reads_nothing() {
    let _alone = alone();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let probe = Probe::default();
    let begun = probe.begun.clone();
    let (end, written) = probe.run(&flow(100, config()), &cancel);
    assert!(matches!(end, Err(Error::Cancelled)) && written.is_empty());
    assert_eq!(begun.load(Ordering::Acquire), 0);
}

#[test]
fn a_run_stopped_while_every_stage_waits_for_a_stalled_sink_ends_when_the_sink_does() {
    let _alone = alone();
    let cancel = CancellationToken::new();
    let (go_on, stalled) = std::sync::mpsc::channel::<()>();
    let (tell, reached) = std::sync::mpsc::channel::<()>();
    let probe = Probe {
        write: Box::new(move |_| {
            tell.send(()).expect("the test listens");
            stalled.recv().map_err(|_| failure("the test is gone"))
        }),
        ..Default::default()
    };
    let token = cancel.clone();
    let tight = StreamConfig { pixel_budget: 4 * 48, prediction_budget: 4 * 16, ..config() };
    let run = std::thread::spawn(move || probe.run(&flow(500, tight), &token));
    reached.recv().expect("the first tile is written");
    cancel.cancel();
    go_on.send(()).expect("the writer waits");
    let (end, written) = run.join().expect("no panic");
    assert!(matches!(end, Err(Error::Cancelled)), "{end:?}");
    assert_eq!(written.len(), 1, "nothing more is written after the order to stop");
}

#[test]
fn a_caller_s_token_outlives_a_run_that_fails() {
    let _alone = alone();
    let cancel = CancellationToken::new();
    let probe = Probe { read: Box::new(|_| Err(failure("bad luck"))), ..Default::default() };
    assert!(probe.run(&flow(10, config()), &cancel).0.is_err());
    assert!(!cancel.is_cancelled(), "the next slide must still run");
    assert!(Probe::default().run(&flow(10, config()), &cancel).0.is_ok());
}
