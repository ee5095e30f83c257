//! Load over time, example traces, messages, halves, and what was counted beside the graph.

use super::super::checked::{Checked, Example, Owner, Side};
use super::Assembly;
use super::names::{Places, index};
use super::nodes::add_traces;
use super::sums::{count, plus, wide};
use crate::segment::demand::Load;
use crate::segment::skew::{Skew, SkewKey};
use crate::segment::{ConsumeHalf, SendHalf};

impl Assembly {
    /// `values` are the places of destinations by row.
    pub(super) fn absorb_load(&mut self, part: &Checked, places: &Places, values: &[usize]) {
        for (owner, day) in part.details.days.iter().zip(&part.sheets.days.day) {
            self.load(owner, places, values).days.insert_day(*day);
        }
        let rows = &part.sheets.seconds;
        for (row, owner) in part.details.seconds.iter().enumerate() {
            let seconds = &mut self.load(owner, places, values).seconds;
            seconds.add(rows.second[row], rows.begun[row], rows.busy[row]);
        }
        let rows = &part.sheets.lifetimes;
        for (row, (owner, side)) in part.details.lifetimes.iter().enumerate() {
            let (first_ns, last_ns) = (rows.first_ns[row], rows.last_ns[row]);
            let lives = match (owner, side) {
                (Owner::Node(place), _) => &mut self.node(places.node(*place)).inbound.instances,
                (Owner::Route(place), side) => {
                    let demand = &mut self.destinations.at(values[index(*place)]).demand;
                    match side {
                        Side::Caller => &mut demand.callers,
                        Side::Callee => &mut demand.callees,
                    }
                }
            };
            lives.add(rows.instance[row], (first_ns, last_ns.max(first_ns)));
        }
    }

    fn load(&mut self, owner: &Owner, places: &Places, values: &[usize]) -> &mut Load {
        match owner {
            Owner::Route(row) => &mut self.destinations.at(values[index(*row)]).demand.load,
            Owner::Node(row) => &mut self.node(places.node(*row)).inbound.load,
        }
    }

    /// `values` are the places of edges by row.
    pub(super) fn absorb_edge_exemplars(&mut self, part: &Checked, values: &[usize]) {
        for (owner, example, trace) in &part.details.exemplars {
            let Owner::Route(place) = owner else {
                continue;
            };
            let stats = self.edges.at(values[index(*place)]);
            match example {
                Example::Evidence(found) => stats.exemplar(*found, *trace),
                Example::Hazard(sign) => {
                    let exposed = stats.exposures.0.entry(*sign).or_default();
                    exposed.traces.insert(*trace);
                }
                Example::Orphan => {}
            }
        }
    }

    pub(super) fn absorb_details(&mut self, part: &Checked, places: &Places) {
        for (owner, example, trace) in &part.details.exemplars {
            let Owner::Node(place) = owner else {
                continue;
            };
            let stats = self.node(places.node(*place));
            match example {
                Example::Hazard(sign) => {
                    let exposed = stats.exposures.0.entry(*sign).or_default();
                    exposed.traces.insert(*trace);
                }
                Example::Orphan => stats.orphan_exemplars.insert(*trace),
                Example::Evidence(_) => {}
            }
        }
        self.absorb_totals(part);
        self.absorb_messages(part);
        self.absorb_clocks(part);
    }

    fn absorb_totals(&mut self, part: &Checked) {
        let rows = &part.sheets.totals;
        for row in 0..rows.step_min.len() {
            let traces = (rows.traces[row], rows.rooted_traces[row]);
            let weight = wide(rows.root_weight_hi[row], rows.root_weight_lo[row]);
            add_traces(&mut self.rest.traces, traces, weight);
            if let (Some(first), Some(last)) = (rows.first_ns[row], rows.last_ns[row]) {
                let (start, end) = self.rest.window.unwrap_or((first, last));
                self.rest.window = Some((start.min(first), end.max(last)));
            }
        }
        let rows = &part.sheets.diagnostics;
        for row in 0..rows.kind.len() {
            let counts = match &rows.kind[row] {
                "rejected" => &mut self.rest.rejected,
                "dropped" => &mut self.rest.dropped,
                _ => &mut self.rest.counters,
            };
            count(counts, &rows.name[row], rows.count[row]);
        }
    }

    fn absorb_messages(&mut self, part: &Checked) {
        let rows = &part.sheets.messages;
        for (row, message) in part.details.messages.iter().enumerate() {
            let Some(node) = part.node(message.node).cloned() else {
                continue;
            };
            let peer = part.targets[index(message.target)].clone();
            let mut messages = 0;
            plus(&mut messages, rows.messages[row]);
            let (start_ns, end_ns) = (rows.start_ns[row], rows.end_ns[row]);
            if rows.is_send[row] {
                let send = SendHalf {
                    producer: node,
                    peer,
                    also: message.also.clone(),
                    messages,
                    weight: message.weight.unwrap_or(1.0),
                    is_weighed: message.weight.is_some(),
                    start_ns,
                    end_ns,
                };
                self.rest.add_send(message.id, send);
            } else {
                let consume = ConsumeHalf {
                    consumer: node,
                    peer,
                    refs: message.refs.clone(),
                    is_receive: rows.is_receive[row],
                    messages,
                    weight: message.weight,
                    has_failed: rows.has_failed[row],
                    start_ns,
                    end_ns,
                };
                self.rest.add_consume(message.id, consume);
            }
        }
    }

    fn absorb_clocks(&mut self, part: &Checked) {
        let folds = part.details.folds.iter().zip(&part.sheets.folds.spans);
        for ((sidecar, application), spans) in folds {
            let nodes = part
                .node(*sidecar)
                .cloned()
                .zip(part.node(*application).cloned());
            if let Some(key) = nodes {
                plus(self.rest.folds.entry(key).or_default(), *spans);
            }
        }
        let rows = &part.sheets.skews;
        for (row, (caller, callee)) in part.details.skews.iter().enumerate() {
            let nodes = part.node(*caller).cloned().zip(part.node(*callee).cloned());
            let Some((caller, callee)) = nodes else {
                continue;
            };
            let key = SkewKey {
                caller,
                callee,
                caller_instance: rows.caller_instance[row].to_owned(),
                callee_instance: rows.callee_instance[row].to_owned(),
            };
            let skew = Skew {
                behind_ns: rows.behind_ns[row],
                ahead_ns: rows.ahead_ns[row],
            };
            self.rest.skews.entry(key).or_default().merge(skew);
        }
    }
}
