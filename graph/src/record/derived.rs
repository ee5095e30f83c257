//! What kind and attributes of a span decide, whatever the rest of it: its peer, operation, role, and most marks and signs.
//!
//! Nearly all spans of a service repeat such a combination, so the recorder remembers each by the bytes of what the
//! derivation reads ([`Keys`]). What differs from request to request (ids, times, names, path words, client addresses,
//! weights, failures) is no part of it, and is read from each span.

mod key;

use super::bytes::ByBytes;
use super::signs::Lasting;
use super::{Marks, OperationId, PeerId};
use crate::attribute::{AttributeSet, Key};
use crate::peer::{Category, MessageRole, Peer, proxy_marks};
use crate::span::{SpanKind, SpanView};

/// The outcome of a derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Derived {
    pub(super) peer: PeerId,
    pub(super) operation: OperationId,
    pub(super) role: MessageRole,
    pub(super) marks: Marks,
    pub(super) signs: Lasting,
    /// The words of its path matter.
    pub(super) has_words: bool,
    /// It keeps a connection up if it is called so.
    pub(super) may_be_upkeep: bool,
}

/// Derivations that were made before.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: ByBytes<Derived>,
    /// Of the span that was asked for last; reused.
    key: Vec<u8>,
}

impl Memory {
    /// What was derived from the same attributes, or `None`.
    pub(super) fn recall(&mut self, span: &SpanView<'_>) -> Option<Derived> {
        key::write(span.kind, span.attributes, &mut self.key);
        self.known.get(&self.key)
    }

    /// Remembers what was derived from the span that [`recall`](Self::recall) was asked for last.
    pub(super) fn remember(&mut self, derived: Derived) {
        self.known.insert(&self.key, derived);
    }
}

/// Where a caller or a proxy sits, and what the answer was.
pub(super) fn marks_of(
    kind: SpanKind,
    attributes: &AttributeSet<'_>,
    peer: &Peer,
    status: Option<i64>,
) -> Marks {
    let mut marks = Marks::default();
    marks.set(
        Marks::CLIENT_FAULT,
        status.is_some_and(|status| (400..500).contains(&status)),
    );
    let proxy = proxy_marks(kind, attributes);
    marks.set(Marks::PROXY, proxy.is_proxy);
    marks.set(Marks::SIDECAR, proxy.is_sidecar);
    marks.set(Marks::FACES_WORKLOAD, proxy.faces_workload);
    marks.set(Marks::RECEIVED, proxy.is_proxy && proxy.is_received);
    marks.set(
        Marks::SOCKET_ONLY,
        peer.socket.is_some()
            && peer.address.is_none()
            && peer.name.is_none()
            && peer.category == Category::None
            && peer.protocol.is_empty(),
    );
    marks
}

/// True for what talks to a database or broker without naming an operation.
pub(super) fn may_be_upkeep(attributes: &AttributeSet<'_>, peer: &Peer) -> bool {
    let has_operation = attributes.has(Key::DbOperation) || attributes.has(Key::DbOperationName);
    let keeps_connections = matches!(
        peer.category,
        Category::Database { .. } | Category::Messaging { .. }
    );
    keeps_connections && !has_operation
}

/// True for outgoing spans whose path tells services behind one host apart.
pub(super) const fn has_words(kind: SpanKind, category: &Category) -> bool {
    matches!(category, Category::None | Category::Rpc { .. })
        && !matches!(
            kind,
            SpanKind::Server | SpanKind::Consumer | SpanKind::Producer
        )
}

#[cfg(test)]
mod tests;
