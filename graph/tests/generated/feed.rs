//! Made spans to a snapshot, through the public interface of the crate.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{Link, SpanId, SpanSink, SpanView, TraceId};

use super::traffic::MadeSpan;
use super::world::World;

/// The graph of these spans, in this order.
pub(crate) fn graph(world: &World, spans: &[MadeSpan]) -> GraphSnapshot {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings.clone());
    for span in spans {
        record(&mut recorder, world, span);
    }
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment().snapshot(&settings)
}

fn record(recorder: &mut Recorder, world: &World, span: &MadeSpan) {
    let service = &world.services[span.service];
    let instance = format!("{}-{}", service.name, span.instance);
    let mut resource = AttributeSet::default();
    resource.insert(Key::ServiceName, Value::Text(&service.name));
    resource.insert(Key::ServiceNamespace, Value::Text(&service.namespace));
    resource.insert(Key::ServiceInstanceId, Value::Text(&instance));
    resource.insert(Key::K8sNamespaceName, Value::Text(&service.namespace));
    recorder.resource(&resource);
    let mut attributes = AttributeSet::default();
    for (key, text) in &span.attributes {
        attributes.insert(*key, Value::Text(text));
    }
    if span.resend > 0 {
        let resend = Value::Int(i64::from(span.resend));
        attributes.insert(Key::HttpRequestResendCount, resend);
    }
    let id = |id: u64| SpanId(id.to_be_bytes());
    let links: Vec<Link> = span
        .link
        .iter()
        .map(|(trace, span)| Link {
            trace_id: TraceId(trace.to_be_bytes()),
            span_id: id(*span),
        })
        .collect();
    recorder.span(&SpanView {
        trace_id: TraceId(span.trace.to_be_bytes()),
        span_id: id(span.id),
        parent_id: span.parent.map(id),
        kind: span.kind,
        start_ns: span.start_us * 1_000,
        end_ns: span.end_us * 1_000,
        is_error: span.is_error,
        flags: 0,
        trace_state: "",
        name: "made",
        attributes: &attributes,
        links: &links,
    });
}
