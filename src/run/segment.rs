//! Segments slides, one after the other, with one model.

use super::findings::{Final, Finder};
use super::manifest::{
    self, Counts, FORMAT, InputRecord, Manifest, ModelRecord, Phases, SlideRecord, Status, TileRecord,
};
use super::outputs::Outputs;
use super::places::{Occupant, occupant};
use super::stains;
use super::stoppable::Stoppable;
use crate::config::{Area, ModelPackage, SegmentConfig, TileBytes};
use crate::data::geojson::{AnnotationLimits, Annotations};
use crate::data::stain::Stains;
use crate::error::{Error, Result};
use crate::grid::{TilePlan, TissueMask, detect_tissue};
use crate::infer::lanes::Lanes;
use crate::sink::commit::{self, Attempt};
use crate::slide::{self, SlideSource};
use crate::stream::stats::{Stats, peak_rss_mb, process_age_s};
use crate::stream::{
    self, CancellationToken, Flow, Forward, Outcome, ReadTile, Stages, expect_rows, read_tile, tile_bytes,
};
use crate::tile::{Object, Outline, ProbabilityMaps, Tile};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Is told how a run goes on.
pub trait Observer: Sync {
    /// The plan of a slide is made.
    fn begun(&self, slide: &Path, tiles: u32);
    /// One more tile's results are written.
    fn tile(&self, stats: &Stats);
    /// Something that the user should know.
    fn note(&self, slide: &Path, text: &str);
    /// These objects are final. They come in batches, in plan order, while the files are still being written.
    ///
    /// # Errors
    /// An error ends the run.
    fn objects(&self, objects: &[Object]) -> Result<()> {
        let _unwatched = objects;
        Ok(())
    }
}

/// How a slide's run ended well.
#[derive(Debug, Clone)]
pub enum Done {
    /// The result is in place.
    Written(Box<Manifest>),
    /// There is a result already; why it was left as it is.
    Skipped(String),
}

/// What is the same for all slides of a run.
pub struct Run<'a> {
    /// The model's description, with tile and halo as they are used; see [`with_tiles`].
    pub model: ModelPackage,
    /// The model itself.
    pub lanes: &'a mut Lanes,
    /// What to do.
    pub config: SegmentConfig,
    /// Replace results that are there.
    pub force: bool,
    /// Stops the run.
    pub cancel: CancellationToken,
    /// Is told how it goes on.
    pub observer: &'a dyn Observer,
}

/// The model's description with the tile and halo of `config` instead of its own.
///
/// # Errors
/// [`Error::Config`] if they leave no core or one that the network cannot take.
pub fn with_tiles(mut model: ModelPackage, config: &SegmentConfig) -> Result<ModelPackage> {
    config.validate()?;
    model.input.tile_px = config.tile_px.unwrap_or(model.input.tile_px);
    model.input.halo_px = config.halo_px.unwrap_or(model.input.halo_px);
    model.validate()?;
    Ok(model)
}

/// A slide's plan: where to look, and in which tiles.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Micrometres per level-0 pixel.
    pub mpp: f64,
    /// The tiles.
    pub plan: Arc<TilePlan>,
    /// Share of the slide that is looked at, 0 to 1.
    pub area_share: f64,
    /// How the area came about, and what is amiss with the stains.
    pub notes: Vec<String>,
    /// The slide's stains, for a model that sees these.
    pub stains: Option<Stains>,
    /// The area to look at.
    pub area: Arc<TissueMask>,
}

/// Finds the area to look at, plans its tiles and measures the stains in them if the model sees stains.
///
/// # Errors
/// [`Error::Property`] if the slide does not say its resolution and `config` neither; errors of reading the slide or the
/// annotations.
pub fn plan(slide: &dyn SlideSource, model: &ModelPackage, config: &SegmentConfig) -> Result<Planned> {
    let mpp = slide::mpp(slide, config.mpp)?;
    let size = slide.info().size();
    let mask = match &config.area {
        Area::WholeSlide => TissueMask::whole(size),
        Area::Tissue(tissue) => detect_tissue(slide, mpp, tissue)?,
        Area::Roi(path) => {
            let mut annotations = Annotations::read(path, &AnnotationLimits::default())?;
            annotations.check_inside(size)?;
            let mut mask = TissueMask::from_outlines(&annotations.outlines(), size);
            annotations.notes.iter().for_each(|note| mask.note(note));
            mask
        }
        Area::Outlines(polygons) => {
            let mask =
                TissueMask::from_outlines(&polygons.iter().map(|rings| outline(rings)).collect::<Vec<_>>(), size);
            if mask.share() == 0.0 {
                let reason = format!("no polygon touches the slide of {size} pixels; they are in its level-0 pixels");
                return Err(Error::config("area.outlines", format!("{} polygons", polygons.len()), reason));
            }
            mask
        }
    };
    let input = &model.input;
    let plan = TilePlan::new(slide.info(), mpp, input.mpp, input.tile_px, input.halo_px, &mask)?;
    let stains = stains::of_slide(slide, &plan, model)?;
    let notes = mask.notes().iter().cloned().chain(stains.as_ref().and_then(stains::note)).collect();
    Ok(Planned { mpp, plan: Arc::new(plan), area_share: mask.share(), notes, stains, area: Arc::new(mask) })
}

/// A polygon of [`Area::Outlines`]: closing points are left out, as everywhere inside.
fn outline(rings: &[Vec<[f64; 2]>]) -> Outline {
    let open = |ring: &Vec<[f64; 2]>| match ring.split_last() {
        Some((last, rest)) if rest.first() == Some(last) => rest.to_vec(),
        _ => ring.clone(),
    };
    Outline { exterior: open(&rings[0]), holes: rings[1..].iter().map(open).collect() }
}

/// What came out of the stages.
#[derive(Debug, Clone)]
pub struct Worked {
    /// Of the pipeline.
    pub outcome: Outcome,
    /// What was found.
    pub counts: Counts,
    /// From the start of the process to the model's first answer, if there was one, seconds.
    pub to_first_answer_s: Option<f64>,
    /// Creation of the output files, seconds.
    pub preparing_s: f64,
    /// Completing the output files, seconds.
    pub finishing_s: f64,
}

/// The stage that reads the tiles of a plan.
pub fn reading(slide: &Arc<dyn SlideSource>, plan: &Arc<TilePlan>) -> ReadTile {
    let (slide, plan) = (slide.clone(), plan.clone());
    expect_rows(&*slide, &plan);
    Arc::new(move |spec| read_tile(&*slide, &plan, spec))
}

impl Run<'_> {
    /// Segments one slide into the folder `place`, which appears when everything in it is complete.
    ///
    /// # Errors
    /// The first error of any stage; nothing is left at `place` but what was there before.
    pub fn slide(&mut self, slide: Arc<dyn SlideSource>, place: &Path) -> Result<Done> {
        let input = InputRecord::of(&*slide)?;
        if !self.force
            && let Occupant::SameSlide { model } = occupant(place, &input)?
        {
            return Ok(Done::Skipped(format!("{} has its result by {model}; --force replaces it", place.display())));
        }
        let force = self.force;
        let (manifest, attempt) = self.record(slide, input, || Attempt::begin(place, force).map(Some))?;
        let Some(attempt) = attempt else { return Err(Error::Internal("a result without a place".into())) };
        match attempt.commit(&manifest.to_json()?)? {
            commit::Outcome::Committed => Ok(Done::Written(Box::new(manifest))),
            commit::Outcome::LostRace => {
                Ok(Done::Skipped(format!("another run finished {} first; its result stands", place.display())))
            }
        }
    }

    /// Segments one slide for the observer's [`Observer::objects`] alone; nothing is written.
    ///
    /// # Errors
    /// The first error of any stage.
    pub fn stream(&mut self, slide: Arc<dyn SlideSource>) -> Result<Manifest> {
        let input = InputRecord::of(&*slide)?;
        self.record(slide, input, || Ok(None)).map(|(manifest, _)| manifest)
    }

    /// Runs all stages; `place` makes room for the files, if there shall be any, once the plan is sound.
    fn record(
        &mut self,
        slide: Arc<dyn SlideSource>,
        input: InputRecord,
        place: impl FnOnce() -> Result<Option<Attempt>>,
    ) -> Result<(Manifest, Option<Attempt>)> {
        let started_unix_s = manifest::now_unix_s();
        let slide: Arc<dyn SlideSource> = Arc::new(Stoppable { slide, cancel: self.cancel.clone() });
        let begun = Instant::now();
        let planned = plan(&*slide, &self.model, &self.config)?;
        let planning_s = begun.elapsed().as_secs_f64();
        let total = planned.plan.tiles.len() as u32;
        let mut notes = planned.notes.clone();
        if total == 0 {
            notes.push("no tissue was found, so the result is empty; --whole-slide or --roi look elsewhere".into());
        }
        for note in &notes {
            self.observer.note(slide.path(), note);
        }
        self.config.stream.validate(self.bytes(&planned.plan))?;
        let attempt = place()?;
        let Worked { outcome, counts, to_first_answer_s, preparing_s, finishing_s } =
            self.work(&slide, &planned, attempt.as_ref())?;

        let record = SlideRecord {
            file: input,
            vendor: slide.info().vendor.clone(),
            reader: slide.info().reader.clone(),
            size: slide.info().size(),
            mpp: planned.mpp,
            mpp_given: self.config.mpp.is_some(),
            level: planned.plan.level,
        };
        let manifest = Manifest {
            format: FORMAT,
            status: if outcome.failed.is_empty() { Status::Complete } else { Status::Partial },
            slidestream: env!("CARGO_PKG_VERSION"),
            started_unix_s,
            input: record,
            model: ModelRecord::of(&self.model),
            stains: planned.stains,
            engine: self.lanes.engine().clone(),
            config: self.config.clone(),
            tiles: TileRecord { total, batch: outcome.batch, failed: outcome.failed },
            counts,
            timings: outcome.timings,
            phases: Phases { planning_s, to_first_answer_s, preparing_s, finishing_s },
            tiles_per_s: f64::from(total) / outcome.timings.wall_s.max(1e-9),
            peak_rss_mb: peak_rss_mb(),
            warnings: outcome.warnings,
            notes,
            files: attempt.as_ref().map_or(Ok(Vec::new()), |attempt| manifest::files_in(attempt.folder()))?,
        };
        for warning in &manifest.warnings {
            self.observer.note(slide.path(), warning);
        }
        Ok((manifest, attempt))
    }

    /// Runs the plan's tiles through all stages and writes every file but the manifest into `attempt`, if there is one.
    ///
    /// # Errors
    /// The first error of any stage.
    pub fn work(
        &mut self,
        slide: &Arc<dyn SlideSource>,
        planned: &Planned,
        attempt: Option<&Attempt>,
    ) -> Result<Worked> {
        let plan = &planned.plan;
        let preparing = Instant::now();
        let finder = Finder::new(&self.model, &InputRecord::of(&**slide)?, planned)?;
        let mut joiner = finder.joiner();
        let mut outputs = match attempt {
            Some(attempt) => Outputs::create(attempt, slide, &self.model, planned, &self.config)?,
            None => Outputs::none(&self.model),
        };
        let preparing_s = preparing.elapsed().as_secs_f64();

        self.observer.begun(slide.path(), plan.tiles.len() as u32);
        let flow = self.flow(slide.path(), plan);
        let (observer, seen) = (self.observer, planned.stains.as_ref());
        let lanes = self.lanes.for_batches(flow.tiles.len().div_ceil(flow.config.batch));
        let mut lanes: Vec<_> = lanes
            .iter_mut()
            .map(|lane| {
                |tiles: &[Tile]| -> Result<Vec<ProbabilityMaps>> { stains::predict(lane.as_mut(), seen, tiles) }
            })
            .collect();
        let stages = Stages {
            read: reading(slide, plan),
            forward: lanes.iter_mut().map(|lane| lane as Forward<'_>).collect(),
            vectorize: &|tile: &_, maps: &_| finder.find(tile, maps),
            stitch: &mut |spec: &_, found| joiner.join(spec, found),
            write: &mut |block: Final| {
                observer.objects(&block.objects)?;
                outputs.write(&block)
            },
            progress: &|stats: &Stats| observer.tile(stats),
        };
        let age_s = process_age_s();
        let outcome = stream::run(&flow, stages, &self.cancel)?;
        let to_first_answer_s = age_s.zip(outcome.timings.first_answer_s).map(|(age, after)| age + after);
        let finishing = Instant::now();
        let rest = joiner.finish();
        observer.objects(&rest.objects)?;
        outputs.write(&rest)?;
        let counts = outputs.finish(planned.area_share)?;
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let finishing_s = finishing.elapsed().as_secs_f64();
        Ok(Worked { outcome, counts, to_first_answer_s, preparing_s, finishing_s })
    }

    /// The plan's tiles with this run's batch, threads and budgets.
    pub fn flow(&self, slide: &Path, plan: &TilePlan) -> Flow {
        let (tiles, bytes) = (plan.tiles.clone().into(), self.bytes(plan));
        Flow { slide: slide.to_owned(), tiles, bytes, config: self.config.stream.clone() }
    }

    fn bytes(&self, plan: &TilePlan) -> TileBytes {
        tile_bytes(plan, self.model.input.tile_px, self.lanes.classes())
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("model", &self.model.name).field("config", &self.config).finish_non_exhaustive()
    }
}

/// What [`Counts`] begin with: every reported class, without objects.
pub(super) fn no_counts(model: &ModelPackage, area_share: f64) -> Counts {
    use crate::config::ClassRole;
    let reported = model.classes.iter().filter(|class| class.role == ClassRole::Object);
    Counts { objects: 0, by_class: reported.map(|class| (class.name.clone(), 0)).collect(), area_share }
}
