//! `slidestream pack`: what it packs runs elsewhere, with nothing of this machine but its system's libraries.

use crate::common;
use slidestream::bundle::install::install;
use std::path::Path;
use std::process::Command;

fn run(program: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    let output = command.output().expect("it starts");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

#[test]
fn a_packed_engine_runs_elsewhere_with_its_own_libraries_and_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("dist");
    let mut pack = Command::new(env!("CARGO_BIN_EXE_slidestream-torch"));
    pack.args(["pack", "--quiet", "--level", "1", "--model", "he-nuclei", "--out"]).arg(&out);
    let output = pack.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archive = out.join("slidestream-engine-linux-x86_64-cpu.tar.zst");
    let sum = std::fs::read_to_string(out.join("slidestream-engine-linux-x86_64-cpu.tar.zst.sha256")).expect("a sum");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&sum[..64]));

    let place = folder.path().join("elsewhere/engine");
    install(&archive, &place, &mut |_, _| true).expect("installs");
    let program = place.join("slidestream");
    // What the loader would take: the name of each library, and its file.
    let mut loader = Command::new(place.join("slidestream-torch"));
    let listed = loader.env_clear().env("LD_TRACE_LOADED_OBJECTS", "1").output().expect("it is listed").stdout;
    let listed = String::from_utf8(listed).expect("text");
    for name in ["libtorch_cpu.so", "libc10.so", "libopenslide.so.1", "libgomp.so.1"] {
        let line = listed.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in {listed}"));
        assert!(line.contains(&place.join("lib").display().to_string()), "{line}");
    }
    let (ended, text) = run(&program, &["models", "check", "he-nuclei"]);
    assert!(ended, "{text}");
    assert!(text.contains(&place.join("models/he-nuclei").display().to_string()), "{text}");
    let with_openvino = !String::from_utf8_lossy(&output.stdout).contains("without OpenVINO");
    assert!(with_openvino || std::env::var("CI").as_deref() != Ok("true"), "./test installs OpenVINO");
    if with_openvino {
        let (ended, text) = run(&program, &["models", "check", "he-nuclei", "--engine", "openvino"]);
        assert!(ended && text.contains("OpenVINO"), "{text}");
        assert!(place.join("licences/openvino/LICENSE").is_file());
    }
    for name in ["slidestream.txt", "rust-crates.txt", "libtorch/LICENSE", "openslide/licenses/cairo/COPYING"] {
        let text = std::fs::read_to_string(place.join("licences").join(name)).expect(name);
        assert!(text.len() > 300, "{name} has {} bytes", text.len());
    }
    let crates = std::fs::read_to_string(place.join("licences/rust-crates.txt")).expect("licences");
    assert!(crates.contains("libjpeg-turbo"), "libraries that crates bring along have their licences too");
    if let Some(slide) = common::data("slides/real/CMU-1-Small-Region.svs") {
        let (ended, text) = run(&program, &["info", &slide.display().to_string()]);
        assert!(ended && text.contains("aperio"), "{text}");
    }
}
