//! How a run tells where it is: a bar on a terminal, plain lines elsewhere, JSON lines for programs, or nothing.

use crate::run::segment::Observer;
use crate::stream::stats::Stats;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Time between two JSON lines.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// The ways to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct ProgressArgs {
    /// Say nothing but results and errors.
    #[arg(long, conflicts_with = "json_progress")]
    quiet: bool,
    /// Report progress on standard error as JSON lines; docs/progress.md describes them.
    #[arg(long)]
    json_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Bar,
    Lines,
    Json,
    Quiet,
}

/// Reports on standard error.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    now: Mutex<Option<Slide>>,
}

/// The slide that is being worked on.
#[derive(Debug)]
struct Slide {
    path: PathBuf,
    tiles: u32,
    begun: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

/// What can be said after `done` of `tiles`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    tiles_per_s: f64,
    seconds_left: f64,
}

fn pace(done: u32, tiles: u32, elapsed: Duration) -> Pace {
    let tiles_per_s = f64::from(done) / elapsed.as_secs_f64().max(1e-3);
    Pace { tiles_per_s, seconds_left: f64::from(tiles - done.min(tiles)) / tiles_per_s.max(1e-9) }
}

impl Progress {
    /// As the options say; a bar if standard error is a terminal.
    pub fn new(args: ProgressArgs) -> Self {
        let style = match args {
            ProgressArgs { quiet: true, .. } => Style::Quiet,
            ProgressArgs { json_progress: true, .. } => Style::Json,
            _ if std::io::stderr().is_terminal() => Style::Bar,
            _ => Style::Lines,
        };
        Self { style, now: Mutex::new(None) }
    }

    /// Something that concerns no slide.
    pub fn say(&self, text: &str) {
        match self.style {
            Style::Quiet => {}
            Style::Json => eprintln!("{}", json!({ "event": "note", "text": text })),
            Style::Bar | Style::Lines => self.above_the_bar(text),
        }
    }

    /// The slide is done, whatever its end: `status` as in the table of results.
    pub fn ended(&self, slide: &Path, status: &str, objects: Option<u64>, text: &str) {
        self.clear();
        match self.style {
            Style::Quiet => {}
            Style::Json => {
                let slide = slide.to_string_lossy();
                let line =
                    json!({ "event": "ended", "slide": slide, "status": status, "objects": objects, "text": text });
                eprintln!("{line}");
            }
            Style::Bar | Style::Lines => eprintln!("{}: {text}", name(slide)),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(Slide { bar: Some(bar), .. }) = self.now().take() {
            bar.finish_and_clear();
        }
    }

    fn above_the_bar(&self, text: &str) {
        match &*self.now() {
            Some(Slide { bar: Some(bar), .. }) => bar.suspend(|| eprintln!("{text}")),
            _ => eprintln!("{text}"),
        }
    }

    fn now(&self) -> MutexGuard<'_, Option<Slide>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn begun(&self, slide: &Path, tiles: u32) {
        let bar = (self.style == Style::Bar).then(|| bar(slide, tiles));
        match self.style {
            Style::Json => {
                eprintln!("{}", json!({ "event": "begun", "slide": slide.to_string_lossy(), "tiles": tiles }));
            }
            Style::Lines => eprintln!("{}: {tiles} tiles", name(slide)),
            Style::Bar | Style::Quiet => {}
        }
        let now = Instant::now();
        *self.now() = Some(Slide { path: slide.to_owned(), tiles, begun: now, told: now, bar });
    }

    fn tile(&self, stats: &Stats) {
        let mut now = self.now();
        let Some(slide) = now.as_mut() else { return };
        let done = stats.tiles_done();
        if let Some(bar) = &slide.bar {
            bar.set_position(u64::from(done));
            return;
        }
        let every = if self.style == Style::Json { JSON_EVERY } else { LINE_EVERY };
        if slide.told.elapsed() < every && done < slide.tiles {
            return;
        }
        slide.told = Instant::now();
        let Pace { tiles_per_s, seconds_left } = pace(done, slide.tiles, slide.begun.elapsed());
        match self.style {
            Style::Json => {
                let line = json!({
                    "event": "progress", "slide": slide.path.to_string_lossy(), "tiles_done": done, "tiles": slide.tiles,
                    "tiles_per_s": rounded(tiles_per_s), "seconds_left": rounded(seconds_left),
                });
                eprintln!("{line}");
            }
            Style::Lines => {
                let (name, tiles, left) = (name(&slide.path), slide.tiles, duration(seconds_left));
                eprintln!("{name}: {done} of {tiles} tiles, {tiles_per_s:.1} tiles/s, {left} left");
            }
            Style::Bar | Style::Quiet => {}
        }
    }

    fn note(&self, slide: &Path, text: &str) {
        match self.style {
            Style::Quiet => {}
            Style::Json => {
                eprintln!("{}", json!({ "event": "note", "slide": slide.to_string_lossy(), "text": text }));
            }
            Style::Bar | Style::Lines => self.above_the_bar(&format!("{}: {text}", name(slide))),
        }
    }
}

fn bar(slide: &Path, tiles: u32) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(u64::from(tiles)), ProgressDrawTarget::stderr_with_hz(5));
    let shape = "{msg} {wide_bar} {pos}/{len} tiles, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.set_message(name(slide));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A slide's name for people.
fn name(slide: &Path) -> String {
    slide.file_name().unwrap_or(slide.as_os_str()).to_string_lossy().into_owned()
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A time for people: `42 s`, `3 min 05 s`, `2 h 07 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_pace_so_far() {
        let pace = pace(20, 100, Duration::from_secs(10));
        assert_eq!(pace, Pace { tiles_per_s: 2.0, seconds_left: 40.0 });
        assert_eq!(super::pace(100, 100, Duration::from_secs(10)).seconds_left, 0.0);
    }

    #[test]
    fn times_are_shown_in_two_units_at_most() {
        assert_eq!([0.4, 59.0, 185.0, 7630.0].map(duration), ["0 s", "59 s", "3 min 05 s", "2 h 07 min"]);
    }
}
