//! Writing is atomic, idempotent, and never leaves the root.

use std::os::unix::fs::symlink;

use super::*;

fn set(entries: &[(&str, Entry)]) -> FileSet {
    entries
        .iter()
        .map(|(path, entry)| (RelativePath::new(path).unwrap(), entry.clone()))
        .collect()
}

fn file(text: &str) -> Entry {
    Entry::File(text.to_owned())
}

fn link(target: &str) -> Entry {
    Entry::Link(target.to_owned())
}

#[test]
fn unsafe_paths_cannot_be_named() {
    let long = "x".repeat(101);
    for path in [
        "", "/etc", "a//b", "../a", "a/../b", ".hidden", "a\0b", "a\nb", "a\\b", "a b", &long,
    ] {
        assert!(RelativePath::new(path).is_err(), "{path:?}");
    }
    assert!(RelativePath::new("prod/shop/cart~0a/cds.yaml").is_ok());
}

#[test]
fn files_and_links_appear_and_a_second_run_touches_nothing() {
    let root = tempfile::tempdir().unwrap();
    let files = set(&[
        ("s/gen-0001/cds.yaml", file("a")),
        ("s/current", link("gen-0001")),
    ]);
    let first = write_files(root.path(), &files).unwrap();
    assert_eq!((first.written, first.unchanged), (2, 0));
    let through_link = root.path().join("s/current/cds.yaml");
    assert_eq!(fs::read_to_string(through_link).unwrap(), "a");
    let second = write_files(root.path(), &files).unwrap();
    assert_eq!((second.written, second.unchanged), (0, 2));
    let left: Vec<_> = fs::read_dir(root.path().join("s")).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");
}

#[test]
fn a_new_generation_moves_the_link_and_keeps_the_old_files() {
    let root = tempfile::tempdir().unwrap();
    for (generation, text) in [("gen-0001", "a"), ("gen-0002", "b")] {
        let path = format!("{generation}/cds.yaml");
        let files = set(&[(path.as_str(), file(text)), ("current", link(generation))]);
        write_files(root.path(), &files).unwrap();
    }
    let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
    assert_eq!(read("current/cds.yaml"), "b");
    assert_eq!(read("gen-0001/cds.yaml"), "a");
}

#[test]
fn links_below_the_root_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    symlink(outside.path(), root.path().join("dir")).unwrap();
    symlink(outside.path().join("victim"), root.path().join("file")).unwrap();
    for path in ["dir/a", "file"] {
        let error = write_files(root.path(), &set(&[(path, file("x"))])).unwrap_err();
        assert!(format!("{error:#}").contains("in the way"), "{error:#}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_link_may_only_point_to_a_sibling() {
    let root = tempfile::tempdir().unwrap();
    let error = write_files(root.path(), &set(&[("current", link("../.."))])).unwrap_err();
    assert!(error.to_string().contains("no sibling"), "{error}");
}

#[test]
fn no_link_is_switched_when_one_cannot_be() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("b/current")).unwrap();
    let files = set(&[
        ("a/gen-0001/cds.yaml", file("a")),
        ("a/current", link("gen-0001")),
        ("b/current", link("gen-0001")),
    ]);
    let error = write_files(root.path(), &files).unwrap_err();
    assert!(format!("{error:#}").contains("in the way"), "{error:#}");
    assert!(root.path().join("a/gen-0001/cds.yaml").exists());
    assert!(fs::symlink_metadata(root.path().join("a/current")).is_err());
}

/// A sidecar may read at any moment.
#[test]
fn a_reader_finds_a_complete_generation_at_any_time() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let root = tempfile::tempdir().unwrap();
    let write = |generation: usize| {
        let name = format!("gen-{generation:04}");
        let path = format!("xds/{name}/cds.yaml");
        let files = set(&[(path.as_str(), file(&name)), ("xds/current", link(&name))]);
        write_files(root.path(), &files).unwrap();
    };
    write(1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = String::new();
            while !done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(root.path().join("xds/current/cds.yaml")).unwrap();
                assert!(text >= seen, "{text} after {seen}");
                seen = text;
            }
        });
        (2..12).for_each(write);
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}
