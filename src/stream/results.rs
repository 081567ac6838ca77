//! Behind the model: predictions into findings, findings into plan order, and out.

use super::model::Answer;
use super::order::InOrder;
use super::stats::{Stats, Work};
use super::supervise::Supervisor;
use crate::budget::Permit;
use crate::error::Result;
use crate::tile::{ProbabilityMaps, Tile, TileSpec};
use flume::{Receiver, Sender};

/// Turns one tile's prediction into a finding; called from several threads.
pub type Vectorize<'a, F> = &'a (dyn Fn(&Tile, &ProbabilityMaps) -> Result<F> + Sync);
/// Takes the findings in plan order, `None` for a failed tile, and gives what has become final.
pub type Stitch<'a, F, B> = &'a mut (dyn FnMut(&TileSpec, Option<F>) -> Result<B> + Send);
/// Writes what has become final, in plan order.
pub type Write<'a, B> = &'a mut (dyn FnMut(B) -> Result<()> + Send);
/// Called from the writing thread after each tile.
pub type Progress<'a> = &'a (dyn Fn(&Stats) + Sync);

/// Something of one tile on its way out, with the bytes that its prediction holds.
#[derive(Debug)]
pub(super) struct Carried<T> {
    spec: TileSpec,
    item: T,
    permit: Option<Permit>,
}

/// Turns answers into findings. Frees the tile's pixels; the prediction's permit goes on with the finding.
pub(super) fn vectorize<F>(
    answers: Receiver<Answer>,
    work: Vectorize<'_, F>,
    findings: Sender<Carried<Option<F>>>,
    supervisor: &Supervisor,
) {
    for answer in answers {
        if supervisor.stopped() {
            break;
        }
        let carried = match answer {
            Answer::Lost(spec) => Carried { spec, item: None, permit: None },
            Answer::Tile(tile, prediction) => {
                let spec = tile.spec;
                let item = supervisor.stats.time(Work::Vectorizing, || {
                    supervisor.try_tile("vectorizing", &spec, || work(&tile, &prediction.maps))
                });
                Carried { spec, item, permit: Some(prediction.permit) }
            }
        };
        if findings.send(carried).is_err() {
            break;
        }
    }
}

/// Stitches findings in plan order.
pub(super) fn stitch<F, B>(
    findings: Receiver<Carried<Option<F>>>,
    mut order: InOrder<Carried<Option<F>>>,
    work: Stitch<'_, F, B>,
    blocks: Sender<Carried<B>>,
    supervisor: &Supervisor,
) {
    for finding in findings {
        if supervisor.stopped() {
            break;
        }
        let spec = finding.spec;
        order.put(&spec, finding);
        while let Some(Carried { spec, item, permit }) = order.next() {
            let stats = &supervisor.stats;
            let block = stats
                .time(Work::Stitching, || supervisor.try_run("stitching", &spec, || work(&spec, item)))
                .map(|item| Carried { spec, item, permit });
            let Some(block) = block else { return };
            if blocks.send(block).is_err() {
                return;
            }
        }
    }
}

/// Writes blocks; a tile is done, and its permit free, when its block is written.
pub(super) fn write<B>(
    blocks: Receiver<Carried<B>>,
    work: Write<'_, B>,
    progress: Progress<'_>,
    supervisor: &Supervisor,
) {
    for Carried { spec, item, permit } in blocks {
        if supervisor.stopped() {
            break;
        }
        let stats = &supervisor.stats;
        let written = stats.time(Work::Writing, || supervisor.try_run("writing", &spec, || work(item)));
        if written.is_none() {
            break;
        }
        drop(permit);
        stats.count_done();
        progress(stats);
    }
}
