//! Nodes of the snapshot: identity, facets, and the addresses they were called by.

use std::collections::BTreeMap;

use super::NodeRef;
use crate::identity::{NodeKey, NodeName};
use crate::peer::Peer;
use crate::segment::Segment;
use crate::segment::stats::NodeStats;
use crate::snapshot::{Node, Target, TraceCounts};
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
    };
    let Some((key, stats)) = emitter else {
        return described;
    };
    described.entry_calls = event(stats, "entry");
    described.requests = stats.requests;
    described.traces = stats.traces.counts();
    described.instances = stats.instances.len() as u64;
    described.facets = stats.facets.clone();
    described.attributes = single_values(stats);
    described.served = served(segment, key);
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
