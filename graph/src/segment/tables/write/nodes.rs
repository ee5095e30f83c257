//! Tables of nodes and targets.

use super::super::ids::{Who, category_columns, is_object_store};
use super::super::schema::*;
use super::{Writer, halves, hex};
use crate::peer::{Address, Peer};
use crate::segment::stats::NodeStats;

impl Writer<'_> {
    pub(super) fn nodes(&mut self) {
        let ids: Vec<_> = self
            .directory
            .nodes
            .iter()
            .map(|(w, id)| (*w, *id))
            .collect();
        for (who, id) in ids {
            let stats = match who {
                Who::Node(key) => self.segment.nodes.get(key),
                Who::Named(..) => None,
            };
            self.node(who, id, stats);
            if let Some(stats) = stats {
                self.node_counts(id, stats);
                self.node_details(id, stats);
            }
        }
        for ((node, peer), stats) in &self.segment.served {
            self.sheets.served.push(ServedRow {
                node: self.directory.id(node),
                target: self.directory.target(peer),
                spans: stats.spans,
                last_ns: stats.last_ns,
            });
        }
    }

    fn node(&mut self, who: Who<'_>, node: u64, stats: Option<&NodeStats>) {
        let [kind, environment, namespace, name, source] = who.columns().map(str::to_owned);
        let row = NodeRow {
            node,
            kind,
            environment,
            namespace,
            name,
            source,
            ..NodeRow::default()
        };
        self.sheets.nodes.push(match stats {
            None => row,
            Some(stats) => {
                let (root_weight_hi, root_weight_lo) = halves(stats.traces.weight);
                NodeRow {
                    is_counted: true,
                    spans: stats.spans,
                    requests: stats.requests,
                    traces: stats.traces.seen,
                    rooted_traces: stats.traces.rooted,
                    root_weight_hi,
                    root_weight_lo,
                    served_calls: stats.inbound.load.calls,
                    served_max_ns: stats.inbound.latency.max_ns(),
                    ..row
                }
            }
        });
    }

    fn node_counts(&mut self, node: u64, stats: &NodeStats) {
        let rows = &mut self.sheets.node_counts;
        let mut push = |group: &str, name: &str, value: &str, count| {
            rows.push(NodeCountRow {
                node,
                group: group.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
                count,
            });
        };
        for (group, counts) in [("span_kind", &stats.kinds), ("event", &stats.events)] {
            for (name, count) in counts {
                push(group, name, "", *count);
            }
        }
        for (sign, exposed) in stats.exposures.iter() {
            push("hazard", sign.as_str(), "", exposed.spans);
        }
        let groups = [("facet", &stats.facets), ("attribute", &stats.attributes)];
        for (group, names) in groups {
            for (name, values) in names {
                for (value, count) in values {
                    push(group, name, value, *count);
                }
            }
        }
    }

    fn node_details(&mut self, node: u64, stats: &NodeStats) {
        for instance in &stats.instances {
            self.sheets.node_instances.push(NodeInstanceRow {
                node,
                instance: instance.clone(),
            });
        }
        for (address, spells) in &stats.addresses {
            for (first_ns, last_ns) in spells.iter() {
                self.sheets.node_addresses.push(NodeAddressRow {
                    node,
                    host: address.host.clone(),
                    port: address.port.map(u32::from),
                    first_ns,
                    last_ns,
                });
            }
        }
        let latency = &stats.inbound.latency;
        for bucket in latency.range() {
            let calls = latency.count(bucket);
            if calls > 0 {
                self.sheets.node_latency.push(NodeLatencyRow {
                    node,
                    bucket: bucket.into(),
                    calls,
                });
            }
        }
        self.load((None, Some(node)), &stats.inbound.load);
        self.lifetimes((None, Some(node)), "callee", &stats.inbound.instances);
        for trace in stats.orphan_exemplars.ids() {
            self.exemplar((None, Some(node)), "orphan", "", trace);
        }
        for (sign, exposed) in stats.exposures.iter() {
            for trace in exposed.traces.ids() {
                self.exemplar((None, Some(node)), "hazard", sign.as_str(), trace);
            }
        }
    }

    /// Adds an example trace of an edge or a node.
    pub(super) fn exemplar(
        &mut self,
        (edge, node): (Option<u64>, Option<u64>),
        group: &str,
        name: &str,
        trace: u128,
    ) {
        self.sheets.exemplars.push(ExemplarRow {
            edge,
            node,
            group: group.to_owned(),
            name: name.to_owned(),
            trace: hex(trace),
        });
    }

    pub(super) fn targets(&mut self) {
        for (peer, target) in &self.directory.targets {
            self.sheets.targets.push(target_row(*target, peer));
            for (position, address) in (0..).zip(&peer.also) {
                self.sheets.target_addresses.push(TargetAddressRow {
                    target: *target,
                    position,
                    host: address.host.clone(),
                    port: address.port.map(u32::from),
                });
            }
        }
    }
}

fn target_row(target: u64, peer: &Peer) -> TargetRow {
    let host = |address: &Option<Address>| address.as_ref().map(|a| a.host.clone());
    let port = |address: &Option<Address>| address.as_ref().and_then(|a| a.port).map(u32::from);
    let [category, system, name, broker_cluster] =
        category_columns(&peer.category).map(str::to_owned);
    TargetRow {
        target,
        scheme: peer.scheme.clone(),
        host: host(&peer.address),
        port: port(&peer.address),
        socket_host: host(&peer.socket),
        socket_port: port(&peer.socket),
        peer_namespace: peer.name.as_ref().map(|(namespace, _)| namespace.clone()),
        peer_name: peer.name.as_ref().map(|(_, name)| name.clone()),
        category,
        system,
        name,
        broker_cluster,
        is_object_store: is_object_store(&peer.category),
        protocol: peer.protocol.clone(),
        method: peer.method.clone(),
    }
}
