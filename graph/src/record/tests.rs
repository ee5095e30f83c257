use super::*;
use crate::attribute::Value;
use crate::span::{SpanEvents, SpanId, SpanKind, TraceId};

fn recorder() -> Recorder {
    let settings = Settings::default();
    Recorder::new(Arc::new(Names::new(&settings)), &settings)
}

fn service(name: &'static str) -> AttributeSet<'static> {
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::ServiceName, Value::Text(name));
    attributes
}

/// The name of the node that a span of the current resource gets.
fn node_of_next_span(recorder: &mut Recorder) -> String {
    recorder.span(&SpanView {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([1; 8]),
        parent_id: None,
        kind: SpanKind::Internal,
        start_ns: 0,
        end_ns: 0,
        is_error: false,
        flags: 0,
        trace_state: "",
        name: "",
        attributes: &AttributeSet::default(),
        events: SpanEvents::default(),
        links: &[],
    });
    let node = recorder.take_records()[0].node;
    recorder.names.read().node(node).display_name().to_owned()
}

#[test]
fn a_resource_is_known_by_the_bytes_that_it_was_told_with() {
    let mut recorder = recorder();
    assert!(!recorder.known_resource(b"a"));
    recorder.encoded_resource(b"a", &service("cart"));
    assert_eq!(node_of_next_span(&mut recorder), "cart");
    recorder.encoded_resource(b"b", &service("web"));
    assert_eq!(node_of_next_span(&mut recorder), "web");
    assert!(recorder.known_resource(b"a"));
    assert_eq!(node_of_next_span(&mut recorder), "cart");
    // Told without its bytes, as from JSON.
    recorder.resource(&service("db"));
    assert_eq!(node_of_next_span(&mut recorder), "db");
    assert!(!recorder.known_resource(b"c"));
    assert_eq!(node_of_next_span(&mut recorder), "db");
    assert!(recorder.known_resource(b"b"));
    assert_eq!(node_of_next_span(&mut recorder), "web");
}

#[test]
fn labels_of_errors_are_the_same_when_they_come_again() {
    let mut recorder = recorder();
    let label = |recorder: &mut Recorder, key, value| {
        let mut attributes = AttributeSet::default();
        attributes.insert(key, value);
        let view = SpanView {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([1; 8]),
            parent_id: None,
            kind: SpanKind::Client,
            start_ns: 0,
            end_ns: 0,
            is_error: true,
            flags: 0,
            trace_state: "",
            name: "",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        };
        recorder.span(&view);
        let id = recorder.take_records()[0].error;
        recorder.names.read().label(id).to_owned()
    };
    for _ in 0..2 {
        for (key, value, expected) in [
            (Key::HttpResponseStatusCode, Value::Int(503), "503"),
            (Key::ErrorType, Value::Text("timeout"), "timeout"),
            (Key::RpcGrpcStatusCode, Value::Int(14), "UNAVAILABLE"),
            (Key::RpcMethod, Value::Text("x"), "error"),
        ] {
            assert_eq!(label(&mut recorder, key, value), expected);
        }
    }
}
