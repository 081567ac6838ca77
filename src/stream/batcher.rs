//! Tiles into batches, in plan order.

use super::order::InOrder;
use super::reader::Read;
use flume::{Receiver, Sender};

/// Puts tiles back into plan order and sends them on as soon as `size` of them are together. The last batch may be
/// smaller. Lost tiles travel along and do not count. Ends when either end closes.
pub(super) async fn batch_tiles(
    tiles: Receiver<Read>,
    mut order: InOrder<Read>,
    size: usize,
    batches: Sender<Vec<Read>>,
) {
    let mut batch = Vec::with_capacity(size);
    while let Ok(tile) = tiles.recv_async().await {
        let spec = *tile.spec();
        order.put(&spec, tile);
        while let Some(tile) = order.next() {
            batch.push(tile);
            let full = batch.iter().filter(|read| matches!(read, Read::Tile(_))).count() == size;
            if (full || order.is_done()) && batches.send_async(std::mem::take(&mut batch)).await.is_err() {
                return;
            }
        }
    }
}
