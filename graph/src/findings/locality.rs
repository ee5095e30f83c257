//! Where the ends of calls run: traffic between zones and between clusters.
//!
//! Most graphs know only a part of it, so every share comes with how much is known at all.

use super::model::{Cases, ClusterEdge, Finding, Locality, Severity, Top, ZoneEdge, ZonePair};
use super::select::{Draft, calls, sum};
use crate::snapshot::{Edge, GraphSnapshot, NodeKind};

/// Names that stand for no zone: of ends that name none, and of those folded together.
const NO_ZONES: [&str; 3] = ["", "unknown", "other"];

/// How much traffic between services crosses zones and clusters.
pub(super) fn totals(snapshot: &GraphSnapshot) -> Locality {
    let mut locality = Locality::default();
    for edge in between_services(snapshot) {
        let pairs = Zones::of(edge);
        let zones = &mut locality.zones;
        zones.total = zones.total.saturating_add(edge.attempts);
        zones.known = zones.known.saturating_add(pairs.known);
        zones.crossing = zones.crossing.saturating_add(pairs.crossing);
        let clusters = &mut locality.clusters;
        clusters.total = clusters.total.saturating_add(edge.calls);
        if let Some((from, to)) = ends(snapshot, edge) {
            let crossing = if from == to { 0 } else { edge.calls };
            clusters.known = clusters.known.saturating_add(edge.calls);
            clusters.crossing = clusters.crossing.saturating_add(crossing);
        }
    }
    locality
}

/// Calls from one cluster to another.
pub(super) fn cross_cluster(snapshot: &GraphSnapshot) -> Option<Finding> {
    let cases: Vec<(&Edge, &str, &str)> = between_services(snapshot)
        .filter_map(|edge| {
            let (from, to) = ends(snapshot, edge)?;
            (from != to && edge.calls > 0).then_some((edge, from, to))
        })
        .collect();
    if cases.is_empty() {
        return None;
    }
    let clusters = totals(snapshot).clusters;
    let draft = Draft {
        severity: Severity::Low,
        part: clusters.crossing,
        whole: clusters.known,
        cases,
    };
    let case = |(edge, from, to): (&Edge, &str, &str)| ClusterEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        calls: edge.calls,
    };
    draft.finish(|(edge, ..)| edge.calls, case, Cases::CrossCluster)
}

/// Attempts from one zone to another.
pub(super) fn cross_zone(snapshot: &GraphSnapshot) -> Option<Finding> {
    let edges = between_services(snapshot).map(|edge| (edge, Zones::of(edge)));
    let cases: Vec<(&Edge, Zones)> = edges.filter(|(_, zones)| zones.crossing > 0).collect();
    if cases.is_empty() {
        return None;
    }
    let zones = totals(snapshot).zones;
    let draft = Draft {
        severity: Severity::Info,
        part: zones.crossing,
        whole: zones.known,
        cases,
    };
    let case = |(edge, zones): (&Edge, Zones)| ZoneEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        crossing: zones.crossing,
        known: zones.known,
        attempts: edge.attempts,
        pairs: crossing_pairs(edge),
    };
    draft.finish(|(_, zones)| zones.crossing, case, Cases::CrossZone)
}

/// Synchronous edges from a service to another one.
fn between_services(snapshot: &GraphSnapshot) -> impl Iterator<Item = &Edge> {
    let is_service = |id: &str| {
        let node = snapshot.node(id);
        node.is_some_and(|node| node.kind == NodeKind::Service)
    };
    calls(snapshot).filter(move |edge| is_service(&edge.caller) && is_service(&edge.callee))
}

/// Attempts of an edge of which both zones are known, and those of them whose zones differ.
#[derive(Debug, Clone, Copy)]
struct Zones {
    known: u64,
    crossing: u64,
}

impl Zones {
    fn of(edge: &Edge) -> Self {
        let crossing = pairs(edge).filter(|(from, to, _)| from != to);
        Self {
            known: sum(pairs(edge).map(|(.., attempts)| attempts)),
            crossing: sum(crossing.map(|(.., attempts)| attempts)),
        }
    }
}

/// Pairs of zones with attempts, where both have a name.
fn pairs(edge: &Edge) -> impl Iterator<Item = (&str, &str, u64)> {
    let is_zone = |zone: &str| !NO_ZONES.contains(&zone);
    let all = edge.facts.zone_pairs.iter().flat_map(|(from, all)| {
        all.iter()
            .map(move |(to, attempts)| (from.as_str(), to.as_str(), *attempts))
    });
    all.filter(move |(from, to, _)| is_zone(from) && is_zone(to))
}

fn crossing_pairs(edge: &Edge) -> Top<ZonePair> {
    let different = pairs(edge).filter(|(from, to, _)| from != to);
    let mut list: Vec<ZonePair> = different
        .map(|(from, to, attempts)| ZonePair {
            from: from.to_owned(),
            to: to.to_owned(),
            attempts,
        })
        .collect();
    list.sort_by_key(|pair| std::cmp::Reverse(pair.attempts));
    Top::first(list)
}

/// Clusters of both ends, where each end runs in one alone.
fn ends<'a>(snapshot: &'a GraphSnapshot, edge: &Edge) -> Option<(&'a str, &'a str)> {
    let cluster = |id: &str| {
        let mut clusters = snapshot.node(id)?.facets.get("cluster")?.keys();
        let first = clusters.next()?;
        let is_only = clusters.next().is_none();
        (is_only && first != "other" && !first.is_empty()).then_some(first.as_str())
    };
    Some((cluster(&edge.caller)?, cluster(&edge.callee)?))
}
