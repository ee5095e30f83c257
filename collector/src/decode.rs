//! Bytes of OTLP, Zipkin and Jaeger to borrowed span views.
//!
//! Place in the flow: request bytes -> here -> [`SpanSink`] (the recorder). Two encodings of OTLP and two JSON formats that
//! stand for it (`docs/inputs.md` has their mapping), one contract: one bad span costs that span only and is reported through [`SpanSink::rejected`]; only a request whose outer framing cannot be
//! followed is a [`DecodeError`]. Attribute values that no rule reads are never decoded. The caller must throw away
//! what the sink got from a request that ended in an error.

mod ids;
mod jaeger;
mod json;
mod protobuf;
mod tags;
mod wire;
mod zipkin;

use std::collections::BTreeMap;

use tracemesh_graph::attribute::{AttributeSet, KeyAliases};
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

pub use jaeger::decode_jaeger;
pub(crate) use json::quote;
pub use json::{JsonContents, decode_json};
pub use protobuf::decode_protobuf;
pub use wire::WireFault;
pub(crate) use wire::{Reader, Value};
pub use zipkin::decode_zipkin;

#[cfg(test)]
mod tests;

/// Most attributes of one span or resource; a span with more is rejected with [`RejectReason::Limit`].
pub const MAX_ATTRIBUTES: usize = 65_536;

/// Most links of one span; a span with more is rejected with [`RejectReason::Limit`].
pub const MAX_LINKS: usize = 65_536;

/// A request whose outer framing is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The protobuf structure above the spans cannot be followed.
    #[error("byte {offset}: {fault}")]
    Protobuf {
        /// Byte offset in the request.
        offset: usize,
        /// What is wrong there.
        fault: WireFault,
    },
    /// Not JSON, or a JSON type that the format does not have at that place.
    #[error("line {line}, column {column}: {cause}")]
    Json {
        /// Byte offset in the request.
        offset: usize,
        /// Line in the request, from 1.
        line: usize,
        /// Byte in the line, from 1.
        column: usize,
        /// What is wrong there.
        cause: String,
    },
}

/// Passes everything on and counts it.
pub struct Tally<'s> {
    inner: &'s mut dyn SpanSink,
    /// Spans that were decoded.
    pub spans: u64,
    /// Spans that were rejected, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
}

impl<'s> Tally<'s> {
    /// Counts in front of a sink.
    pub fn new(inner: &'s mut dyn SpanSink) -> Self {
        Self {
            inner,
            spans: 0,
            rejected: BTreeMap::new(),
        }
    }

    /// All rejected spans.
    #[must_use]
    pub fn rejected_spans(&self) -> u64 {
        self.rejected.values().sum()
    }
}

impl SpanSink for Tally<'_> {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.inner.resource(attributes);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        self.spans += 1;
        self.inner.span(span);
    }

    fn aliases(&self) -> &KeyAliases {
        self.inner.aliases()
    }

    fn rejected(&mut self, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
        self.inner.rejected(reason);
    }
}
