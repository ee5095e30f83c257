//! How a running collector stands, for whoever looks for the cause of a fault: `/debug/state` and `/debug/config`.
//!
//! Off unless asked for: it shows more than a scraper needs. It only reads what is counted anyway, asks no shard, and holds no
//! lock for longer than a copy takes. No name from a span is in it, and no secret: of certificates and tokens only the files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracemesh_graph::shard::Usage;
use tracemesh_graph::time::Timestamp;

use super::Admin;
use crate::clock::Clocks;
use crate::receiver::Totals;
use crate::serve::ConnectionTotals;
use crate::serve::options::CollectOptions;
use crate::telemetry::FlushTotals;

const SCHEMA: &str = "tracemesh.debug-state/v1";

/// What does not change while it runs.
pub(super) struct Facts {
    instance: String,
    configuration: String,
    /// Most bytes of open and waiting slices, over all shards.
    budget_bytes: usize,
    clocks: Clocks,
    started_ms: u64,
}

impl Facts {
    pub(super) fn new(options: &mut CollectOptions, clocks: Clocks) -> Self {
        let per_shard = options.settings.max_buffered_bytes;
        Self {
            instance: options.instance.clone(),
            configuration: std::mem::take(&mut options.configuration),
            budget_bytes: per_shard.saturating_mul(options.shards.get()),
            started_ms: (clocks.monotonic)(),
            clocks,
        }
    }
}

/// The document of `/debug/state`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: &'static str,
    instance: &'a str,
    now: Timestamp,
    uptime_ms: u64,
    is_ready: bool,
    /// Requests are turned away because the store cannot be written.
    is_paused: bool,
    is_stopping: bool,
    requests: Requests,
    queue: Queue,
    slices: Slices,
    /// Distinct names by table.
    names: BTreeMap<&'static str, usize>,
    connections: Connections,
    flushes: Flushes,
}

#[derive(Serialize)]
struct Requests {
    accepted: u64,
    spans: u64,
    rejected_spans: u64,
    not_taken: BTreeMap<&'static str, u64>,
    in_flight: usize,
    in_flight_bytes: usize,
    in_flight_capacity_bytes: usize,
    /// Decoders that wait for a request.
    idle_decoders: usize,
}

#[derive(Serialize)]
struct Queue {
    spans: usize,
    capacity_spans: usize,
}

#[derive(Serialize)]
struct Slices {
    budget_bytes: usize,
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    is_alive: bool,
    open_slices: usize,
    open_spans: usize,
    open_bytes: usize,
    waiting_slices: usize,
    waiting_spans: usize,
    waiting_bytes: usize,
    /// Taken from the allocator for all of that.
    held_bytes: usize,
}

#[derive(Serialize)]
struct Connections {
    open: u64,
    taken: u64,
    over_limit: u64,
    tls_failed: u64,
    stalled: u64,
    malformed: u64,
    cut: u64,
}

#[derive(Serialize)]
struct Flushes {
    written: u64,
    failed: u64,
    last_asked: Option<Timestamp>,
    last_took_ms: u64,
    last_is_written: bool,
}

pub(super) async fn state(State(admin): State<Arc<Admin>>) -> Response {
    let Some(facts) = &admin.debug else {
        return off();
    };
    match serde_json::to_string_pretty(&state_of(&admin, facts)) {
        Ok(mut json) => {
            json.push('\n');
            ([(CONTENT_TYPE, "application/json")], json).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the state could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) async fn config(State(admin): State<Arc<Admin>>) -> Response {
    match &admin.debug {
        Some(facts) => facts.configuration.clone().into_response(),
        None => off(),
    }
}

fn off() -> Response {
    let told = "debug pages are off: `--debug-pages` turns them on at the next start\n";
    (StatusCode::NOT_FOUND, told).into_response()
}

fn state_of<'a>(admin: &Admin, facts: &'a Facts) -> Document<'a> {
    let is_stopping = admin.is_stopping.load(std::sync::atomic::Ordering::Relaxed);
    Document {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        instance: &facts.instance,
        now: (facts.clocks.wall)(),
        uptime_ms: (facts.clocks.monotonic)().saturating_sub(facts.started_ms),
        is_ready: admin.is_ready(),
        is_paused: admin.intake.is_paused(),
        is_stopping,
        requests: requests(admin),
        queue: Queue {
            spans: admin.pipeline.queued_records(),
            capacity_spans: admin.pipeline.capacity(),
        },
        slices: Slices {
            budget_bytes: facts.budget_bytes,
            shards: admin.pipeline.shards().map(shard).collect(),
        },
        names: BTreeMap::from(admin.pipeline.interned()),
        connections: connections(admin.connections.totals()),
        flushes: flushes(admin.telemetry.flushes()),
    }
}

fn requests(admin: &Admin) -> Requests {
    let in_flight = admin.intake.in_flight();
    let Totals {
        requests,
        spans,
        rejected_spans,
        refused_by,
        ..
    } = admin.intake.totals();
    Requests {
        accepted: requests,
        spans,
        rejected_spans,
        not_taken: refused_by,
        in_flight: in_flight.requests,
        in_flight_bytes: in_flight.bytes,
        in_flight_capacity_bytes: in_flight.capacity_bytes,
        idle_decoders: in_flight.idle_desks,
    }
}

const fn shard((usage, is_alive): (Usage, bool)) -> Shard {
    Shard {
        is_alive,
        open_slices: usage.open_slices,
        open_spans: usage.open_records,
        open_bytes: usage.open_bytes,
        waiting_slices: usage.waiting_slices,
        waiting_spans: usage.waiting_records,
        waiting_bytes: usage.waiting_bytes,
        held_bytes: usage.held_bytes,
    }
}

const fn connections(totals: ConnectionTotals) -> Connections {
    Connections {
        open: totals.opened.saturating_sub(totals.closed),
        taken: totals.opened,
        over_limit: totals.over_limit,
        tls_failed: totals.tls_failed,
        stalled: totals.stalled,
        malformed: totals.malformed,
        cut: totals.cut,
    }
}

fn flushes(totals: FlushTotals) -> Flushes {
    let last = totals.last;
    Flushes {
        written: totals.all - totals.failed,
        failed: totals.failed,
        last_asked: last.map(|last| last.asked),
        last_took_ms: last.map_or(0, |last| {
            u64::try_from(last.took.as_millis()).unwrap_or(u64::MAX)
        }),
        last_is_written: last.is_some_and(|last| last.is_written),
    }
}
