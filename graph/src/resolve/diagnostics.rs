//! What was seen and made no edge, in total and per service (inference rule 1.13).

use std::collections::{BTreeMap, BTreeSet};

use super::classes::trace_hex;
use super::nodes::event;
use super::{Emitters, NodeRef};
use crate::identity::NodeKey;
use crate::peer::{Category, Peer};
use crate::segment::Segment;
use crate::segment::stats::{EdgeStats, cap_values};
use crate::snapshot::{Diagnostics, ServiceDiagnostics};

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
    /// Links that led to no known send, per consumer.
    pub(super) links: &'a BTreeMap<NodeKey, u64>,
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
    for (node, (key, stats)) in diagnosed.emitters {
        let calls = diagnosed.unresolved.get(node).cloned().unwrap_or_default();
        let service = ServiceDiagnostics {
            service: diagnosed.ids[node].clone(),
            spans: stats.spans,
            kinds: stats.kinds.clone(),
            orphans: event(stats, "orphan"),
            unresolved: calls.by_protocol.values().sum(),
            unresolved_by_protocol: calls.by_protocol,
            unresolved_by_evidence: capped(calls.by_evidence, diagnosed.max_values),
            unresolved_exemplars: calls.exemplars.into_iter().map(trace_hex).collect(),
            without_server_half: event(stats, "without_server_half"),
            duplicates: event(stats, "duplicate"),
            store_full: event(stats, "store_full"),
            unresolved_links: diagnosed.links.get(*key).copied().unwrap_or_default(),
            weight_unknown: Some(event(stats, "weight_unknown")),
        };
        totals.used += service.spans;
        totals.duplicates += service.duplicates;
        for (name, count) in &stats.events {
            let is_per_service = matches!(
                name.as_str(),
                "orphan" | "without_server_half" | "duplicate" | "entry" | "proxy_span"
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
    totals.per_service.sort_by(|a, b| a.service.cmp(&b.service));
    totals
}

fn capped(mut values: BTreeMap<String, u64>, max_values: usize) -> BTreeMap<String, u64> {
    cap_values(&mut values, max_values);
    values
}
