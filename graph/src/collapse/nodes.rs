//! One node from several.

use std::collections::BTreeMap;

use super::{Key, MEMBERS};
use crate::snapshot::{Exposed, Exposure, GroupBy, Node, NodeKind, Target, TraceCounts};

/// The node that stands for the members of a group, which are not empty.
pub(super) fn merged(id: &str, by: GroupBy, key: &Key, members: &[&Node]) -> Node {
    let (value, environment) = key;
    let same = |field: fn(&Node) -> &str| {
        let mut values = members.iter().map(|node| field(node));
        let first = values.next().unwrap_or_default();
        values.all(|other| other == first).then(|| first.to_owned())
    };
    // A namespace is no member of itself.
    let namespace = match by {
        GroupBy::Namespace => None,
        GroupBy::Cluster | GroupBy::Team => same(|node| &node.namespace),
    };
    let mut group = Node {
        id: id.to_owned(),
        kind: NodeKind::Group,
        name: value.clone(),
        namespace: namespace.unwrap_or_default(),
        environment: environment.clone(),
        address: None,
        system: None,
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 0,
        facets: BTreeMap::new(),
        attributes: shared_attributes(members),
        served: merged_targets(members.iter().flat_map(|node| &node.served)),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    };
    for node in members {
        for (sum, add) in [
            (&mut group.entry_calls, node.entry_calls),
            (&mut group.requests, node.requests),
            (&mut group.instances, node.instances),
            (&mut group.sidecar_spans, node.sidecar_spans),
        ] {
            *sum = sum.saturating_add(add);
        }
        for (facet, values) in &node.facets {
            for (value, spans) in values {
                count(&mut group, facet, value, *spans);
            }
        }
        add_hazards(&mut group.hazards, &node.hazards);
        count(&mut group, MEMBERS, node.kind.as_str(), 1);
    }
    group
}

/// Adds to one value of a facet.
pub(super) fn count(node: &mut Node, facet: &str, value: &str, number: u64) {
    let values = node.facets.entry(facet.to_owned()).or_default();
    let sum = values.entry(value.to_owned()).or_default();
    *sum = sum.saturating_add(number);
}

/// Attributes that all members share.
fn shared_attributes(members: &[&Node]) -> BTreeMap<String, String> {
    let Some((first, others)) = members.split_first() else {
        return BTreeMap::new();
    };
    let mut shared = first.attributes.clone();
    shared.retain(|key, value| {
        let mut others = others.iter();
        others.all(|node| node.attributes.get(key) == Some(value))
    });
    shared
}

/// Targets with one entry per address.
pub(super) fn merged_targets<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<Target> {
    let mut merged: BTreeMap<(&str, &str, Option<u16>), Target> = BTreeMap::new();
    for target in targets {
        let key = (target.scheme.as_str(), target.host.as_str(), target.port);
        let Some(known) = merged.get_mut(&key) else {
            merged.insert(key, target.clone());
            continue;
        };
        known.calls = known.calls.saturating_add(target.calls);
        known.attempts = known.attempts.saturating_add(target.attempts);
        known.last_seen = known.last_seen.max(target.last_seen);
        for (socket, count) in &target.sockets {
            let sum = known.sockets.entry(socket.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    merged.into_values().collect()
}

/// Adds exposures of the same hazard.
pub(super) fn add_hazards(sum: &mut Exposed, hazards: &Exposed) {
    for (kind, exposure) in hazards {
        let Exposure {
            spans,
            signs,
            exemplars,
        } = exposure;
        let known = sum.entry(*kind).or_default();
        if signs.is_empty() {
            known.spans = known.spans.saturating_add(*spans);
        }
        for (sign, spans) in signs {
            known.add(*sign, *spans, exemplars);
        }
    }
}
