//! The files of one slide's result.

use super::findings::Final;
use super::manifest::Counts;
use super::segment::{Planned, no_counts};
use crate::config::{ModelPackage, Output, SegmentConfig, Task};
use crate::error::Result;
use crate::geometry::Scale;
use crate::sink::Sink;
use crate::sink::commit::Attempt;
use crate::sink::geojson::{GeoJsonSink, ObjectType};
use crate::sink::measurements::MeasurementsSink;
use crate::sink::ome_tiff::{ClassGrid, ClassTiffSink};
use crate::sink::overlay::OverlaySink;
use crate::slide::{SlideSource, thumbnail};
use crate::vectorize::measure::NAMES;
use std::sync::Arc;

/// Overlay pixels that a line is wide.
const LINE_PX: f64 = 1.2;

/// All sinks of one slide.
pub(super) struct Outputs {
    sinks: Vec<Box<dyn Sink>>,
    classes: Vec<String>,
    counts: Counts,
}

impl Outputs {
    /// Creates the files that `config` names inside `attempt`.
    ///
    /// # Errors
    /// If one cannot be created.
    pub fn create(
        attempt: &Attempt,
        slide: &Arc<dyn SlideSource>,
        model: &ModelPackage,
        planned: &Planned,
        config: &SegmentConfig,
    ) -> Result<Self> {
        let classes = &model.classes;
        let object_type = match model.task {
            Task::Instances => ObjectType::Detection,
            Task::Regions => ObjectType::Annotation,
        };
        let plan = &planned.plan;
        let core_px = model.core_px();
        let grid = ClassGrid { size: plan.model_size, core_px, mpp: plan.scale.to_base(planned.mpp) };
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for output in &config.outputs {
            sinks.push(match output {
                Output::Objects => {
                    Box::new(GeoJsonSink::create(&attempt.file("objects.geojson"), classes, object_type)?)
                }
                Output::Classes => Box::new(ClassTiffSink::create(&attempt.file("classes.tif"), classes, grid)?),
                Output::Measurements => {
                    let table = attempt.file("measurements.csv");
                    Box::new(MeasurementsSink::create(&table, classes, &NAMES, planned.mpp)?)
                }
                Output::Overlay => {
                    let (slide, edge, size) = (slide.clone(), config.overlay_px, plan.base_size);
                    let picture = move || {
                        let picture = thumbnail(&*slide, edge)?;
                        let edges = [size.width.max(size.height), picture.width().max(picture.height())];
                        Ok((picture, Scale::new(f64::from(edges[0]) / f64::from(edges[1]))))
                    };
                    Box::new(OverlaySink::new(&attempt.file("overlay.png"), Box::new(picture), classes, LINE_PX))
                }
            });
        }
        let counts = no_counts(model, 0.0);
        Ok(Self { sinks, classes: classes.iter().map(|class| class.name.clone()).collect(), counts })
    }

    /// No files: what comes is counted only.
    pub fn none(model: &ModelPackage) -> Self {
        let classes = model.classes.iter().map(|class| class.name.clone()).collect();
        Self { sinks: Vec::new(), classes, counts: no_counts(model, 0.0) }
    }

    /// Hands what is final to every file.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&mut self, last: &Final) -> Result<()> {
        for object in &last.objects {
            self.counts.objects += 1;
            *self.counts.by_class.entry(self.classes[object.class].clone()).or_default() += 1;
        }
        for sink in &mut self.sinks {
            sink.objects(&last.objects)?;
            last.blocks.iter().try_for_each(|block| sink.block(block))?;
        }
        Ok(())
    }

    /// Completes every file.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn finish(self, area_share: f64) -> Result<Counts> {
        self.sinks.into_iter().try_for_each(Sink::finish)?;
        Ok(Counts { area_share, ..self.counts })
    }
}
