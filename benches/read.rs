//! Windows of 256 px over a whole slide, in rows, as a run reads them.
//!
//! ```text
//! cargo bench --bench read -- --slide FILE --stride 192 --threads 1 --reader native
//! ```
//!
//! Prints a line of JSON, as `benches/peers/read.py` does with other readers; `benches/read.sh` runs all in turn.

mod common;

use common::{arguments, cpu_seconds};
use slidestream::geometry::Rect;
use slidestream::slide::{self, Limits, Reader};
use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const WINDOW: u32 = 256;

fn main() -> Result<()> {
    // As the program does.
    slidestream::cli::keep_freed_memory();
    let arguments = arguments()?;
    let Some(path) = arguments.get("--slide").map(PathBuf::from) else {
        println!("read: nothing to do without --slide; benches/read.sh runs it beside others");
        return Ok(());
    };
    let number = |name: &str, usual: usize| arguments.get(name).map_or(Ok(usual), |value| value.parse());
    let (stride, threads) = (number("--stride", 256)?, number("--threads", 1)?);
    let reader: Reader = arguments.get("--reader").map_or("auto", String::as_str).parse()?;
    let opened = slide::open_with(&path, &Limits::default(), reader)?;
    let size = opened.info().size();
    let (right, bottom) = (i64::from(size.width) - i64::from(WINDOW), i64::from(size.height) - i64::from(WINDOW));
    let (next, tiles) = (AtomicI64::new(0), AtomicU64::new(0));
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A row of windows at a time: threads share the decoded tiles of the row above.
                loop {
                    let y = next.fetch_add(stride as i64, Ordering::Relaxed);
                    if y > bottom {
                        break;
                    }
                    for x in (0..=right).step_by(stride) {
                        black_box(opened.read(0, Rect::new(x, y, WINDOW, WINDOW)).expect("a sound window"));
                        tiles.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (wall, cpu, tiles) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu, tiles.into_inner());
    let line = serde_json::json!({
        "reader": format!("slidestream {}", opened.info().reader.split(' ').next().unwrap_or_default()),
        "slide": path.file_name().unwrap_or_default().to_string_lossy(), "stride": stride, "threads": threads,
        "tiles": tiles, "wall_s": wall, "cpu_s": cpu, "tiles_per_cpu_s": tiles as f64 / cpu, "tiles_per_s": tiles as f64 / wall,
    });
    println!("{line}");
    Ok(())
}
