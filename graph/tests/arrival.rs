//! What spans say beside their attributes: flags of a remote parent, and times that cannot be.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};
use tracemesh_graph::time::Timestamp;

const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;
const ARRIVAL_NS: u64 = 20_000 * DAY_NS;

/// A span of one trace; times in nanoseconds.
#[derive(Clone, Copy)]
struct Given {
    service: &'static str,
    peer: &'static str,
    kind: SpanKind,
    id: u64,
    parent: u64,
    flags: u32,
    start_ns: u64,
}

impl Given {
    const fn new(service: &'static str, kind: SpanKind, id: u64, parent: u64) -> Self {
        Self {
            service,
            peer: "",
            kind,
            id,
            parent,
            flags: 0x100,
            start_ns: ARRIVAL_NS + id,
        }
    }

    const fn remote(self) -> Self {
        Self {
            flags: 0x300,
            ..self
        }
    }

    const fn at(self, start_ns: u64) -> Self {
        Self { start_ns, ..self }
    }
}

fn graph(spans: &[Given], arrival: Option<u64>) -> GraphSnapshot {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings.clone());
    for (index, span) in (0..).zip(spans) {
        if let Some(arrival) = arrival {
            recorder.set_arrival(Timestamp(arrival + index));
        }
        let mut resource = AttributeSet::default();
        resource.insert(Key::ServiceName, Value::Text(span.service));
        recorder.resource(&resource);
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::PeerService, Value::Text(span.peer));
        recorder.span(&SpanView {
            trace_id: TraceId([7; 16]),
            span_id: SpanId(span.id.to_be_bytes()),
            parent_id: (span.parent != 0).then_some(SpanId(span.parent.to_be_bytes())),
            kind: span.kind,
            start_ns: span.start_ns,
            end_ns: span.start_ns.saturating_add(1_000_000),
            is_error: false,
            flags: span.flags,
            trace_state: "",
            name: "work",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
    }
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment().snapshot(&settings)
}

fn requests(graph: &GraphSnapshot, name: &str) -> u64 {
    let node = graph.node(&format!("service/{name}"));
    node.expect("a node").requests
}

#[test]
fn a_kindless_span_with_a_remote_parent_serves_the_call() {
    let call = Given::new("a", SpanKind::Client, 1, 0);
    for kind in [SpanKind::Internal, SpanKind::Unspecified] {
        let served = Given::new("b", kind, 2, 1);
        let graph_of = |served: Given| graph(&[call, served], None);
        let edge = &graph_of(served.remote()).edges[0];
        assert_eq!((edge.calls, edge.evidence.paired), (1, 1));
        assert!(edge.latency.server.is_some());
        // Not remote says nothing: an edge by its parent, as without flags.
        let edge = &graph_of(served).edges[0];
        assert_eq!((edge.calls, edge.evidence.parent), (1, 1));
    }
}

#[test]
fn a_kindless_child_of_a_kindless_span_elsewhere_tells_how_long_it_served() {
    let parent = Given::new("a", SpanKind::Internal, 1, 0);
    let child = Given::new("b", SpanKind::Internal, 2, 1).remote();
    let edge = &graph(&[parent, child], None).edges[0];
    assert_eq!((edge.calls, edge.evidence.parent), (1, 1));
    assert!(edge.latency.server.is_some());
}

/// Its caller sends nothing here, yet it begins a request of its service, and the calls inside belong to that.
#[test]
fn a_kindless_orphan_with_a_remote_parent_is_a_request() {
    let orphan = Given::new("b", SpanKind::Internal, 2, 9);
    let calls = [3, 4].map(|id| Given::new("b", SpanKind::Client, id, 2));
    let with = |orphan: Given| graph(&[orphan, calls[0], calls[1]], None);
    let found = with(orphan.remote());
    assert_eq!(requests(&found, "b"), 1);
    assert_eq!(found.diagnostics.per_service[0].orphans, 1);
    assert!(found.edges.is_empty());
}

/// It names the next hop, so it calls as well (Z24): the edge to that hop would be lost.
#[test]
fn a_kindless_span_that_names_its_peer_still_acts_as_a_client() {
    let named = Given {
        peer: "app",
        ..Given::new("web", SpanKind::Internal, 2, 1)
    };
    let spans = [Given::new("a", SpanKind::Client, 1, 0), named.remote()];
    let found = graph(&spans, None);
    let ends: Vec<&str> = found.edges.iter().map(|e| e.callee.as_str()).collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
}

#[test]
fn a_kindless_root_is_no_entry_whatever_its_flags() {
    let found = graph(&[Given::new("a", SpanKind::Internal, 1, 0).remote()], None);
    assert_eq!(found.nodes[0].entry_calls, 0);
}

#[test]
fn times_more_than_a_week_off_move_to_the_arrival_and_keep_their_order() {
    for base in [0, 1000 * DAY_NS, 40_000 * DAY_NS] {
        let spans = [
            Given::new("a", SpanKind::Client, 1, 0).at(base),
            Given::new("b", SpanKind::Server, 2, 1).at(base + 5_000),
        ];
        let found = graph(&spans, Some(ARRIVAL_NS));
        assert_eq!(found.diagnostics.counters["time_clamped"], 2, "{base}");
        let edge = &found.edges[0];
        assert_eq!((edge.calls, edge.evidence.paired), (1, 1));
        assert_eq!(edge.first_seen.0, ARRIVAL_NS);
        let start = found.window.start.expect("a window");
        let end = found.window.end.expect("a window");
        assert_eq!((start.0, end.0), (ARRIVAL_NS, ARRIVAL_NS + 1_005_000));
        let clocks = &found.diagnostics.per_service;
        assert!(clocks.iter().all(|one| one.clock_skew.is_none()));
        // Duration is the difference of one clock and stays.
        assert!((edge.latency.client.expect("timed").max_ms - 1.0).abs() < 1e-9);
    }
}

#[test]
fn times_within_a_week_and_times_from_files_stay() {
    let near = ARRIVAL_NS - 6 * DAY_NS;
    let spans = [Given::new("a", SpanKind::Server, 1, 0).at(near)];
    let found = graph(&spans, Some(ARRIVAL_NS));
    assert_eq!(found.window.start, Some(Timestamp(near)));
    let spans = [Given::new("a", SpanKind::Server, 1, 0).at(3)];
    let found = graph(&spans, None);
    assert_eq!(found.window.start, Some(Timestamp(3)));
    assert!(!found.diagnostics.counters.contains_key("time_clamped"));
}

/// Only the span whose clock was never set moves; its trace stays where it is.
#[test]
fn one_time_off_leaves_the_others_alone() {
    let spans = [
        Given::new("a", SpanKind::Client, 1, 0),
        Given::new("b", SpanKind::Server, 2, 1).at(0),
        Given::new("b", SpanKind::Client, 3, 2).at(u64::MAX),
    ];
    let found = graph(&spans, Some(ARRIVAL_NS));
    assert_eq!(found.diagnostics.counters["time_clamped"], 2);
    let end = found.window.end.expect("a window").0;
    assert!(end <= ARRIVAL_NS + 8 * DAY_NS, "{end}");
}
