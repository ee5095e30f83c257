//! Tables of edges, open calls among them.

use super::super::ids::{Ids, Who};
use super::super::schema::*;
use super::{Writer, halves, hex};
use crate::peer::Address;
use crate::segment::EdgeKey;
use crate::segment::halves::HalfId;
use crate::segment::sampling::SamplingStats;
use crate::segment::stats::EdgeStats;
use crate::slice::Found;

/// An open call beside its edge.
#[derive(Clone, Copy)]
struct Open {
    id: HalfId,
    is_ambiguous: bool,
}

impl Writer<'_> {
    pub(super) fn edges(&mut self) {
        let segment = self.segment;
        let mut ids = Ids::default();
        for (key, stats) in &segment.edges {
            self.edge(&mut ids, key, stats, None);
        }
        for (id, call) in &segment.halves.calls {
            let open = Open {
                id: *id,
                is_ambiguous: call.is_ambiguous,
            };
            self.edge(&mut ids, &call.edge, &call.stats, Some(open));
        }
    }

    fn edge(&mut self, ids: &mut Ids, key: &EdgeKey, stats: &EdgeStats, open: Option<Open>) {
        let half = open.map(|open| (open.id.trace, open.id.span));
        let edge = ids.unique(self.directory.hash_of_edge(key, half));
        let row = self.edge_row(edge, key, stats, open);
        self.sheets.edges.push(row);
        self.latency(edge, stats);
        self.edge_counts(edge, stats);
        if stats.sampling != SamplingStats::default() {
            self.sheets
                .sampling
                .push(sampling_row(edge, &stats.sampling));
        }
        for (found, trace) in stats.exemplars() {
            self.exemplar((Some(edge), None), "evidence", found.column(), trace);
        }
        for (sign, exposed) in stats.exposures.iter() {
            for trace in exposed.traces.ids() {
                self.exemplar((Some(edge), None), "hazard", sign.as_str(), trace);
            }
        }
    }

    fn edge_row(&self, edge: u64, key: &EdgeKey, stats: &EdgeStats, open: Option<Open>) -> EdgeRow {
        let caller = Who::of(&key.caller);
        let found = |class| stats.found.get(&class).copied().unwrap_or_default();
        let (weight_hi, weight_lo) = halves(stats.weight);
        EdgeRow {
            edge,
            caller: self.directory.caller(caller),
            caller_name: caller.readable(),
            callee: key.callee.as_ref().map(|callee| self.directory.id(callee)),
            callee_name: key.callee.as_ref().map(|c| Who::Node(c).readable()),
            target: self.directory.target(&key.peer),
            dialled: key.peer.best_address().map(Address::to_string),
            relation: key.relation.as_str().to_owned(),
            word: key.trail.word.clone(),
            since_min: key.trail.since_min,
            open_trace: open.map(|open| hex(open.id.trace)),
            open_span: open.map(|open| open.id.span),
            is_ambiguous: open.is_some_and(|open| open.is_ambiguous),
            calls: stats.calls,
            attempts: stats.attempts,
            failed: stats.failed,
            failed_attempts: stats.failed_attempts,
            paired: found(Found::Paired),
            parent: found(Found::Parent),
            alone: found(Found::Alone),
            shared: found(Found::Shared),
            linked: found(Found::Linked),
            weight_hi,
            weight_lo,
            first_ns: stats.window.map(|(first, _)| first),
            last_ns: stats.window.map(|(_, last)| last),
            client_max_ns: stats.client.max_ns(),
            server_max_ns: stats.server.max_ns(),
            wait_max_ns: stats.wait.max_ns(),
        }
    }

    fn latency(&mut self, edge: u64, stats: &EdgeStats) {
        let sides = [&stats.client, &stats.server, &stats.wait];
        let ranges = || {
            sides
                .iter()
                .map(|side| side.range())
                .filter(|r| !r.is_empty())
        };
        let first = ranges().map(|range| range.start).min().unwrap_or_default();
        let end = ranges().map(|range| range.end).max().unwrap_or_default();
        for bucket in first..end {
            let [client, server, wait] = sides.map(|side| side.count(bucket));
            if client > 0 || server > 0 || wait > 0 {
                self.sheets.latency.push(LatencyRow {
                    edge,
                    bucket: bucket.into(),
                    client,
                    server,
                    wait,
                });
            }
        }
    }

    fn edge_counts(&mut self, edge: u64, stats: &EdgeStats) {
        let rows = &mut self.sheets.edge_counts;
        let mut push = |group: &str, name: &str, count| {
            rows.push(EdgeCountRow {
                edge,
                group: group.to_owned(),
                name: name.to_owned(),
                count,
            });
        };
        for (group, counts) in [("error", &stats.errors), ("flag", &stats.flags)] {
            for (name, count) in counts {
                push(group, name, *count);
            }
        }
        for (sign, exposed) in stats.exposures.iter() {
            push("hazard", sign.as_str(), exposed.spans);
        }
    }
}

fn sampling_row(edge: u64, stats: &SamplingStats) -> SamplingRow {
    let (client_hi, client_lo) = halves(stats.client.weight);
    let (server_hi, server_lo) = halves(stats.server.weight);
    let (pair_hi, pair_lo) = halves(stats.pair.weight);
    let (variance_hi, variance_lo) = halves(stats.variance);
    let (covariance_hi, covariance_lo) = halves(stats.covariance);
    let (orphans_hi, orphans_lo) = halves(stats.orphans.sum);
    let (orphans_variance_hi, orphans_variance_lo) = halves(stats.orphans.variance);
    let (unanswered_hi, unanswered_lo) = halves(stats.unanswered.sum);
    let (unanswered_variance_hi, unanswered_variance_lo) = halves(stats.unanswered.variance);
    SamplingRow {
        edge,
        client_calls: stats.client.calls,
        client_hi,
        client_lo,
        server_calls: stats.server.calls,
        server_hi,
        server_lo,
        pair_calls: stats.pair.calls,
        pair_hi,
        pair_lo,
        unknown_calls: stats.unknown,
        variance_hi,
        variance_lo,
        covariance_hi,
        covariance_lo,
        orphans_hi,
        orphans_lo,
        orphans_variance_hi,
        orphans_variance_lo,
        unanswered_hi,
        unanswered_lo,
        unanswered_variance_hi,
        unanswered_variance_lo,
    }
}
