//! What was seen and made no edge, in total and per service (inference rule 1.13).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::classes::trace_hex;
use super::flows::Leftovers;
use super::nodes::event;
use super::{Emitters, NodeRef};
use crate::identity::NodeKey;
use crate::peer::{Category, Peer};
use crate::segment::sampling::Expected;
use crate::segment::stats::{EdgeStats, cap_values};
use crate::segment::{Caller, Segment};
use crate::snapshot::{Bridge, ClockSkew, Diagnostics, Relation, ServiceDiagnostics};

/// Outgoing calls per service that have no known destination.
pub(super) type Unresolved = BTreeMap<NodeRef, UnresolvedCalls>;

/// Such calls by protocol, and by what little the spans say.
#[derive(Debug, Clone, Default)]
pub(super) struct UnresolvedCalls {
    by_protocol: BTreeMap<String, u64>,
    by_evidence: BTreeMap<String, u64>,
    exemplars: BTreeSet<u128>,
}

/// Example traces kept per service, smallest ids first.
const MAX_EXEMPLARS: usize = 3;

impl UnresolvedCalls {
    pub(super) fn count(&mut self, peer: &Peer, stats: &EdgeStats) {
        let calls = stats.calls;
        let protocol = match peer.protocol.as_str() {
            "" => "unknown",
            known => known,
        };
        *self.by_protocol.entry(protocol.to_owned()).or_default() += calls;
        let evidence = match (&peer.socket, &peer.category) {
            (Some(socket), _) => format!("socket {socket}"),
            (None, Category::Rpc { service, .. }) if !service.is_empty() => {
                format!("rpc {service}")
            }
            _ => "no address".to_owned(),
        };
        *self.by_evidence.entry(evidence).or_default() += calls;
        self.exemplars
            .extend(stats.exemplars().map(|(_, trace)| trace));
        while self.exemplars.len() > MAX_EXEMPLARS {
            self.exemplars.pop_last();
        }
    }
}

/// What the diagnostics are made of.
pub(super) struct Diagnosed<'a> {
    pub(super) segment: &'a Segment,
    pub(super) emitters: &'a Emitters<'a>,
    pub(super) ids: &'a BTreeMap<NodeRef, String>,
    pub(super) unresolved: &'a Unresolved,
    pub(super) leftovers: &'a Leftovers,
    pub(super) max_values: usize,
}

/// Totals, and what went missing per service.
pub(super) fn of(diagnosed: &Diagnosed<'_>) -> Diagnostics {
    let segment = diagnosed.segment;
    let mut totals = Diagnostics {
        rejected: segment.rejected.clone(),
        dropped: segment.dropped.clone(),
        counters: segment.counters.clone(),
        ..Diagnostics::default()
    };
    let sampled_out = sampled_out(diagnosed);
    let links = &diagnosed.leftovers.unresolved_links;
    let mut clocks = clock_skews(diagnosed);
    for (node, (key, stats)) in diagnosed.emitters {
        let (orphans, unanswered) = sampled_out.get(*key).copied().unwrap_or_default();
        let calls = diagnosed.unresolved.get(node).cloned().unwrap_or_default();
        let service = ServiceDiagnostics {
            service: diagnosed.ids[node].clone(),
            spans: stats.spans,
            kinds: stats.kinds.clone(),
            orphans: event(stats, "orphan"),
            orphans_sampled_out: orphans.shown(event(stats, "orphan")),
            orphan_exemplars: stats.orphan_exemplars.hex(),
            unresolved: calls.by_protocol.values().sum(),
            unresolved_by_protocol: calls.by_protocol,
            unresolved_by_evidence: capped(calls.by_evidence, diagnosed.max_values),
            unresolved_exemplars: calls.exemplars.into_iter().map(trace_hex).collect(),
            without_server_half: event(stats, "without_server_half"),
            without_server_half_sampled_out: unanswered.shown(event(stats, "without_server_half")),
            duplicates: event(stats, "duplicate"),
            store_full: event(stats, "store_full"),
            unresolved_links: links.get(*key).copied().unwrap_or_default(),
            weight_unknown: Some(event(stats, "weight_unknown")),
            clock_skew: clocks.remove(*key),
        };
        totals.used += service.spans;
        totals.duplicates += service.duplicates;
        for (name, count) in &stats.events {
            let is_per_service = matches!(
                name.as_str(),
                "orphan"
                    | "without_server_half"
                    | "duplicate"
                    | "entry"
                    | "proxy_span"
                    | "sidecar_span"
            );
            if !is_per_service {
                *totals.counters.entry(name.clone()).or_default() += count;
            }
        }
        totals.per_service.push(service);
    }
    let fragments = totals.counters.get("fragment").copied().unwrap_or_default();
    let rejected: u64 = totals.rejected.values().sum();
    totals.spans = totals.used + totals.duplicates + fragments + rejected;
    let of_services =
        |count: fn(&ServiceDiagnostics) -> u64| totals.per_service.iter().map(count).sum();
    let [producers, consumers] = diagnosed.leftovers.unpaired;
    let unpaired: [(&str, u64); 4] = [
        ("client", of_services(|service| service.without_server_half)),
        ("consumer", consumers),
        ("producer", producers),
        ("server", of_services(|service| service.orphans)),
    ];
    totals.unpaired = unpaired
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| (kind.to_owned(), count))
        .collect();
    let bridges = diagnosed.leftovers.bridges.iter();
    totals.bridges = bridges
        .map(|((from, to), messages)| Bridge {
            from: diagnosed.ids[from].clone(),
            to: diagnosed.ids[to].clone(),
            messages: *messages,
        })
        .collect();
    totals.per_service.sort_by(|a, b| a.service.cmp(&b.service));
    totals
}

/// Per node the orphans at it, and the unanswered calls from it, that the sampling of its neighbours explains. A logical
/// edge through a gateway repeats what the physical ones say.
fn sampled_out<'a>(diagnosed: &Diagnosed<'a>) -> HashMap<&'a NodeKey, (Expected, Expected)> {
    let mut found: HashMap<&NodeKey, (Expected, Expected)> = HashMap::new();
    for (consumer, orphans) in &diagnosed.leftovers.orphans {
        found.entry(consumer).or_default().0.merge(*orphans);
    }
    let edges = diagnosed.segment.edges.iter();
    for (key, stats) in edges.filter(|(key, _)| key.relation != Relation::Proxied) {
        if let (Caller::Node(caller), Some(callee)) = (&key.caller, &key.callee) {
            let at_callee = found.entry(callee).or_default();
            at_callee.0.merge(stats.sampling.orphans);
            let at_caller = found.entry(caller).or_default();
            at_caller.1.merge(stats.sampling.unanswered);
        }
    }
    found
}

/// Per node the clock that disagrees most with its own; of equal ones the first by name.
fn clock_skews<'a>(diagnosed: &Diagnosed<'a>) -> BTreeMap<&'a NodeKey, ClockSkew> {
    let mut worst: BTreeMap<&NodeKey, ClockSkew> = BTreeMap::new();
    for (key, skew) in &diagnosed.segment.skews {
        let callee = (&key.callee, &key.callee_instance, skew.ahead_ms());
        let caller = (&key.caller, &key.caller_instance, -skew.ahead_ms());
        for (own, other) in [(callee, caller), (caller, callee)] {
            let found = worst.entry(own.0).or_default();
            found.instance_pairs += 1;
            if own.2.unsigned_abs() > found.ahead_ms.unsigned_abs() {
                let other_id = diagnosed.ids.get(&NodeRef::of_key(other.0));
                found.other = other_id.cloned().unwrap_or_default();
                found.instance.clone_from(own.1);
                found.other_instance.clone_from(other.1);
                found.ahead_ms = own.2;
            }
        }
    }
    worst.retain(|_, skew| skew.ahead_ms != 0);
    worst
}

fn capped(mut values: BTreeMap<String, u64>, max_values: usize) -> BTreeMap<String, u64> {
    cap_values(&mut values, max_values);
    values
}
