//! Edges, destinations, and the rows that hang on them.

use super::super::checked::{Checked, EdgeGroup, Ends, Side};
use super::Assembly;
use super::halves::{add_open_call, add_open_servers, add_owed};
use super::names::{Places, index};
use super::sums::{count, count_below, plus, plus_wide, wide};
use crate::segment::Segment;
use crate::segment::sampling::{Estimate, Expected, SamplingStats};
use crate::segment::stats::EdgeStats;
use crate::segment::trail::{MAX_TIMED_EDGES, cut, next_step};
use crate::slice::Found;
use crate::snapshot::Relation;

/// A key of an edge in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) caller: u32,
    pub(super) callee: Option<u32>,
    pub(super) target: u32,
    pub(super) relation: Relation,
    pub(super) word: u32,
    pub(super) since_min: Option<u32>,
}

impl Route {
    fn cut(self, step_min: u32) -> Self {
        Self {
            since_min: cut(self.since_min, step_min),
            ..self
        }
    }
}

impl Assembly {
    pub(super) fn absorb_edges(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.edges;
        let mut values = vec![0; part.graph.edges.len()];
        self.edges.expect(values.len());
        let is_open = |row: usize| part.graph.edges[row].open.is_some();
        for row in (0..values.len()).filter(|row| !is_open(*row)) {
            let route = self.route(
                &part.graph.edges[row],
                places,
                &rows.word[row],
                rows.since_min[row],
            );
            let (value, is_new) = self.edges.place(route);
            let is_timed = is_new && route.since_min.is_some();
            self.timed_edges += u64::from(is_timed);
            values[row] = value;
        }
        for row in (0..values.len()).filter(|row| is_open(*row)) {
            values[row] = self.edges.extra();
        }
        for (row, value) in values.iter().enumerate() {
            add_edge(self.edges.at(*value), part, row);
        }
        self.absorb_latency(part, &values);
        self.absorb_edge_counts(part, &values);
        for (row, place) in part.graph.sampling.iter().enumerate() {
            let stats = self.edges.at(values[index(*place)]);
            stats.sampling.merge(&sampling(part, row));
        }
        self.absorb_edge_exemplars(part, &values);
        let open = self.edges.take_extra();
        let mut halves = Segment::default();
        for (row, stats) in (0..values.len()).filter(|row| is_open(*row)).zip(open) {
            add_open_call(&mut halves, part, row, stats);
        }
        add_open_servers(&mut halves, part);
        add_owed(&mut halves, part);
        if !halves.is_empty() {
            self.rest.merge(halves);
        }
    }

    fn route(&mut self, ends: &Ends, places: &Places, word: &str, since: Option<u32>) -> Route {
        let route = Route {
            caller: places.node(ends.caller),
            callee: ends.callee.map(|callee| places.node(callee)),
            target: places.target(ends.target),
            relation: ends.relation,
            word: self.names.words.of(word),
            since_min: since,
        };
        route.cut(self.step_min)
    }

    fn absorb_latency(&mut self, part: &Checked, values: &[usize]) {
        let rows = &part.sheets.latency;
        let sides = rows.client.iter().zip(&rows.server).zip(&rows.wait);
        let buckets = part.graph.latency.iter().zip(&rows.bucket);
        for ((place, bucket), ((client, server), wait)) in buckets.zip(sides) {
            let stats = self.edges.at(values[index(*place)]);
            // Checked to be in range.
            let bucket = u16::try_from(*bucket).unwrap_or_default();
            stats.client.add(bucket, *client);
            stats.server.add(bucket, *server);
            if *wait > 0 {
                stats.wait.add(bucket, *wait);
            }
        }
    }

    fn absorb_edge_counts(&mut self, part: &Checked, values: &[usize]) {
        let rows = &part.sheets.edge_counts;
        for (row, (place, group)) in part.graph.edge_counts.iter().enumerate() {
            let stats = self.edges.at(values[index(*place)]);
            let more = rows.count[row];
            match group {
                EdgeGroup::Error => count(&mut stats.errors, &rows.name[row], more),
                EdgeGroup::Flag => count(&mut stats.flags, &rows.name[row], more),
                EdgeGroup::Hazard(sign) => {
                    plus(&mut stats.exposures.0.entry(*sign).or_default().spans, more);
                }
            }
        }
    }

    /// Makes the steps of time in edges at least so long.
    pub(super) fn widen(&mut self, step_min: u32) {
        if step_min <= self.step_min {
            return;
        }
        self.step_min = step_min;
        self.timed_edges = 0;
        for (route, stats) in std::mem::take(&mut self.edges).into_pairs() {
            let route = route.cut(step_min);
            let (value, is_new) = self.edges.place(route);
            self.timed_edges += u64::from(is_new && route.since_min.is_some());
            self.edges.at(value).merge(&stats);
        }
        for (route, facts) in std::mem::take(&mut self.destinations).into_pairs() {
            self.destinations.of(route.cut(step_min)).merge(&facts);
        }
    }

    /// Keeps the bound on edges with a time, as [`Segment::merge`](crate::segment::Segment::merge) does.
    pub(super) fn bound(&mut self) {
        while self.timed_edges > MAX_TIMED_EDGES
            && let Some(step) = next_step(self.step_min)
        {
            self.widen(step);
        }
    }

    pub(super) fn absorb_destinations(&mut self, part: &Checked, places: &Places) {
        let rows = &part.sheets.destinations;
        let mut values = Vec::with_capacity(part.graph.destinations.len());
        for (row, ends) in part.graph.destinations.iter().enumerate() {
            let route = self.route(ends, places, &rows.word[row], rows.since_min[row]);
            let (value, _) = self.destinations.place(route);
            values.push(value);
            let facts = self.destinations.at(value);
            plus(&mut facts.caller_requests, rows.caller_requests[row]);
            plus(&mut facts.first_requests, rows.first_requests[row]);
            plus(&mut facts.demand.load.calls, rows.calls[row]);
            let slowest = rows.slowest_ok_ns[row];
            facts.demand.slowest_ok_ns = facts.demand.slowest_ok_ns.max(slowest);
            facts.demand.together(rows.most_in_trace[row]);
        }
        self.absorb_values(part, &values);
        self.absorb_concurrency(part, &values);
        let instances = part
            .graph
            .instances
            .iter()
            .zip(&part.sheets.instances.instance);
        for ((place, side), instance) in instances {
            let facts = self.destinations.at(values[index(*place)]);
            match side {
                Side::Caller => facts.caller_instances.insert_hash(*instance),
                Side::Callee => facts.callee_instances.insert_hash(*instance),
            }
        }
        self.absorb_load(part, places, &values);
    }

    fn absorb_values(&mut self, part: &Checked, values: &[usize]) {
        let rows = &part.sheets.zones;
        for (row, place) in part.graph.zones.iter().enumerate() {
            let zones = &mut self.destinations.at(values[index(*place)]).zones;
            let (caller, callee) = (&rows.caller_zone[row], &rows.callee_zone[row]);
            count_below(zones, caller, callee, rows.attempts[row]);
        }
        let rows = &part.sheets.methods;
        for (row, place) in part.graph.methods.iter().enumerate() {
            let methods = &mut self.destinations.at(values[index(*place)]).methods;
            count(methods, &rows.method[row], rows.attempts[row]);
        }
        let rows = &part.sheets.routes;
        for (row, place) in part.graph.routes.iter().enumerate() {
            let routes = &mut self.destinations.at(values[index(*place)]).routes;
            count(routes, &rows.route[row], rows.attempts[row]);
        }
    }

    fn absorb_concurrency(&mut self, part: &Checked, values: &[usize]) {
        let rows = &part.sheets.stretches;
        let mut slots = vec![Vec::new(); values.len()];
        for (row, place) in part.graph.stretches.iter().enumerate() {
            let busy = wide(rows.busy_hi[row], rows.busy_lo[row]);
            slots[index(*place)].push((rows.start_ns[row], busy));
        }
        let bits = &part.sheets.destinations.slot_bits;
        for ((slots, bits), value) in slots.iter().zip(bits).zip(values) {
            let facts = self.destinations.at(*value);
            facts.concurrency.merge_slots(*bits, slots);
        }
    }
}

fn add_edge(stats: &mut EdgeStats, part: &Checked, row: usize) {
    let rows = &part.sheets.edges;
    plus(&mut stats.calls, rows.calls[row]);
    plus(&mut stats.attempts, rows.attempts[row]);
    plus(&mut stats.failed, rows.failed[row]);
    plus(&mut stats.failed_attempts, rows.failed_attempts[row]);
    let weight = wide(rows.weight_hi[row], rows.weight_lo[row]);
    plus_wide(&mut stats.weight, weight);
    let found = [
        (Found::Paired, rows.paired[row]),
        (Found::Parent, rows.parent[row]),
        (Found::Alone, rows.alone[row]),
        (Found::Shared, rows.shared[row]),
        (Found::Linked, rows.linked[row]),
    ];
    for (class, calls) in found.into_iter().filter(|(_, calls)| *calls > 0) {
        plus(stats.found.entry(class).or_default(), calls);
    }
    if let Some(first_ns) = rows.first_ns[row] {
        let last_ns = rows.last_ns[row].unwrap_or(first_ns);
        stats.see(first_ns, last_ns.max(first_ns));
    }
    stats.client.raise(rows.client_max_ns[row]);
    stats.server.raise(rows.server_max_ns[row]);
    stats.wait.raise(rows.wait_max_ns[row]);
}

fn sampling(part: &Checked, row: usize) -> SamplingStats {
    let rows = &part.sheets.sampling;
    let estimate = |calls: u64, high: &[u64], low: &[u64]| {
        let mut estimate = Estimate::default();
        plus(&mut estimate.calls, calls);
        plus_wide(&mut estimate.weight, wide(high[row], low[row]));
        estimate
    };
    let sum = |high: &[u64], low: &[u64]| {
        let mut sum = 0;
        plus_wide(&mut sum, wide(high[row], low[row]));
        sum
    };
    let variance = |high: &[u64], low: &[u64]| wide(high[row], low[row]);
    let mut unknown = 0;
    plus(&mut unknown, rows.unknown_calls[row]);
    SamplingStats {
        client: estimate(rows.client_calls[row], &rows.client_hi, &rows.client_lo),
        server: estimate(rows.server_calls[row], &rows.server_hi, &rows.server_lo),
        pair: estimate(rows.pair_calls[row], &rows.pair_hi, &rows.pair_lo),
        unknown,
        variance: variance(&rows.variance_hi, &rows.variance_lo),
        covariance: variance(&rows.covariance_hi, &rows.covariance_lo),
        orphans: Expected {
            sum: sum(&rows.orphans_hi, &rows.orphans_lo),
            variance: variance(&rows.orphans_variance_hi, &rows.orphans_variance_lo),
        },
        unanswered: Expected {
            sum: sum(&rows.unanswered_hi, &rows.unanswered_lo),
            variance: variance(&rows.unanswered_variance_hi, &rows.unanswered_variance_lo),
        },
    }
}
