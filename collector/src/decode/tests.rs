use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use tracemesh_graph::attribute::Key;
use tracemesh_graph::sampling::SamplingRules;

use super::*;
use crate::testing::json::to_json;
use crate::testing::{Capture, Kept, sample_request, sample_span};

/// A sink with configured attributes.
struct Configured {
    inner: Capture,
    rules: SamplingRules,
}

impl SpanSink for Configured {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.inner.resource(attributes);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        self.inner.span(span);
    }

    fn rejected(&mut self, reason: RejectReason) {
        SpanSink::rejected(&mut self.inner, reason);
    }

    fn aliases(&self) -> &KeyAliases {
        self.rules.aliases()
    }
}

/// Both encodings, through the counting sink that receivers use.
fn ratio(attributes: &[(&str, f64)], configured: &[String]) -> Option<Kept> {
    let mut span = sample_span(1, 1);
    let attributes = attributes.iter().map(|(key, number)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(OtlpValue::DoubleValue(*number)),
        }),
        ..KeyValue::default()
    });
    span.attributes.extend(attributes);
    let request = sample_request(vec![span]);
    let bytes = request.encode_to_vec();
    let json = to_json(&request).to_string();
    let run = |decode: &dyn Fn(&mut dyn SpanSink)| {
        let mut sink = Configured {
            inner: Capture::default(),
            rules: SamplingRules::new(configured, &[], &[]).unwrap(),
        };
        decode(&mut Tally::new(&mut sink));
        let spans = sink.inner.spans();
        spans[0].attributes.get(&Key::SamplerParam).cloned()
    };
    let found = run(&|sink| decode_protobuf(&bytes, sink).unwrap());
    let in_json = run(&|sink| drop(decode_json(json.as_bytes(), sink).unwrap()));
    assert_eq!(found, in_json);
    found
}

#[test]
fn configured_attributes_are_read_in_both_encodings_and_the_first_one_wins() {
    let double = |number: f64| Some(Kept::Double(number.to_bits()));
    let mine = ["my.ratio".to_owned(), "my.other".to_owned()];
    assert_eq!(ratio(&[("my.ratio", 0.25)], &[]), None);
    assert_eq!(ratio(&[("my.ratio", 0.25)], &mine), double(0.25));
    let both = [("my.ratio", 0.25), ("sampler.param", 0.5)];
    assert_eq!(ratio(&both, &mine), double(0.25));
    assert_eq!(ratio(&both, &[]), double(0.5));
    let turned = [("sampler.param", 0.5), ("my.other", 0.25)];
    assert_eq!(ratio(&turned, &mine), double(0.5));
}
