//! Metrics, health and the graph of a live collector, as scrapers and orchestrators see them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::process::{Collector, get};
use crate::harness::{call, promtool_is_here, request, tracemesh_in};

/// Traces settle as soon as they are idle: none waits for late spans.
const QUICK: [&str; 6] = [
    "--flush-interval",
    "200ms",
    "--trace-idle",
    "200ms",
    "--max-waiting-spans",
    "0",
];

fn metrics(collector: &Collector) -> String {
    let (status, headers, body) = get(&collector.admin, "/metrics", &[]);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(headers.contains("text/plain; version=0.0.4"), "{headers}");
    body
}

/// Scrapes until the line is there.
fn wait_for(collector: &Collector, line: &str) -> String {
    let mut text = String::new();
    for _ in 0..300 {
        text = metrics(collector);
        if text.lines().any(|found| found == line) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(text, line, "the line never came");
    text
}

fn check_with_promtool(text: &str) {
    if !promtool_is_here() {
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = promtool.stdin.take().expect("standard input is a pipe");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{text}");
}

#[test]
fn the_metrics_of_a_service_graph_are_those_that_grafana_asks_for() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::start(&place.path().join("data"), &QUICK);
    check_with_promtool(&metrics(&collector));
    collector.post(&request(call(1, "web", "cart", "cart.shop")));
    collector.post(&request(call(2, "web", "cart", "cart.shop")));
    let labels = "client=\"web\",server=\"cart\",connection_type=\"\",client_service_namespace=\"\",server_service_namespace=\"\"";
    let text = wait_for(
        &collector,
        &format!("traces_service_graph_request_total{{{labels}}} 2"),
    );
    check_with_promtool(&text);
    for line in [
        format!("traces_service_graph_request_failed_total{{{labels}}} 0"),
        format!("traces_service_graph_request_server_seconds_count{{{labels}}} 2"),
        format!("traces_service_graph_request_client_seconds_count{{{labels}}} 2"),
        "tracemesh_calls_total{evidence=\"paired\"} 2".to_owned(),
        "tracemesh_received_spans_total{outcome=\"accepted\"} 6".to_owned(),
        "tracemesh_spans_inferred_total{outcome=\"used\"} 6".to_owned(),
        "tracemesh_series 2".to_owned(),
        "tracemesh_ready 1".to_owned(),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no `{line}` in\n{text}"
        );
    }
    let accept = "Accept: application/openmetrics-text;version=1.0.0";
    let (_, headers, open) = get(&collector.admin, "/metrics", &[accept]);
    assert!(
        headers.contains("application/openmetrics-text; version=1.0.0"),
        "{headers}"
    );
    assert!(open.ends_with("# EOF\n"), "{open}");
    assert!(open.contains(" # {traceID=\""), "{open}");
    collector.terminate();
}

#[test]
fn hostile_names_cannot_break_a_scrape() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::start(&place.path().join("data"), &QUICK);
    let (web, cart) = ("a\"} 1\nb", "c\\");
    collector.post(&request(call(1, web, cart, "cart.shop")));
    let line = "traces_service_graph_request_total{client=\"a\\\"} 1\\nb\",server=\"c\\\\\",connection_type=\"\",\
                client_service_namespace=\"\",server_service_namespace=\"\"} 1";
    check_with_promtool(&wait_for(&collector, line));
    collector.terminate();
}

#[test]
fn pairs_beyond_the_cap_count_for_other() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let options = [&QUICK[..], &["--max-series", "1"]].concat();
    let collector = Collector::start(&place.path().join("data"), &options);
    for trace in 1..=3 {
        let callee = format!("callee-{trace}");
        collector.post(&request(call(
            trace,
            "web",
            &callee,
            &format!("{callee}.shop"),
        )));
    }
    let text = wait_for(&collector, "tracemesh_series_folded_calls_total 5");
    let other = "traces_service_graph_request_total{client=\"other\",server=\"other\"";
    assert!(text.contains(other), "{text}");
    collector.terminate();
}

#[test]
fn the_graph_page_is_the_graph_of_the_store() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(&store, &QUICK);
    let (status, ..) = get(&collector.admin, "/healthz", &[]);
    assert_eq!(status, "HTTP/1.1 200 OK");
    let (status, _, told) = get(&collector.admin, "/readyz", &[]);
    assert_eq!(
        (status.as_str(), told.as_str()),
        ("HTTP/1.1 200 OK", "ready\n")
    );
    collector.post(&request(call(1, "web", "cart", "cart.shop")));
    wait_for(&collector, "tracemesh_calls_total{evidence=\"paired\"} 1");
    let (status, headers, shown) = get(&collector.admin, "/api/v1/graph?since=1h", &[]);
    assert_eq!(status, "HTTP/1.1 200 OK", "{shown}");
    assert!(headers.contains("application/json"), "{headers}");
    for (query, wanted) in [
        ("since=soon", "400"),
        ("sinse=1h", "400"),
        ("since", "400"),
        ("since=2100-01-01", "404"),
    ] {
        let (status, _, told) = get(&collector.admin, &format!("/api/v1/graph?{query}"), &[]);
        assert!(status.contains(wanted), "{query}: {status} {told}");
    }
    let (status, _, told) = get(&collector.admin, "/", &[]);
    assert!(
        status.contains("404") && told.contains("/metrics"),
        "{told}"
    );
    collector.terminate();
    let json = [
        "graph", "--store", "data", "--since", "1h", "--format", "json",
    ];
    let run = tracemesh_in(Path::new(place.path()), &json, b"").expect_code(0);
    let parse = |text: &str| -> Value { serde_json::from_str(text).expect("it is JSON") };
    assert_eq!(parse(&shown), parse(&run.stdout));
}
