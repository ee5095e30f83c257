//! What is kept of a span until its trace slice is inferred.
//!
//! Place in the flow: the recorder makes it, a shard buffers it, a slice reads it. Millions of them wait in a receiver, so
//! its size is the memory that a receiver needs.

use super::Marks;
use crate::hazards::Signs;
use crate::names::{InstanceId, LabelId, NodeId, OperationId, PeerId, ResourceId, WordId};
use crate::peer::MessageRole;
use crate::sampling::Weight;
use crate::span::{Link, SpanId, SpanKind, TraceId};

/// One span, reduced to what inference needs. About 140 bytes, plus its links if any.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) kind: SpanKind,
    pub(crate) role: MessageRole,
    pub(crate) marks: Marks,
    /// Hazards that it shows by itself.
    pub(crate) signs: Signs,
    /// `http.request.resend_count`; 0 when absent.
    pub(crate) resend: u16,
    /// `messaging.batch.message_count`; at least 1.
    pub(crate) messages: u32,
    pub(crate) start_ns: u64,
    /// Time of day at which it arrived, nanoseconds since the Unix epoch; 0 when unknown.
    pub(crate) arrived_ns: u64,
    /// `max(0, end - start)`.
    pub(crate) duration_ns: u64,
    pub(crate) node: NodeId,
    pub(crate) instance: InstanceId,
    pub(crate) resource: ResourceId,
    pub(crate) peer: PeerId,
    pub(crate) error: LabelId,
    pub(crate) operation: OperationId,
    /// First words of the dialled path; outgoing spans only.
    pub(crate) word: WordId,
    /// Adjusted count of the sampler, 1 when unknown.
    pub(crate) weight: f32,
    pub(crate) links: Option<Box<[Link]>>,
}

impl SpanRecord {
    /// The trace of the span.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// What decides the shard and the slice: the low half of the trace id, because some tracers cut the high half.
    #[must_use]
    pub const fn slice_key(&self) -> u64 {
        self.trace_id.low()
    }

    pub(crate) const fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// True when the other span began while this one ran, by the clocks of both.
    pub(crate) const fn contains(&self, other: &Self) -> bool {
        self.start_ns <= other.start_ns && other.start_ns <= self.end_ns()
    }

    /// How many spans it stands for.
    pub(crate) const fn sampled(&self) -> Weight {
        Weight {
            value: self.weight,
            is_known: self.marks.has(Marks::WEIGHED),
        }
    }

    pub(crate) const fn is_error(&self) -> bool {
        self.marks.has(Marks::ERROR)
    }
}
