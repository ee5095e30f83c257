//! Nodes, the addresses by which they were called, and votes.

use super::super::checked::{Checked, NodeGroup};
use super::Assembly;
use super::names::{Places, index};
use super::sums::{count, count_below, plus, plus_wide, wide};
use crate::peer::Address;
use crate::resolve::policy::IP_REACH_NS;
use crate::segment::planning::TraceStats;
use crate::segment::stats::NodeStats;
use crate::segment::votes::{Votes, gap_ns};

/// A key of votes in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VoteRoute {
    pub(super) caller: u32,
    pub(super) callee: u32,
    pub(super) name: Option<(u32, u32)>,
    pub(super) address: Option<(u32, Option<u16>)>,
    pub(super) word: u32,
    pub(super) rpc_service: u32,
}

/// Votes, and the gap between their spells.
#[derive(Debug, Default)]
pub(super) struct Ballot {
    pub(super) votes: Votes,
    gap_ns: u64,
}

impl Assembly {
    pub(super) fn absorb_nodes(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.nodes;
        for (row, number) in places.nodes.iter().enumerate() {
            if !rows.is_counted[row] {
                continue;
            }
            let stats = self.node(*number);
            plus(&mut stats.spans, rows.spans[row]);
            plus(&mut stats.requests, rows.requests[row]);
            plus(&mut stats.inbound.load.calls, rows.served_calls[row]);
            stats.inbound.latency.raise(rows.served_max_ns[row]);
            let traces = (rows.traces[row], rows.rooted_traces[row]);
            let weight = wide(rows.root_weight_hi[row], rows.root_weight_lo[row]);
            add_traces(&mut stats.traces, traces, weight);
        }
        self.absorb_node_counts(part, places);
        self.absorb_node_details(part, places);
        let rows = &part.sheets.served;
        for (row, (node, target)) in part.graph.served.iter().enumerate() {
            let key = (places.node(*node), places.target(*target));
            let stats = self.served.of(key);
            plus(&mut stats.spans, rows.spans[row]);
            stats.last_ns = stats.last_ns.max(rows.last_ns[row]);
        }
    }

    /// The statistics of a node.
    pub(super) fn node(&mut self, number: u32) -> &mut NodeStats {
        self.nodes[index(number)].get_or_insert_default()
    }

    fn absorb_node_counts(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.node_counts;
        for (row, (place, group)) in part.graph.node_counts.iter().enumerate() {
            let stats = self.node(places.node(*place));
            let (name, value, more) = (&rows.name[row], &rows.value[row], rows.count[row]);
            match group {
                NodeGroup::SpanKind => count(&mut stats.kinds, name, more),
                NodeGroup::Event => count(&mut stats.events, name, more),
                NodeGroup::Facet => count_below(&mut stats.facets, name, value, more),
                NodeGroup::Attribute => count_below(&mut stats.attributes, name, value, more),
                NodeGroup::Hazard(sign) => {
                    plus(&mut stats.exposures.0.entry(*sign).or_default().spans, more);
                }
            }
        }
    }

    fn absorb_node_details(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.node_latency;
        for (row, place) in part.graph.node_latency.iter().enumerate() {
            let latency = &mut self.node(places.node(*place)).inbound.latency;
            // Checked to be in range.
            let bucket = u16::try_from(rows.bucket[row]).unwrap_or_default();
            latency.add(bucket, rows.calls[row]);
        }
        for (row, place) in part.graph.node_instances.iter().enumerate() {
            let name = &part.sheets.node_instances.instance[row];
            let stats = self.node(places.node(*place));
            if !stats.instances.contains(name) {
                stats.instances.insert(name.to_owned());
            }
        }
        let rows = &part.sheets.node_addresses;
        for (row, (place, port)) in part.graph.node_addresses.iter().enumerate() {
            let address = Address {
                host: rows.host[row].to_owned(),
                port: *port,
            };
            let stats = self.node(places.node(*place));
            let spells = stats.addresses.entry(address).or_default();
            spells.add(rows.first_ns[row], rows.last_ns[row], IP_REACH_NS);
        }
    }

    pub(super) fn absorb_votes(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.votes;
        for (row, ends) in part.details.votes.iter().enumerate() {
            let words = &mut self.names.words;
            let name = rows.peer_namespace.maybe(row);
            let name = name.zip(rows.peer_name.maybe(row));
            let host = rows.host.maybe(row);
            let route = VoteRoute {
                caller: places.node(ends.caller),
                callee: places.node(ends.callee),
                name: name.map(|(space, name)| (words.of(space), words.of(name))),
                address: host.map(|host| (words.of(host), ends.port)),
                word: words.of(&rows.word[row]),
                rpc_service: words.of(&rows.rpc_service[row]),
            };
            let (place, is_new) = self.votes.place(route);
            let ballot = self.votes.at(place);
            if is_new {
                ballot.gap_ns = gap_ns(host);
            }
            plus(&mut ballot.votes.count, rows.calls[row]);
            let spells = &mut ballot.votes.spells;
            spells.add(rows.first_ns[row], rows.last_ns[row], ballot.gap_ns);
        }
    }
}

/// Adds traces seen, those of them with a root, and the weights of these.
pub(super) fn add_traces(into: &mut TraceStats, (seen, rooted): (u64, u64), weight: u128) {
    plus(&mut into.seen, seen);
    plus(&mut into.rooted, rooted);
    plus_wide(&mut into.weight, weight);
}
