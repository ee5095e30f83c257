//! What the collector tells about itself: families that begin with `tracemesh_`.

use std::collections::BTreeMap;
use std::time::Duration;

use tracemesh_graph::observed::Observed;
use tracemesh_graph::time::Timestamp;

use super::exposition::{Exposition, Kind, Label};
use super::series::Series;
use crate::receiver::{InFlight, Totals};
use crate::serve::ConnectionTotals;

/// How things stand at a scrape.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    /// Requests and spans since the start.
    pub(crate) totals: Totals,
    /// Connections to the receiver since the start.
    pub(crate) connections: ConnectionTotals,
    /// What requests hold.
    pub(crate) in_flight: InFlight,
    /// Records on their way to the shards.
    pub(crate) queued_records: u64,
    /// The most that may be.
    pub(crate) queue_capacity: u64,
    /// Interned names by table.
    pub(crate) interned: Vec<(&'static str, u64)>,
    /// Spans in memory by state, and the bytes they need.
    pub(crate) buffered: Vec<(&'static str, u64, u64)>,
    /// Receives requests, and its last flush was written.
    pub(crate) is_ready: bool,
}

/// How one flush went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlushOutcome {
    /// When the shards were asked.
    pub(crate) asked: Timestamp,
    /// Time from asking the shards until the segment was in the store.
    pub(crate) took: Duration,
    /// It is in the store.
    pub(crate) is_written: bool,
}

/// How all flushes went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FlushTotals {
    pub(crate) all: u64,
    pub(crate) failed: u64,
    pub(crate) last: Option<FlushOutcome>,
}

/// Sums over all flushes.
#[derive(Debug, Default)]
pub(crate) struct Own {
    used: u64,
    duplicates: u64,
    rejected: BTreeMap<String, u64>,
    dropped: BTreeMap<String, u64>,
    /// Other counted events of inference, by name.
    events: BTreeMap<String, u64>,
    evidence: [u64; 6],
    unresolved: u64,
    flushes: FlushTotals,
    flush_took_s: f64,
}

const EVIDENCE: [&str; 6] = ["paired", "parent", "address", "alias", "named", "link"];

impl Own {
    pub(super) fn add(&mut self, observed: &Observed) {
        let told = &observed.graph.diagnostics;
        self.used += told.used;
        self.duplicates += told.duplicates;
        add_all(&mut self.rejected, &told.rejected);
        add_all(&mut self.dropped, &told.dropped);
        add_all(&mut self.events, &told.counters);
        // No count: the largest step in which times of unanswered calls are told apart.
        self.events.remove("trail_step_minutes");
        for edge in &observed.graph.edges {
            let it = edge.evidence;
            let counts = [
                it.paired, it.parent, it.address, it.alias, it.named, it.link,
            ];
            for (sum, count) in self.evidence.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        let services = told.per_service.iter();
        self.unresolved += services.map(|it| it.unresolved).sum::<u64>();
    }

    pub(super) fn flushed(&mut self, outcome: FlushOutcome) {
        self.flushes.all += 1;
        self.flushes.failed += u64::from(!outcome.is_written);
        self.flushes.last = Some(outcome);
        self.flush_took_s += outcome.took.as_secs_f64();
    }

    pub(super) const fn flushes(&self) -> FlushTotals {
        self.flushes
    }

    pub(super) fn write(&self, gauges: &Gauges, series: &Series, out: &mut Exposition) {
        write_receiver(gauges, out);
        self.write_inference(out);
        self.write_flushes(out);
        write_memory(gauges, series, out);
    }

    fn write_inference(&self, out: &mut Exposition) {
        out.family(
            "tracemesh_spans_inferred",
            Kind::Counter,
            "Spans of settled traces, by what became of them.",
        );
        out.counter(&[("outcome", "used")], count(self.used));
        out.counter(&[("outcome", "duplicate")], count(self.duplicates));
        by_label(
            out,
            (
                "tracemesh_spans_rejected",
                "reason",
                "Spans that could not be used, by reason.",
            ),
            &self.rejected,
        );
        by_label(
            out,
            (
                "tracemesh_dropped",
                "reason",
                "Calls and halves of messages given up because of a cap, by reason.",
            ),
            &self.dropped,
        );
        by_label(
            out,
            (
                "tracemesh_inference_events",
                "event",
                "Other counted events of inference: late slices, slices closed early, folded names and more.",
            ),
            &self.events,
        );
        out.family(
            "tracemesh_calls",
            Kind::Counter,
            "Calls by how their two ends were joined.",
        );
        for (name, calls) in EVIDENCE.into_iter().zip(self.evidence) {
            out.counter(&[("evidence", name)], count(calls));
        }
        out.family(
            "tracemesh_calls_unresolved",
            Kind::Counter,
            "Outgoing calls with no destination known.",
        );
        out.counter(&[], count(self.unresolved));
    }

    fn write_flushes(&self, out: &mut Exposition) {
        out.family(
            "tracemesh_flushes",
            Kind::Counter,
            "Flushes by outcome; what is not written goes with the next.",
        );
        out.counter(
            &[("outcome", "written")],
            count(self.flushes.all - self.flushes.failed),
        );
        out.counter(&[("outcome", "failed")], count(self.flushes.failed));
        out.family(
            "tracemesh_flush_seconds",
            Kind::Counter,
            "Time that flushes took.",
        );
        out.counter(&[], self.flush_took_s);
        out.family(
            "tracemesh_last_flush_seconds",
            Kind::Gauge,
            "Time that the last flush took.",
        );
        let last = self.flushes.last.map(|last| last.took.as_secs_f64());
        out.gauge(&[], last.unwrap_or_default());
    }
}

fn write_receiver(gauges: &Gauges, out: &mut Exposition) {
    let totals = &gauges.totals;
    out.family(
        "tracemesh_received_spans",
        Kind::Counter,
        "Spans of accepted requests, by outcome.",
    );
    out.counter(&[("outcome", "accepted")], count(totals.spans));
    out.counter(&[("outcome", "rejected")], count(totals.rejected_spans));
    out.family(
        "tracemesh_requests",
        Kind::Counter,
        "Export requests by outcome: `refused` for good, `turned_away` for now.",
    );
    out.counter(&[("outcome", "accepted")], count(totals.requests));
    out.counter(&[("outcome", "refused")], count(totals.refused));
    out.counter(&[("outcome", "turned_away")], count(totals.turned_away));
    out.family(
        "tracemesh_requests_not_taken",
        Kind::Counter,
        "Export requests refused or turned away, by reason.",
    );
    for (reason, number) in &totals.refused_by {
        out.counter(&[("reason", reason)], count(*number));
    }
    let connections = &gauges.connections;
    out.family(
        "tracemesh_connections",
        Kind::Counter,
        "Connections to the receiver that were taken.",
    );
    out.counter(&[], count(connections.opened));
    out.family(
        "tracemesh_connections_failed",
        Kind::Counter,
        "Connections to the receiver that were refused or ended early, by cause.",
    );
    for (cause, number) in [
        ("over_limit", connections.over_limit),
        ("tls", connections.tls_failed),
        ("stalled", connections.stalled),
        ("malformed", connections.malformed),
        ("cut", connections.cut),
    ] {
        out.counter(&[("cause", cause)], count(number));
    }
    out.family(
        "tracemesh_in_flight_bytes",
        Kind::Gauge,
        "Memory of requests that are read or decoded: as sent, decompressed, and as spans.",
    );
    out.gauge(&[], count(gauges.in_flight.bytes as u64));
    out.family(
        "tracemesh_in_flight_capacity_bytes",
        Kind::Gauge,
        "The most memory that such requests may use.",
    );
    out.gauge(&[], count(gauges.in_flight.capacity_bytes as u64));
    out.family(
        "tracemesh_queue_spans",
        Kind::Gauge,
        "Spans on their way to the shards.",
    );
    out.gauge(&[], count(gauges.queued_records));
    out.family(
        "tracemesh_queue_capacity_spans",
        Kind::Gauge,
        "The most spans that may be on their way.",
    );
    out.gauge(&[], count(gauges.queue_capacity));
    out.family(
        "tracemesh_ready",
        Kind::Gauge,
        "1 while requests are taken.",
    );
    out.gauge(&[], f64::from(u8::from(gauges.is_ready)));
}

fn write_memory(gauges: &Gauges, series: &Series, out: &mut Exposition) {
    out.family(
        "tracemesh_buffered_spans",
        Kind::Gauge,
        "Spans in memory, by state of their trace.",
    );
    for (state, spans, _) in &gauges.buffered {
        out.gauge(&[("state", state)], count(*spans));
    }
    out.family(
        "tracemesh_buffered_bytes",
        Kind::Gauge,
        "Memory of these spans.",
    );
    for (state, _, bytes) in &gauges.buffered {
        out.gauge(&[("state", state)], count(*bytes));
    }
    out.family(
        "tracemesh_interned_names",
        Kind::Gauge,
        "Distinct names in memory, by table.",
    );
    for (table, names) in &gauges.interned {
        out.gauge(&[("table", table)], count(*names));
    }
    out.family(
        "tracemesh_series",
        Kind::Gauge,
        "Pairs of nodes that the service graph metrics tell apart.",
    );
    out.gauge(&[], count(series.len() as u64));
    out.family(
        "tracemesh_series_folded_calls",
        Kind::Counter,
        "Calls of pairs beyond the cap on series, counted for `other`.",
    );
    out.counter(&[], count(series.folded_calls()));
}

fn by_label(
    out: &mut Exposition,
    (name, label, help): (&'static str, &str, &str),
    counts: &BTreeMap<String, u64>,
) {
    out.family(name, Kind::Counter, help);
    for (value, sum) in counts {
        let labels: [Label<'_>; 1] = [(label, value)];
        out.counter(&labels, count(*sum));
    }
}

fn add_all(sums: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sums.entry(name.clone()).or_default() += count;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are doubles by their format"
)]
const fn count(count: u64) -> f64 {
    count as f64
}
