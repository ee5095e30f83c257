//! Flags of the pages for operators, as they are typed.

use serde_json::Value;

use crate::harness::process::{Collector, get};
use crate::harness::tracemesh;

#[test]
fn debug_pages_are_on_where_they_are_asked_for_and_show_the_options_in_force() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let environment = [("TRACEMESH_DEBUG_PAGES", "true".to_owned())];
    let options = ["--trace-idle", "7s", "--shards", "3"];
    let collector = Collector::start_with(store.as_os_str(), &options, &environment);
    let (status, _, text) = get(&collector.admin, "/debug/config", &[]);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(collector.said_at_start.contains(&text), "{text}");
    let has = |start: &str, end: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with(start) && line.ends_with(end))
    };
    assert!(has("trace-idle: 7s", "# flag"), "{text}");
    assert!(
        has("debug-pages: true", "# TRACEMESH_DEBUG_PAGES"),
        "{text}"
    );
    let (_, _, state) = get(&collector.admin, "/debug/state", &[]);
    let state: Value = serde_json::from_str(&state).expect("it is JSON");
    assert_eq!(state["slices"]["shards"].as_array().map(Vec::len), Some(3));
    // The budget is that of all shards, however it is divided.
    assert_eq!(
        state["slices"]["budget_bytes"],
        Value::from((1_u64 << 30) / 3 * 3)
    );
    collector.terminate();
}

#[test]
fn metrics_for_everybody_are_refused_until_somebody_wants_that() {
    let refused = |further: &[&str]| {
        let fixed = ["collect", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        let run = tracemesh(&[&fixed[..], further].concat());
        run.expect_refusal("metrics and")
    };
    let said = refused(&["--admin", "0.0.0.0:0"]);
    assert!(said.contains("--admin-access secured"), "{said}");
    let said = refused(&["--admin", "127.0.0.1:0", "--admin-access", "secured"]);
    assert!(said.contains("--token-file"), "{said}");
}
