//! One slide of a host.

use super::desk::{Desk, Stop};
use super::models::wait_for;
use super::observe::ToHost;
use super::pixels::hosted;
use crate::config::{SegmentConfig, StreamConfig};
use crate::engine::protocol::{Image, JobId, SegmentOrder, Segmented};
use crate::error::{Error, Result};
use crate::run::manifest::Manifest;
use crate::run::segment::{Done, Run, with_tiles};
use crate::slide::{self, Limits, SlideSource};
use std::sync::Arc;

/// # Errors
/// The first error of any stage.
pub(super) fn segment(desk: &Arc<Desk>, job: JobId, stop: &Stop, order: SegmentOrder) -> Result<Segmented> {
    if order.batch == Some(0) {
        return Err(Error::config("batch", 0, "must be 1 or more"));
    }
    let slide: Arc<dyn SlideSource> = match order.image {
        Image::File(path) => slide::open(&path, &Limits::default())?,
        Image::Host(image) => Arc::new(hosted(desk, job, stop, image)?),
    };
    let model = desk.models.get(&order.model, stop)?;
    let mut loaded = wait_for(&model, stop)?;
    let batch = order.batch.unwrap_or_else(|| loaded.lanes.engine().usual_batch());
    let config = SegmentConfig { stream: StreamConfig { batch, ..order.config.stream }, ..order.config };
    let observer = ToHost::new(desk, job, stop);
    let mut run = Run {
        model: with_tiles(loaded.package.clone(), &config)?,
        lanes: &mut loaded.lanes,
        config,
        force: order.force,
        cancel: stop.token.clone(),
        observer: &observer,
    };
    match order.out {
        None => run.stream(slide).and_then(|manifest| done(&manifest)),
        Some(place) => match run.slide(slide, &place)? {
            Done::Written(manifest) => done(&manifest),
            Done::Skipped(why) => Ok(Segmented { objects: 0, manifest: None, skipped: Some(why) }),
        },
    }
}

fn done(manifest: &Manifest) -> Result<Segmented> {
    let text = String::from_utf8(manifest.to_json()?).map_err(Error::compute("writing the manifest"))?;
    Ok(Segmented { objects: manifest.counts.objects, manifest: Some(text), skipped: None })
}
