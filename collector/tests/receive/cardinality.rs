//! Senders that make up names: every table keeps to its cap, what is past it counts for `other`, and both are told. Caps are
//! small here; `tests/faults.rs` has the million.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use prost::Message as _;
use tracemesh_collector::serve::CollectOptions;
use tracemesh_collector::store::{Location, Wanted, read};
use tracemesh_graph::settings::Settings;

use crate::harness::{Collector, get, http, metric};

/// Services that are made up, each with two spans.
const SERVICES: u64 = 3_000;

const NODES: usize = 20;
const PEERS: usize = 64;
const EDGES: usize = 40;

fn attribute(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value)),
        }),
        ..KeyValue::default()
    }
}

fn span(id: u64, kind: i32, attributes: Vec<KeyValue>) -> OtlpSpan {
    OtlpSpan {
        trace_id: u128::from(id).to_be_bytes().to_vec(),
        span_id: (2 * id + u64::from(kind == 3)).to_be_bytes().to_vec(),
        parent_span_id: match kind {
            3 => (2 * id).to_be_bytes().to_vec(),
            _ => Vec::new(),
        },
        name: format!("operation {id}"),
        kind,
        attributes,
        ..OtlpSpan::default()
    }
}

/// A service of which everything is new: its name, instance, zone, routes, methods, errors, and where it calls.
fn service(id: u64) -> ResourceSpans {
    let resource = vec![
        attribute("service.name", format!("service-{id}")),
        attribute("service.namespace", format!("namespace-{id}")),
        attribute("service.instance.id", format!("instance-{id}")),
        attribute("cloud.availability_zone", format!("zone-{id}")),
    ];
    let served = vec![
        attribute("http.request.method", format!("M{id}")),
        attribute("http.route", format!("/route-{id}")),
        attribute("error.type", format!("error-{id}")),
    ];
    let called = vec![
        attribute("server.address", format!("host-{id}.example.com")),
        attribute(
            "network.peer.address",
            format!("10.{}.{}.1", id / 256, id % 256),
        ),
        attribute(
            "url.full",
            format!("http://host-{id}.example.com/words{}/x", id % 500),
        ),
        attribute("rpc.method", format!("shop.Cart/Method{id}")),
    ];
    ResourceSpans {
        resource: Some(Resource {
            attributes: resource,
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: vec![span(id, 2, served), span(id, 3, called)],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

#[tokio::test]
async fn made_up_names_fill_no_table_past_its_cap_and_are_counted() {
    let settings = Settings {
        max_nodes: NODES,
        max_peers: PEERS,
        max_edges: EDGES,
        max_facet_values: 4,
        slice_idle_ms: 1,
        max_waiting_records: 0,
        ..Settings::default()
    };
    let collector = Collector::start_with(CollectOptions {
        admin_address: Some("127.0.0.1:0".parse().unwrap()),
        max_series: 10,
        flush_interval: Duration::from_millis(20),
        settings: settings.clone(),
        ..CollectOptions::default()
    })
    .await;
    let admin = collector.addresses.admin.unwrap();
    for first in (1..=SERVICES).step_by(100) {
        let resource_spans = (first..first + 100).map(service).collect();
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let address = collector.addresses.http;
        let answer = http(address, "application/x-protobuf", "identity", &body).await;
        assert_eq!(answer.status, 200);
    }
    let used = "tracemesh_spans_inferred_total{outcome=\"used\"}";
    while metric(admin, used).await < (2 * SERVICES) as f64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The first entry of a table is its fallback, and stands beside those that the cap counts.
    for (table, cap) in [
        ("nodes", NODES),
        ("instances", 32 * NODES),
        ("resources", 32 * NODES),
        ("peers", PEERS + PEERS / 16),
        ("operations", 65_536),
        ("labels", 4_096),
        ("words", 16_384),
    ] {
        let names = metric(
            admin,
            &format!("tracemesh_interned_names{{table=\"{table}\"}}"),
        )
        .await;
        assert!(names <= (cap + 1) as f64, "{table}: {names}");
    }
    let folded = "tracemesh_inference_events_total{event=\"names_folded\"}";
    assert!(metric(admin, folded).await >= (2 * (SERVICES - NODES as u64)) as f64);
    assert!(metric(admin, "tracemesh_series").await <= 11.0);
    assert!(metric(admin, "tracemesh_series_folded_calls_total").await > 0.0);
    // A scrape does not grow with what is made up, either.
    let text = get(admin, "/metrics", "").await;
    assert!(text.body.len() < 200_000, "{}", text.body.len());
    let (summary, store) = collector.stop().await;
    assert_eq!(summary.totals.spans, 2 * SERVICES);
    let contents = read(&Location::from(store.path()), &Wanted::default()).unwrap();
    let graph = contents.segment.snapshot(&settings);
    let diagnostics = &graph.diagnostics;
    assert_eq!(diagnostics.used, 2 * SERVICES, "{diagnostics:?}");
    assert!(diagnostics.counters["names_folded"] >= 2 * (SERVICES - NODES as u64));
    assert!(
        graph.nodes.len() <= NODES + PEERS + PEERS / 16 + 2,
        "{}",
        graph.nodes.len()
    );
    assert!(graph.edges.len() <= EDGES + 2, "{}", graph.edges.len());
    let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
    let dropped: u64 = diagnostics.dropped.values().sum();
    let unresolved: u64 = diagnostics.per_service.iter().map(|it| it.unresolved).sum();
    // Each service makes one call: it is on an edge, unresolved, or given up for a reason.
    assert_eq!(calls + dropped + unresolved, SERVICES, "{diagnostics:?}");
}
