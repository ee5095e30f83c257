//! Rejects the spans of files that say no time.
//!
//! Place in the flow: decoder -> here -> recorder. OTLP asks for a start, and a span without one has 0, which is 1970. A receiver
//! knows when such a span arrived; a file has nothing to put in its place, and one such span would stretch the window of a graph
//! over half a century. What a file says otherwise is taken as it is: it may be of any year.

use tracemesh_graph::attribute::{AttributeSet, KeyAliases};
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

use crate::decode::Tally;

/// Counts what has a time, and rejects what has none.
pub(super) struct Dated<'s>(Tally<'s>);

impl<'s> Dated<'s> {
    pub(super) fn new(sink: &'s mut dyn SpanSink) -> Self {
        Self(Tally::new(sink))
    }

    /// What was counted.
    pub(super) fn finish(self) -> Tally<'s> {
        self.0
    }
}

impl SpanSink for Dated<'_> {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.0.resource(attributes);
    }

    fn known_resource(&mut self, encoded: &[u8]) -> bool {
        self.0.known_resource(encoded)
    }

    fn encoded_resource(&mut self, encoded: &[u8], attributes: &AttributeSet<'_>) {
        self.0.encoded_resource(encoded, attributes);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        if span.start_ns == 0 {
            self.0.rejected(RejectReason::StartTime);
        } else {
            self.0.span(span);
        }
    }

    fn aliases(&self) -> &KeyAliases {
        self.0.aliases()
    }

    fn rejected(&mut self, reason: RejectReason) {
        self.0.rejected(reason);
    }
}
