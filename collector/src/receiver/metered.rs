//! Charges the records that a request becomes to its share of the bytes in flight.
//!
//! Place in the flow: decoder -> here -> recorder. A span takes five times the memory of the smallest one that can be sent, so a
//! bound on bytes as sent is no bound on records. A request that finds no room is refused as a whole: its further spans are
//! passed over, and the caller throws away what was made of those before.

use tracemesh_graph::attribute::{AttributeSet, KeyAliases};
use tracemesh_graph::record::SpanRecord;
use tracemesh_graph::span::{RejectReason, SpanSink, SpanView};

use super::budget::Share;
use super::refusal::Refusal;
use crate::decode::Tally;

/// Room is asked for in steps of this, because all connections share the counter.
const STEP_BYTES: usize = 128 << 10;

/// A list that grows may take twice the memory of what is in it.
const RECORD_BYTES: usize = 2 * size_of::<SpanRecord>();

/// Counts spans, and pays for them, in front of a recorder.
pub(super) struct Metered<'s> {
    tally: Tally<'s>,
    share: &'s mut Share,
    /// Bytes that are paid for and not used.
    room: usize,
    refusal: Option<Refusal>,
}

impl<'s> Metered<'s> {
    pub(super) fn new(recorder: &'s mut dyn SpanSink, share: &'s mut Share) -> Self {
        Self {
            tally: Tally::new(recorder),
            share,
            room: 0,
            refusal: None,
        }
    }

    /// The counts of a request that found room.
    ///
    /// # Errors
    /// The refusal of one that did not.
    pub(super) fn finish(self) -> Result<Tally<'s>, Refusal> {
        self.refusal.map_or(Ok(self.tally), Err)
    }

    fn pay(&mut self, bytes: usize) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        let step = bytes.max(STEP_BYTES);
        match self.share.grow(step) {
            Ok(()) => self.room += step,
            Err(busy) => {
                // Coming back would not help whom nobody is in the way of.
                self.refusal = Some(match self.share.could_grow(step) {
                    true => busy,
                    false => Refusal::TooManySpans,
                });
            }
        }
        self.refusal.is_none()
    }
}

impl SpanSink for Metered<'_> {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.tally.resource(attributes);
    }

    fn known_resource(&mut self, encoded: &[u8]) -> bool {
        self.tally.known_resource(encoded)
    }

    fn encoded_resource(&mut self, encoded: &[u8], attributes: &AttributeSet<'_>) {
        self.tally.encoded_resource(encoded, attributes);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        let bytes = RECORD_BYTES + size_of_val(span.links);
        if bytes > self.room && !self.pay(bytes) {
            return;
        }
        self.room -= bytes;
        self.tally.span(span);
    }

    fn aliases(&self) -> &KeyAliases {
        self.tally.aliases()
    }

    fn rejected(&mut self, reason: RejectReason) {
        self.tally.rejected(reason);
    }
}
