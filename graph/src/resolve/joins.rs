//! Pairs that a lost span may have made up, in fleets with B3 tracers.
//!
//! A B3 server joins the span of its caller: both halves bear one id, and the parent id of the server's half belongs to the
//! client's half. Where the client's half was lost, that parent id still names a span: the server half of the caller, or,
//! if that was lost too, the client half of the caller's caller under the same id. The last looks like any other pair
//! and is false. One trace cannot tell; all of them can: a server that joins its callers does not once do without.
//!
//! Such calls stay, as evidence of class *parent*. A pair that is doubted wrongly (a service in the middle of a change of
//! tracers) costs confidence, not an edge.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::kube;
use super::nodes::event;
use super::services::{Match, Services};
use crate::identity::NodeKey;
use crate::peer::Address;
use crate::segment::{Caller, EdgeKey, Segment};
use crate::slice::Found;
use crate::snapshot::Relation;

/// Who calls whom, and how.
type Ends<'a> = (&'a NodeKey, &'a NodeKey, Relation);

/// A callee with fewer pairs than this, and none of them shared, has no habit of its own yet.
const FEW: u64 = 3;

/// Pairs by what their ids look like.
#[derive(Debug, Clone, Copy, Default)]
struct Pairs {
    /// Both halves under one id.
    shared: u64,
    /// The server under the client.
    apart: u64,
}

/// How callers and callees give ids to their spans.
struct Habits<'a> {
    services: Services<'a>,
    between: BTreeMap<Ends<'a>, Pairs>,
    callees: BTreeMap<&'a NodeKey, Pairs>,
    all: Pairs,
    /// Callers of whom some callee joined a span.
    sharing: BTreeSet<&'a NodeKey>,
    /// Nodes that emit spans of proxies alone.
    gateways: BTreeSet<&'a NodeKey>,
    /// Who joined calls to an address.
    owners: BTreeMap<(&'a str, &'a Address), BTreeSet<&'a NodeKey>>,
}

/// Takes the pairs back that are most likely the halves of two calls.
pub(crate) fn doubt_joins(segment: &mut Cow<'_, Segment>) {
    let has_shared = |found: &BTreeMap<Found, u64>| found.contains_key(&Found::Shared);
    if !segment.edges.values().any(|stats| has_shared(&stats.found)) {
        return;
    }
    let habits = Habits::learn(segment);
    let doubted: Vec<EdgeKey> = habits.doubted(segment).into_iter().cloned().collect();
    if doubted.is_empty() {
        return;
    }
    let segment = segment.to_mut();
    let mut doubtful = BTreeSet::new();
    for key in doubted {
        if let Some(stats) = segment.edges.get_mut(&key) {
            stats.unpair();
        }
        if let (Caller::Node(caller), Some(callee)) = (key.caller, key.callee) {
            doubtful.insert((caller, callee, key.peer.best_address().cloned()));
        }
    }
    // What may be no pair must not teach the book either.
    segment.votes.retain(|vote, _| {
        let ends = (vote.caller.clone(), vote.callee.clone());
        !doubtful.contains(&(ends.0, ends.1, vote.address.clone()))
    });
}

impl<'a> Habits<'a> {
    fn learn(segment: &'a Segment) -> Self {
        let mut habits = Self {
            services: Services::new(segment),
            between: BTreeMap::new(),
            callees: BTreeMap::new(),
            all: Pairs::default(),
            sharing: BTreeSet::new(),
            gateways: segment
                .nodes
                .iter()
                .filter(|(_, stats)| event(stats, "proxy_span") == stats.spans)
                .map(|(node, _)| node)
                .collect(),
            owners: BTreeMap::new(),
        };
        for (key, stats) in &segment.edges {
            let Some(ends) = ends(key) else {
                continue;
            };
            let count = |found| stats.found.get(&found).copied().unwrap_or_default();
            let pairs = Pairs {
                shared: count(Found::Shared),
                apart: count(Found::Paired),
            };
            habits.between.entry(ends).or_default().add(pairs);
            if ends.2 == Relation::Sync {
                habits.called(key, ends, pairs);
            }
        }
        habits
    }

    fn called(&mut self, key: &'a EdgeKey, (caller, callee, _): Ends<'a>, pairs: Pairs) {
        self.all.add(pairs);
        self.callees.entry(callee).or_default().add(pairs);
        if pairs.shared == 0 {
            return;
        }
        self.sharing.insert(caller);
        if let Some(address) = key.peer.best_address() {
            let place = (caller.environment.as_str(), address);
            self.owners.entry(place).or_default().insert(callee);
        }
    }

    fn doubted<'s>(&self, segment: &'s Segment) -> Vec<&'s EdgeKey> {
        let (mut doubted, mut sure) = (Vec::new(), BTreeSet::new());
        for key in segment.edges.keys() {
            if let Some((caller, callee, Relation::Sync)) = ends(key) {
                if self.doubts(key) {
                    doubted.push(key);
                } else if self.between[&(caller, callee, Relation::Sync)].is_any() {
                    sure.insert((caller, callee));
                }
            }
        }
        let mut passing: BTreeMap<&NodeKey, Vec<&NodeKey>> = BTreeMap::new();
        for (caller, gateway) in &sure {
            if self.gateways.contains(gateway) {
                passing.entry(caller).or_default().push(gateway);
            }
        }
        // What a gateway passed on came from the caller to it, and from it to the callee.
        let is_passed_on = |caller: &'s NodeKey, callee: &'s NodeKey| {
            let mut gateways = passing.get(caller).into_iter().flatten();
            gateways.any(|gateway| sure.contains(&(*gateway, callee)))
        };
        let logical = segment.edges.keys().filter(|key| {
            let ends = ends(key).filter(|(_, _, relation)| *relation == Relation::Proxied);
            ends.is_some_and(|(caller, callee, _)| !is_passed_on(caller, callee))
        });
        doubted.extend(logical);
        doubted
    }

    /// Two nodes that never shared an id, although the callee joins its callers, and the caller shares ids or dialled
    /// somebody else.
    fn doubts(&self, key: &EdgeKey) -> bool {
        let Some((caller, callee, relation)) = ends(key) else {
            return false;
        };
        let between = self.between[&(caller, callee, relation)];
        if between.shared > 0 || between.apart == 0 {
            return false;
        }
        let is_sharing = self.sharing.contains(caller);
        match self.joins(callee) {
            Some(true) => is_sharing || self.is_elsewhere(key, caller, callee),
            Some(false) => false,
            None => {
                let all_join = self.all.shared >= self.all.apart.saturating_mul(9);
                (is_sharing && all_join) || self.is_elsewhere(key, caller, callee)
            }
        }
    }

    /// Whether a server joins its callers as a rule; `None` for one that was hardly seen.
    fn joins(&self, callee: &NodeKey) -> Option<bool> {
        let own = self.callees.get(callee).copied().unwrap_or_default();
        if own.shared == 0 && own.apart < FEW {
            return None;
        }
        Some(own.shared >= own.apart)
    }

    fn is_elsewhere(&self, key: &EdgeKey, caller: &NodeKey, callee: &NodeKey) -> bool {
        let Some(address) = key.peer.best_address() else {
            return false;
        };
        let owners = self.owners.get(&(caller.environment.as_str(), address));
        if owners.is_some_and(|owners| !owners.contains(callee)) {
            return true;
        }
        let services = &self.services;
        let namespace = services.kube_namespace(caller);
        kube::parse(&address.host, namespace, services.known_namespaces()).is_some_and(|name| {
            let found = services.by_kube_name(&caller.environment, &name.namespace, &name.name);
            matches!(found, Match::One(owner) if owner != NodeRef::of_key(callee))
        })
    }
}

impl Pairs {
    const fn add(&mut self, other: Self) {
        self.shared += other.shared;
        self.apart += other.apart;
    }

    const fn is_any(&self) -> bool {
        self.shared + self.apart > 0
    }
}

fn ends(key: &EdgeKey) -> Option<Ends<'_>> {
    match (&key.caller, &key.callee) {
        (Caller::Node(caller), Some(callee)) => Some((caller, callee, key.relation)),
        _ => None,
    }
}
