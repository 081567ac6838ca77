//! What is packed comes back; what is wrong is refused and leaves nothing.

use super::*;
use crate::bundle::pack::{Content, Files, pack};
use std::os::unix::fs::PermissionsExt;

/// A program, a library and a model; `version` is in the program.
fn files(folder: &Path, version: &str) -> Files {
    let program = folder.join("program");
    fs::write(&program, format!("#!/bin/sh\necho {version}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let library = (0..300_000_u32).flat_map(|i| (i * 2_654_435_761_u32).to_le_bytes()).collect();
    Files::from([
        (PROGRAM.to_owned(), Content::File(program)),
        ("lib/libdeep.so.1".to_owned(), Content::Bytes(library)),
        ("models/he/model.toml".to_owned(), Content::Bytes(b"format = 1\n".to_vec())),
    ])
}

fn packed(folder: &Path, version: &str) -> PathBuf {
    let archive = folder.join(format!("engine-{version}.tar.zst"));
    pack(&files(folder, version), &archive, 3, &mut |_, _| true).unwrap();
    archive
}

fn quietly(archive: &Path, place: &Path) -> Result<()> {
    install(archive, place, &mut |_, _| true)
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[test]
fn what_is_packed_comes_back_with_its_rights() {
    let folder = tempfile::tempdir().unwrap();
    let archive = packed(folder.path(), "1");
    let place = folder.path().join("data/engine");
    let mut told = Vec::new();
    install(&archive, &place, &mut |done, all| {
        told.push((done, all));
        true
    })
    .unwrap();
    assert_eq!(names(&place), ["lib", "models", PROGRAM]);
    assert_eq!(fs::read(place.join("models/he/model.toml")).unwrap(), b"format = 1\n");
    assert_eq!(fs::read(place.join("lib/libdeep.so.1")).unwrap().len(), 1_200_000);
    assert_eq!(fs::metadata(place.join(PROGRAM)).unwrap().permissions().mode() & 0o777, 0o755);
    let size = fs::metadata(&archive).unwrap().len();
    assert_eq!(told.last(), Some(&(size, size)));
    assert_eq!(names(place.parent().unwrap()), ["engine"], "nothing else is left");
}

#[test]
fn the_same_files_give_the_same_archive_and_its_sum_lies_beside() {
    let folder = tempfile::tempdir().unwrap();
    let first = packed(folder.path(), "1");
    let bytes = fs::read(&first).unwrap();
    let again = pack(&files(folder.path(), "1"), &first, 3, &mut |_, _| true).unwrap();
    assert_eq!(fs::read(&first).unwrap(), bytes);
    assert_eq!((again.archive, again.sha256.clone()), (bytes.len() as u64, hexadecimal(&Sha256::digest(&bytes))));
    let beside = fs::read_to_string(folder.path().join("engine-1.tar.zst.sha256")).unwrap();
    assert_eq!(beside, format!("{}  engine-1.tar.zst\n", again.sha256));
}

#[test]
fn a_new_engine_replaces_the_old_one_at_once_and_what_is_no_engine_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("data/engine");
    for version in ["1", "2"] {
        quietly(&packed(folder.path(), version), &place).unwrap();
        assert!(fs::read_to_string(place.join(PROGRAM)).unwrap().contains(&format!("echo {version}")));
        assert_eq!(names(place.parent().unwrap()), ["engine"]);
    }
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("cat.jpg"), "cat").unwrap();
    let error = quietly(&packed(folder.path(), "3"), &photos).unwrap_err().to_string();
    assert!(error.contains("holds no engine that could be replaced"), "{error}");
    assert_eq!(names(&photos), ["cat.jpg"]);
}

#[test]
fn cut_off_at_any_place_or_damaged_it_is_refused_and_the_old_engine_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("data/engine");
    quietly(&packed(folder.path(), "1"), &place).unwrap();
    let good = fs::read(packed(folder.path(), "2")).unwrap();
    let bad = folder.path().join("bad.tar.zst");
    let mut cases: Vec<Vec<u8>> = (0..40).map(|i| good[..good.len() * i / 40].to_vec()).collect();
    cases.push(good[..good.len() - 1].to_vec());
    for at in [5, good.len() / 3, good.len() / 2, good.len() * 9 / 10] {
        let mut damaged = good.clone();
        damaged[at] ^= 0x55;
        cases.push(damaged);
    }
    cases.push(b"<html>Not found</html>".to_vec());
    for case in cases {
        fs::write(&bad, &case).unwrap();
        let error = quietly(&bad, &place).expect_err("refused").to_string();
        assert!(error.contains("bad.tar.zst") && error.contains("download it again"), "{} bytes: {error}", case.len());
        assert!(fs::read_to_string(place.join(PROGRAM)).unwrap().contains("echo 1"));
        assert_eq!(names(place.parent().unwrap()), ["engine"]);
    }
}

/// Name and content that a sum is made of.
type Listed = (&'static str, &'static [u8]);
/// Kind, whole name and content.
type Entry = (tar::EntryType, &'static str, &'static [u8]);

/// An archive of these entries, with the sums of `listed`.
fn archive_of(path: &Path, listed: &[Listed], entries: &[Entry]) {
    let sums: String =
        listed.iter().map(|(name, bytes)| format!("{}  {name}\n", hexadecimal(&Sha256::digest(bytes)))).collect();
    let mut tar = tar::Builder::new(zstd::Encoder::new(File::create(path).unwrap(), 1).unwrap());
    let sums = (tar::EntryType::Regular, "slidestream-engine/SHA256SUMS", sums.as_bytes());
    for (kind, name, bytes) in std::iter::once(&sums).chain(entries) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        // The crate refuses such names itself, so they are written past it.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

#[test]
fn an_archive_that_would_write_elsewhere_or_holds_what_it_should_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, place) = (folder.path().join("evil.tar.zst"), folder.path().join("data/engine"));
    let file = tar::EntryType::Regular;
    let program: Listed = (PROGRAM, b"#!/bin/sh\n");
    let good = (file, "slidestream-engine/slidestream", program.1);
    let cases: [(&[Listed], Vec<Entry>, &str); 7] = [
        (&[program], vec![good, (file, "slidestream-engine/../../escaped", b"x")], "no file of an engine"),
        (&[program], vec![(file, "/tmp/escaped", b"x"), good], "no file of an engine"),
        (&[program], vec![good, (tar::EntryType::Symlink, "slidestream-engine/lib", b"")], "no file of an engine"),
        (&[program], vec![good, (file, "slidestream-engine/extra", b"x")], "twice or without a sum"),
        (&[program], vec![good, good], "twice or without a sum"),
        (&[program, ("lib/libx.so", b"x")], vec![good], "lacks `lib/libx.so`"),
        (&[("lib/libx.so", b"x")], vec![(file, "slidestream-engine/lib/libx.so", b"x")], "holds no program"),
    ];
    for (listed, entries, reason) in cases {
        archive_of(&path, listed, &entries);
        let error = quietly(&path, &place).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(names(place.parent().unwrap()), Vec::<String>::new());
        assert!(!folder.path().join("escaped").exists());
    }
}

#[test]
fn stopping_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = packed(folder.path(), "1");
    let place = folder.path().join("data/engine");
    let end = install(&archive, &place, &mut |done, all| done * 2 < all);
    assert!(matches!(end, Err(Error::Cancelled)), "{end:?}");
    assert_eq!(names(place.parent().unwrap()), Vec::<String>::new());
    let end = pack(&files(folder.path(), "1"), &folder.path().join("new.tar.zst"), 3, &mut |_, _| false);
    assert!(matches!(end, Err(Error::Cancelled)), "{end:?}");
    assert!(!folder.path().join("new.tar.zst").exists());
}
