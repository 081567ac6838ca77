//! Pixels that the host hands over.

use super::*;
use slidestream::config::HostImage;

fn image(levels: &[Size]) -> Image {
    let (name, identity) = ("open image".into(), "synthetic 7".into());
    Image::Host(HostImage { name, identity, levels: levels.to_vec(), mpp: Some(0.5) })
}

/// Follows a job, answering with `pixels`.
fn feed(job: &Job, pixels: &image::RgbImage) -> (Vec<Event>, Result<Ending, Failure>) {
    let mut events = Vec::new();
    loop {
        match job.next(SOON).expect("rules").expect("an event") {
            Event::Ended(end) => return (events, end),
            Event::Want(want) => {
                assert_eq!(want.level, 0);
                let part = image::imageops::crop_imm(pixels, want.x, want.y, want.width, want.height).to_image();
                job.answer(want, Ok(part.as_raw())).expect("an engine");
            }
            event => events.push(event),
        }
    }
}

fn outlines(events: &[Event]) -> Vec<Vec<Vec<[f64; 2]>>> {
    batches(events).iter().flat_map(|batch| (0..batch.len()).map(|i| batch.rings(i))).collect()
}

#[test]
fn pixels_from_the_host_give_the_objects_that_the_file_gives() {
    let bench = Bench::new();
    let size = Size::new(900, 700);
    let path = bench.tissue(size);
    let file = bench.engine.begin(Order::Segment(Box::new(order(&nuclei(), Image::File(path))))).unwrap();
    let of_file = outlines(&follow(&file).0);
    let fed = bench.engine.begin(Order::Segment(Box::new(order(&nuclei(), image(&[size]))))).unwrap();
    let (events, end) = feed(&fed, &pixels(size));
    assert!(of_file.len() > 50 && outlines(&events) == of_file, "{} objects", of_file.len());
    let manifest: serde_json::Value = serde_json::from_str(&segmented(end).manifest.unwrap()).unwrap();
    assert_eq!(manifest["input"]["quickhash"], "host:synthetic 7");
}

#[test]
fn a_region_larger_than_a_slot_comes_in_bands() {
    let bench = Bench::new();
    let size = Size::new(1700, 900);
    let mut order = order(&nuclei(), image(&[size]));
    order.config.mpp = Some(0.2);
    let job = bench.engine.begin(Order::Segment(Box::new(order))).unwrap();
    let pixels = pixels(size);
    let mut widest = 0;
    let end = loop {
        match job.next(SOON).unwrap().expect("an event") {
            Event::Ended(end) => break end,
            Event::Want(want) => {
                widest = widest.max(want.width);
                let part = image::imageops::crop_imm(&pixels, want.x, want.y, want.width, want.height).to_image();
                job.answer(want, Ok(part.as_raw())).unwrap();
            }
            _ => {}
        }
    };
    assert!(widest > 1000, "tiles at 0.5 µm are wide at 0.2: {widest}");
    segmented(end);
}

#[test]
fn a_host_that_cannot_read_fails_the_job_in_its_own_words() {
    let bench = Bench::new();
    let model = bench.path("tiny");
    write_package(&model);
    let begin = || bench.engine.begin(Order::Segment(Box::new(order(&model, image(&[Size::new(100, 100)]))))).unwrap();
    let job = begin();
    loop {
        match job.next(SOON).unwrap().expect("an event") {
            Event::Want(want) => job.answer(want, Err("the server is closed".into())).unwrap(),
            Event::Ended(end) => {
                let message = failed(end, FailureKind::Input);
                assert!(message.contains("open image") && message.contains("the server is closed"), "{message}");
                break;
            }
            _ => {}
        }
    }
    // Pixels of the wrong size are no pixels. Several regions are asked for at once, and any may be the first to fail.
    let job = begin();
    let end = loop {
        match job.next(SOON).unwrap().expect("an event") {
            Event::Want(want) => job.answer(want, Ok(&[1, 2, 3])).unwrap(),
            Event::Ended(end) => break end,
            _ => {}
        }
    };
    assert!(failed(end, FailureKind::Input).contains("3 bytes instead of"));
    // A host that leaves a job with regions unanswered does not leave its slots behind.
    for _ in 0..20 {
        drop(begin());
    }
    let job = begin();
    let white = image::RgbImage::from_pixel(100, 100, image::Rgb([255; 3]));
    segmented(feed(&job, &white).1);
    let nothing = bench.engine.begin(Order::Segment(Box::new(order(&model, image(&[]))))).unwrap();
    assert!(failed(follow(&nothing).1, FailureKind::Config).contains("`image.levels`"));
}
