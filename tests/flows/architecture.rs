//! The import rules of docs/ARCHITECTURE.md, read from the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules from the ground up; a module may use those of lower levels only.
const LEVELS: [&[&str]; 9] = [
    &["error", "geometry"],
    &["budget", "config", "file"],
    &["bundle", "tile"],
    &["slide", "grid", "vectorize", "nn", "diffusion", "data"],
    &["stream", "infer", "stitch", "metrics", "pretext"],
    &["sink", "train"],
    &["run"],
    &["engine"],
    &["cli", "lib", "main"],
];

/// Uses within one level that docs/decisions/0002-levels.md allows: (user, used).
const WITHIN_A_LEVEL: [(&str, &str); 1] = [("grid", "slide")];

/// Foreign crates and the only places (path prefixes under src/) that may name them.
const FENCES: [(&str, &[&str]); 12] = [
    ("openslide_rs", &["slide/openslide"]),
    ("turbojpeg", &["slide/tiff_jpeg_turbo"]),
    ("openslide_sys", &["slide/openslide"]),
    ("tiff", &["slide/tiff", "sink/ome_tiff"]),
    ("tch", &["infer/torch", "nn", "diffusion/objective", "diffusion/sampler", "pretext", "train"]),
    ("openvino", &["infer/openvino"]),
    ("openvino_sys", &["infer/openvino"]),
    ("prost", &["nn/onnx"]),
    ("libloading", &["infer/torch", "infer/device"]),
    ("memmap2", &["engine/ring"]),
    ("postcard", &["engine/frame"]),
    ("jni", &[]),
];

/// Longest file allowed, unit tests included.
const MOST_LINES: usize = 400;

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    let relative = |path: &PathBuf| path.strip_prefix(&root).expect("under src").display().to_string();
    found.iter().map(|path| (relative(path), fs::read_to_string(path).expect("UTF-8"))).collect()
}

/// Code lines without comments and without the trailing unit tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim_start()));
    numbered.take_while(|(_, line)| !line.starts_with("#[cfg(test)]")).filter(|(_, line)| !line.starts_with("//"))
}

/// Is `name` used as a path at the start of an identifier in this line?
fn names_crate(line: &str, name: &str) -> bool {
    let pattern = format!("{name}::");
    line.match_indices(&pattern).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    }) || line.starts_with(&format!("use {name};"))
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let level: BTreeMap<&str, usize> =
        LEVELS.iter().enumerate().flat_map(|(i, names)| names.iter().map(move |name| (*name, i))).collect();
    let mut breaches = Vec::new();
    for (path, text) in sources() {
        let user = path.split('/').next().expect("a name").trim_end_matches(".rs").to_owned();
        let own = *level.get(user.as_str()).unwrap_or_else(|| panic!("src/{path}: `{user}` is in no level"));
        for (number, line) in code(&text) {
            for (at, _) in line.match_indices("crate::") {
                let used: String = line[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(&below) = level.get(used.as_str()) else { continue };
                let allowed = used == user || below < own || WITHIN_A_LEVEL.contains(&(user.as_str(), used.as_str()));
                if !allowed {
                    breaches.push(format!("src/{path}:{number}: `{user}` (level {own}) uses `{used}` (level {below})"));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// Names after `prefix` in the code of `text`, with their lines.
fn named_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = (usize, String)> + 'a {
    code(text).flat_map(move |(number, line)| {
        let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        line.match_indices(prefix).map(|(at, _)| (number, name(&line[at + prefix.len()..]))).collect::<Vec<_>>()
    })
}

#[test]
fn the_host_s_half_of_the_engine_stands_on_the_ground_and_jni_on_it_alone() {
    let mut breaches = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path.starts_with("engine/") && !path.contains("/serve")) {
        let allowed = ["error", "geometry", "config", "engine"];
        let odd = named_after(text, "crate::").filter(|(_, name)| !allowed.contains(&name.as_str()));
        breaches.extend(odd.map(|(number, name)| format!("src/{path}:{number}: `{name}`")));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("jni-bindings/src");
    for entry in fs::read_dir(folder).expect("the crate of the bindings") {
        let path = entry.expect("readable").path();
        let text = fs::read_to_string(&path).expect("UTF-8");
        for (prefix, allowed) in [
            ("slidestream::", &["bundle", "engine", "error"][..]),
            ("slidestream::engine::", &["batch", "client", "failure", "frame", "process", "protocol", "ring"]),
        ] {
            let java = |name: &String| ["InstallWatch", "JobListener", "Native"].contains(&name.as_str());
            let odd = named_after(&text, prefix).filter(|(_, name)| !allowed.contains(&name.as_str()) && !java(name));
            breaches.extend(odd.map(|(number, name)| format!("{}:{number}: `{prefix}{name}`", path.display())));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn foreign_crates_stay_behind_their_fences() {
    let mut breaches = Vec::new();
    for (path, text) in sources() {
        for (number, line) in code(&text) {
            for (name, places) in FENCES {
                if names_crate(line, name) && !places.iter().any(|place| path.starts_with(place)) {
                    breaches.push(format!("src/{path}:{number}: `{name}` belongs in {places:?}"));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn no_file_grows_beyond_its_noun() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > MOST_LINES)
        .map(|(path, text)| format!("src/{path}: {} lines, {MOST_LINES} at most", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_unfinished() {
    let words = ["todo!", "unimplemented!", "FIXME", "XXX"];
    let found: Vec<_> = sources()
        .iter()
        .flat_map(|(path, text)| {
            let hits = text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
            hits.map(|(i, line)| format!("src/{path}:{}: {}", i + 1, line.trim())).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_fence_sees_a_crate_only_where_it_is_named() {
    assert!(names_crate("use tiff::decoder::Decoder;", "tiff"));
    assert!(names_crate("let x: tch::Tensor = y;", "tch"));
    assert!(!names_crate("use crate::slide::tiff::TiffSlide;", "tiff"));
    assert!(!names_crate("ome_tiff::write()", "tiff"));
}
