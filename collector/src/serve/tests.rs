use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::time::Timestamp;

use super::*;
use crate::store::{Location, Wanted, read};

/// A day in November 2026.
const TODAY: u64 = 1_795_000_000_000_000_000;
const HOUR: u64 = 3_600_000_000_000;
const YEAR: u64 = 365 * 24 * HOUR;

/// The body of an answer, which has the length that the connection says.
async fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    answer
}

/// Spans of a trace each, with the start and the end that they claim.
fn spans(first_id: u64, times: &[(u64, u64)]) -> String {
    let spans = (first_id..).zip(times).map(|(id, (start, end))| {
        format!(
            r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","kind":2,"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"}}"#
        )
    });
    let spans: Vec<String> = spans.collect();
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
}

async fn wait_for(admin: SocketAddr, line: &str) {
    for _ in 0..3_000 {
        let metrics = ask(admin, "GET /metrics", "").await;
        if metrics.lines().any(|found| found == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{line} never came");
}

/// What spans claim at some time of day: true, within the bound of a week, beyond it, at either end of time, and backwards.
fn claims(now: u64) -> [(u64, u64); 9] {
    [
        (now, now.saturating_add(1_000)),
        (now.saturating_sub(HOUR), now),
        (now.saturating_add(HOUR), now.saturating_add(2 * HOUR)),
        (now.saturating_sub(5 * YEAR), now),
        (now.saturating_add(5 * YEAR), now),
        (0, now),
        (0, 0),
        (u64::MAX, u64::MAX),
        (1, u64::MAX),
    ]
}

/// The clock of the machine is set forwards and back, by an hour, by years, to both ends of time, while spans come that claim
/// any time. Every span is in a segment, every segment has a window, and what was moved is counted.
#[tokio::test]
async fn a_clock_that_jumps_costs_no_span_and_makes_no_window_that_ends_before_it_starts() {
    let times = [
        TODAY,
        TODAY + HOUR,
        TODAY - HOUR,
        TODAY + 20 * YEAR,
        TODAY,
        0,
        u64::MAX,
        TODAY + 60_000_000_000,
    ];
    let wall = Arc::new(AtomicU64::new(TODAY));
    let read_wall = Arc::clone(&wall);
    let clocks = Clocks {
        wall: Arc::new(move || Timestamp(read_wall.load(Ordering::SeqCst))),
        ..Clocks::system()
    };
    let place = TempDir::new().unwrap();
    let (ready, bound) = oneshot::channel();
    let options = CollectOptions {
        grpc_address: "127.0.0.1:0".parse().unwrap(),
        http_address: "127.0.0.1:0".parse().unwrap(),
        admin_address: Some("127.0.0.1:0".parse().unwrap()),
        store: Location::from(place.path()),
        flush_interval: Duration::from_millis(20),
        settings: Settings {
            slice_idle_ms: 1,
            max_waiting_records: 0,
            ..Settings::default()
        },
        ready: Some(ready),
        ..CollectOptions::default()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(collect_by(clocks, options, async { drop(stopped.await) }));
    let bound = bound.await.unwrap();
    let admin = bound.admin.unwrap();
    let mut sent = 0;
    for now in times {
        wall.store(now, Ordering::SeqCst);
        let claims = claims(now);
        ask(bound.http, "POST /v1/traces", &spans(sent + 1, &claims)).await;
        sent += claims.len() as u64;
        let line = format!("tracemesh_spans_inferred_total{{outcome=\"used\"}} {sent}");
        wait_for(admin, &line).await;
    }
    stop.send(()).unwrap();
    let summary = running.await.unwrap().unwrap();
    assert!(summary.segments >= times.len() as u64, "{summary:?}");
    let contents = read(&Location::from(place.path()), &Wanted::default()).unwrap();
    assert!(contents.skipped.is_empty(), "{:?}", contents.skipped);
    let told = contents.segment.snapshot(&Settings::default()).diagnostics;
    assert_eq!((told.spans, told.used), (sent, sent));
    // Of nine claims six are more than a week off, but for both ends of time, of which one is near each.
    assert!(told.counters["time_clamped"] >= 6 * 6, "{told:?}");
}
