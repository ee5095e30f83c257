//! Sidecars that stood alone in some traces: folded into the application that other traces show beside them.

use std::collections::BTreeMap;

use crate::identity::NodeKey;
use crate::segment::skew::SkewKey;
use crate::segment::{Caller, EdgeKey, Segment};

/// The segment with every sidecar under its application's name; `None` when no sidecar was seen. A sidecar that stood
/// beside two applications keeps its own name: choosing would be guessing.
pub(crate) fn fold_sidecars(segment: &Segment) -> Option<Segment> {
    let mut applications: BTreeMap<&NodeKey, Vec<&NodeKey>> = BTreeMap::new();
    for (sidecar, application) in segment.folds.keys() {
        applications.entry(sidecar).or_default().push(application);
    }
    applications.retain(|_, found| found.len() == 1);
    if applications.is_empty() {
        return None;
    }
    let name = |key: &NodeKey| match applications.get(key) {
        Some(application) => (*application[0]).clone(),
        None => key.clone(),
    };
    let mut folded = Segment {
        window: segment.window,
        traces: segment.traces,
        rejected: segment.rejected.clone(),
        dropped: segment.dropped.clone(),
        counters: segment.counters.clone(),
        sends: segment.sends.clone(),
        consumes: segment.consumes.clone(),
        ..Segment::default()
    };
    for (key, stats) in &segment.nodes {
        folded
            .nodes
            .entry(name(key))
            .or_default()
            .merge(stats.clone());
    }
    let rename = |key: &EdgeKey| EdgeKey {
        caller: match &key.caller {
            Caller::Node(node) => Caller::Node(name(node)),
            named @ Caller::Named { .. } => named.clone(),
        },
        callee: key.callee.as_ref().map(name),
        peer: key.peer.clone(),
        relation: key.relation,
    };
    for (key, stats) in &segment.edges {
        let renamed = rename(key);
        let mut stats = stats.clone();
        if renamed != *key {
            stats.sampling.assume_correlated();
        }
        folded.edges.entry(renamed).or_default().merge(&stats);
    }
    for (key, facts) in &segment.facts {
        folded.facts.entry(rename(key)).or_default().merge(facts);
    }
    for ((node, peer), stats) in &segment.served {
        let key = (name(node), peer.clone());
        folded.served.entry(key).or_default().merge(*stats);
    }
    for (key, skew) in &segment.skews {
        let key = SkewKey {
            caller: name(&key.caller),
            callee: name(&key.callee),
            ..key.clone()
        };
        folded.skews.entry(key).or_default().merge(*skew);
    }
    for send in folded.sends.values_mut() {
        send.producer = name(&send.producer);
    }
    for consume in folded.consumes.values_mut() {
        consume.consumer = name(&consume.consumer);
    }
    Some(folded)
}
