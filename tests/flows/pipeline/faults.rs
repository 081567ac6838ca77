//! First error wins; failed tiles are counted; a full device gets smaller batches.

use super::*;

fn error_of(probe: Probe, config: StreamConfig) -> String {
    let _alone = alone();
    let (end, _) = probe.run(&flow(40, config), &CancellationToken::new());
    assert_eq!(pipeline_threads_in_the_end(), Vec::<String>::new());
    end.expect_err("a stage fails").to_string()
}

fn pipeline_threads_in_the_end() -> Vec<String> {
    wait_until("the threads are gone", || pipeline_threads().is_empty());
    pipeline_threads()
}

fn fail_at(at: u32) -> impl Fn(u32) -> Result<()> + Send + Sync + Copy {
    move |tile| if tile == at { Err(failure("bad luck")) } else { Ok(()) }
}

#[test]
fn a_failure_in_any_stage_is_reported_with_stage_slide_tile_and_cause() {
    let at = fail_at(17);
    let some = move |tiles: &[u32]| tiles.iter().try_for_each(|&tile| at(tile));
    let cases: [(&str, Probe); 5] = [
        ("reading", Probe { read: Box::new(at), ..Default::default() }),
        ("model", Probe { forward: Box::new(some), ..Default::default() }),
        ("vectorizing", Probe { vectorize: Box::new(at), ..Default::default() }),
        ("stitching", Probe { stitch: Box::new(at), ..Default::default() }),
        ("writing", Probe { write: Box::new(at), ..Default::default() }),
    ];
    for (stage, probe) in cases {
        let expected = format!("{stage} failed for tile 17 (column 17, row 0) of slide.svs: internal error: bad luck");
        assert_eq!(error_of(probe, config()), expected);
    }
}

#[test]
fn a_panic_in_any_stage_is_reported_like_a_failure() {
    let at = |tile: u32| if tile == 5 { panic!("an index is out of range") } else { Ok(()) };
    let cases: [(&str, Probe); 5] = [
        ("reading", Probe { read: Box::new(at), ..Default::default() }),
        ("model", Probe { forward: Box::new(move |t| t.iter().try_for_each(|&t| at(t))), ..Default::default() }),
        ("vectorizing", Probe { vectorize: Box::new(at), ..Default::default() }),
        ("stitching", Probe { stitch: Box::new(at), ..Default::default() }),
        ("writing", Probe { write: Box::new(at), ..Default::default() }),
    ];
    for (stage, probe) in cases {
        let error = error_of(probe, config());
        assert!(error.starts_with(&format!("{stage} failed for tile 5 ")), "{error}");
        assert!(error.ends_with("panicked: an index is out of range"), "{error}");
    }
}

#[test]
fn a_failure_stops_the_tiles_that_are_not_yet_read() {
    let _alone = alone();
    let probe = Probe { read: Box::new(fail_at(0)), ..Default::default() };
    let begun = probe.begun.clone();
    let (end, written) = probe.run(&flow(10_000, config()), &CancellationToken::new());
    assert!(end.is_err() && written.is_empty());
    let begun = begun.load(Ordering::Acquire);
    assert!(begun < 1000, "{begun} of 10000 tiles were read after the first had failed");
}

#[test]
fn tolerated_failures_leave_holes_and_are_listed() {
    let _alone = alone();
    let some = |tiles: &[u32]| tiles.iter().try_for_each(|&tile| fail_at(8)(tile));
    let probe = Probe {
        read: Box::new(fail_at(3)),
        forward: Box::new(some),
        vectorize: Box::new(fail_at(21)),
        ..Default::default()
    };
    let config = StreamConfig { max_failed_tiles: 0.075, batch: 4, ..config() };
    let (end, written) = probe.run(&flow(40, config), &CancellationToken::new());
    let failed = end.expect("three of forty may fail").failed;
    let listed: Vec<_> = failed.iter().map(|tile| (tile.tile, tile.stage, tile.cause.as_str())).collect();
    let cause = "internal error: bad luck";
    assert_eq!(listed, [(3, "reading", cause), (8, "model", cause), (21, "vectorizing", cause)]);
    let holes: Vec<_> = written.iter().filter(|(_, found)| !found).map(|(tile, _)| *tile).collect();
    assert_eq!((written.len(), holes), (40, vec![3, 8, 21]));
}

#[test]
fn one_failure_more_than_tolerated_ends_the_run() {
    let probe = Probe {
        read: Box::new(|tile| if tile % 10 == 1 { Err(failure("bad luck")) } else { Ok(()) }),
        ..Default::default()
    };
    let error = error_of(probe, StreamConfig { max_failed_tiles: 0.05, readers: 1, ..config() });
    let expected = "3 of 40 tiles of slide.svs failed, and `--max-failed-tiles` lets 2 pass; the first: reading failed for tile 1 ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_failure_to_write_is_never_tolerated() {
    let probe = Probe { write: Box::new(fail_at(2)), ..Default::default() };
    let error = error_of(probe, StreamConfig { max_failed_tiles: 1.0, ..config() });
    assert!(error.starts_with("writing failed for tile 2"), "{error}");
}

fn out_of_memory_above(most: usize) -> impl Fn(&[u32]) -> Result<()> + Send + Sync {
    move |tiles| match tiles.len() {
        batch if batch > most => Err(Error::OutOfDeviceMemory { device: "cuda:0".into(), batch }),
        _ => Ok(()),
    }
}

#[test]
fn a_full_device_halves_the_batch_goes_on_and_says_so() {
    let _alone = alone();
    for lanes in [1, 3] {
        halves_with(lanes);
    }
}

fn halves_with(lanes: usize) {
    let probe = Probe { lanes, forward: Box::new(out_of_memory_above(3)), ..Default::default() };
    let (end, written) = probe.run(&flow(48, StreamConfig { batch: 16, ..config() }), &CancellationToken::new());
    let outcome = end.expect("a batch of two fits");
    assert_eq!((outcome.batch, outcome.failed.len()), (2, 0));
    assert_eq!(outcome.warnings.len(), 3, "{:?}", outcome.warnings);
    assert_eq!(outcome.warnings[2], "device `cuda:0` ran out of memory with a batch of 4; went on with 2");
    assert_eq!(written, (0..48).map(|tile| (tile, true)).collect::<Vec<_>>());
}

#[test]
fn a_device_too_small_for_one_tile_is_an_error_with_the_tile() {
    let probe = Probe { forward: Box::new(out_of_memory_above(0)), ..Default::default() };
    let error = error_of(probe, config());
    assert!(error.starts_with("model failed for tile 0"), "{error}");
    assert!(error.contains("device `cuda:0` is out of memory with a batch of 1"), "{error}");
}
