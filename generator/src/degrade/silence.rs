//! Services that nobody instrumented, of both sorts: those that hand the received headers on, and those that do not.

use std::collections::BTreeMap;

use crate::random::mix;
use crate::span::Span;
use crate::traffic::Request;
use crate::world::World;

/// Silent spans vanish; their children name the nearest span above that is told. To traces the service is a wire.
pub(super) fn passing_context<'w>(
    world: &World,
    request: &mut Request<'w>,
    is_silent: impl Fn(&Span<'w>) -> bool,
) {
    let above: BTreeMap<u64, (Option<u64>, usize)> = request
        .spans
        .iter()
        .filter(|span| is_silent(span))
        .map(|span| (span.id, (span.parent, span.resource)))
        .collect();
    if above.is_empty() {
        return;
    }
    request.spans.retain(|span| !above.contains_key(&span.id));
    let nodes: BTreeMap<u64, usize> = request
        .spans
        .iter()
        .map(|span| (span.id, world.node_of(span.resource)))
        .collect();
    for span in &mut request.spans {
        let direct = span.parent;
        while let Some((parent, _)) = span.parent.and_then(|parent| above.get(&parent)) {
            span.parent = *parent;
        }
        if span.parent != direct
            && let Some(caller) = span.parent.and_then(|parent| nodes.get(&parent))
        {
            request
                .through
                .push((*caller, world.node_of(span.resource)));
        }
    }
}

/// Silent spans vanish; each child of theirs begins a trace of its own, and takes everything below along.
pub(super) fn losing_context<'w>(
    request: &mut Request<'w>,
    moved: &mut BTreeMap<u64, u128>,
    is_silent: impl Fn(&Span<'w>) -> bool,
) {
    let mut fates: BTreeMap<u64, Option<u128>> = BTreeMap::new();
    // Parents come before their children.
    for span in &mut request.spans {
        let fate = span.parent.and_then(|parent| fates.get(&parent).copied());
        if is_silent(span) {
            fates.insert(span.id, None);
            continue;
        }
        match fate {
            Some(None) => {
                span.parent = None;
                let low = mix(&[span.id, 3]);
                span.trace = u128::from(mix(&[span.id, 4])) << 64 | u128::from(low);
            }
            Some(Some(trace)) => span.trace = trace,
            None => {}
        }
        fates.insert(span.id, Some(span.trace));
        if span.kind == crate::span::Kind::Producer {
            moved.insert(span.id, span.trace);
        }
        for (trace, linked) in &mut span.links {
            *trace = moved.get(linked).copied().unwrap_or(*trace);
        }
    }
    request
        .spans
        .retain(|span| fates.get(&span.id) != Some(&None));
}
