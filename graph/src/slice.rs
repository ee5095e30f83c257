//! One closed trace slice: from its records to calls, messages and counts.
//!
//! ```text
//! records -> Tree (deduplicated, parents resolved, cycles cut)
//!         -> Answers (which span served which outgoing span)
//!         -> steps (sockets give their address away)
//!         -> calls (wrappers and resends folded) and messages
//! ```
//! A slice is inferred as a whole, from all of its records in one canonical order, so arrival order cannot matter; should
//! late spans join it, once more.
//! Nothing here looks at other traces: destinations that need them stay a [`PeerRef`].

mod answers;
mod at;
mod by_id;
mod calls;
mod chains;
mod complete;
mod gateways;
mod messages;
mod parents;
mod passage;
mod repeats;
mod requests;
mod steps;
mod times;
mod tree;
mod units;

use crate::hazards::Signs;
use crate::names::{InstanceId, LabelId, NodeId, OperationId, PeerId, ResourceId, Tables, WordId};
use crate::record::SpanRecord;
use crate::sampling::{Weight, Weights};
use crate::segment::skew::SkewBounds;
use crate::snapshot::Relation;
use crate::span::{SpanId, TraceId};

use answers::Answers;
use chains::Try;
pub(crate) use complete::Gaps;
use passage::Passage;
use steps::Steps;
use tree::Tree;
use units::Units;

/// What is known about the other end of a call: its category and name from one span, its address from another.
/// They differ when an SDK span wraps a driver span, or when only a socket span knows the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerRef {
    pub(crate) base: PeerId,
    pub(crate) address: PeerId,
}

impl PeerRef {
    pub(crate) const NONE: Self = Self {
        base: PeerId::FIRST,
        address: PeerId::FIRST,
    };
}

/// What one end of an attempt says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) resource: ResourceId,
    pub(crate) instance: InstanceId,
    pub(crate) operation: OperationId,
}

impl End {
    fn of(record: &SpanRecord) -> Self {
        Self {
            resource: record.resource,
            instance: record.instance,
            operation: record.operation,
        }
    }
}

/// How a call is known, before destinations are resolved over all traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Found {
    /// Both halves joined by ids: the server's parent is the client's span.
    Paired,
    /// A child in another service without the proper kinds.
    Parent,
    /// No other half; the peer says where it went, or nothing does.
    Alone,
    /// Both halves under one span id, as B3 tracers do it.
    Shared,
    /// A server span without parent that links to the outgoing span in another trace.
    Linked,
}

impl Found {
    /// Every class.
    pub(crate) const ALL: [Self; 5] = [
        Self::Paired,
        Self::Parent,
        Self::Alone,
        Self::Shared,
        Self::Linked,
    ];

    /// Its name among the columns of the store.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Parent => "parent",
            Self::Alone => "alone",
            Self::Shared => "shared",
            Self::Linked => "linked",
        }
    }

    /// True when both halves were seen.
    pub(crate) const fn is_pair(self) -> bool {
        matches!(self, Self::Paired | Self::Shared)
    }

    /// How a client and its server span were found.
    const fn of_pair(client: &SpanRecord, server: &SpanRecord) -> Self {
        if client.span_id.as_u64() == server.span_id.as_u64() {
            Self::Shared
        } else {
            Self::Paired
        }
    }
}

/// Marks of one attempt that users see as flags of its edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AttemptFlags {
    pub(crate) is_mirror: bool,
    pub(crate) is_multi: bool,
    pub(crate) is_redirect: bool,
    pub(crate) is_upkeep: bool,
    pub(crate) is_socket: bool,
}

/// One attempt on the wire. A logical call is its last attempt; earlier ones have `is_call` false.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) caller: NodeId,
    pub(crate) callee: Option<NodeId>,
    pub(crate) peer: PeerRef,
    /// Set when the other half of the call may still come: the outgoing span that it would name as its parent.
    pub(crate) open: Option<SpanId>,
    /// First words of the dialled path.
    pub(crate) word: WordId,
    /// The caller's serving span, as an index into the slice; `None` when the call was made outside of any.
    pub(crate) request: Option<usize>,
    /// The caller's end.
    pub(crate) from: End,
    /// The callee's end, when its serving span was seen.
    pub(crate) to: Option<End>,
    pub(crate) relation: Relation,
    pub(crate) found: Found,
    pub(crate) is_call: bool,
    /// False for upkeep, which shows an edge but sends no request.
    pub(crate) is_attempt: bool,
    pub(crate) has_failed: bool,
    /// Attempts that must have come before the first one seen.
    pub(crate) lost_attempts: u32,
    /// Weights of the halves that were seen.
    pub(crate) weights: Weights,
    /// What a pair says of the clocks at its ends.
    pub(crate) skew: Option<SkewBounds>,
    pub(crate) client_ns: Option<u64>,
    pub(crate) server_ns: Option<u64>,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) error: LabelId,
    pub(crate) flags: AttemptFlags,
    /// Hazards that it shows.
    pub(crate) signs: Signs,
    pub(crate) trace_id: TraceId,
}

impl Attempt {
    /// A successful call of which only this span is known, to whatever `peer` describes.
    pub(crate) fn alone(caller: NodeId, peer: PeerRef, record: &SpanRecord) -> Self {
        Self {
            caller,
            callee: None,
            peer,
            open: None,
            word: record.word,
            request: None,
            from: End::of(record),
            to: None,
            relation: Relation::Sync,
            found: Found::Alone,
            is_call: true,
            is_attempt: true,
            has_failed: false,
            lost_attempts: 0,
            weights: Weights::of_client(record.sampled()),
            skew: None,
            client_ns: None,
            server_ns: None,
            start_ns: record.start_ns,
            end_ns: record.end_ns(),
            error: LabelId::FIRST,
            flags: AttemptFlags::default(),
            signs: Signs::NONE,
            trace_id: record.trace_id,
        }
    }
}

/// A message handed to a broker.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    pub(crate) trace_id: TraceId,
    /// The outermost span of the send, which stands for the message.
    pub(crate) span_id: SpanId,
    /// Inner spans of the same send; consumers may name any of them.
    pub(crate) also: Vec<SpanId>,
    pub(crate) producer: NodeId,
    pub(crate) peer: PeerRef,
    pub(crate) messages: u32,
    pub(crate) weight: Weight,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

/// A message taken from a broker.
#[derive(Debug, Clone)]
pub(crate) struct Consume {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) consumer: NodeId,
    pub(crate) peer: PeerRef,
    /// The sends it names: its parent and its links.
    pub(crate) refs: Vec<SendRef>,
    /// True for receive and poll: counts only when no process span of the node names the same message.
    pub(crate) is_receive: bool,
    pub(crate) messages: u32,
    pub(crate) weight: Weight,
    pub(crate) has_failed: bool,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

/// A consumer's pointer to a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SendRef {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) is_link: bool,
}

/// A counted event that made no edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Event {
    /// The span was seen before.
    Duplicate,
    /// A fragment of a span that is also here as a whole.
    Fragment,
    /// A span named itself as its parent.
    SelfParent,
    /// Parents formed a cycle; its spans lost them.
    CycleDropped,
    /// Called from outside the traces.
    Entry,
    /// The parent id was given but never seen.
    Orphan,
    /// The parent was seen, but had settled before this span came.
    LateParent,
    /// The trace had to settle before all of its spans can have come, for want of room.
    StoreFull,
    /// An outgoing call without a server half.
    WithoutServerHalf,
    /// A server span inside a server span of the same process.
    NestedServer,
    /// A DNS, socket or TLS step of a call.
    Plumbing,
    /// Emitted by a proxy.
    ProxySpan,
    /// Emitted by a proxy that stands beside one workload.
    SidecarSpan,
    /// What should tell the sampling weight makes no sense.
    WeightMalformed,
    /// The span claimed to start more than a week away from its arrival.
    TimeClamped,
}

impl Event {
    /// Every event, in the order of their numbers.
    pub(crate) const ALL: [Self; 15] = [
        Self::Duplicate,
        Self::Fragment,
        Self::SelfParent,
        Self::CycleDropped,
        Self::Entry,
        Self::Orphan,
        Self::LateParent,
        Self::StoreFull,
        Self::WithoutServerHalf,
        Self::NestedServer,
        Self::Plumbing,
        Self::ProxySpan,
        Self::SidecarSpan,
        Self::WeightMalformed,
        Self::TimeClamped,
    ];

    /// The name of the counter.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Fragment => "fragment",
            Self::SelfParent => "self_parent",
            Self::CycleDropped => "cycle_dropped",
            Self::Entry => "entry",
            Self::Orphan => "orphan",
            Self::LateParent => "late_parent",
            Self::StoreFull => "store_full",
            Self::WithoutServerHalf => "without_server_half",
            Self::NestedServer => "nested_server",
            Self::Plumbing => "plumbing",
            Self::ProxySpan => "proxy_span",
            Self::SidecarSpan => "sidecar_span",
            Self::WeightMalformed => "weight_malformed",
            Self::TimeClamped => "time_clamped",
        }
    }
}

/// Receives what a slice gives. All methods are additive: order of calls must not matter.
pub(crate) trait SliceSink {
    fn span(&mut self, record: &SpanRecord);
    fn attempt(&mut self, attempt: &Attempt);
    /// A server span without parent: called from outside the traces.
    fn entry(&mut self, record: &SpanRecord);
    /// A server span that names its caller by id, and `event` that it was counted as for want of it.
    fn open_server(&mut self, record: &SpanRecord, caller: SendRef, event: Event);
    /// A server span without parent that names its caller.
    fn named_caller(&mut self, record: &SpanRecord);
    fn send(&mut self, send: Send);
    fn consume(&mut self, consume: Consume);
    fn event(&mut self, node: NodeId, event: Event);
    /// A span that names a parent that was never seen.
    fn orphan(&mut self, record: &SpanRecord);
    /// A proxy node turned out to be the sidecar of an application.
    fn fold(&mut self, proxy: NodeId, app: NodeId);
    /// A request that a node served: something reached this serving span of it from outside the process.
    fn request(&mut self, node: NodeId, record: &SpanRecord);
    /// The trace, the nodes that it passed through, and the sampling weight of its root if that was seen.
    fn trace(&mut self, nodes: &[NodeId], root_weight: Option<f32>);
    /// Everything about the slice was said.
    fn end(&mut self);
}

/// Memory that is reused from slice to slice: in the steady state inference allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    moved: Vec<SpanRecord>,
    order: repeats::Order,
    parts: tree::Parts,
    answers: Answers,
    steps: Steps,
    units: Units,
    siblings: Vec<Try>,
    passage: Passage,
}

/// Infers one trace. Records may come in any order. `settled` tells which spans of the trace were inferred without these:
/// a parent among them is not missing, only out of reach.
pub(crate) fn infer(
    records: &[SpanRecord],
    names: &Tables,
    settled: impl Fn(SpanId) -> bool,
    scratch: &mut Scratch,
    sink: &mut impl SliceSink,
) {
    let Scratch {
        answers,
        steps,
        units,
        ..
    } = scratch;
    let records = times::clamp(records, &mut scratch.moved, sink);
    let spans = scratch.order.sort(records, names, sink);
    let tree = Tree::build(spans, &mut scratch.parts, names, settled, sink);
    for record in tree.records() {
        sink.span(record);
    }
    answers.find(&tree, names, sink);
    steps.find(&tree, answers, names, sink);
    units.find(&tree, answers, steps);
    let context = calls::Context {
        tree: &tree,
        answers,
        steps,
        names,
    };
    messages::emit(context, units, sink);
    calls::emit(context, units, &mut scratch.siblings, sink);
    gateways::emit(context, sink);
    for span in (0..tree.len()).filter(|span| tree.request(*span) == Some(*span)) {
        sink.request(tree.node(span), tree.speaker(span));
    }
    scratch.passage.emit(&tree, sink);
    sink.end();
}
