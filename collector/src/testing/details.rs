//! Events and captured headers of a span, as a sink sees them and as prost does.

use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use tracemesh_graph::attribute::{Headers, Key};
use tracemesh_graph::span::SpanView;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Details {
    pub(crate) messages: u32,
    pub(crate) exception: String,
    pub(crate) headers: Headers,
}

impl Details {
    pub(super) fn of_view(span: &SpanView<'_>) -> Self {
        Self {
            messages: span.events.messages,
            exception: span.events.exception.to_owned(),
            headers: span.attributes.headers().clone(),
        }
    }

    pub(super) fn expected(span: &OtlpSpan) -> Self {
        let mut details = Self::default();
        for event in &span.events {
            match event.name.as_str() {
                "message" | "rpc.message" => details.messages += 1,
                "exception" => {
                    let mut attributes = event.attributes.iter();
                    let kind = attributes.find(|a| a.key == "exception.type");
                    if let Some(text) = kind.and_then(|kind| text(kind.value.as_ref())) {
                        details.exception = text.to_owned();
                    }
                }
                _ => {}
            }
        }
        for attribute in &span.attributes {
            details.header(attribute);
        }
        details
    }

    fn header(&mut self, attribute: &KeyValue) {
        let Some((side, name)) = Headers::name_of(&attribute.key) else {
            return;
        };
        if Key::lookup(&attribute.key).is_some() {
            return;
        }
        if let Some(line) = text(attribute.value.as_ref()) {
            self.headers.line(side, name, line);
        }
        let value = attribute.value.as_ref().and_then(|v| v.value.as_ref());
        if let Some(OtlpValue::ArrayValue(list)) = value {
            for line in list.values.iter().filter_map(|item| text(Some(item))) {
                self.headers.line(side, name, line);
            }
        }
    }
}

fn text(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        OtlpValue::StringValue(text) => Some(text),
        _ => None,
    }
}
