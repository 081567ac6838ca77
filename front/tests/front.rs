//! The program that people start: quick where no network is needed, and the whole program everywhere else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FRONT: &str = env!("CARGO_BIN_EXE_slidestream");

fn output(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().expect("it starts")
}

fn whole() -> PathBuf {
    let whole = Path::new(FRONT).with_file_name("slidestream-torch");
    assert!(whole.is_file(), "build {} first: cargo build --release", whole.display());
    whole
}

/// A picture to ask about.
fn field(folder: &Path) -> String {
    let path = folder.join("field.png");
    let picture = image::RgbImage::from_fn(320, 200, |x, y| image::Rgb([(x % 251) as u8, (y % 241) as u8, 200]));
    picture.save(&path).expect("saved");
    path.display().to_string()
}

#[test]
fn the_loader_brings_openslide_and_no_libtorch() {
    let listed = Command::new(FRONT).env("LD_TRACE_LOADED_OBJECTS", "1").output().expect("it is listed").stdout;
    let listed = String::from_utf8(listed).expect("text");
    assert!(listed.contains("libopenslide.so.1"), "{listed}");
    assert!(!listed.contains("torch") && !listed.contains("libc10"), "{listed}");
    let listed = Command::new(whole()).env("LD_TRACE_LOADED_OBJECTS", "1").output().expect("it is listed").stdout;
    assert!(String::from_utf8(listed).expect("text").contains("libtorch_cpu.so"), "the other program is linked to it");
}

#[test]
fn its_own_subcommands_answer_as_those_of_the_whole_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let field = field(folder.path());
    let missing = folder.path().join("no.svs").display().to_string();
    let cases: [&[&str]; 7] = [
        &["info", &field],
        &["info", &field, "--json"],
        &["info", &missing],
        &["info"],
        &["info", "--help"],
        &["thumbnail", "--help"],
        &["tissue", "--help"],
    ];
    for arguments in cases {
        let [ours, theirs] = [Path::new(FRONT), &whole()].map(|program| output(program, arguments));
        assert_eq!(ours, theirs, "{arguments:?}");
    }
}

#[test]
fn everything_else_is_the_whole_program() {
    for arguments in [&["--help"][..], &["--version"], &["models", "list"], &["segment"], &["nonsense"], &[]] {
        let [ours, theirs] = [Path::new(FRONT), &whole()].map(|program| output(program, arguments));
        assert_eq!(ours, theirs, "{arguments:?}");
    }
}

#[test]
fn alone_it_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let alone = folder.path().join("slidestream");
    std::fs::copy(FRONT, &alone).expect("copied");
    let Output { status, stderr, .. } = output(&alone, &["segment", "slide.svs"]);
    let stderr = String::from_utf8(stderr).expect("text");
    assert_eq!(status.code(), Some(1));
    for part in [&folder.path().join("slidestream-torch").display().to_string(), "cargo build --release"] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    let field = field(folder.path());
    assert!(output(&alone, &["info", &field]).status.success(), "what is its own it can do alone");
}
