//! Progress of work that goes in steps: a bar on a terminal, a line from time to time elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(20);

/// Reports on standard error.
#[derive(Debug)]
pub struct Steps {
    bar: ProgressBar,
    unit: &'static str,
    quiet: bool,
    told: Instant,
}

impl Steps {
    /// Says nothing at all if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self::of("steps", quiet)
    }

    /// As [`Steps::new`], of work that is counted in `unit`.
    pub fn of(unit: &'static str, quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(1) };
        if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{msg}}")) {
            bar.set_style(style);
        }
        Self { bar, unit, quiet, told: Instant::now() }
    }

    /// `done` of `total` steps are done; `text` says more.
    pub fn at(&mut self, done: u64, total: u64, text: &str) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(text.to_owned());
        if self.bar.is_hidden() && self.told.elapsed() >= LINE_EVERY {
            self.line(&format!("{done} of {total} {}  {text}", self.unit));
        }
    }

    /// A line that stays.
    pub fn line(&mut self, text: &str) {
        self.told = Instant::now();
        match (self.quiet, self.bar.is_hidden()) {
            (true, _) => {}
            (false, true) => eprintln!("{text}"),
            (false, false) => self.bar.println(text),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
