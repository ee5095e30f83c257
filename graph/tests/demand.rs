//! Load over time, from spans to settings: sixteen days of known traffic between two services whose pods are replaced every
//! day, in segments that are merged in any order.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::egress::{EgressModel, EgressOptions, Phase, SettingName, derive};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

const DAYS: u64 = 16;
/// Seconds of each day in which there are calls; the n-th has n times `CALLS`.
const SECONDS: u64 = 5;
const CALLS: u64 = 10;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// One half of a call.
struct Half<'a> {
    service: &'a str,
    pod: String,
    kind: SpanKind,
    ids: (u64, u64, Option<u64>),
    start_ns: u64,
    took_ns: u64,
    is_error: bool,
}

fn emit(recorder: &mut Recorder, half: &Half<'_>) {
    let mut resource = AttributeSet::default();
    resource.insert(Key::ServiceName, Value::Text(half.service));
    resource.insert(Key::ServiceInstanceId, Value::Text(&half.pod));
    resource.insert(Key::TelemetrySdkLanguage, Value::Text("nodejs"));
    recorder.resource(&resource);
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::HttpRequestMethod, Value::Text("GET"));
    attributes.insert(Key::UrlScheme, Value::Text("http"));
    attributes.insert(Key::NetworkProtocolVersion, Value::Text("1.1"));
    if half.is_error {
        attributes.insert(Key::HttpResponseStatusCode, Value::Int(503));
    }
    if half.kind == SpanKind::Client {
        let host = Value::Text("cart.shop.svc.cluster.local");
        attributes.insert(Key::ServerAddress, host);
        attributes.insert(Key::ServerPort, Value::Int(8080));
    }
    let (trace, span, parent) = half.ids;
    recorder.span(&SpanView {
        trace_id: TraceId((u128::from(trace) << 64 | 7).to_be_bytes()),
        span_id: SpanId(span.to_be_bytes()),
        parent_id: parent.map(|id| SpanId(id.to_be_bytes())),
        kind: half.kind,
        start_ns: half.start_ns,
        end_ns: half.start_ns + half.took_ns,
        is_error: half.is_error,
        flags: 0,
        trace_state: "",
        name: "GET",
        attributes: &attributes,
        events: SpanEvents::default(),
        links: &[],
    });
}

/// A call of one of two pods of the day to one of two.
fn call(recorder: &mut Recorder, (day, number): (u64, u64), start_ns: u64) {
    let id = (day + 1) * 1_000_000 + number * 10;
    // One in a hundred takes long, and another one fails after longer.
    let (took_ns, is_error) = match number % 100 {
        50 => (900 * MS, false),
        51 => (3 * SECOND, true),
        _ => (200 * MS, false),
    };
    let half = |service, kind, ids, start_ns, took_ns| Half {
        service,
        pod: format!("{service}-{day}-{}", number % 2),
        kind,
        ids,
        start_ns,
        took_ns,
        is_error,
    };
    let client = half(
        "front",
        SpanKind::Client,
        (id, id + 1, None),
        start_ns,
        took_ns,
    );
    let ids = (id, id + 2, Some(id + 1));
    let server = half(
        "cart",
        SpanKind::Server,
        ids,
        start_ns + MS,
        took_ns - 2 * MS,
    );
    emit(recorder, &client);
    emit(recorder, &server);
}

fn day(day: u64) -> Segment {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings);
    let midnight = (20_000 + day) * 86_400 * SECOND;
    let mut number = 0;
    for second in 1..=SECONDS {
        let start = midnight + second * 3_600 * SECOND;
        for _ in 0..second * CALLS {
            call(&mut recorder, (day, number), start + number % 7 * MS);
            number += 1;
        }
    }
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment()
}

fn merged(days: impl Iterator<Item = u64>) -> GraphSnapshot {
    let mut all = Segment::default();
    days.for_each(|number| all.merge(day(number)));
    all.snapshot(&Settings::default())
}

fn tuned(snapshot: &GraphSnapshot) -> EgressModel {
    let mut options = EgressOptions {
        phase: Phase::Tuned,
        ..EgressOptions::default()
    };
    options.policy.thresholds.tuned_calls = 2000;
    derive(snapshot, &options)
}

#[test]
fn facts_of_weeks_are_exact_while_the_busy_seconds_are_few() {
    let snapshot = merged(0..DAYS);
    let mut edges = snapshot.edges.iter();
    let edge = edges
        .find(|edge| edge.callee == "service/cart")
        .expect("an edge");
    let demand = edge.facts.demand.expect("new segments have it");
    let calls = DAYS * CALLS * (1..=SECONDS).sum::<u64>();
    assert_eq!((edge.calls, demand.calls), (calls, calls));
    assert_eq!(demand.active_days, DAYS);
    assert_eq!(demand.calls_per_second, 50.0);
    assert_eq!(demand.calls_per_second_of_one, 25.0);
    assert_eq!(demand.caller_instances, 2.0);
    assert_eq!(demand.callee_instances, 2.0);
    assert!(demand.callee_was_replaced);
    assert_eq!(demand.slowest_ok_ms, Some(900.0));
    // 50 calls of 0.2 s and more in the busiest second, over two pods.
    assert!(
        (5.0..7.0).contains(&demand.concurrency_of_one),
        "{demand:?}"
    );
    let cart = snapshot.node("service/cart").and_then(|node| node.inbound);
    let inbound = cart.expect("it has server spans");
    assert_eq!((inbound.calls, inbound.active_days), (calls, DAYS));
    assert_eq!(inbound.calls_per_second_of_one, 25.0);
    assert!((190.0..206.0).contains(&inbound.p90_ms), "{inbound:?}");
    assert!(
        snapshot
            .node("service/front")
            .is_some_and(|node| node.inbound.is_none())
    );
}

#[test]
fn the_order_of_days_changes_nothing() {
    let forward = serde_json::to_string(&merged(0..DAYS)).expect("a snapshot is JSON");
    let backward = serde_json::to_string(&merged((0..DAYS).rev())).expect("a snapshot is JSON");
    assert_eq!(forward, backward);
}

/// A job that asks forty times in parallel, once: no sample of seconds would promise to see it.
#[test]
fn the_widest_trace_is_known_exactly() {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings);
    for number in 0..40 {
        let half = Half {
            service: "job",
            pod: "job-1".to_owned(),
            kind: SpanKind::Client,
            ids: (9, 100 + number, None),
            start_ns: 20_000 * 86_400 * SECOND + number * MS,
            took_ns: 30 * MS,
            is_error: false,
        };
        emit(&mut recorder, &half);
    }
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    let snapshot = shard.take_segment().snapshot(&Settings::default());
    let demand = snapshot.edges[0]
        .facts
        .demand
        .expect("new segments have it");
    assert_eq!(demand.most_in_trace, 30);
}

#[test]
fn spans_become_settings() {
    let model = tuned(&merged(0..DAYS));
    let mut services = model.services.iter();
    let front = services
        .find(|service| service.name == "front")
        .expect("a service");
    let tuning = &front.destinations[0].tuning;
    assert_eq!(tuning.phase, Phase::Tuned, "{tuning:#?}");
    let number = |name| tuning.number(name);
    // p99.9 is the failed call of 3 s; the slowest success took 0.9 s.
    assert!(number(SettingName::RouteTimeout).is_some_and(|ms| ms >= 9_000));
    assert_eq!(number(SettingName::UpstreamIdle), Some(4_000));
    assert_eq!(number(SettingName::UnsentRetries), Some(1));
    assert!(number(SettingName::MaxRequests).is_some_and(|limit| (32..500).contains(&limit)));
    let young = tuned(&merged(0..10));
    let mut services = young.services.iter();
    let front = services
        .find(|service| service.name == "front")
        .expect("a service");
    assert_eq!(front.destinations[0].tuning.phase, Phase::Transparent);
}
