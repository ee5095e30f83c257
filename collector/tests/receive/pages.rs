//! The pages for operators that only a running collector has.

use std::num::NonZeroUsize;

use tracemesh_collector::serve::CollectOptions;

use crate::harness::{Collector, get, http, sample};
use prost::Message as _;

async fn start(debug_pages: bool) -> Collector {
    Collector::start_with(CollectOptions {
        admin_address: Some("127.0.0.1:0".parse().unwrap()),
        debug_pages,
        configuration: "instance: here  # flag\n".to_owned(),
        instance: "here".to_owned(),
        shards: NonZeroUsize::new(2).unwrap(),
        ..CollectOptions::default()
    })
    .await
}

#[tokio::test]
async fn debug_pages_are_off_and_say_how_to_turn_them_on() {
    let collector = start(false).await;
    let admin = collector.addresses.admin.unwrap();
    for page in ["/debug/state", "/debug/config"] {
        let answer = get(admin, page, "").await;
        assert_eq!(answer.status, 404, "{page}");
        assert!(answer.text().contains("--debug-pages"), "{}", answer.text());
    }
    collector.stop().await;
}

#[tokio::test]
async fn debug_pages_tell_what_is_held_and_what_was_done() {
    let collector = start(true).await;
    let admin = collector.addresses.admin.unwrap();
    let body = sample(3, 1).encode_to_vec();
    let address = collector.addresses.http;
    let answer = http(address, "application/x-protobuf", "identity", &body).await;
    assert_eq!(answer.status, 200);
    http(address, "text/plain", "identity", b"x").await;
    let answer = get(admin, "/debug/state", "").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let state: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    for (pointer, expected) in [
        ("/schema", serde_json::json!("tracemesh.debug-state/v1")),
        ("/instance", "here".into()),
        ("/is_ready", true.into()),
        ("/requests/accepted", 1.into()),
        ("/requests/spans", 3.into()),
        ("/requests/rejected_spans", 1.into()),
        ("/requests/not_taken/unsupported", 1.into()),
        ("/requests/in_flight_capacity_bytes", (256 << 20).into()),
        ("/queue/capacity_spans", 1_000_000.into()),
        ("/slices/budget_bytes", (2_u64 << 30).into()),
        ("/slices/shards/1/is_alive", true.into()),
        ("/connections/taken", 2.into()),
        ("/flushes/failed", 0.into()),
        ("/flushes/last_asked", serde_json::Value::Null),
    ] {
        assert_eq!(state.pointer(pointer), Some(&expected), "{pointer} {state}");
    }
    assert!(state["names"]["nodes"].as_u64() >= Some(1), "{state}");
    assert!(state["uptime_ms"].is_u64() && state["version"].is_string());
    let config = get(admin, "/debug/config", "").await;
    assert_eq!(
        (config.status, config.text()),
        (200, "instance: here  # flag\n")
    );
    collector.stop().await;
}
