//! Span ids as B3 tracers give them: the server half of a call bears the id of the client half.

use std::collections::BTreeMap;

use crate::span::{Kind, Span};

/// Server spans of the chosen emitters take id and parent of the client span that called them; their children follow.
pub(super) fn share(spans: &mut [Span<'_>], is_chosen: impl Fn(&Span<'_>) -> bool) {
    let clients: BTreeMap<u64, Option<u64>> = spans
        .iter()
        .filter(|span| span.kind == Kind::Client)
        .map(|span| (span.id, span.parent))
        .collect();
    let mut renamed: BTreeMap<u64, u64> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.kind == Kind::Server) {
        if let Some(parent) = span.parent
            && clients.contains_key(&parent)
            && is_chosen(span)
        {
            renamed.insert(span.id, parent);
        }
    }
    let new = |id: u64| renamed.get(&id).copied().unwrap_or(id);
    for span in spans {
        match renamed.get(&span.id) {
            // The server half has the parent of the client half.
            Some(client) => {
                span.id = *client;
                span.parent = clients[client].map(new);
            }
            None => span.parent = span.parent.map(new),
        }
    }
}
