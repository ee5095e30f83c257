//! Stores that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::harness::process::Collector;
use crate::harness::{BINARY, Run, call, python, request, tracemesh_in};

fn collect(place: &Path, store: &str) -> Run {
    let arguments = [
        "collect",
        "--grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--admin",
        "none",
        "--store",
        store,
    ];
    tracemesh_in(place, &arguments, b"")
}

#[test]
fn a_store_that_is_a_file_or_below_one_is_refused_at_the_start() {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("file"), b"").expect("a writable file");
    for store in ["file", "file/data"] {
        let told = collect(place.path(), store).expect_refusal("cannot be created");
        assert!(told.contains("--store"), "{told}");
    }
    for part in ["segments", "runs", "tmp", "locks"] {
        let store = format!("with-{part}");
        fs::create_dir(place.path().join(&store)).expect("a writable directory");
        let path = place.path().join(&store).join(part);
        fs::write(path, b"in the way").expect("a writable file");
        collect(place.path(), &store).expect_refusal(part);
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_refused_at_the_start() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let closed = place.path().join("closed");
    fs::create_dir(&closed).expect("a writable directory");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("it is ours");
    if fs::write(closed.join("probe"), b"").is_ok() {
        python::say("SKIPPED: this user may write anywhere, so permissions were not checked");
        return;
    }
    let told = collect(place.path(), "closed/data").expect_refusal("cannot be created");
    assert!(told.contains("permissions"), "{told}");
}

/// No file of the process may become longer than nothing, which is what a full disk feels like.
#[test]
fn a_full_disk_is_noticed_at_the_start() {
    let place = tempfile::tempdir().expect("a temporary directory");
    // Bash ignores the signal on behalf of its children; writes then fail.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let ended = Command::new("bash")
        .args(["-c", script, "bash", BINARY, "collect", "--store", "data"])
        .args(["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .args(["--admin", "none"])
        .current_dir(place.path())
        .output()
        .expect("bash starts");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot be written"), "{told}");
    assert!(told.contains("free space"), "{told}");
}

/// The store goes away and comes back: what was received meanwhile is written then. Which flush fails is up to the machine; that
/// none loses anything at whichever step is proved on a faulty disk, in the collector.
#[test]
fn what_cannot_be_written_for_a_while_is_written_later() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &["--flush-interval", "100ms"]);
    let segments = store.join("segments");
    let aside = place.path().join("aside");
    fs::rename(&segments, &aside).expect("a directory of ours");
    put_in_the_way(&segments);
    collector.post(&request(call(1, "web", "cart", "cart.shop")));
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    fs::remove_file(&segments).expect("a file of ours");
    bring_back(&aside, &segments);
    collector.terminate();
    let run = tracemesh_in(
        place.path(),
        &["graph", "--store", "data", "--format", "json"],
        b"",
    );
    let graph: serde_json::Value =
        serde_json::from_str(&run.expect_code(0).stdout).expect("the graph is JSON");
    assert_eq!(graph["edges"][0]["calls"], 1);
}

/// A file where the directory was. A flush of that moment makes the directory anew; it has nothing to put there yet.
fn put_in_the_way(directory: &Path) {
    let is_put = (0..100).any(|_| {
        let outcome = fs::write(directory, b"in the way");
        if outcome.is_err() {
            fs::remove_dir_all(directory).expect("a directory of ours");
        }
        outcome.is_ok()
    });
    assert!(is_put, "the collector always came first");
}

/// What was in the directory, also when a flush of that moment made it anew.
fn bring_back(aside: &Path, directory: &Path) {
    if fs::rename(aside, directory).is_ok() {
        return;
    }
    for entry in fs::read_dir(aside).expect("a directory of ours") {
        let entry = entry.expect("a readable directory");
        fs::rename(entry.path(), directory.join(entry.file_name()))
            .expect("names of segments differ");
    }
}
