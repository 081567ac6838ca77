//! Shared by the flow tests.

use std::path::{Path, PathBuf};

/// A file or folder of the test data, which are not part of the repository: `$SLIDESTREAM_TEST_DATA`, or `shared/data`
/// beside the checkout. Without it the test is skipped with a line that says so, but fails where `CI=true`.
pub fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SLIDESTREAM_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "test data are missing: {}", found.display());
    println!("skipped: no test data at {}", found.display());
    None
}
