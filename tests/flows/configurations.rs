//! The configurations that ship with the project.

use slidestream::config::{FinetuneConfig, PretrainConfig, Study};
use std::path::Path;

#[test]
fn every_configuration_that_ships_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut counts = [0; 3];
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let kind = ["base", "source", "model"].into_iter().position(|key| table.contains_key(key));
        let read = match kind {
            Some(0) => Study::read(&path).map(drop),
            Some(1) => PretrainConfig::read(&path).map(drop),
            Some(2) => FinetuneConfig::read(&path).map(drop),
            _ => panic!("{}: is no study, pre-training or fine-tuning", path.display()),
        };
        read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        counts[kind.unwrap()] += 1;
    }
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}
