//! Laws of the graph that hold for any spans at all, however broken: order, repetition and batching do not matter, merging
//! commutes, counts are conserved, and nothing panics.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder, SpanRecord};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::Assembly;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot};
use tracemesh_graph::span::{Link, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// A span from small alphabets, so that ids collide, cycles close and names meet.
#[derive(Debug, Clone)]
struct AnySpan {
    trace: u8,
    id: u8,
    parent: Option<u8>,
    kind: i64,
    service: &'static str,
    zone: &'static str,
    instance: &'static str,
    start: u8,
    length: u8,
    is_error: bool,
    link: Option<(u8, u8)>,
    attributes: Vec<(Key, &'static str)>,
    resource: Vec<(Key, &'static str)>,
    resend: i64,
    trace_state: &'static str,
    flags: u32,
}

fn any_span() -> impl Strategy<Value = AnySpan> {
    let ids = (0..4_u8, 1..9_u8, proptest::option::of(1..9_u8), 0..6_i64);
    let names = (
        prop::sample::select(vec!["a", "b", "c-shadow", "", "unknown_service:x"]),
        prop::sample::select(vec!["", "i1", "i2"]),
        vec(any_attribute(), 0..4),
        prop::sample::select(vec!["", "z1", "z2"]),
        vec(any_resource_attribute(), 0..2),
    );
    let times = (any::<u8>(), any::<u8>(), any::<bool>(), 0..4_i64);
    let link = proptest::option::of((0..4_u8, 1..9_u8));
    let states = vec![
        "ot=th:8",
        "ot=th:c",
        "ot=th:0",
        "ot=th:fd70a4",
        "ot=th:x",
        "",
    ];
    let context = (
        prop::sample::select(states),
        prop::sample::select(vec![0, 0x100, 0x300]),
    );
    let parts = (ids, names, times, link, context);
    parts.prop_map(|(ids, names, times, link, context)| AnySpan {
        trace_state: context.0,
        flags: context.1,
        trace: ids.0,
        id: ids.1,
        parent: ids.2,
        kind: ids.3,
        service: names.0,
        zone: names.3,
        resource: names.4,
        instance: names.1,
        attributes: names.2,
        start: times.0,
        length: times.1,
        is_error: times.2,
        resend: times.3,
        link,
    })
}

fn any_attribute() -> impl Strategy<Value = (Key, &'static str)> {
    prop::sample::select(vec![
        (Key::ServerAddress, "api"),
        (Key::ServerAddress, "api.example.com"),
        (Key::UrlFull, "https://u:p@api.example.com/x?y"),
        (Key::UrlFull, "http://api/orders/7"),
        (Key::UrlFull, "http://api/v1/users"),
        (Key::HttpTarget, "/orders"),
        (Key::ServerAddress, "10.0.0.7"),
        (Key::NetworkPeerAddress, "10.0.0.7"),
        (Key::RpcService, "shop.Cart"),
        (Key::PeerService, "b"),
        (Key::PeerService, "elsewhere"),
        (Key::DbSystem, "mssql"),
        (Key::MessagingSystem, "kafka"),
        (Key::MessagingDestination, "orders"),
        (Key::MessagingOperation, "receive"),
        (Key::RpcSystem, "grpc"),
        (Key::HttpMethod, "GET"),
        (Key::HttpMethod, "POST"),
        (Key::RpcMethod, "Get"),
        (Key::HttpRoute, "/items/{id}"),
        (Key::HttpRoute, "/"),
        (Key::HttpStatusCode, "404"),
    ])
}

fn any_resource_attribute() -> impl Strategy<Value = (Key, &'static str)> {
    prop::sample::select(vec![
        (Key::K8sPodIp, "10.0.0.7"),
        (Key::ServiceInstanceId, "10.0.0.7:80"),
        (Key::K8sClusterName, "one"),
        (Key::ServiceNamespace, "shop"),
    ])
}

/// When the spans of each trace start, in minutes: far enough apart that addresses change hands and votes fade.
const TRACE_MINUTES: [u64; 4] = [0, 9, 23, 23];

impl AnySpan {
    fn trace_id(trace: u8) -> TraceId {
        // Trace 3 comes from a 64-bit tracer that shares trace 2's low half.
        let high = if trace == 3 { 0 } else { u128::from(trace) + 1 };
        let low = u128::from(trace.min(2)) + 1;
        TraceId(((high << 64) | low).to_be_bytes())
    }

    fn send(&self, recorder: &mut Recorder) {
        let mut resource = AttributeSet::default();
        resource.insert(Key::ServiceName, Value::Text(self.service));
        for (key, text) in &self.resource {
            resource.insert(*key, Value::Text(text));
        }
        resource.insert(Key::ServiceInstanceId, Value::Text(self.instance));
        resource.insert(Key::CloudAvailabilityZone, Value::Text(self.zone));
        recorder.resource(&resource);
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::HttpRequestResendCount, Value::Int(self.resend));
        for (key, text) in &self.attributes {
            attributes.insert(*key, Value::Text(text));
        }
        let minutes_ns = TRACE_MINUTES[usize::from(self.trace)] * 60_000_000_000;
        let id = |id: u8| SpanId(u64::from(id).to_be_bytes());
        let links: Vec<Link> = self
            .link
            .iter()
            .map(|(trace, span)| Link {
                trace_id: Self::trace_id(*trace),
                span_id: id(*span),
            })
            .collect();
        recorder.span(&SpanView {
            trace_id: Self::trace_id(self.trace),
            span_id: id(self.id),
            parent_id: self.parent.map(id),
            kind: SpanKind::from_otlp(self.kind),
            start_ns: minutes_ns + u64::from(self.start) * 1_000_000,
            end_ns: minutes_ns + (u64::from(self.start) + u64::from(self.length)) * 1_000_000,
            is_error: self.is_error,
            flags: self.flags,
            trace_state: self.trace_state,
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &links,
        });
    }
}

fn records(spans: &[AnySpan], names: &Arc<Names>) -> Vec<SpanRecord> {
    let mut recorder = Recorder::new(Arc::clone(names), &Settings::default());
    spans.iter().for_each(|span| span.send(&mut recorder));
    recorder.take_records()
}

fn segment(spans: &[AnySpan]) -> Segment {
    let names = Arc::new(Names::default());
    let mut shard = Shard::new(Arc::clone(&names), Settings::default());
    for record in records(spans, &names) {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment()
}

fn assembled(segments: &[&Segment]) -> Segment {
    let mut assembly = Assembly::default();
    for segment in segments {
        let tables = segment.to_tables();
        assembly.add(tables).expect("tables of a segment");
    }
    assembly.finish()
}

fn graph(segment: &Segment) -> GraphSnapshot {
    segment.snapshot(&Settings::default())
}

fn text(graph: &GraphSnapshot) -> String {
    serde_json::to_string_pretty(graph).expect("a snapshot is JSON")
}

/// Spans of one slice key stay together, as the router keeps them.
fn split(spans: &[AnySpan], parts: &[bool; 4]) -> (Vec<AnySpan>, Vec<AnySpan>) {
    let is_left = |span: &&AnySpan| parts[usize::from(span.trace.min(2))];
    let left = spans.iter().filter(is_left).cloned().collect();
    let right = spans
        .iter()
        .filter(|span| !is_left(span))
        .cloned()
        .collect();
    (left, right)
}

fn assert_sane(graph: &GraphSnapshot, received: usize) {
    let diagnostics = &graph.diagnostics;
    let fragments = diagnostics.counters.get("fragment").copied().unwrap_or(0);
    assert_eq!(diagnostics.spans, received as u64);
    assert_eq!(
        diagnostics.used + diagnostics.duplicates + fragments,
        diagnostics.spans
    );
    assert!(graph.nodes.is_sorted_by(|a, b| a.id < b.id));
    assert!(graph.traces.rooted <= graph.traces.seen);
    for node in &graph.nodes {
        assert!(node.traces.rooted <= node.traces.seen, "{node:?}");
        assert!(node.traces.seen <= graph.traces.seen, "{node:?}");
        assert!(node.traces.rooted <= graph.traces.rooted, "{node:?}");
    }
    for edge in &graph.edges {
        let evidence = edge.evidence;
        let by_class = [
            evidence.paired,
            evidence.parent,
            evidence.address,
            evidence.alias,
            evidence.named,
            evidence.link,
        ];
        assert_eq!(by_class.iter().sum::<u64>(), edge.calls, "{edge:?}");
        assert!(edge.failed <= edge.calls && edge.calls <= edge.attempts.max(edge.calls));
        assert!((0.0..=1.0).contains(&edge.confidence), "{edge:?}");
        assert!(graph.node(&edge.caller).is_some() && graph.node(&edge.callee).is_some());
        assert_facts_are_sane(graph, edge);
    }
}

fn assert_facts_are_sane(graph: &GraphSnapshot, edge: &Edge) {
    let facts = &edge.facts;
    if let Some(asking) = facts.caller_requests {
        assert!(asking <= edge.calls, "{edge:?}");
        assert_eq!(asking > 0, edge.calls > 0, "{edge:?}");
        let caller = graph.node(&edge.caller).expect("a caller is a node");
        assert!(asking <= caller.requests, "{edge:?}");
    }
    let attempts = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let zones = facts.zone_pairs.values().map(attempts).sum::<u64>();
    for counted in [zones, attempts(&facts.methods), attempts(&facts.routes)] {
        assert!(counted <= edge.attempts, "{edge:?}");
    }
    assert!(facts.caller_instances <= edge.attempts, "{edge:?}");
    assert!(facts.callee_instances <= edge.attempts, "{edge:?}");
    let sampling = facts.sampling.expect("new snapshots have it");
    assert_eq!(sampling.sampled_calls, edge.calls);
    assert!(sampling.weight_unknown <= edge.calls, "{edge:?}");
    assert!(sampling.sampled_out.count <= edge.evidence.unjoined());
    if let Some(error) = sampling.standard_error {
        assert!(error.is_finite() && error >= 0.0, "{edge:?}");
        assert!(sampling.weight_unknown == 0 && edge.calls > 0, "{edge:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_order_of_spans_does_not_change_the_graph(
        (spans, shuffled) in vec(any_span(), 0..40)
            .prop_flat_map(|spans| (Just(spans.clone()), Just(spans).prop_shuffle())),
    ) {
        let graph_of = |spans: &[AnySpan]| graph(&segment(spans));
        let expected = graph_of(&spans);
        assert_sane(&expected, spans.len());
        prop_assert_eq!(text(&expected), text(&graph_of(&shuffled)));
    }

    #[test]
    fn spans_sent_twice_are_counted_and_change_nothing_else(spans in vec(any_span(), 0..30)) {
        let once = graph(&segment(&spans));
        let mut doubled = spans.clone();
        doubled.extend(spans.iter().cloned());
        let twice = graph(&segment(&doubled));
        assert_sane(&twice, doubled.len());
        prop_assert_eq!(&once.edges, &twice.edges);
        prop_assert_eq!(&once.nodes, &twice.nodes);
    }

    #[test]
    fn segments_merge_in_any_order_into_the_graph_of_the_whole(
        spans in vec(any_span(), 0..40),
        parts: [bool; 4],
    ) {
        let (left, right) = split(&spans, &parts);
        let mut one = segment(&left);
        one.merge(segment(&right));
        let mut other = segment(&right);
        other.merge(segment(&left));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(text(&graph(&one)), text(&graph(&segment(&spans))));
    }

    #[test]
    fn segments_survive_their_tables_and_merge_as_tables(
        spans in vec(any_span(), 0..30),
        parts: [bool; 4],
    ) {
        let whole = segment(&spans);
        prop_assert_eq!(text(&graph(&assembled(&[&whole]))), text(&graph(&whole)));
        let (left, right) = split(&spans, &parts);
        let (left, right) = (segment(&left), segment(&right));
        let mut merged = left.clone();
        merged.merge(right.clone());
        prop_assert_eq!(&assembled(&[&left, &right]), &merged);
        prop_assert_eq!(&assembled(&[&right, &left]), &merged);
        prop_assert_eq!(assembled(&[&merged]), merged);
    }

    #[test]
    fn caps_bound_every_table_and_are_counted(spans in vec(any_span(), 0..60)) {
        let settings = Settings {
            max_open_records: 8,
            max_nodes: 1,
            max_peers: 2,
            max_edges: 2,
            max_facet_values: 1,
            max_open_messages: 2,
            ..Settings::default()
        };
        let names = Arc::new(Names::new(&settings));
        let mut recorder = Recorder::new(Arc::clone(&names), &settings);
        spans.iter().for_each(|span| span.send(&mut recorder));
        let mut shard = Shard::new(names, settings.clone());
        for record in recorder.take_records() {
            shard.push(record, 0);
            prop_assert!(shard.open_records() <= settings.max_open_records);
        }
        shard.close_all();
        let graph = shard.take_segment().snapshot(&settings);
        let services = graph.diagnostics.per_service.len();
        prop_assert!(services <= settings.max_nodes + 1, "{services} nodes");
        prop_assert_eq!(graph.diagnostics.spans, spans.len() as u64);
    }
}

/// A sender chooses weights and message counts: sums of the largest must neither wrap nor panic.
/// Two calls of one caller to no named destination, both with halves that no slice could join: facts of both were counted together, and
/// only one edge can have them.
#[test]
fn calls_that_several_answer_late_count_no_more_facts_than_attempts() {
    let span = |trace: u8, id: u8, kind: i64, service: &'static str| AnySpan {
        trace,
        id,
        parent: None,
        kind,
        service,
        zone: "z1",
        instance: if trace == 0 { "i1" } else { "i2" },
        start: 100,
        length: 50,
        is_error: trace == 0,
        link: (id == 5).then_some((0, 4)),
        attributes: match kind {
            3 => vec![(Key::HttpMethod, "POST")],
            _ => Vec::new(),
        },
        resource: match service {
            "" => Vec::new(),
            _ => vec![(Key::K8sClusterName, "one")],
        },
        resend: if trace == 0 { 2 } else { 0 },
        trace_state: "",
        flags: 0,
    };
    let calls = [span(0, 4, 3, "b"), span(2, 7, 3, "b")];
    let answers = [span(2, 5, 2, ""), span(3, 7, 2, "unknown_service:x")];
    let spans = [calls, answers].concat();
    let graph = graph(&segment(&spans));
    assert_sane(&graph, spans.len());
    let methods = |edge: &Edge| edge.facts.methods.get("POST").copied();
    let methods: Vec<_> = graph.edges.iter().map(methods).collect();
    assert_eq!(methods, [Some(1), None], "{:?}", graph.edges);
}

#[test]
fn the_largest_weights_and_counts_are_summed_and_not_wrapped() {
    const MESSAGES: u32 = u32::MAX;
    const RATE: i32 = 999_999_999;
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut resource = AttributeSet::default();
    resource.insert(Key::ServiceName, Value::Text("a"));
    recorder.resource(&resource);
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::MessagingSystem, Value::Text("kafka"));
    attributes.insert(Key::ServerAddress, Value::Text("k"));
    let messages = Value::Int(i64::from(MESSAGES));
    attributes.insert(Key::MessagingBatchMessageCount, messages);
    attributes.insert(Key::SampleRate, Value::Int(i64::from(RATE)));
    for id in 1..=3_u64 {
        recorder.span(&SpanView {
            trace_id: TraceId(u128::from(id).to_be_bytes()),
            span_id: SpanId(id.to_be_bytes()),
            parent_id: None,
            kind: SpanKind::Producer,
            start_ns: u64::MAX - 1,
            end_ns: u64::MAX,
            is_error: false,
            flags: 0,
            trace_state: "",
            name: "send",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        });
    }
    let mut shard = Shard::new(names, settings.clone());
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    let segment = shard.take_segment();
    let mut both = assembled(&[&segment]);
    both.merge(segment);
    let graph = graph(&both);
    let leg = graph.edges.iter().find(|edge| edge.calls > 100);
    let leg = leg.expect("the messages went to the broker");
    let expected = 3.0 * f64::from(MESSAGES) * f64::from(RATE);
    let error = (leg.weighted_calls / expected - 1.0).abs();
    assert!(error < 1e-6, "{} for {expected}", leg.weighted_calls);
}
