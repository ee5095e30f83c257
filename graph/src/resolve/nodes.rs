//! Nodes of the snapshot: identity, facets, and the addresses they were called by.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::policy::MAX_CANDIDATES;
use crate::identity::{NodeKey, NodeName};
use crate::peer::Peer;
use crate::segment::Segment;
use crate::segment::stats::NodeStats;
use crate::snapshot::{Node, NodeKind, Target, TraceCounts};
use crate::time::Timestamp;

/// The node as users see it.
pub(super) fn describe(
    node: &NodeRef,
    id: &str,
    emitter: Option<&(&NodeKey, &NodeStats)>,
    segment: &Segment,
) -> Node {
    let mut described = Node {
        id: id.to_owned(),
        kind: node.kind,
        name: node.name.clone(),
        namespace: node.namespace.clone(),
        environment: node.environment.clone(),
        address: node.address.clone(),
        system: node.system.clone(),
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 0,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    };
    let Some((key, stats)) = emitter else {
        return described;
    };
    described.entry_calls = event(stats, "entry");
    described.requests = stats.requests;
    described.sidecar_spans = event(stats, "sidecar_span");
    described.traces = stats.traces.counts();
    described.inbound = stats.inbound.shown();
    described.instances = stats.instances.len() as u64;
    described.facets = stats.facets.clone();
    described.attributes = single_values(stats);
    described.served = served(segment, key);
    for (sign, spans) in stats.exposures.iter() {
        let exposure = described.hazards.entry(sign.hazard()).or_default();
        exposure.add(sign, spans.spans, &spans.traces.hex());
    }
    if event(stats, "proxy_span") == stats.spans && stats.spans > 0 {
        described
            .attributes
            .insert("role".to_owned(), "gateway".to_owned());
    }
    if let NodeName::Workload { source, .. } = &key.name {
        let identity = format!("no service.name; named by {source}");
        described.attributes.insert("identity".to_owned(), identity);
    }
    described
}

/// A node that stands for many hosts says for how many.
pub(super) fn stand_for(node: &mut Node, hosts: Option<u64>) {
    if let Some(hosts) = hosts {
        let count = BTreeMap::from([("distinct".to_owned(), hosts)]);
        node.facets.insert("hosts".to_owned(), count);
    }
}

/// Ids of the nodes that a virtual node could be, so that somebody who knows can say.
pub(super) fn list_candidates(
    node: &mut Node,
    candidates: Option<&BTreeSet<NodeRef>>,
    ids: &BTreeMap<NodeRef, String>,
) {
    let found = candidates.into_iter().flatten();
    let found: Vec<&str> = found
        .filter_map(|node| ids.get(node).map(String::as_str))
        .collect();
    // What spans say of themselves is theirs: a service that answers to a shared name is no candidate for itself.
    if node.kind == NodeKind::Service || found.is_empty() {
        return;
    }
    let mut text = found[..found.len().min(MAX_CANDIDATES)].join(", ");
    if found.len() > MAX_CANDIDATES {
        text.push_str(&format!(", and {} more", found.len() - MAX_CANDIDATES));
    }
    node.attributes.insert("candidates".to_owned(), text);
}

/// How often an event was counted.
pub(super) fn event(stats: &NodeStats, name: &str) -> u64 {
    stats.events.get(name).copied().unwrap_or_default()
}

/// The most frequent value of each attribute; ties go to the smaller value.
fn single_values(stats: &NodeStats) -> BTreeMap<String, String> {
    let most = |values: &BTreeMap<String, u64>| {
        let best = values
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        best.map(|(value, _)| value.clone())
    };
    let attributes = stats.attributes.iter();
    attributes
        .filter_map(|(name, values)| Some((name.clone(), most(values)?)))
        .collect()
}

fn served(segment: &Segment, key: &NodeKey) -> Vec<Target> {
    let mut targets: BTreeMap<(String, String, Option<u16>), (u64, u64)> = BTreeMap::new();
    let first = (key.clone(), Peer::default());
    let own = segment.served.range(first..);
    for ((_, peer), stats) in own.take_while(|((node, _), _)| node == key) {
        let Some(address) = &peer.address else {
            continue;
        };
        let key = (peer.scheme.clone(), address.host.clone(), address.port);
        let target = targets.entry(key).or_default();
        target.0 += stats.spans;
        target.1 = target.1.max(stats.last_ns);
    }
    let targets = targets.into_iter();
    targets
        .map(|((scheme, host, port), (calls, last_ns))| Target {
            scheme,
            host,
            port,
            calls,
            attempts: calls,
            last_seen: Timestamp(last_ns),
            sockets: BTreeMap::new(),
        })
        .collect()
}
