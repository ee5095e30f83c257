//! Facts for planning while a shard counts them, keyed by interned ids.
//!
//! Distinct counts need a whole slice at once: calls are noted as they are reported, and counted at the end of the slice,
//! one per request and destination. Of the destinations at one host the first in the order of names counts as the host's.

use std::collections::btree_map::Entry;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::distinct::Distinct;
use super::edges::EdgeIds;
use super::few::Few;
use super::inbound::{Alive, Pending};
use super::together::{InSlice, Together};
use crate::hash::IdMap;
use crate::names::{InstanceId, NodeId, OperationId, Tables, ZoneId};
use crate::segment::demand::Took;
use crate::segment::planning::{DestinationKey, EdgeFacts};
use crate::segment::skew::{SkewBounds, SkewKey, keep_worst};
use crate::segment::{Caller, EdgeKey, Segment};
use crate::settings::Settings;
use crate::slice::{Attempt, PeerRef};
use crate::snapshot::Relation;

/// Facts since the last flush.
#[derive(Debug, Default)]
pub(super) struct PlanningTally {
    /// Place of each destination's facts; at most one per edge of the tally.
    places: IdMap<EdgeIds, u32>,
    facts: Vec<Facts>,
    /// Place of the first facts of each host, by the ends of its edges and its hash.
    hosts: IdMap<(NodeId, Option<NodeId>, Relation, u64), u32>,
    /// Calls of the slice that is being reported.
    calls: Distinct,
    /// Attempts of the slice that is being reported.
    together: Together,
    hasher: RandomState,
    /// Pairs of instances whose clocks are compared.
    clocks: usize,
    /// Pairs of calls between instances that there was no room for.
    clocks_over: u64,
}

/// Facts of one destination. Operations, zones and instances stay ids until the flush, because every attempt touches them.
#[derive(Debug)]
pub(super) struct Facts {
    to: EdgeIds,
    /// Place of the first facts of its host.
    host: u32,
    facts: EdgeFacts,
    pending: Pending,
    /// Operations of the caller's and of the callee's span -> attempts.
    operations: Few<(OperationId, OperationId), u64>,
    /// Zones of caller and callee -> paired attempts.
    zones: Few<(ZoneId, ZoneId), u64>,
    callers: Alive,
    callees: Alive,
    in_slice: InSlice,
    /// Bounds on the skew of two instances.
    clocks: Few<(InstanceId, InstanceId), SkewBounds>,
}

impl PlanningTally {
    /// The place of the facts about what an edge leads to.
    pub(super) fn place(&mut self, edge: EdgeIds, names: &Tables) -> u32 {
        let to = destination(edge);
        if let Some(place) = self.places.get(&to) {
            return *place;
        }
        let place = u32::try_from(self.facts.len()).unwrap_or(u32::MAX);
        let host = self.host(to, place, names);
        self.facts.push(Facts::new(to, host));
        self.places.insert(to, place);
        place
    }

    /// The place of the first facts of the host that an edge leads to: `new` for one that is new.
    fn host(&mut self, to: EdgeIds, new: u32, names: &Tables) -> u32 {
        let host = |to: EdgeIds| DestinationKey::of(to.2, names).host();
        let own = host(to);
        let mut hash = self.hasher.hash_one(own);
        loop {
            let key = (to.0, to.1, to.3, hash);
            let first = *self.hosts.entry(key).or_insert(new);
            if first == new || host(self.facts[first as usize].to) == own {
                return first;
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Notes an attempt of the slice that is being reported, by the place of its facts.
    pub(super) fn attempt(
        &mut self,
        attempt: &Attempt,
        place: u32,
        max_clocks: usize,
        names: &Tables,
    ) {
        let facts = &mut self.facts[place as usize];
        if attempt.is_attempt {
            facts.count(attempt, names);
            let times = (attempt.start_ns, attempt.end_ns.max(attempt.start_ns));
            self.together.attempt(place, times, &mut facts.in_slice);
        }
        if attempt.is_call {
            let to = (facts.host, place);
            self.calls.call(attempt.request, facts.to.0, to);
        }
        if let (Some(skew), Some(to)) = (attempt.skew, attempt.to) {
            let instances = (attempt.from.instance, to.instance);
            if let Some(known) = facts.clocks.get_mut(instances) {
                known.intersect(skew);
            } else if self.clocks < max_clocks {
                self.clocks += 1;
                facts.clocks.get_or(instances, skew);
            } else {
                self.clocks_over += 1;
            }
        }
    }

    /// Counts what was noted, at the end of a slice. Tells each caller that called from outside of any request.
    pub(super) fn end(&mut self, names: &Tables, mut outside: impl FnMut(NodeId)) {
        let facts = &mut self.facts;
        self.calls.take(|at| {
            at.outside.into_iter().for_each(&mut outside);
            let mut places = at.destinations();
            if places.len() > 1 {
                let places = each_once(places.collect(), facts, names);
                for (nth, place) in places.iter().enumerate() {
                    facts[*place as usize].count_request(nth == 0);
                }
            } else if let Some(only) = places.next() {
                facts[only as usize].count_request(true);
            }
        });
        self.together.take(|place, most| {
            facts[place as usize].facts.demand.together(most);
        });
    }

    /// Adds the facts of another tally.
    pub(super) fn merge(&mut self, other: &Self, names: &Tables) {
        self.clocks_over += other.clocks_over;
        self.clocks += other.clocks;
        for facts in &other.facts {
            let place = self.place(facts.to, names);
            self.facts[place as usize].merge(facts);
        }
    }

    /// Puts names to everything.
    pub(super) fn name_into(self, names: &Tables, settings: &Settings, segment: &mut Segment) {
        for facts in self.facts {
            facts.name_clocks(names, segment);
            let (caller, callee, peer, relation, trail) = facts.to;
            let key = EdgeKey {
                caller: Caller::Node(names.node(caller).clone()),
                callee: callee.map(|callee| names.node(callee).clone()),
                peer: DestinationKey::of(peer, names).to_peer(),
                relation,
                trail: trail.named(names),
            };
            let named = facts.named(names);
            match segment.facts.entry(key) {
                Entry::Vacant(place) => drop(place.insert(named)),
                Entry::Occupied(mut known) => known.get_mut().merge(&named),
            }
        }
        for facts in segment.facts.values_mut() {
            facts.cap(settings.max_facet_values.saturating_mul(VALUES_PER_FLUSH));
        }
        keep_worst(&mut segment.skews);
        if self.clocks_over > 0 {
            let counter = segment.counters.entry("clocks_not_compared".to_owned());
            *counter.or_default() += self.clocks_over;
        }
    }
}

/// A segment keeps more values than a snapshot shows: what is rare in one flush may be frequent in a day.
const VALUES_PER_FLUSH: usize = 8;

impl Facts {
    fn new(to: EdgeIds, host: u32) -> Self {
        Self {
            to,
            host,
            facts: EdgeFacts::default(),
            pending: Pending::default(),
            operations: Few::default(),
            zones: Few::default(),
            callers: Alive::default(),
            callees: Alive::default(),
            in_slice: InSlice::default(),
            clocks: Few::default(),
        }
    }

    /// Counts a request of the caller, which may be the first at its host.
    fn count_request(&mut self, is_first: bool) {
        self.facts.caller_requests += 1;
        self.facts.first_requests += u64::from(is_first);
    }

    fn count(&mut self, attempt: &Attempt, names: &Tables) {
        let served = attempt.to.map_or(OperationId::FIRST, |to| to.operation);
        let operations = (attempt.from.operation, served);
        *self.operations.get_or(operations, 0) += 1;
        let (start_ns, end_ns) = (attempt.start_ns, attempt.end_ns.max(attempt.start_ns));
        self.callers.seen(attempt.from.instance, start_ns, end_ns);
        if let (Some(took_ns), false) = (attempt.client_ns, attempt.has_failed) {
            self.facts.demand.succeeded(took_ns);
        }
        if let Some(to) = attempt.to {
            self.callees.seen(to.instance, start_ns, end_ns);
            if attempt.found.is_pair() {
                let zone = |resource| names.resource_traits(resource).zone;
                let zones = (zone(attempt.from.resource), zone(to.resource));
                *self.zones.get_or(zones, 0) += 1;
            }
        }
        // Resends are no demand, so a call counts once, where its last attempt begins.
        let is_full = self.pending.push(Took {
            start_ns,
            took_ns: attempt.client_ns.or(attempt.server_ns).unwrap_or(0),
            weight: attempt.weights.of_call().value,
            is_call: attempt.is_call,
        });
        if is_full {
            self.add_up();
        }
    }

    /// Adds other attempts to the same destination.
    fn merge(&mut self, other: &Self) {
        self.facts.merge(&other.facts);
        let facts = &mut self.facts;
        Pending::told_by(&other.pending, |attempts| {
            facts.concurrency.count(attempts);
            facts.demand.count(attempts);
        });
        self.operations
            .merge(&other.operations, |own, more| *own += more);
        self.zones.merge(&other.zones, |own, more| *own += more);
        self.callers.merge(&other.callers);
        self.callees.merge(&other.callees);
        self.clocks
            .merge(&other.clocks, |own, more| own.intersect(*more));
    }

    fn add_up(&mut self) {
        let facts = &mut self.facts;
        self.pending.take(|attempts| {
            facts.concurrency.count(attempts);
            facts.demand.count(attempts);
        });
    }

    /// The caller knows its method best; what it does not say, the callee's span may.
    fn named(mut self, names: &Tables) -> EdgeFacts {
        self.add_up();
        let mut facts = self.facts;
        for ((asked, served), attempts) in self.operations.iter() {
            let (asked, served) = (names.operation(asked), names.operation(served));
            let methods = [&asked.method, &served.method];
            if let Some(method) = methods.into_iter().find(|method| !method.is_empty()) {
                *facts.methods.entry(method.to_string()).or_default() += attempts;
            }
            if !served.route.is_empty() {
                *facts.routes.entry(served.route.to_string()).or_default() += attempts;
            }
        }
        for ((caller, callee), attempts) in self.zones.iter() {
            facts.zone_pair(names.zone(caller), names.zone(callee), *attempts);
        }
        for (name, life) in self.callers.named(names) {
            facts.caller_instances.insert(name);
            facts.demand.callers.seen(name, life);
        }
        for (name, life) in self.callees.named(names) {
            facts.callee_instances.insert(name);
            facts.demand.callees.seen(name, life);
        }
        facts
    }

    /// Names the clocks that cannot both be right.
    fn name_clocks(&self, names: &Tables, segment: &mut Segment) {
        let Some(callee) = self.to.1 else {
            return;
        };
        for ((caller_instance, callee_instance), bounds) in self.clocks.iter() {
            let Some(skew) = bounds.skew() else {
                continue;
            };
            let key = SkewKey {
                caller: names.node(self.to.0).clone(),
                callee: names.node(callee).clone(),
                caller_instance: names.instance(caller_instance).to_owned(),
                callee_instance: names.instance(callee_instance).to_owned(),
            };
            segment.skews.entry(key).or_default().merge(skew);
        }
    }
}

/// Where an edge leads, as far as one slice knows. What was dialled does not matter when somebody answered.
fn destination((caller, callee, peer, relation, trail): EdgeIds) -> EdgeIds {
    let peer = match callee {
        Some(_) => PeerRef::NONE,
        None => peer,
    };
    (caller, callee, peer, relation, trail)
}

/// Of the destinations at one host those that names tell apart, in the order of their names.
fn each_once(mut places: Vec<u32>, facts: &[Facts], names: &Tables) -> Vec<u32> {
    let order = |a: &u32, b: &u32| {
        let (a, b) = (&facts[*a as usize].to, &facts[*b as usize].to);
        let key = |to: &EdgeIds| DestinationKey::of(to.2, names);
        key(a).cmp(&key(b)).then_with(|| a.4.order(b.4, names))
    };
    places.sort_by(order);
    places.dedup_by(|a, b| order(a, b).is_eq());
    places
}
