//! Processes that are killed while spans come in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::ask;
use crate::harness::process::{Collector, try_post};
use crate::harness::{call, request};

/// Processes that are killed.
const KILLS: u64 = 100;

/// Calls of which the answer came, and calls of which none came, each as a service of its own name.
#[derive(Debug, Default)]
struct Sent {
    /// When the answer came, in nanoseconds of wall-clock time, by number of the call.
    acknowledged: BTreeMap<u64, u64>,
    unanswered: Vec<u64>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "what was acknowledged is judged by the clock that flushes go by"
)]
fn wall_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.expect("after 1970").as_nanos()).expect("before 2554")
}

/// A number that is random enough, and the same in every run.
fn scattered(seed: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// Sends calls one after the other until the collector is gone.
fn send(address: &str, numbers: std::ops::Range<u64>, is_over: &AtomicBool, sent: &Mutex<Sent>) {
    for number in numbers {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let body = request(call(
            u128::from(number) + 1,
            &format!("web-{}", number % 7),
            "cart",
            "cart.shop",
        ));
        let answer = try_post(address, "application/x-protobuf", &body);
        let mut sent = sent.lock().expect("no sender panics");
        match answer {
            Some(status) if status.contains("200") => {
                sent.acknowledged.insert(number, wall_ns());
            }
            _ => return sent.unanswered.push(number),
        }
    }
}

/// End of the last flush of the run, from its note.
fn flushed_ns(store: &Path) -> u64 {
    let note = std::fs::read(store.join("runs/collector.json")).expect("a run keeps a note");
    let note: Value = serde_json::from_slice(&note).expect("a note is JSON");
    let flushed = note["flushed"].as_str().expect("a time");
    let flushed: tracemesh_graph::time::Timestamp = flushed.parse().expect("RFC 3339");
    flushed.0
}

fn calls(store: &Path) -> u64 {
    let segments = std::fs::read_dir(store.join("segments")).expect("a store has segments");
    if segments.count() == 0 {
        // Killed before the first flush: reading commands refuse a store without segments.
        return 0;
    }
    let (graph, _) = ask(store, &["graph"]);
    let edges = graph["edges"].as_array().expect("edges");
    edges.iter().filter_map(|edge| edge["calls"].as_u64()).sum()
}

/// A hundred processes on one store, each killed at some moment while calls are sent, and each told of the one before. After each kill
/// the store is read: whole, with every call that was acknowledged before the last flush, and none twice. At the end there
/// is one more call in the graph for each acknowledged one, but for those of the last moments of each process.
#[test]
fn a_hundred_kills_cost_what_was_not_flushed_and_nothing_else() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let (mut at_least, mut at_most) = (0, 0);
    let mut runs_that_kept = 0;
    for kill in 0..KILLS {
        let collector = Collector::start(&store, &["--flush-interval", "100ms"]);
        let is_told = collector.said_at_start.contains("ended without a goodbye");
        assert_eq!(is_told, kill > 0, "{}", collector.said_at_start);
        let sent = Arc::new(Mutex::new(Sent::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (address, shared, over) = (
            collector.http.clone(),
            Arc::clone(&sent),
            Arc::clone(&is_over),
        );
        let numbers = kill * 1_000_000..(kill + 1) * 1_000_000;
        let sender = std::thread::spawn(move || send(&address, numbers, &over, &shared));
        std::thread::sleep(Duration::from_millis(50 + scattered(kill) % 500));
        // SIGKILL: nothing of the process runs after it.
        drop(collector);
        is_over.store(true, Ordering::SeqCst);
        sender.join().expect("the sender ends");
        let sent = sent.lock().expect("no sender panics");
        let flushed = flushed_ns(&store);
        let is_safe = |at: &&u64| **at < flushed;
        let safe = sent.acknowledged.values().filter(is_safe).count();
        let all = sent.acknowledged.len() + sent.unanswered.len();
        let before = at_least;
        at_least += safe as u64;
        at_most += all as u64;
        let found = calls(&store);
        assert!(
            (at_least..=at_most).contains(&found),
            "kill {kill}: {found} calls, and not {at_least} to {at_most}"
        );
        // What is there is there for good: the next process starts from it.
        (at_least, at_most) = (found, found);
        assert!(at_most >= before, "kill {kill}");
        runs_that_kept += u64::from(at_most > before);
    }
    // Else the processes lived too short to prove anything.
    assert!(
        runs_that_kept >= KILLS / 10,
        "only {runs_that_kept} came to a flush"
    );
    let (check, code) = ask(&store, &["store", "check"]);
    assert_eq!(
        (code, &check["faults"]),
        (Some(0), &Value::from(Vec::<Value>::new()))
    );
    assert_eq!(check["killed"], serde_json::json!(["collector"]));
    let last = Collector::start(&store, &[]);
    last.terminate();
    let next = Collector::start(&store, &[]);
    assert!(
        !next.said_at_start.contains("goodbye"),
        "{}",
        next.said_at_start
    );
    assert_eq!(calls(&store), at_least);
}
