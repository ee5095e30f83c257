//! Rows from a snapshot. Snapshots are sorted and their maps are, so rows are.

use std::collections::BTreeMap;

use super::columns::{
    DiagnosticRow, Diagnostics, EdgeRow, Edges, FacetRow, Facets, Graph, GraphRow, Latencies,
    LatencyRow, NodeRow, Nodes, Properties, PropertyRow, RouteRow, Routes, Served, ServedRow,
    TargetRow, Targets, ZoneRow, Zones,
};
use crate::snapshot::{Edge, GraphSnapshot, ServiceDiagnostics};

pub(super) fn graph(snapshot: &GraphSnapshot) -> Graph {
    let mut rows = Graph::default();
    rows.push(GraphRow {
        schema: snapshot.schema.clone(),
        start_ns: snapshot.window.start.map(|time| time.0),
        end_ns: snapshot.window.end.map(|time| time.0),
        selection: snapshot.selection.as_ref().map(ToString::to_string),
        spans: snapshot.diagnostics.spans,
        traces: snapshot.traces.seen,
        rooted_traces: snapshot.traces.rooted,
        weighted_rooted_traces: snapshot.traces.weighted_rooted,
    });
    rows
}

pub(super) fn nodes(snapshot: &GraphSnapshot) -> Nodes {
    let mut rows = Nodes::default();
    for node in &snapshot.nodes {
        rows.push(NodeRow {
            node: node.id.clone(),
            kind: node.kind.as_str().to_owned(),
            name: node.name.clone(),
            namespace: node.namespace.clone(),
            environment: node.environment.clone(),
            address: node.address.clone(),
            system: node.system.clone(),
            entry_calls: node.entry_calls,
            requests: node.requests,
            traces: node.traces.seen,
            rooted_traces: node.traces.rooted,
            weighted_rooted_traces: node.traces.weighted_rooted,
            instances: node.instances,
            sidecar_spans: node.sidecar_spans,
        });
    }
    rows
}

/// What is a facet and an attribute of the same value is one row, with its spans.
pub(super) fn facets(snapshot: &GraphSnapshot) -> Facets {
    let mut rows = Facets::default();
    for node in &snapshot.nodes {
        let single = node.attributes.iter();
        let mut all: BTreeMap<(&String, &String), Option<u64>> =
            single.map(|key| (key, None)).collect();
        for (facet, values) in &node.facets {
            let counted = values.iter();
            all.extend(counted.map(|(value, spans)| ((facet, value), Some(*spans))));
        }
        for ((facet, value), spans) in all {
            rows.push(FacetRow {
                node: node.id.clone(),
                facet: facet.clone(),
                value: value.clone(),
                spans,
            });
        }
    }
    rows
}

pub(super) fn served(snapshot: &GraphSnapshot) -> Served {
    let mut rows = Served::default();
    for node in &snapshot.nodes {
        for target in &node.served {
            rows.push(ServedRow {
                node: node.id.clone(),
                scheme: target.scheme.clone(),
                host: target.host.clone(),
                port: target.port.map(u32::from),
                calls: target.calls,
                last_seen_ns: target.last_seen.0,
            });
        }
    }
    rows
}

pub(super) fn edges(snapshot: &GraphSnapshot) -> Edges {
    let mut rows = Edges::default();
    for edge in &snapshot.edges {
        let sampling = edge.facts.sampling;
        rows.push(EdgeRow {
            caller: edge.caller.clone(),
            callee: edge.callee.clone(),
            relation: relation(edge),
            calls: edge.calls,
            attempts: edge.attempts,
            failed: edge.failed,
            failed_attempts: edge.failed_attempts,
            retries: edge.retries,
            weighted_calls: edge.weighted_calls,
            standard_error: sampling.and_then(|sampling| sampling.standard_error),
            evidence_paired: edge.evidence.paired,
            evidence_parent: edge.evidence.parent,
            evidence_address: edge.evidence.address,
            evidence_alias: edge.evidence.alias,
            evidence_named: edge.evidence.named,
            evidence_link: edge.evidence.link,
            confidence: edge.confidence,
            first_seen_ns: edge.first_seen.0,
            last_seen_ns: edge.last_seen.0,
            caller_requests: edge.facts.caller_requests,
            caller_instances: edge.facts.caller_instances,
            callee_instances: edge.facts.callee_instances,
            operations: edge.facts.operations,
        });
    }
    rows
}

fn relation(edge: &Edge) -> String {
    edge.relation.as_str().to_owned()
}

pub(super) fn targets(snapshot: &GraphSnapshot) -> Targets {
    let mut rows = Targets::default();
    for edge in &snapshot.edges {
        for target in &edge.targets {
            rows.push(TargetRow {
                caller: edge.caller.clone(),
                callee: edge.callee.clone(),
                relation: relation(edge),
                scheme: target.scheme.clone(),
                host: target.host.clone(),
                port: target.port.map(u32::from),
                calls: target.calls,
                attempts: target.attempts,
                last_seen_ns: target.last_seen.0,
            });
        }
    }
    rows
}

pub(super) fn properties(snapshot: &GraphSnapshot) -> Properties {
    let mut rows = Properties::default();
    for edge in &snapshot.edges {
        for (property, counts) in [
            ("destination", &edge.destination),
            ("error", &edge.errors),
            ("flag", &edge.flags),
            ("method", &edge.facts.methods),
            ("protocol", &edge.protocols),
        ] {
            for (value, count) in counts {
                rows.push(PropertyRow {
                    caller: edge.caller.clone(),
                    callee: edge.callee.clone(),
                    relation: relation(edge),
                    property: property.to_owned(),
                    value: value.clone(),
                    count: *count,
                });
            }
        }
    }
    rows
}

pub(super) fn latency(snapshot: &GraphSnapshot) -> Latencies {
    let mut rows = Latencies::default();
    for edge in &snapshot.edges {
        for (side, summary) in [
            ("client", edge.latency.client),
            ("server", edge.latency.server),
            ("wait", edge.latency.wait),
        ] {
            let Some(summary) = summary else { continue };
            rows.push(LatencyRow {
                caller: edge.caller.clone(),
                callee: edge.callee.clone(),
                relation: relation(edge),
                side: side.to_owned(),
                count: summary.count,
                p50_ms: summary.p50_ms,
                p99_ms: summary.p99_ms,
                p999_ms: summary.p999_ms,
                max_ms: summary.max_ms,
            });
        }
    }
    rows
}

pub(super) fn zones(snapshot: &GraphSnapshot) -> Zones {
    let mut rows = Zones::default();
    for edge in &snapshot.edges {
        for (caller_zone, callee_zones) in &edge.facts.zone_pairs {
            for (callee_zone, attempts) in callee_zones {
                rows.push(ZoneRow {
                    caller: edge.caller.clone(),
                    callee: edge.callee.clone(),
                    relation: relation(edge),
                    caller_zone: caller_zone.clone(),
                    callee_zone: callee_zone.clone(),
                    attempts: *attempts,
                });
            }
        }
    }
    rows
}

pub(super) fn routes(snapshot: &GraphSnapshot) -> Routes {
    let mut rows = Routes::default();
    for edge in &snapshot.edges {
        for (route, attempts) in &edge.facts.routes {
            rows.push(RouteRow {
                caller: edge.caller.clone(),
                callee: edge.callee.clone(),
                relation: relation(edge),
                route: route.clone(),
                attempts: *attempts,
            });
        }
    }
    rows
}

pub(super) fn diagnostics(snapshot: &GraphSnapshot) -> Diagnostics {
    let mut counts = Counts::default();
    let whole = &snapshot.diagnostics;
    counts.add("", "spans", whole.spans);
    counts.add("", "used", whole.used);
    counts.add("", "duplicates", whole.duplicates);
    counts.split("", "rejected", &whole.rejected);
    counts.split("", "dropped", &whole.dropped);
    counts.split("", "counters", &whole.counters);
    counts.split("", "unpaired", &whole.unpaired);
    for service in &whole.per_service {
        of_service(&mut counts, service);
    }
    let mut rows = Diagnostics::default();
    for ((service, measure, detail), count) in counts.0 {
        rows.push(DiagnosticRow {
            service: service.to_owned(),
            measure: measure.to_owned(),
            detail: detail.to_owned(),
            count,
        });
    }
    rows
}

fn of_service<'a>(counts: &mut Counts<'a>, service: &'a ServiceDiagnostics) {
    let id = service.service.as_str();
    for (measure, count) in [
        ("spans", service.spans),
        ("orphans", service.orphans),
        ("orphans_sampled_out", service.orphans_sampled_out.count),
        ("unresolved", service.unresolved),
        ("without_server_half", service.without_server_half),
        (
            "without_server_half_sampled_out",
            service.without_server_half_sampled_out.count,
        ),
        ("duplicates", service.duplicates),
        ("store_full", service.store_full),
        ("unresolved_links", service.unresolved_links),
    ] {
        counts.add(id, measure, count);
    }
    if let Some(unknown) = service.weight_unknown {
        counts.add(id, "weight_unknown", unknown);
    }
    counts.split(id, "kinds", &service.kinds);
    let unresolved = &service.unresolved_by_protocol;
    counts.split(id, "unresolved_by_protocol", unresolved);
    let unresolved = &service.unresolved_by_evidence;
    counts.split(id, "unresolved_by_evidence", unresolved);
}

/// Counts by (service, measure, detail).
#[derive(Default)]
struct Counts<'a>(BTreeMap<(&'a str, &'static str, &'a str), u64>);

impl<'a> Counts<'a> {
    fn add(&mut self, service: &'a str, measure: &'static str, count: u64) {
        self.put(service, measure, "", count);
    }

    fn split(
        &mut self,
        service: &'a str,
        measure: &'static str,
        counts: &'a BTreeMap<String, u64>,
    ) {
        for (detail, count) in counts {
            self.put(service, measure, detail, *count);
        }
    }

    fn put(&mut self, service: &'a str, measure: &'static str, detail: &'a str, count: u64) {
        let sum = self.0.entry((service, measure, detail)).or_default();
        *sum = sum.saturating_add(count);
    }
}
