//! What every place promises, asked of each.

use std::io;
use std::sync::Arc;

use tempfile::TempDir;

use super::local::Local;
use super::*;

const SEGMENT: &str = "20231114T221320.000Z-20231114T221420.000Z-flush-a-0000000007-00000000";
const OTHER: &str = "20231114T221420.000Z-20231114T221520.000Z-flush-b-0000000007-00000000";

fn files(table: &str, manifest: &str) -> Files {
    let file = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
    vec![
        file("edges.parquet", table),
        file("waiting/edges.parquet", "waits"),
        file("segment.json", manifest),
    ]
}

/// Every kind of place, empty, with what keeps it alive.
fn places() -> Vec<(Arc<dyn Place>, TempDir)> {
    let dir = || TempDir::new().unwrap();
    let local = dir();
    #[cfg_attr(
        not(feature = "object-store"),
        expect(unused_mut, reason = "only a directory is built in")
    )]
    let mut places: Vec<(Arc<dyn Place>, TempDir)> =
        vec![(Arc::new(Local::new(local.path())), local)];
    #[cfg(feature = "object-store")]
    {
        use super::object::Objects;
        use object_store::local::LocalFileSystem;
        use object_store::memory::InMemory;
        let on_disk = dir();
        let disk = LocalFileSystem::new_with_prefix(on_disk.path());
        let stores: [(Arc<dyn object_store::ObjectStore>, TempDir); 2] = [
            (Arc::new(InMemory::new()), dir()),
            (
                Arc::new(disk.unwrap().with_automatic_cleanup(true)),
                on_disk,
            ),
        ];
        for (store, keep) in stores {
            let objects = Objects::over(store, "deep/prefix".into(), "test://").unwrap();
            places.push((Arc::new(objects), keep));
        }
    }
    places
}

#[test]
fn what_is_committed_is_listed_and_read_until_it_is_removed() {
    for (place, _keep) in places() {
        let (mut guard, left) = place.lock("a").unwrap();
        assert_eq!((left, place.list().unwrap()), (0, Listing::default()));
        place.commit("a", SEGMENT, &files("one", "m")).unwrap();
        place.commit("b", OTHER, &files("two", "m")).unwrap();
        let listing = place.list().unwrap();
        assert_eq!(listing.segments, [SEGMENT, OTHER]);
        assert!(listing.foreign.is_empty());
        assert_eq!(place.read(SEGMENT, "edges.parquet", 3).unwrap(), b"one");
        let waiting = place.read(SEGMENT, "waiting/edges.parquet", 99).unwrap();
        assert_eq!(waiting, b"waits");
        let long = place.read(SEGMENT, "edges.parquet", 2).unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::FileTooLarge);
        guard.hold().unwrap();
        place.remove("a", SEGMENT).unwrap();
        place.remove("a", SEGMENT).unwrap();
        assert_eq!(place.list().unwrap().segments, [OTHER]);
        let gone = place.read(SEGMENT, "edges.parquet", 9).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn a_commit_that_is_tried_again_changes_nothing() {
    for (place, _keep) in places() {
        place.lock("a").unwrap();
        place.commit("a", SEGMENT, &files("one", "m")).unwrap();
        place.commit("a", SEGMENT, &files("one", "m")).unwrap();
        assert_eq!(place.read(SEGMENT, "segment.json", 9).unwrap(), b"m");
    }
}

#[test]
fn a_note_is_kept_until_it_is_taken_back() {
    for (place, _keep) in places() {
        place.lock("a").unwrap();
        assert_eq!(place.note("a").unwrap(), None);
        place.set_note("a", None).unwrap();
        place.set_note("a", Some(b"one")).unwrap();
        place.set_note("a", Some(b"two")).unwrap();
        assert_eq!(place.note("a").unwrap().unwrap(), b"two");
        assert_eq!(place.note("b").unwrap(), None);
        place.set_note("a", None).unwrap();
        assert_eq!(place.note("a").unwrap(), None);
        assert!(place.list().unwrap().segments.is_empty());
    }
}

#[test]
fn what_lies_among_segments_and_is_none_is_foreign() {
    let dir = TempDir::new().unwrap();
    let place = Local::new(dir.path());
    place.lock("a").unwrap();
    std::fs::write(dir.path().join("segments/README.md"), b"hello").unwrap();
    assert_eq!(
        place.list().unwrap().foreign,
        [("README.md".to_owned(), "no segment".to_owned())]
    );
}

#[cfg(feature = "object-store")]
mod objects {
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::super::object::Objects;
    use super::*;

    fn over(store: &Arc<InMemory>) -> Objects {
        let store: Arc<dyn ObjectStore> = store.clone();
        Objects::over(store, "p".into(), "test://").unwrap()
    }

    #[test]
    fn a_second_writer_of_the_same_name_is_refused_and_spoils_nothing() {
        let store = Arc::new(InMemory::new());
        let (one, two) = (over(&store), over(&store));
        one.commit("a", SEGMENT, &files("one", "m1")).unwrap();
        let error = two.commit("a", SEGMENT, &files("two", "m2")).unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert_eq!(one.read(SEGMENT, "edges.parquet", 9).unwrap(), b"one");
    }

    #[test]
    fn what_a_dead_writer_left_is_no_segment_and_is_removed_by_its_successor_only() {
        let store = Arc::new(InMemory::new());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let half = format!("p/segments/{SEGMENT}/edges.parquet");
        runtime
            .block_on(store.put(&half.as_str().into(), "half".into()))
            .unwrap();
        let place = over(&store);
        place.commit("b", OTHER, &files("two", "m")).unwrap();
        assert_eq!(place.lock("b").unwrap().1, 0);
        assert_eq!(place.list().unwrap().segments, [SEGMENT, OTHER]);
        let missing = place.read(SEGMENT, "segment.json", 9).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert_eq!(place.lock("a").unwrap().1, 1);
        assert_eq!(place.list().unwrap().segments, [OTHER]);
    }

    #[tokio::test]
    async fn it_can_be_used_and_dropped_inside_of_another_runtime() {
        let store = Arc::new(InMemory::new());
        let place = over(&store);
        place.commit("a", SEGMENT, &files("one", "m")).unwrap();
        assert_eq!(place.list().unwrap().segments, [SEGMENT]);
    }
}
