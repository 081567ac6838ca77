//! Outlines are valid in the eyes of JTS, the geometry library inside QuPath.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slidestream::geometry::Size;
use slidestream::tile::Outline;
use slidestream::vectorize::{contour::trace, simplify::simplify};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const JTS: &str = "jts-core-1.20.0.jar";

#[test]
fn jts_finds_every_outline_valid_and_of_the_right_area() {
    let Some(jar) = jts() else { return };
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut lines = String::new();
    for round in 0..300 {
        let size = Size::new(random.random_range(1..60), random.random_range(1..60));
        let labels = labels(&mut random, size, round);
        for (_, outline) in trace(&labels, size) {
            line(&mut lines, Some(outline.area()), &outline);
            for tolerance in [0.5, 1.0, 2.0, 5.0] {
                line(&mut lines, None, &simplify(&outline, tolerance));
            }
        }
    }
    assert_eq!(faults(&jar, &lines), Vec::<String>::new());
}

#[test]
fn jts_finds_fault_with_a_bow_tie_and_with_a_wrong_area() {
    let Some(jar) = jts() else { return };
    let bow_tie = Outline { exterior: vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]], holes: vec![] };
    let square = Outline { exterior: vec![[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]], holes: vec![] };
    let mut lines = String::new();
    line(&mut lines, None, &bow_tie);
    line(&mut lines, Some(5.0), &square);
    line(&mut lines, Some(4.0), &square);
    assert_eq!(faults(&jar, &lines).len(), 2);
}

/// Noise, blobs and two labels side by side, so that rings touch themselves and each other in every way.
fn labels(random: &mut impl Rng, size: Size, round: u32) -> Vec<u32> {
    let share = f64::from(round % 9 + 1) / 10.0;
    let most = round % 3 + 1;
    let cell = [1, 2, 5][(round / 27 % 3) as usize];
    let columns = size.width.div_ceil(cell);
    let coarse: Vec<u32> = (0..columns * size.height.div_ceil(cell))
        .map(|_| if random.random_bool(share) { random.random_range(1..=most) } else { 0 })
        .collect();
    let pixel = |i: u32| coarse[(i / size.width / cell * columns + i % size.width / cell) as usize];
    (0..size.width * size.height).map(pixel).collect()
}

fn line(lines: &mut String, area: Option<f64>, outline: &Outline) {
    match area {
        Some(area) => write!(lines, "{area}"),
        None => write!(lines, "-"),
    }
    .expect("writing to a string");
    for ring in outline.rings() {
        let points: Vec<String> = ring.iter().chain(ring.first()).map(|[x, y]| format!("{x} {y}")).collect();
        write!(lines, "|{}", points.join(",")).expect("writing to a string");
    }
    lines.push('\n');
}

/// What JTS says of the lines, one entry a fault.
fn faults(jar: &Path, lines: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("polygons.txt");
    std::fs::write(&file, lines).expect("a writable temporary folder");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jts/CheckPolygons.java");
    let output = Command::new("java").arg("-cp").arg(jar).arg(program).arg(&file).output().expect("java runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut said: Vec<String> = said.lines().map(str::to_owned).collect();
    let summary = said.pop().expect("a last line");
    assert_eq!(summary, format!("checked {}, faults {}", lines.lines().count(), said.len()));
    said
}

/// The JTS library, fetched by Maven into the build folder. None, with the reason printed, where Java or Maven is
/// missing; a failure if the environment says that this is the continuous integration.
fn jts() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jts");
    let jar = folder.join(JTS);
    let missing = ["java", "mvn"].into_iter().find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{tool} is not on the PATH");
        println!("skipped: {tool} is not on the PATH");
        return None;
    }
    static FETCH: std::sync::Once = std::sync::Once::new();
    FETCH.call_once(|| {
        if !jar.exists() {
            let artifact =
                format!("-Dartifact=org.locationtech.jts:{}", JTS.trim_end_matches(".jar").replace("-1.", ":1."));
            let to = format!("-DoutputDirectory={}", folder.display());
            let fetch = Command::new("mvn").args(["-q", "-B", "dependency:copy", &artifact, &to]).output();
            let output = fetch.expect("mvn runs");
            assert!(output.status.success(), "mvn: {}", String::from_utf8_lossy(&output.stdout));
        }
    });
    Some(jar)
}
