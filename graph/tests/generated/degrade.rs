//! What happens to spans on their way: loss, repetition, missing kinds, shared ids, clocks that disagree, silence.

use std::collections::BTreeMap;

use tracemesh_graph::span::SpanKind;

use super::traffic::MadeSpan;
use super::world::Random;

/// Loses this share of spans, in thousandths.
pub(crate) fn lossy(spans: &[MadeSpan], seed: u64, permille: u64) -> Vec<MadeSpan> {
    let mut random = Random::new(seed);
    let kept = spans.iter().filter(|_| !random.chance(permille));
    kept.cloned().collect()
}

/// Sends this share of spans again at the end, in thousandths.
pub(crate) fn repeated(spans: &[MadeSpan], permille: u64) -> Vec<MadeSpan> {
    let mut random = Random::new(7);
    let mut all = spans.to_vec();
    all.extend(spans.iter().filter(|_| random.chance(permille)).cloned());
    all
}

/// Every n-th service forgets the kinds of its spans.
pub(crate) fn kindless(spans: &[MadeSpan], every: usize) -> Vec<MadeSpan> {
    let forget = |span: &MadeSpan| MadeSpan {
        kind: if span.service.is_multiple_of(every) {
            SpanKind::Unspecified
        } else {
            span.kind
        },
        ..span.clone()
    };
    spans.iter().map(forget).collect()
}

/// Every n-th service exports nothing, but passes its trace context on.
pub(crate) fn silent(spans: &[MadeSpan], every: usize) -> Vec<MadeSpan> {
    let heard = spans
        .iter()
        .filter(|span| !span.service.is_multiple_of(every));
    heard.cloned().collect()
}

/// Server spans take the id of their client span, as B3 tracers do; their children follow.
pub(crate) fn shared_ids(spans: &[MadeSpan]) -> Vec<MadeSpan> {
    let clients: BTreeMap<u64, Option<u64>> = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Client)
        .map(|span| (span.id, span.parent))
        .collect();
    let mut renamed = BTreeMap::new();
    for span in spans {
        if let (SpanKind::Server, Some(parent)) = (span.kind, span.parent)
            && clients.contains_key(&parent)
        {
            renamed.insert(span.id, parent);
        }
    }
    let rename = |span: &MadeSpan| {
        let id = renamed.get(&span.id).copied();
        let parent = span
            .parent
            .map(|parent| renamed.get(&parent).copied().unwrap_or(parent));
        MadeSpan {
            id: id.unwrap_or(span.id),
            // The server half has the parent of the client half.
            parent: id.map_or(parent, |id| clients[&id]),
            ..span.clone()
        }
    };
    spans.iter().map(rename).collect()
}

/// The clock of each instance is off by its own amount, up to this many microseconds either way.
pub(crate) fn skewed(spans: &[MadeSpan], most_us: u64) -> Vec<MadeSpan> {
    let skew = |span: &MadeSpan| {
        let seed = span.service as u64 * 31 + span.instance as u64;
        let off = Random::new(seed).next() % (2 * most_us);
        let shift = |time: u64| time + off - most_us;
        MadeSpan {
            start_us: shift(span.start_us),
            end_us: shift(span.end_us),
            ..span.clone()
        }
    };
    spans.iter().map(skew).collect()
}
