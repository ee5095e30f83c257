//! Random export requests, mostly valid.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link as OtlpLink};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use tracemesh_graph::attribute::Key;

pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    let resource = vec(attribute(), 0..4).prop_map(|attributes| Resource {
        attributes,
        dropped_attributes_count: 1,
        ..Resource::default()
    });
    (prop::option::of(resource), vec(scope_spans(), 0..3)).prop_map(|(resource, scope_spans)| {
        ResourceSpans {
            resource,
            scope_spans,
            schema_url: "https://opentelemetry.io".to_owned(),
        }
    })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    vec(span(), 0..4).prop_map(|spans| ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "http".to_owned(),
            ..InstrumentationScope::default()
        }),
        spans,
        schema_url: String::new(),
    })
}

/// Mostly of the right length, sometimes not, sometimes zero.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), length),
        1 => vec(any::<u8>(), 0..20),
        1 => Just(vec![0; length]),
    ]
}

fn span() -> impl Strategy<Value = OtlpSpan> {
    let ids = (id(16), id(8), id(8));
    let texts = (".{0,6}", ".{0,6}");
    let numbers = (-1..9, any::<u64>(), any::<u64>(), any::<u32>());
    let link = (id(16), id(8)).prop_map(|(trace_id, span_id)| OtlpLink {
        trace_id,
        span_id,
        flags: 7,
        ..OtlpLink::default()
    });
    let status =
        prop::option::of((-1..4, ".{0,4}").prop_map(|(code, message)| Status { code, message }));
    let lists = (vec(attribute(), 0..6), vec(link, 0..3), status);
    let all = (ids, texts, numbers, lists, vec(event(), 0..3));
    all.prop_map(|(ids, texts, numbers, lists, events)| OtlpSpan {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: texts.0,
        name: texts.1,
        kind: numbers.0,
        start_time_unix_nano: numbers.1,
        end_time_unix_nano: numbers.2,
        flags: numbers.3,
        attributes: lists.0,
        links: lists.1,
        status: lists.2,
        events,
        dropped_events_count: 3,
        ..OtlpSpan::default()
    })
}

/// Some with a name that matters, and an exception of some type.
fn event() -> impl Strategy<Value = Event> {
    let names = prop::sample::select(vec!["message", "rpc.message", "exception", "e", ""]);
    let typed = (".{0,6}").prop_map(|kind| KeyValue {
        key: "exception.type".to_owned(),
        value: Some(AnyValue {
            value: Some(OtlpValue::StringValue(kind)),
        }),
        ..KeyValue::default()
    });
    (names, prop::option::of(typed), attribute()).prop_map(|(name, typed, other)| Event {
        name: name.to_owned(),
        attributes: typed.into_iter().chain([other]).collect(),
        ..Event::default()
    })
}

fn attribute() -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![
        3 => prop::sample::select(Key::ALL).prop_map(|key| key.name().to_owned()),
        1 => ".{0,5}",
        1 => prop::sample::select(HEADERS).prop_map(str::to_owned),
    ];
    (key, prop::option::of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value: value.map(|value| AnyValue { value }),
        ..KeyValue::default()
    })
}

const HEADERS: &[&str] = &[
    "http.request.header.expect",
    "http.request.header.X-Mixed",
    "http.request.header.host",
    "http.response.header.content_type",
    "http.request.header.",
];

fn any_value() -> impl Strategy<Value = Option<OtlpValue>> {
    prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(OtlpValue::StringValue(text))),
        any::<i64>().prop_map(|number| Some(OtlpValue::IntValue(number))),
        (-9.0..9.0).prop_map(|number| Some(OtlpValue::DoubleValue(number))),
        any::<bool>().prop_map(|claim| Some(OtlpValue::BoolValue(claim))),
        vec(any::<u8>(), 0..4).prop_map(|bytes| Some(OtlpValue::BytesValue(bytes))),
        Just(Some(OtlpValue::ArrayValue(ArrayValue {
            values: vec![AnyValue {
                value: Some(OtlpValue::IntValue(1))
            }],
        }))),
        vec(".{0,8}", 0..3).prop_map(|texts| {
            let values = texts.into_iter().map(|text| AnyValue {
                value: Some(OtlpValue::StringValue(text)),
            });
            Some(OtlpValue::ArrayValue(ArrayValue {
                values: values.collect(),
            }))
        }),
        Just(Some(OtlpValue::KvlistValue(KeyValueList::default()))),
    ]
}
