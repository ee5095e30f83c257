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
use crate::segment::stats::EdgeStats;
use crate::segment::{EdgeKey, Segment, Trail};
use crate::snapshot::Relation;

/// What a caller dialled; of peers, facts keep no more than that.
type Dialled<'a> = (Relation, DestinationKey<'a>);

fn dialled(key: &EdgeKey) -> Dialled<'_> {
    (key.relation, DestinationKey::of_peer(&key.peer))
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

/// Edges and facts of one caller follow each other in the segment, so that a caller is compared with the next one alone.
fn moves(segment: &Segment) -> Vec<(EdgeKey, NodeKey)> {
    let mut edges = segment.edges.iter().peekable();
    let unanswered = segment.facts.keys().filter(|key| key.callee.is_none());
    let mut unanswered = unanswered.peekable();
    let mut moves = Vec::new();
    while let Some(first) = unanswered.peek() {
        let caller = &first.caller;
        while edges.next_if(|(key, _)| key.caller < *caller).is_some() {}
        let mut calls = Calls::default();
        while let Some((key, stats)) = edges.next_if(|(key, _)| key.caller == *caller) {
            calls.add(key, stats);
        }
        while let Some(key) = unanswered.next_if(|key| key.caller == *caller) {
            moves.extend(calls.heir(key).map(|callee| (key.clone(), callee.clone())));
        }
    }
    moves
}

/// The calls of one caller.
#[derive(Debug, Default)]
struct Calls<'a> {
    open: BTreeSet<Dialled<'a>>,
    answered: BTreeMap<Dialled<'a>, BTreeMap<&'a NodeKey, u64>>,
}

impl<'a> Calls<'a> {
    fn add(&mut self, key: &'a EdgeKey, stats: &EdgeStats) {
        match &key.callee {
            None if stats.is_blank() => {}
            None => drop(self.open.insert(dialled(key))),
            Some(callee) => {
                let callees = self.answered.entry(dialled(key)).or_default();
                *callees.entry(callee).or_default() += stats.calls;
            }
        }
    }

    /// Who answered all calls to what these facts are about.
    fn heir(&self, facts: &EdgeKey) -> Option<&'a NodeKey> {
        let asked = dialled(facts);
        if self.open.contains(&asked) {
            return None;
        }
        let callees = self.answered.get(&asked)?.iter();
        let (callee, _) = callees.max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
        Some(callee)
    }
}
