//! What must hold of the protobuf decoder for any bytes: it never panics, it sees what prost sees of whatever prost
//! accepts, and speculation on the usual order of fields changes nothing.
//!
//! Included by the fuzz target and by the unit tests of the decoder, which hand in the decoder itself.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracemesh_graph::attribute::{AttributeSet, Key};
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

/// The decoder; an error says whether it is about a group, which prost skips and the decoder refuses.
pub(crate) type Decode<'f> = &'f dyn Fn(&[u8], &mut dyn SpanSink) -> Result<(), bool>;

/// What was told of one span.
#[derive(Debug, PartialEq)]
enum Seen {
    Span { fields: String, details: String },
    Rejected(RejectReason),
}

#[derive(Default)]
struct Sink(Vec<Seen>);

impl SpanSink for Sink {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        let _ = attributes;
    }

    fn span(&mut self, span: &SpanView<'_>) {
        let fields = (
            span.trace_id.0.to_vec(),
            span.span_id.0.to_vec(),
            (span.start_ns, span.end_ns),
            (span.is_error, span.flags),
            (span.name, span.trace_state),
        );
        let values = Key::ALL.iter().map(|key| span.attributes.get(*key));
        let details = (
            (span.parent_id, span.kind),
            values.collect::<Vec<_>>(),
            span.attributes.headers(),
            (span.events, span.links),
        );
        self.0.push(Seen::Span {
            fields: format!("{fields:?}"),
            details: format!("{details:?}"),
        });
    }

    fn rejected(&mut self, reason: RejectReason) {
        self.0.push(Seen::Rejected(reason));
    }
}

/// Panics when the decoder breaks a promise for these bytes.
pub(crate) fn any_bytes(bytes: &[u8], decode: Decode<'_>) {
    as_request(bytes, decode);
    as_span(bytes, decode);
}

fn as_request(bytes: &[u8], decode: Decode<'_>) {
    let mut sink = Sink::default();
    let outcome = decode(bytes, &mut sink);
    let Ok(request) = ExportTraceServiceRequest::decode(bytes) else {
        return;
    };
    if let Err(is_group) = outcome {
        assert!(is_group, "prost takes it, and it holds no group");
        return;
    }
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    let spans: Vec<&Span> = scopes.flat_map(|scope| &scope.spans).collect();
    assert_eq!(sink.0.len(), spans.len(), "a span is missing or made up");
    for (seen, span) in sink.0.iter().zip(spans) {
        if let Seen::Span { fields, .. } = seen {
            assert_eq!(*fields, fields_of(span));
        }
    }
}

/// The fields that every span has, as prost sees them.
fn fields_of(span: &Span) -> String {
    let is_error = span.status.as_ref().is_some_and(|status| status.code == 2);
    let fields = (
        span.trace_id.clone(),
        span.span_id.clone(),
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (is_error, span.flags),
        (span.name.as_str(), span.trace_state.as_str()),
    );
    format!("{fields:?}")
}

/// A field of no version of OTLP in front of a span ends all speculation, and must change nothing else.
fn as_span(bytes: &[u8], decode: Decode<'_>) {
    const UNKNOWN: [u8; 3] = [0xf8, 0x7f, 0x00];
    let seen = |span: &[u8]| {
        let mut sink = Sink::default();
        let outcome = decode(&request_of(span), &mut sink);
        assert_eq!(outcome, Ok(()), "a broken span breaks no request");
        sink.0
    };
    let (quick, careful) = (seen(bytes), seen(&[&UNKNOWN, bytes].concat()));
    assert_eq!(quick.len(), 1);
    assert_eq!(quick, careful);
}

fn request_of(span: &[u8]) -> Vec<u8> {
    let block = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend(content);
        bytes
    };
    block(0x0a, &block(0x12, &block(0x12, span)))
}
