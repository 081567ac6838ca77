//! A sink that stalls stops the readers, after exactly as many tiles as there are places to wait in.

use super::*;
use std::sync::mpsc;

/// Tiles begun when the writer stalls at the first tile and nothing moves any more; then lets the run end.
fn tiles_begun_behind_a_stalled_sink(config: StreamConfig, expected: u32) -> u32 {
    let _alone = alone();
    let (go_on, stalled) = mpsc::channel::<()>();
    let probe = Probe {
        write: Box::new(move |tile| {
            if tile == 0 {
                stalled.recv().expect("the test lets it go on");
            }
            Ok(())
        }),
        ..Default::default()
    };
    let begun = probe.begun.clone();
    let run = std::thread::spawn(move || probe.run(&flow(200, config), &CancellationToken::new()));
    wait_until("the expected number of tiles is read", || begun.load(Ordering::Acquire) >= expected);
    // Time for a tile too many to show itself.
    std::thread::sleep(Duration::from_millis(200));
    let at_rest = begun.load(Ordering::Acquire);
    go_on.send(()).expect("the writer waits");
    let (end, written) = run.join().expect("no panic");
    assert!(end.is_ok() && written.len() == 200, "it goes on where it stalled");
    at_rest
}

#[test]
fn a_stalled_sink_stops_the_readers_when_both_budgets_are_full() {
    // 4 predictions that are not written, and 6 tiles with pixels that wait for a prediction's place.
    let config = StreamConfig { prediction_budget: 4 * 16, pixel_budget: 6 * 48, ..config() };
    assert_eq!(tiles_begun_behind_a_stalled_sink(config, 4 + 6), 4 + 6);
}

#[test]
fn a_stalled_sink_stops_the_readers_when_the_prediction_budget_is_full_and_pixels_have_room() {
    // batch 2, one reader: no place but these can hold a tile.
    let config = StreamConfig { readers: 1, prediction_budget: 4 * 16, ..config() };
    let predicted = 4;
    let model = 2; // a batch that waits for room among the predictions
    let ready = 2; // a batch in the channel before the model
    let batcher = 2; // a full batch in the batcher's hands
    let channel = 1; // a tile in the channel before the batcher
    let reader = 1; // a tile in the reader's hands
    let slots = predicted + model + ready + batcher + channel + reader;
    assert_eq!(tiles_begun_behind_a_stalled_sink(config, slots), slots);
}

#[test]
fn without_any_byte_limit_the_channels_alone_stop_the_readers() {
    let config = StreamConfig { readers: 1, vectorizers: 1, ..config() };
    let writer = 1;
    let before_writer = 16;
    let stitcher = 1;
    let before_stitcher = 16;
    let vectorizer = 1;
    let before_vectorizer = 4; // two batches
    let model = 1; // 39 tiles lie behind it: of the twentieth batch, one tile is still in its hands
    let ready = 2;
    let batcher = 2;
    let before_batcher = 1;
    let reader = 1;
    let behind = writer + before_writer + stitcher + before_stitcher + vectorizer + before_vectorizer;
    let slots = behind + model + ready + batcher + before_batcher + reader;
    assert_eq!(tiles_begun_behind_a_stalled_sink(config, slots), slots);
}
