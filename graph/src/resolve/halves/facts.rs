//! Facts for planning follow the calls that they were counted from.
//!
//! They are summed up by what was dialled before it is known who answers. When all calls to an address turn out to have been
//! answered, by halves that reached another instance, nothing is left under that address that its facts could belong to: they
//! go to whoever answered, to the one with most calls where several did. What remains under an address is found together
//! with its calls. Decided over everything merged, so it does not matter when halves were joined.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::identity::NodeKey;
use crate::peer::Peer;
use crate::segment::planning::DestinationKey;
use crate::segment::{Caller, EdgeKey, Segment, Trail};
use crate::snapshot::Relation;

/// Caller and what it dialled; of peers, facts keep no more than that.
type Dialled<'a> = (&'a Caller, Relation, DestinationKey<'a>);

fn dialled(key: &EdgeKey) -> Dialled<'_> {
    let destination = DestinationKey::of_peer(&key.peer);
    (&key.caller, key.relation, destination)
}

/// Gives facts without calls to those who answered the calls.
pub(super) fn follow(segment: &mut Cow<'_, Segment>) {
    let moves = moves(segment);
    if moves.is_empty() {
        return;
    }
    let segment = segment.to_mut();
    for (key, callee) in moves {
        let Some(facts) = segment.facts.remove(&key) else {
            continue;
        };
        let key = EdgeKey {
            callee: Some(callee),
            peer: Peer::default(),
            trail: Trail::default(),
            ..key
        };
        segment.facts.entry(key).or_default().merge(&facts);
    }
}

fn moves(segment: &Segment) -> Vec<(EdgeKey, NodeKey)> {
    let mut open = BTreeSet::new();
    let mut answered: BTreeMap<Dialled<'_>, BTreeMap<&NodeKey, u64>> = BTreeMap::new();
    for (key, stats) in &segment.edges {
        match &key.callee {
            None if stats.is_blank() => {}
            None => drop(open.insert(dialled(key))),
            Some(callee) => {
                let callees = answered.entry(dialled(key)).or_default();
                *callees.entry(callee).or_default() += stats.calls;
            }
        }
    }
    let unanswered = segment.facts.keys().filter(|key| key.callee.is_none());
    let left = unanswered.filter(|key| !open.contains(&dialled(key)));
    left.filter_map(|key| {
        let callees = answered.get(&dialled(key))?.iter();
        let (callee, _) = callees.max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
        Some((key.clone(), (*callee).clone()))
    })
    .collect()
}
