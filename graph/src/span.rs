//! Spans as the decoders see them: borrowed views of one resource and of one span.
//!
//! Place in the flow: wire bytes -> [`SpanSink`] calls -> [`record`](crate::record). A decoder reports what the
//! request says and nothing else; identity, roles and rules come later. Wire formats never enter this crate.

use crate::attribute::{AttributeSet, KeyAliases};

/// A 128-bit trace id. All zero is invalid and is rejected by the decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

impl TraceId {
    /// The id as one number, big-endian.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The high half; zero for ids of 64-bit tracers.
    #[must_use]
    pub const fn high(self) -> u64 {
        (self.as_u128() >> 64) as u64
    }

    /// The low half, which every tracer keeps.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is what is wanted"
    )]
    pub const fn low(self) -> u64 {
        self.as_u128() as u64
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

/// A 64-bit span id. All zero is invalid: absent as a parent, rejected as a span's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl SpanId {
    /// The id as one number, big-endian.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

/// OTLP span kinds; numbers outside 1..=5 decode as [`Unspecified`](Self::Unspecified).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SpanKind {
    /// No kind, or one that this version does not know.
    #[default]
    Unspecified,
    /// Work inside one service.
    Internal,
    /// Serves a call.
    Server,
    /// Makes a call.
    Client,
    /// Creates or sends a message.
    Producer,
    /// Receives or processes a message.
    Consumer,
}

impl SpanKind {
    /// Every kind, in the order of its numbers in OTLP.
    pub(crate) const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Internal,
        Self::Server,
        Self::Client,
        Self::Producer,
        Self::Consumer,
    ];

    /// Maps the OTLP enum number.
    #[must_use]
    #[inline]
    pub const fn from_otlp(number: i64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

/// A span link, reduced to what correlation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Trace of the linked span.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
}

/// What the events of a span show. Times and attributes are not read, but for the type of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanEvents<'a> {
    /// Events named `message` or `rpc.message`: messages of a remote procedure call.
    pub messages: u32,
    /// `exception.type` of the last event named `exception`; empty when there is none.
    pub exception: &'a str,
}

/// One span, borrowed from its request.
#[derive(Debug)]
pub struct SpanView<'a> {
    /// Trace the span belongs to.
    pub trace_id: TraceId,
    /// The span's own id.
    pub span_id: SpanId,
    /// The parent's id; `None` when empty or all zero.
    pub parent_id: Option<SpanId>,
    /// Kind as sent.
    pub kind: SpanKind,
    /// Start, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the Unix epoch; may lie before the start when clocks disagree.
    pub end_ns: u64,
    /// True when the status code is ERROR.
    pub is_error: bool,
    /// OTLP `Span.flags`: W3C trace flags in bits 0..8, 0x100 remote parent known, 0x200 parent is remote.
    pub flags: u32,
    /// W3C `tracestate` as sent.
    pub trace_state: &'a str,
    /// Span name.
    pub name: &'a str,
    /// Known attributes of the span.
    pub attributes: &'a AttributeSet<'a>,
    /// What its events show.
    pub events: SpanEvents<'a>,
    /// Links with valid ids, in order.
    pub links: &'a [Link],
}

/// Why a decoder gave up on one span. The span's siblings live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Trace id missing, all zero, or not 16 bytes.
    TraceId,
    /// Span id missing, all zero, or not 8 bytes.
    SpanId,
    /// Parent id present, but neither empty nor 8 bytes.
    ParentId,
    /// A needed string is not UTF-8.
    Utf8,
    /// The encoding of the span is broken: truncated field, wrong wire type or JSON type, bad number.
    Malformed,
    /// More attributes, links or nesting than the configured limit.
    Limit,
    /// No start time, in a file: nothing says when it was.
    StartTime,
}

impl RejectReason {
    /// The reason as it appears in diagnostics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::ParentId => "parent_id",
            Self::Utf8 => "utf8",
            Self::Malformed => "malformed",
            Self::Limit => "limit",
            Self::StartTime => "start_time",
        }
    }
}

/// Receives what a decoder finds, in wire order.
pub trait SpanSink {
    /// A resource begins; the spans that follow belong to it until the next call.
    fn resource(&mut self, attributes: &AttributeSet<'_>);
    /// A resource begins that has this encoding. True when the sink remembers what it decodes to, from
    /// [`encoded_resource`](Self::encoded_resource); else the decoder tells it. Equal bytes only: a hash is not enough.
    fn known_resource(&mut self, encoded: &[u8]) -> bool {
        let _ = encoded;
        false
    }
    /// [`resource`](Self::resource), with the bytes that it was decoded from.
    fn encoded_resource(&mut self, encoded: &[u8], attributes: &AttributeSet<'_>) {
        let _ = encoded;
        self.resource(attributes);
    }
    /// One span of the current resource.
    fn span(&mut self, span: &SpanView<'_>);
    /// One span of the current resource that could not be used.
    fn rejected(&mut self, reason: RejectReason);
    /// Attributes to decode beside those with a [`Key`](crate::attribute::Key) of their own.
    fn aliases(&self) -> &KeyAliases {
        static NONE: KeyAliases = KeyAliases::NONE;
        &NONE
    }
}
