//! Spans of a row to a snapshot, straight through the graph crate.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{SpanEvents, SpanSink, SpanView};

use super::notation::{Scalar, Span};

/// How spans reach the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batching {
    /// All records are made before the first is pushed.
    OneBatch,
    /// Each record is made and pushed alone, a millisecond after the one before.
    OneByOne,
}

/// The graph of these spans, in this order.
pub(crate) fn snapshot(spans: &[&Span], batching: Batching) -> GraphSnapshot {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::new(names, settings.clone());
    let mut now_ms = 0;
    for span in spans {
        record(&mut recorder, span);
        if batching == Batching::OneByOne {
            now_ms += 1;
            for record in recorder.take_records() {
                shard.push(record, now_ms);
            }
            shard.tick(now_ms);
        }
    }
    for record in recorder.take_records() {
        shard.push(record, now_ms);
    }
    shard.close_all();
    shard.take_segment().snapshot(&settings)
}

/// What a shard with these settings infers from the spans.
pub(crate) fn segment(spans: &[&Span], settings: &Settings) -> Segment {
    let names = Arc::new(Names::new(settings));
    let mut recorder = Recorder::new(Arc::clone(&names), settings);
    let mut shard = Shard::new(names, settings.clone());
    spans.iter().for_each(|span| record(&mut recorder, span));
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    shard.close_all();
    shard.take_segment()
}

/// What the decoder would tell the recorder about a span.
pub(crate) fn record(recorder: &mut Recorder, span: &Span) {
    recorder.resource(&attribute_set(&span.resource));
    recorder.span(&SpanView {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_id: span.parent_id,
        kind: span.kind,
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        is_error: span.is_error,
        flags: 0,
        trace_state: &span.trace_state,
        name: &span.name,
        attributes: &attribute_set(&span.attributes),
        events: SpanEvents::default(),
        links: &span.links,
    });
}

/// Keys that no rule reads are left out, as the decoders do.
fn attribute_set(attributes: &[(String, Scalar)]) -> AttributeSet<'_> {
    let mut set = AttributeSet::default();
    for (key, value) in attributes {
        if let Some(key) = Key::lookup(key) {
            let value = match value {
                Scalar::Int(number) => Value::Int(*number),
                Scalar::Text(text) => Value::Text(text),
            };
            set.insert(key, value);
        }
    }
    set
}
