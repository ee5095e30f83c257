//! Calls between services as counters that only grow: the metrics that Grafana's service graph asks for.
//!
//! Each flush adds what settled since the one before, placed with all that was learnt until then. What is learnt later moves
//! no count that was shown: a counter must not fall. So a call is here when its trace has settled, some minutes
//! after it happened, and a name learnt late counts from then on.

use std::collections::BTreeMap;

use tracemesh_graph::observed::{BOUNDS_S, Durations, Histogram, Observed};
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation};

use super::exposition::{Exposition, Kind};

/// Who calls whom, as labels. Environments are not told apart, as the contract has no label for them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    client: Name,
    server: Name,
    connection: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Name {
    name: String,
    namespace: String,
}

impl Name {
    fn of(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            namespace: node.namespace.clone(),
        }
    }

    fn called(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: String::new(),
        }
    }
}

/// What was counted of one pair.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// Logical calls, corrected for sampling.
    calls: f64,
    failed: f64,
    durations: Durations,
    /// A trace that shows such a call.
    example: Option<String>,
}

/// All pairs seen since the start.
#[derive(Debug)]
pub(crate) struct Series {
    pairs: BTreeMap<Key, Counts>,
    /// Spans without other half, by service that lacks a callee or a caller.
    unpaired: BTreeMap<(Name, Side), u64>,
    max_pairs: usize,
    /// Calls of pairs beyond the cap, which count for the pair `other`, `other`.
    folded_calls: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Client,
    Server,
}

impl Series {
    /// At most so many pairs are told apart.
    pub(crate) const fn new(max_pairs: usize) -> Self {
        Self {
            pairs: BTreeMap::new(),
            unpaired: BTreeMap::new(),
            max_pairs,
            folded_calls: 0,
        }
    }

    /// Pairs that are told apart.
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Calls that were counted for `other`.
    pub(crate) const fn folded_calls(&self) -> u64 {
        self.folded_calls
    }

    /// Adds what settled.
    pub(crate) fn add(&mut self, observed: &Observed) {
        let graph = &observed.graph;
        let nodes: BTreeMap<&str, &Node> = graph
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        for (edge, durations) in graph.edges.iter().zip(&observed.durations) {
            // The physical hops of the same calls are edges of their own.
            if edge.relation == Relation::Proxied {
                continue;
            }
            let ends = (
                nodes.get(edge.caller.as_str()),
                nodes.get(edge.callee.as_str()),
            );
            let (Some(caller), Some(callee)) = ends else {
                continue;
            };
            let key = Key {
                client: Name::of(caller),
                server: Name::of(callee),
                connection: connection(edge.relation, caller.kind, callee.kind),
            };
            let counts = self.counts(key, edge.calls);
            counts.add(edge, durations);
        }
        self.add_entries(graph);
        self.add_unpaired(graph, &nodes);
    }

    /// Calls from outside: the contract calls their caller `user`.
    fn add_entries(&mut self, graph: &GraphSnapshot) {
        for node in graph.nodes.iter().filter(|node| node.entry_calls > 0) {
            let key = Key {
                client: Name::called("user"),
                server: Name::of(node),
                connection: "virtual_node",
            };
            let calls = node.entry_calls;
            self.counts(key, calls).calls += to_f64(calls);
        }
    }

    fn add_unpaired(&mut self, graph: &GraphSnapshot, nodes: &BTreeMap<&str, &Node>) {
        for service in &graph.diagnostics.per_service {
            let Some(node) = nodes.get(service.service.as_str()) else {
                continue;
            };
            let sides = [
                (Side::Client, service.without_server_half),
                (Side::Server, service.orphans),
            ];
            for (side, count) in sides.into_iter().filter(|(_, count)| *count > 0) {
                let key = (Name::of(node), side);
                let is_room =
                    self.unpaired.len() < self.max_pairs || self.unpaired.contains_key(&key);
                let key = if is_room {
                    key
                } else {
                    (Name::called("other"), side)
                };
                *self.unpaired.entry(key).or_default() += count;
            }
        }
    }

    fn counts(&mut self, key: Key, calls: u64) -> &mut Counts {
        let is_room = self.pairs.len() < self.max_pairs || self.pairs.contains_key(&key);
        let key = if is_room {
            key
        } else {
            self.folded_calls += calls;
            Key {
                client: Name::called("other"),
                server: Name::called("other"),
                connection: "",
            }
        };
        self.pairs.entry(key).or_default()
    }

    /// The families of the contract.
    pub(crate) fn write(&self, out: &mut Exposition) {
        out.family(
            "traces_service_graph_request",
            Kind::Counter,
            "Logical calls between two nodes, corrected for sampling.",
        );
        self.each(|labels, counts| {
            out.counter_with(labels, counts.calls, counts.example.as_deref());
        });
        out.family(
            "traces_service_graph_request_failed",
            Kind::Counter,
            "Logical calls whose last attempt failed, corrected for sampling.",
        );
        self.each(|labels, counts| out.counter(labels, counts.failed));
        self.write_durations(
            out,
            "traces_service_graph_request_server_seconds",
            "Time of a call as the callee measured it; attempts seen.",
            |it| &it.server,
        );
        self.write_durations(
            out,
            "traces_service_graph_request_client_seconds",
            "Time of a call as the caller measured it; attempts seen.",
            |it| &it.client,
        );
        self.write_durations(
            out,
            "traces_service_graph_request_messaging_system_seconds",
            "From the end of a send to the start of its consumption.",
            |it| &it.wait,
        );
        self.write_unpaired(out);
    }

    fn write_unpaired(&self, out: &mut Exposition) {
        out.family(
            "traces_service_graph_unpaired_spans",
            Kind::Counter,
            "Spans whose other half was not seen: calls without callee, and served spans without caller.",
        );
        for ((name, side), count) in &self.unpaired {
            let (client, server) = match side {
                Side::Client => (name.name.as_str(), ""),
                Side::Server => ("", name.name.as_str()),
            };
            out.counter(
                &[
                    ("client", client),
                    ("server", server),
                    ("service_namespace", &name.namespace),
                ],
                to_f64(*count),
            );
        }
    }

    fn write_durations(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &str,
        side: fn(&Durations) -> &Histogram,
    ) {
        out.family(name, Kind::Histogram, help);
        self.each(|labels, counts| {
            let histogram = side(&counts.durations);
            if histogram.count > 0 {
                let at_most = BOUNDS_S.into_iter().zip(histogram.at_most);
                let at_most: Vec<(f64, u64)> = at_most.collect();
                out.histogram(labels, &at_most, (histogram.count, histogram.sum_s));
            }
        });
    }

    fn each(&self, mut tell: impl FnMut(&[super::exposition::Label<'_>], &Counts)) {
        for (key, counts) in &self.pairs {
            let labels = [
                ("client", key.client.name.as_str()),
                ("server", key.server.name.as_str()),
                ("connection_type", key.connection),
                ("client_service_namespace", key.client.namespace.as_str()),
                ("server_service_namespace", key.server.namespace.as_str()),
            ];
            tell(&labels, counts);
        }
    }
}

impl Counts {
    fn add(&mut self, edge: &Edge, durations: &Durations) {
        self.calls += edge.weighted_calls;
        // As many of the calls that stand behind the observed ones failed.
        if edge.calls > 0 {
            self.failed += edge.weighted_calls * to_f64(edge.failed) / to_f64(edge.calls);
        }
        self.durations.merge(durations);
        if let Some(trace) = edge.exemplars.first() {
            self.example = Some(trace.clone());
        }
    }
}

/// The four values that panels know.
const fn connection(relation: Relation, caller: NodeKind, callee: NodeKind) -> &'static str {
    match (relation, caller, callee) {
        (Relation::Async, ..) | (_, _, NodeKind::Broker) => "messaging_system",
        (_, _, NodeKind::Database) => "database",
        (_, NodeKind::Service, NodeKind::Service) => "",
        _ => "virtual_node",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are doubles by their format"
)]
const fn to_f64(count: u64) -> f64 {
    count as f64
}
