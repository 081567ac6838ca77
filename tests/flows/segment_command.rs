//! `slidestream segment` as a user runs it, with a small network of random weights: exit codes, what is printed, and
//! Ctrl-C.

use crate::models::write_package;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with the model `tiny` and images to segment.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write_package(&folder.path().join("models/tiny"));
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// An image of `edge` pixels without a resolution of its own.
    fn image(&self, name: &str, edge: u32) {
        let pixel = |x: u32, y: u32| {
            image::Rgb(if (x / 9 + y / 7).is_multiple_of(3) { [90, 60, 140] } else { [225, 165, 200] })
        };
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        image::RgbImage::from_fn(edge, edge, pixel).save(path).expect("written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
        command.current_dir(self.0.path()).arg("segment").args(arguments);
        command.args(["--model", "models/tiny", "--device", "cpu", "--out", "out", "--whole-slide"]);
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().expect("the program runs");
        (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn one_bad_slide_among_many_does_not_stop_the_others() {
    let bench = Bench::new();
    bench.image("slides/a [1] é.png", 200);
    bench.image("slides/c.png", 150);
    fs::write(bench.path("slides/b.svs"), "no slide at all").unwrap();
    let (code, table, errors) = bench.run(&["slides", "missing.svs", "--mpp", "0.5"]);
    assert_eq!(code, Some(1), "{table}{errors}");
    assert_eq!(names_in(&bench.path("out")), ["a [1] é.png", "c.png"]);
    let statuses: Vec<_> = ["a [1]", "b.svs", "c.png", "missing.svs"]
        .iter()
        .map(|name| {
            let line = table.lines().find(|line| line.starts_with(name)).expect("a line for each slide");
            ["complete", "refused", "failed"].iter().find(|status| line.contains(**status)).copied()
        })
        .collect();
    assert_eq!(statuses, [Some("complete"), Some("refused"), Some("complete"), Some("failed")], "{table}");
    // Once more: what is done is skipped.
    let (_, table, _) = bench.run(&["slides/c.png", "slides/a [1] é.png", "--mpp", "0.5"]);
    assert_eq!(table.matches("skipped").count(), 2, "{table}");
}

#[test]
fn a_slide_without_a_resolution_is_refused_with_its_cure() {
    let bench = Bench::new();
    bench.image("field.png", 100);
    let (code, _, errors) = bench.run(&["field.png"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("error: ") && errors.contains("--mpp"), "{errors}");
    let (code, _, errors) = bench.run(&["field.png", "--mpp", "0.5", "--quiet"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "quiet means quiet");
}

#[test]
fn equal_names_and_senseless_options_are_refused_before_any_work() {
    let bench = Bench::new();
    bench.image("x/a.png", 100);
    bench.image("y/a.png", 100);
    for (arguments, told) in [
        (vec!["x/a.png", "y/a.png"], "has the same file name as x/a.png"),
        (vec!["x/a.png", "--batch", "0"], "`--batch` is 0"),
        (vec!["x/a.png", "--tile", "50"], "input.tile_px"),
        (
            vec!["x/a.png", "--mpp", "0.5", "--pixel-budget", "1KiB"],
            "`--pixel-budget` is 1 KiB: a batch of 1 tiles needs",
        ),
        (vec!["x/a.png", "--mpp", "0.5", "--max-failed-tiles", "2"], "`--max-failed-tiles` is 2"),
    ] {
        let (code, _, errors) = bench.run(&arguments);
        assert!(code == Some(1) && errors.contains(told), "{arguments:?}: {errors}");
    }
    let (code, _, errors) = bench.run(&["x/a.png", "--pixel-budget", "lots"]);
    assert!(code == Some(2) && errors.contains("must be a number of bytes"), "{errors}");
    assert_eq!(names_in(&bench.path("out")), Vec::<String>::new());
}

#[test]
fn progress_lines_are_json_with_the_documented_events() {
    let bench = Bench::new();
    bench.image("field.png", 300);
    let (code, _, errors) = bench.run(&["field.png", "--mpp", "0.5", "--json-progress"]);
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<serde_json::Value> = errors.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let begun = lines.iter().find(|line| line["event"] == "begun").expect("begun");
    let last = lines.iter().rfind(|line| line["event"] == "progress").expect("progress");
    assert_eq!((&last["tiles_done"], &last["slide"]), (&begun["tiles"], &begun["slide"]));
    assert!(last["tiles_per_s"].is_f64() && last["seconds_left"] == 0.0, "{last}");
    let ended = lines.last().expect("ended");
    assert_eq!((&ended["event"], &ended["status"]), (&"ended".into(), &"complete".into()));
}

#[test]
fn ctrl_c_ends_the_run_within_two_seconds_and_leaves_nothing() {
    let bench = Bench::new();
    bench.image("large.png", 6000);
    let mut command = bench.command(&["large.png", "--mpp", "0.5", "--json-progress"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut wait_for = |event: &str| lines.by_ref().any(|line| line.expect("UTF-8").contains(event));
    assert!(wait_for("\"progress\""), "tiles flow");
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(interrupt.success());
    let start = Instant::now();
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(names_in(&bench.path("out")), Vec::<String>::new());
}
