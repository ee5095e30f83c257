//! A graph of a recorded shop against its ground truth, edge by edge and call by call.
//!
//! What the graph says must be exactly what the services did, but for what their spans cannot tell: each such gap is an
//! exception with a name.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Relation};

use super::truth::{TrueEdge, Truth};

/// What the spans of a recording cannot tell; (caller, callee) each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exceptions {
    /// Retried by plain sibling spans: nothing tells such a retry from a further call (inference rule 1.10).
    pub(crate) retries_look_like_calls: &'static [(&'static str, &'static str)],
    /// The client names no address at all.
    pub(crate) client_names_no_address: &'static [(&'static str, &'static str)],
    /// The client names the address that the name resolved to.
    pub(crate) client_names_resolved_ip: &'static [(&'static str, &'static str)],
    /// (service, system, count): dials of a broker that move no message.
    pub(crate) further_broker_dials: &'static [(&'static str, &'static str, u64)],
}

/// The first recording's, with the conventions mixed as `fixtures/shop/record/README.md` lists them.
pub(crate) const MIXED: Exceptions = Exceptions {
    retries_look_like_calls: &[("shop/frontend", "shop/ads")],
    // The Python gRPC client.
    client_names_no_address: &[("shop/recommendation", "shop/catalog")],
    // The Go gRPC client.
    client_names_resolved_ip: &[("shop/shipping", "payments/tax")],
    // checkout declares its exchange once, in a span of its own.
    further_broker_dials: &[("shop/checkout", "rabbitmq", 1)],
};

/// The edges of a graph by caller, callee and relation.
pub(crate) type EdgeMap<'a> = BTreeMap<(String, String, Relation), &'a Edge>;

/// The edges of a graph by caller, callee and relation.
pub(crate) fn edges(graph: &GraphSnapshot) -> EdgeMap<'_> {
    let key = |edge: &Edge| (edge.caller.clone(), edge.callee.clone(), edge.relation);
    graph.edges.iter().map(|edge| (key(edge), edge)).collect()
}

/// Everything in which a graph differs from what the services did; empty when it is exact.
pub(crate) fn faults(truth: &Truth, graph: &GraphSnapshot, exceptions: Exceptions) -> Vec<String> {
    let mut comparison = Comparison {
        truth,
        exceptions,
        found: edges(graph),
        faults: Vec::new(),
    };
    comparison.compare_calls();
    comparison.compare_flows();
    comparison.compare_brokers();
    comparison.compare_gateway();
    let invented = comparison
        .found
        .keys()
        .map(|key| format!("invented {key:?}"));
    comparison.faults.extend(invented.collect::<Vec<_>>());
    comparison.faults
}

struct Comparison<'a> {
    truth: &'a Truth,
    exceptions: Exceptions,
    /// Edges of the graph that nothing has asked for yet.
    found: EdgeMap<'a>,
    faults: Vec<String>,
}

impl<'a> Comparison<'a> {
    /// Quotes that recommendation asks for by the public name go through the gateway to pricing, all of them.
    fn compare_gateway(&mut self) {
        let (caller, gateway) = ("service/shop/recommendation", "service/shop/gateway");
        let edges = self.truth.edges.iter();
        let asked = edges
            .filter(|edge| format!("service/{}", edge.caller) == caller)
            .filter(|edge| edge.kind != "message" && edge.callee_id() == gateway)
            .map(|edge| edge.calls)
            .sum::<u64>();
        let passed = self.take(caller, "service/shop/pricing", Relation::Proxied);
        let passed = passed.map_or(0, |edge| edge.calls);
        if passed != asked {
            let fault = format!("{caller} ~> pricing: {asked}, not {passed}");
            self.faults.push(fault);
        }
    }

    fn take(&mut self, caller: &str, callee: &str, relation: Relation) -> Option<&'a Edge> {
        self.found
            .remove(&(caller.to_owned(), callee.to_owned(), relation))
    }

    fn compare_calls(&mut self) {
        let truth = self.truth;
        for edge in truth.edges.iter().filter(|edge| edge.kind != "message") {
            let (caller, callee) = (format!("service/{}", edge.caller), edge.callee_id());
            match self.take(&caller, &callee, edge.relation()) {
                Some(inferred) => self.compare_call_edge(edge, inferred),
                None => self.faults.push(format!("missing {caller} -> {callee}")),
            }
        }
    }

    /// One edge of the graph carries all destinations between two services.
    fn compare_flows(&mut self) {
        let mut flows: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let truth = self.truth;
        for edge in truth.edges.iter().filter(|edge| edge.kind == "message") {
            *flows.entry((&edge.caller, &edge.callee)).or_default() += edge.calls;
        }
        for ((caller, callee), calls) in flows {
            let (caller, callee) = (format!("service/{caller}"), format!("service/{callee}"));
            match self.take(&caller, &callee, Relation::Async) {
                Some(inferred) if inferred.calls == calls && inferred.failed == 0 => {}
                inferred => {
                    let fault = format!("{caller} => {callee}: {calls}, not {inferred:?}");
                    self.faults.push(fault);
                }
            }
        }
    }

    fn compare_call_edge(&mut self, edge: &TrueEdge, inferred: &Edge) {
        let wanted = if edge.is_among(self.exceptions.retries_look_like_calls) {
            let (all, failed) = (edge.attempts, edge.failed_attempts);
            [all, all, failed, failed]
        } else {
            [edge.calls, edge.attempts, edge.failed, edge.failed_attempts]
        };
        let got = [
            inferred.calls,
            inferred.attempts,
            inferred.failed,
            inferred.failed_attempts,
        ];
        let name = format!("{} -> {}", edge.caller, edge.callee);
        if got != wanted {
            self.faults.push(format!(
                "{name}: calls, attempts, failed, failed attempts {wanted:?}, not {got:?}"
            ));
        }
        let is_paired = inferred.evidence.paired == inferred.calls;
        if (edge.kind == "service") != is_paired {
            let fault = format!("{name}: evidence {:?}", inferred.evidence);
            self.faults.push(fault);
        }
        self.compare_targets(edge, inferred, &name);
    }

    fn compare_targets(&mut self, edge: &TrueEdge, inferred: &Edge, name: &str) {
        let dialled: BTreeSet<(String, Option<u16>)> = inferred
            .targets
            .iter()
            .map(|target| (target.host.clone(), target.port))
            .collect();
        let mut wanted: BTreeSet<(String, Option<u16>)> = edge
            .targets
            .iter()
            .map(|target| (target.host.clone(), Some(target.port)))
            .collect();
        if edge.is_among(self.exceptions.client_names_no_address) {
            wanted.clear();
        } else if edge.is_among(self.exceptions.client_names_resolved_ip) {
            let names = &self.truth.names;
            let resolved = |(host, port): (String, _)| (names[&host][0].clone(), port);
            wanted = wanted.into_iter().map(resolved).collect();
        }
        if dialled != wanted {
            let fault = format!("{name}: dialled {wanted:?}, not {dialled:?}");
            self.faults.push(fault);
        }
    }

    /// Each producer and consumer dials its broker, and each message goes in and comes out once per consumer.
    fn compare_brokers(&mut self) {
        let mut moved: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for messages in &self.truth.messages {
            let key = (
                messages.service.as_str(),
                messages.system.as_str(),
                messages.role.as_str(),
            );
            *moved.entry(key).or_default() += messages.messages;
        }
        let mut dials: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((service, system, role), messages) in moved {
            let (service_id, broker) = (format!("service/{service}"), broker(system));
            let (from, to) = match role {
                "producer" => (service_id.as_str(), broker),
                _ => (broker, service_id.as_str()),
            };
            match self.take(from, to, Relation::Async) {
                Some(leg) if leg.calls == messages => {}
                leg => {
                    let fault = format!("{from} => {to}: {messages} messages, not {leg:?}");
                    self.faults.push(fault);
                }
            }
            *dials.entry((service, system)).or_default() += messages;
        }
        for (service, system, further) in self.exceptions.further_broker_dials {
            *dials.entry((service, system)).or_default() += further;
        }
        for ((service, system), calls) in dials {
            let service_id = format!("service/{service}");
            match self.take(&service_id, broker(system), Relation::Sync) {
                Some(dial) if dial.calls == calls => {}
                dial => {
                    let fault = format!("{service_id} dials {system}: {calls}, not {dial:?}");
                    self.faults.push(fault);
                }
            }
        }
    }
}

fn broker(system: &str) -> &'static str {
    match system {
        "kafka" => "broker/kafka@kafka.shop:9092",
        "rabbitmq" => "broker/rabbitmq@rabbitmq.shop:5672",
        other => unreachable!("no broker of the shop speaks `{other}`"),
    }
}
