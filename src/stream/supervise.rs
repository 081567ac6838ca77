//! One run's fate: the first error, the tiles that failed, and the order to stop.

use super::stats::Stats;
use crate::error::{Error, Result};
use crate::tile::TileSpec;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// A tile without a result.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FailedTile {
    /// Number of the tile in the plan, from 0.
    pub tile: u32,
    /// Column in the grid of cores.
    pub column: u32,
    /// Row in the grid of cores.
    pub row: u32,
    /// The stage that failed.
    pub stage: &'static str,
    /// Why.
    pub cause: String,
}

/// Shared by all stages of one run.
#[derive(Debug)]
pub(super) struct Supervisor {
    slide: PathBuf,
    total: u32,
    /// Tiles that may fail.
    allowed: u32,
    /// Ends this run alone; a child of the caller's token.
    stop: CancellationToken,
    fate: Mutex<Fate>,
    pub stats: Stats,
}

#[derive(Debug, Default)]
struct Fate {
    error: Option<Error>,
    first_failure: Option<Box<Error>>,
    failed: Vec<FailedTile>,
    warnings: Vec<String>,
}

impl Supervisor {
    /// Watches a run over `total` tiles of which the share `may_fail` may fail.
    pub fn new(slide: PathBuf, total: u32, may_fail: f64, cancel: &CancellationToken) -> Self {
        let allowed = (f64::from(total) * may_fail).floor() as u32;
        Self { slide, total, allowed, stop: cancel.child_token(), fate: Mutex::default(), stats: Stats::default() }
    }

    /// Has the run been stopped, by its caller or by an error?
    pub fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The order to stop, to wait for.
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Stops the run. The first error is the one that is reported.
    pub fn fail(&self, error: Error) {
        // An end on request is seen by its token; an error that came before it must not be hidden.
        if !matches!(error, Error::Cancelled) {
            self.fate().error.get_or_insert(error);
        }
        self.stop.cancel();
    }

    /// Records something that the user should know, once for each text.
    pub fn warn(&self, warning: String) {
        let mut fate = self.fate();
        if !fate.warnings.contains(&warning) {
            fate.warnings.push(warning);
        }
    }

    /// Records the failure of one tile; stops the run if that is one too many.
    pub fn tile_failed(&self, stage: &'static str, tile: &TileSpec, cause: Error) {
        if matches!(cause, Error::Cancelled) {
            return self.fail(cause);
        }
        let failure =
            FailedTile { tile: tile.index, column: tile.column, row: tile.row, stage, cause: cause.with_causes() };
        let error = self.tile_error(stage, tile, cause);
        let verdict = {
            let mut fate = self.fate();
            fate.failed.push(failure);
            let failed = fate.failed.len() as u32;
            let first = fate.first_failure.take().unwrap_or_else(|| Box::new(error));
            if failed <= self.allowed {
                fate.first_failure = Some(first);
                None
            } else if self.allowed == 0 {
                Some(*first)
            } else {
                let (slide, allowed, total) = (self.slide.clone(), self.allowed, self.total);
                Some(Error::TooManyFailedTiles { slide, failed, allowed, total, source: first })
            }
        };
        if let Some(error) = verdict {
            self.fail(error);
        }
    }

    /// Does one tile's work in one stage. A failure or a panic is recorded as the tile's.
    pub fn try_tile<T>(&self, stage: &'static str, tile: &TileSpec, work: impl FnOnce() -> Result<T>) -> Option<T> {
        catch(work).map_err(|error| self.tile_failed(stage, tile, error)).ok()
    }

    /// Does work that the whole run hangs on: a failure or a panic ends the run, whatever share of tiles may fail.
    pub fn try_run<T>(&self, stage: &'static str, tile: &TileSpec, work: impl FnOnce() -> Result<T>) -> Option<T> {
        catch(work).map_err(|error| self.fail(self.tile_error(stage, tile, error))).ok()
    }

    /// The body of a thread of the pipeline: a panic outside any tile's work ends the run as well.
    pub fn stage(&self, body: impl FnOnce()) {
        if let Err(error) = catch(|| {
            body();
            Ok(())
        }) {
            self.fail(error);
        }
    }

    /// How the run ended, and what failed or was odd on the way.
    pub fn verdict(&self) -> (Result<()>, Vec<FailedTile>, Vec<String>) {
        let mut fate = self.fate();
        let done = self.stats.tiles_done();
        let end = match fate.error.take() {
            Some(error) => Err(error),
            None if done == self.total => Ok(()),
            None if self.stopped() => Err(Error::Cancelled),
            None => Err(Error::Internal(format!("the pipeline ended after {done} of {} tiles", self.total))),
        };
        let mut failed = std::mem::take(&mut fate.failed);
        failed.sort_by_key(|tile| tile.tile);
        (end, failed, std::mem::take(&mut fate.warnings))
    }

    fn tile_error(&self, stage: &'static str, tile: &TileSpec, cause: Error) -> Error {
        Error::Tile {
            stage,
            slide: self.slide.clone(),
            tile: tile.index,
            column: tile.column,
            row: tile.row,
            source: Box::new(cause),
        }
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work`; a panic in it is an [`Error::Internal`].
pub(super) fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic)))
}

/// The error that stands for a panic.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Error {
    let message = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Internal(format!("panicked: {}", message.unwrap_or_else(|| "no message".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    fn spec(index: u32) -> TileSpec {
        TileSpec {
            index,
            column: index % 10,
            row: index / 10,
            tile: Rect::new(0, 0, 8, 8),
            core: Rect::new(0, 0, 8, 8),
        }
    }

    fn supervisor(may_fail: f64) -> Supervisor {
        Supervisor::new("slide.svs".into(), 100, may_fail, &CancellationToken::new())
    }

    #[test]
    fn the_first_error_wins_and_names_stage_tile_and_cause() {
        let supervisor = supervisor(0.0);
        supervisor.tile_failed("reading", &spec(17), Error::Internal("bad bytes".into()));
        supervisor.tile_failed("reading", &spec(18), Error::Internal("later".into()));
        supervisor.fail(Error::Cancelled);
        assert!(supervisor.stopped());
        let error = supervisor.verdict().0.expect_err("failed").to_string();
        assert_eq!(error, "reading failed for tile 17 (column 7, row 1) of slide.svs: internal error: bad bytes");
    }

    #[test]
    fn as_many_tiles_may_fail_as_the_share_says_and_not_one_more() {
        let supervisor = supervisor(0.025);
        for tile in [9, 3] {
            supervisor.tile_failed("model", &spec(tile), Error::Internal("odd".into()));
            assert!(!supervisor.stopped());
        }
        supervisor.tile_failed("reading", &spec(4), Error::Internal("odd".into()));
        assert!(supervisor.stopped());
        let (end, failed, _) = supervisor.verdict();
        let error = end.expect_err("three of a hundred").to_string();
        assert!(
            error.starts_with("3 of 100 tiles of slide.svs failed, and `--max-failed-tiles` lets 2 pass"),
            "{error}"
        );
        assert!(error.contains("model failed for tile 9"), "{error}");
        assert_eq!(failed.iter().map(|tile| tile.tile).collect::<Vec<_>>(), [3, 4, 9]);
    }

    #[test]
    fn a_panic_is_an_error_with_its_tile() {
        let supervisor = supervisor(0.0);
        let nothing: Option<()> = supervisor.try_tile("vectorizing", &spec(5), || panic!("index out of range"));
        assert_eq!(nothing, None);
        let error = supervisor.verdict().0.expect_err("panicked").to_string();
        assert!(error.contains("vectorizing failed for tile 5"), "{error}");
        assert!(error.ends_with("panicked: index out of range"), "{error}");
    }

    #[test]
    fn a_run_that_ends_early_without_a_reason_is_a_defect() {
        assert!(matches!(supervisor(0.0).verdict().0, Err(Error::Internal(_))));
    }
}
