//! Who served which outgoing span (inference rules 1.4.4 to 1.4.6 and 1.4.9).
//!
//! An edge between two nodes exists where a span's parent belongs to another node. If the parent is, or lies inside,
//! an outgoing span, the child *answers* that span; if not, the two nodes are adjacent without a client span.

use super::tree::{Side, Tree};
use super::{Attempt, End, Event, Found, PeerRef, SendRef, SliceSink};
use crate::names::Tables;
use crate::peer::MessageRole;
use crate::record::Marks;
use crate::sampling::Weights;
use crate::snapshot::Relation;
use crate::span::SpanKind;

/// The answers to each outgoing span, in canonical order; reused from slice to slice.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Outgoing spans with what answered them.
    pairs: Vec<(usize, usize)>,
    /// Answers, by the outgoing span.
    answers: Vec<usize>,
    /// By span: who met it.
    met: Vec<Met>,
    /// Consuming spans, with the send that is their parent, if any.
    pub(crate) consumes: Vec<(usize, Option<usize>)>,
    /// A consumer names some span as its parent.
    has_sent: bool,
}

/// Who answered an outgoing span, as a range of the answers.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    begin: u32,
    end: u32,
    /// A consumer names it as its parent.
    is_sent: bool,
}

impl Answers {
    /// Spans of other processes that served this outgoing span.
    pub(crate) fn of(&self, out: usize) -> &[usize] {
        let Met { begin, end, .. } = self.met[out];
        &self.answers[begin as usize..end as usize]
    }

    /// True when some span elsewhere shows that the call arrived.
    pub(crate) fn is_answered(&self, out: usize) -> bool {
        self.met[out].begin < self.met[out].end
    }

    /// True when a consumer names this span as its parent: it sends a message, whatever its kind (Z12).
    pub(crate) fn is_sent(&self, out: usize) -> bool {
        self.met[out].is_sent
    }

    /// True when that holds for some span.
    pub(crate) fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Finds the answers of a slice.
    pub(crate) fn find(&mut self, tree: &Tree<'_>, names: &Tables, sink: &mut impl SliceSink) {
        let count = tree.len();
        self.pairs.clear();
        self.consumes.clear();
        self.has_sent = false;
        self.met.clear();
        self.met.resize(count, Met::default());
        for span in 0..count {
            if tree.is_ghost(span) {
                continue;
            }
            match tree.parent(span) {
                Some(parent) => link(tree, names, (span, parent), self, sink),
                None => without_parent(tree, names, span, self, sink),
            }
        }
        self.pairs.sort_unstable();
        self.answers.clear();
        for (end, (out, answer)) in (1..).zip(&self.pairs) {
            self.answers.push(*answer);
            let met = &mut self.met[*out];
            if met.end == 0 {
                met.begin = end - 1;
            }
            met.end = end;
        }
    }
}

/// True for spans that take messages out of a broker.
pub(super) fn is_consume(tree: &Tree<'_>, span: usize) -> bool {
    let record = tree.record(span);
    record.kind == SpanKind::Consumer && record.role != MessageRole::Settle
        || matches!(record.role, MessageRole::Process | MessageRole::Receive)
}

/// True for spans that hand messages to a broker by their own account.
pub(super) fn is_send(tree: &Tree<'_>, span: usize) -> bool {
    matches!(
        tree.record(span).role,
        MessageRole::Send | MessageRole::Create
    )
}

/// True for a client span that says what it called, and that this was no broker. A consumer below it took a message that
/// somebody on the way sent, whose spans are missing.
fn is_call(tree: &Tree<'_>, names: &Tables, out: usize) -> bool {
    let record = tree.record(out);
    let peer = names.peer_traits(record.peer);
    let is_request = peer.is_rpc() || peer.is_database() || (peer.is_plain() && peer.has_method());
    record.kind == SpanKind::Client && record.role == MessageRole::None && is_request
}

fn link(
    tree: &Tree<'_>,
    names: &Tables,
    (span, parent): (usize, usize),
    answers: &mut Answers,
    sink: &mut impl SliceSink,
) {
    let out = tree.above(span).filter(|at| tree.side(*at) == Side::Out);
    let is_inside = tree.node(parent) == tree.node(span);
    if is_consume(tree, span) {
        let send = out.filter(|out| {
            tree.record(*out).role != MessageRole::Receive
                && !is_call(tree, names, *out)
                && (!is_inside || crosses_broker(tree, names, *out, span))
        });
        if let Some(send) = send {
            answers.met[send].is_sent = true;
            answers.has_sent = true;
        }
        answers.consumes.push((span, send));
        return;
    }
    if is_inside {
        link_inside(tree, span, parent, out, answers, sink);
    } else if tree.record(span).marks.has(Marks::PLUMBING) {
        // A step of a lost client span, whose id the server of another node shares: nobody called this.
    } else if let Some(out) = out {
        answers.pairs.push((out, span));
    } else if !tree.is_ghost(parent) {
        adjacent(tree, names, span, parent, sink);
    }
}

/// Parent and child report the same node: a call to another instance of it, or work inside one process.
fn link_inside(
    tree: &Tree<'_>,
    span: usize,
    parent: usize,
    out: Option<usize>,
    answers: &mut Answers,
    sink: &mut impl SliceSink,
) {
    if tree.side(span) != Side::In {
        return;
    }
    let boundary = tree.above(span).unwrap_or(parent);
    match out {
        Some(out) => {
            let one_process = tree
                .record(out)
                .instance
                .is_same(tree.record(span).instance);
            if !one_process && tree.record(out).role != MessageRole::Receive {
                answers.pairs.push((out, span));
            }
        }
        // An application behind its sidecar is no finding.
        None if tree.side(boundary) == Side::In
            && !tree.record(boundary).marks.has(Marks::PROXY) =>
        {
            sink.event(tree.node(span), Event::NestedServer);
        }
        None => {}
    }
}

/// Messaging inside one node is real only when a destination is named: executors reuse the kinds (X51, X65).
pub(super) fn crosses_broker(tree: &Tree<'_>, names: &Tables, send: usize, consume: usize) -> bool {
    let spans = [send, consume].into_iter();
    spans
        .map(|span| names.peer_traits(tree.record(span).peer))
        .any(|peer| peer.names_broker())
}

/// Two nodes next to each other in the tree, without an outgoing span between them (rule 1.4.5).
fn adjacent(
    tree: &Tree<'_>,
    names: &Tables,
    span: usize,
    parent: usize,
    sink: &mut impl SliceSink,
) {
    let record = tree.record(span);
    // The child's error is its own answer only when it serves; an outgoing child reports the next hop's (Z21, Z22).
    let is_in = tree.side(span) == Side::In;
    let mut attempt = Attempt::alone(tree.node(parent), PeerRef::NONE, record);
    attempt.callee = Some(tree.node(span));
    attempt.request = tree.request(parent);
    attempt.from = End::of(tree.speaker(parent));
    attempt.found = Found::Parent;
    attempt.weights = Weights::of_server(record.sampled());
    let is_message = |span: usize| {
        let peer = names.peer_traits(tree.record(span).peer);
        peer.is_messaging()
    };
    if is_message(parent) && is_message(span) {
        attempt.relation = Relation::Async;
    }
    if is_in {
        attempt.to = Some(End::of(tree.speaker(span)));
        attempt.has_failed = record.is_error();
        attempt.error = record.error;
        attempt.server_ns = Some(record.duration_ns);
    }
    sink.attempt(&attempt);
}

/// A span without parent: called from outside, named by its caller, or an origin of its own (rule 1.4.9).
fn without_parent(
    tree: &Tree<'_>,
    names: &Tables,
    span: usize,
    answers: &mut Answers,
    sink: &mut impl SliceSink,
) {
    if is_consume(tree, span) {
        answers.consumes.push((span, None));
        return;
    }
    if tree.side(span) != Side::In {
        return;
    }
    let record = tree.record(span);
    if let Some(event) = tree.orphan_event(span) {
        let caller = record.parent_id.map(|parent| SendRef {
            trace_id: record.trace_id,
            span_id: parent,
            is_link: false,
        });
        if let (Some(caller), Event::Orphan | Event::LateParent) = (caller, event) {
            sink.open_server(record, caller, event);
        }
        return;
    }
    if names.peer_traits(record.peer).has_name() {
        sink.named_caller(record);
    } else {
        sink.entry(record);
        // Exactly one link, to whoever called (X47).
        if let (SpanKind::Server, Some([link])) = (record.kind, record.links.as_deref()) {
            let caller = SendRef {
                trace_id: link.trace_id,
                span_id: link.span_id,
                is_link: true,
            };
            sink.open_server(record, caller, Event::Entry);
        }
    }
}
