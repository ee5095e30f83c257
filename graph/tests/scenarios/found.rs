//! A snapshot in the notation of the rows: what the comparison looks at, and what a failure shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tracemesh_graph::snapshot::{Edge, EvidenceCounts, GraphSnapshot, Node, NodeKind};

use super::expected::{Count, EdgeKey, Expected};

/// The graph in the notation of the rows.
pub(crate) struct Found<'a> {
    /// Edges with both ends in the notation.
    pub(crate) edges: Vec<(EdgeKey, &'a Edge)>,
    /// Counts per service that are not zero.
    pub(crate) counts: BTreeMap<(Count, String), u64>,
    /// `diagnostics.counters`.
    pub(crate) counters: &'a BTreeMap<String, u64>,
}

impl<'a> Found<'a> {
    /// Spells the nodes as the row does, where it does.
    pub(crate) fn new(expected: &Expected, snapshot: &'a GraphSnapshot) -> Self {
        let all = expected.edges.iter().chain(&expected.later);
        let known: BTreeSet<&str> = all
            .flat_map(|edge| [edge.key.caller.as_str(), edge.key.callee.as_str()])
            .collect();
        let mut labels = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for node in &snapshot.nodes {
            let name = label(node, &known);
            add(&mut counts, Count::Entry, &name, node.entry_calls);
            labels.insert(node.id.as_str(), name);
        }
        let name_of = |id: &str| match labels.get(id) {
            Some(name) => name.clone(),
            None => format!("<no node {id}>"),
        };
        for service in &snapshot.diagnostics.per_service {
            let name = name_of(&service.service);
            add(&mut counts, Count::Unresolved, &name, service.unresolved);
            add(&mut counts, Count::Orphan, &name, service.orphans);
        }
        let edges = snapshot.edges.iter().map(|edge| {
            let key = EdgeKey {
                caller: name_of(&edge.caller),
                relation: edge.relation,
                callee: name_of(&edge.callee),
            };
            (key, edge)
        });
        Self {
            edges: edges.collect(),
            counts,
            counters: &snapshot.diagnostics.counters,
        }
    }

    /// The whole graph, a line for each edge and count.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .edges
            .iter()
            .map(|(key, edge)| show(key, edge))
            .collect();
        if lines.is_empty() {
            lines.push("no edge".to_owned());
        }
        for ((count, name), number) in &self.counts {
            lines.push(format!("{}({name}) {number}", count.word()));
        }
        for (name, number) in self.counters {
            lines.push(format!("counter({name}) {number}"));
        }
        lines
    }
}

fn add(counts: &mut BTreeMap<(Count, String), u64>, count: Count, name: &str, number: u64) {
    if number > 0 {
        *counts.entry((count, name.to_owned())).or_default() += number;
    }
}

/// The node in the notation: the spelling that the row uses, if one fits, else the fullest one.
fn label(node: &Node, known: &BTreeSet<&str>) -> String {
    match node.kind {
        NodeKind::Service => return node.name.clone(),
        NodeKind::Unidentified => return "unidentified".to_owned(),
        _ => {}
    }
    let mut spellings = Vec::new();
    if let Some(address) = &node.address {
        let host = address.rsplit_once(':').map(|(host, _)| host.to_owned());
        let host = host.filter(|_| node.kind == NodeKind::Broker);
        for place in [Some(address.clone()), host].into_iter().flatten() {
            if let Some(system) = &node.system {
                spellings.push(format!("{system}@{place}"));
            }
            spellings.push(place);
        }
    }
    spellings.push(node.name.clone());
    let labels = spellings
        .into_iter()
        .map(|spelling| format!("{}({spelling})", node.kind.as_str()));
    let labels: Vec<String> = labels.collect();
    let fitting = labels.iter().find(|label| known.contains(label.as_str()));
    fitting.or(labels.first()).cloned().unwrap_or_default()
}

/// An edge as a row would state it, with all it has.
pub(crate) fn show(key: &EdgeKey, edge: &Edge) -> String {
    let mut line = format!("{key} {}", edge.calls);
    if edge.failed > 0 {
        line.push_str(&format!("/{}e", edge.failed));
    }
    let numbers = [
        ("attempts", edge.attempts, edge.calls),
        ("failed_attempts", edge.failed_attempts, edge.failed),
        ("retries", edge.retries, 0),
        (
            "operations",
            edge.facts.operations.unwrap_or(edge.calls),
            edge.calls,
        ),
    ];
    for (name, number, usual) in numbers {
        if number != usual {
            line.push_str(&format!(" {name}={number}"));
        }
    }
    line.push_str(&show_evidence(&edge.evidence));
    for flag in edge.flags.keys() {
        line.push_str(&format!(" flag={flag}"));
    }
    for destination in edge.destination.keys() {
        line.push_str(&format!(" destination={destination}"));
    }
    for target in targets(edge) {
        line.push_str(&format!(" target={target}"));
    }
    line
}

/// The evidence classes that are not zero, each after a blank.
pub(crate) fn show_evidence(evidence: &EvidenceCounts) -> String {
    let mut text = String::new();
    for (class, number) in classes(evidence) {
        if number > 0 {
            // Writing to a string cannot fail.
            write!(text, " {class}={number}").unwrap_or_default();
        }
    }
    text
}

/// Evidence by the words of the notation.
pub(crate) fn classes(evidence: &EvidenceCounts) -> [(&'static str, u64); 6] {
    [
        ("paired", evidence.paired),
        ("?parent", evidence.parent),
        ("?addr", evidence.address),
        ("?alias", evidence.alias),
        ("?named", evidence.named),
        ("?link", evidence.link),
    ]
}

/// The dialled `host:port`s.
pub(crate) fn targets(edge: &Edge) -> Vec<String> {
    let targets = edge.targets.iter().map(|target| match target.port {
        Some(port) => format!("{}:{port}", target.host),
        None => target.host.clone(),
    });
    targets.collect()
}
