//! What operators and orchestrators ask a running collector over HTTP: metrics, health, readiness, the graph.
//!
//! A listener of its own, so that it can be reachable for a scraper where the receiver is not, and the other way round. It
//! only reads. The graph is read from the store off the network threads, one at a time: it costs memory. Where tokens are asked
//! for, health and readiness need none: probes have nothing to hide and nowhere to keep a secret.

mod debug;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::connections::{ConnectionCounters, Terms, serve};
use super::options::{AdminAccess, CollectOptions};
use crate::clock::Clocks;
use crate::pipeline::Pipeline;
use crate::receiver::Intake;
use crate::store::Location;
use crate::telemetry::{Format, Gauges, Telemetry};

/// Why there is no graph to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphRefusal {
    /// The question makes no sense.
    Question(String),
    /// There is nothing in that window.
    Nothing(String),
    /// The store cannot be read.
    Unreadable(String),
}

/// Makes the document of `/api/v1/graph` from the store and the parameters of the query: reading times and writing JSON is
/// the business of whoever starts the collector.
pub type GraphPage = fn(&Location, &BTreeMap<String, String>) -> Result<String, GraphRefusal>;

/// Parameters of a query; more are refused.
const MAX_PARAMETERS: usize = 8;

/// What the pages show.
pub(super) struct Admin {
    telemetry: Arc<Telemetry>,
    intake: Arc<Intake>,
    connections: Arc<ConnectionCounters>,
    pipeline: Arc<Pipeline>,
    store: Location,
    graph: Option<GraphPage>,
    is_stopping: AtomicBool,
    /// One graph at a time.
    readers: Semaphore,
    access: AdminAccess,
    debug: Option<debug::Facts>,
}

impl Admin {
    pub(super) fn new(
        options: &mut CollectOptions,
        (telemetry, pipeline): (Arc<Telemetry>, Arc<Pipeline>),
        (intake, connections): (Arc<Intake>, Arc<ConnectionCounters>),
        clocks: Clocks,
    ) -> Self {
        let facts = options
            .debug_pages
            .then(|| debug::Facts::new(options, clocks));
        Self {
            telemetry,
            intake,
            connections,
            pipeline,
            store: options.store.clone(),
            graph: options.graph_page,
            is_stopping: AtomicBool::new(false),
            readers: Semaphore::new(1),
            access: options.admin_access,
            debug: facts,
        }
    }

    fn is_ready(&self) -> bool {
        !self.is_stopping.load(Ordering::Relaxed) && !self.intake.is_paused()
    }

    fn gauges(&self) -> Gauges {
        let usage = self.pipeline.usage();
        Gauges {
            interned: self
                .pipeline
                .interned()
                .map(|(table, names)| (table, names as u64))
                .to_vec(),
            buffered: vec![
                ("open", usage.open_records as u64, usage.open_bytes as u64),
                (
                    "waiting",
                    usage.waiting_records as u64,
                    usage.waiting_bytes as u64,
                ),
            ],
            totals: self.intake.totals(),
            connections: self.connections.totals(),
            in_flight: self.intake.in_flight(),
            queued_records: self.pipeline.queued_records() as u64,
            queue_capacity: self.pipeline.capacity() as u64,
            is_ready: self.is_ready(),
        }
    }
}

/// The running server; ends when dropped.
pub(super) struct AdminServer {
    admin: Arc<Admin>,
    task: JoinHandle<()>,
    /// Never told to stop: it is there until the end.
    _stop: watch::Sender<bool>,
}

impl AdminServer {
    pub(super) fn start(listener: TcpListener, admin: Admin, terms: Terms) -> Self {
        let admin = Arc::new(admin);
        let pages = router(Arc::clone(&admin));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            if let Err(error) = serve(listener, pages, terms, stopped).await {
                tracing::error!(%error, "metrics and health are not served any more");
            }
        });
        Self {
            admin,
            task,
            _stop: stop,
        }
    }

    /// From now on the collector is not ready: orchestrators should send elsewhere.
    pub(super) fn stopping(&self) {
        self.admin.is_stopping.store(true, Ordering::Relaxed);
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(admin: Arc<Admin>) -> Router {
    let known = axum::middleware::from_fn_with_state(Arc::clone(&admin), only_known);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/graph", get(graph))
        .route("/debug/state", get(debug::state))
        .route("/debug/config", get(debug::config))
        .fallback(not_found)
        .layer(known)
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(admin)
}

/// Turns away who has no token, where one is asked for.
async fn only_known(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    if admin.access == AdminAccess::Secured && !admin.intake.knows(request.headers()) {
        let challenge = [(WWW_AUTHENTICATE, "Bearer")];
        let told = "this page needs a bearer token of the receiver\n";
        return (StatusCode::UNAUTHORIZED, challenge, told).into_response();
    }
    next.run(request).await
}

async fn not_found() -> Response {
    let pages = "pages: /metrics /healthz /readyz /api/v1/graph?since=1h&until=.. /debug/state /debug/config\n";
    (StatusCode::NOT_FOUND, pages).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    // Tens of thousands of edges are megabytes of text.
    let made = tokio::task::spawn_blocking(move || admin.telemetry.text(format, &admin.gauges()));
    match made.await {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Ready while requests are taken: not while the store cannot be written, and not once the collector stops.
async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.is_ready() {
        true => "ready\n".into_response(),
        false if admin.is_stopping.load(Ordering::Relaxed) => {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
        }
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be written\n",
        )
            .into_response(),
    }
}

async fn graph(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let Some(page) = admin.graph else {
        return not_found().await;
    };
    let Some(parameters) = parameters(query.as_deref().unwrap_or_default()) else {
        let told = "parameters are `since` and `until`, such as `?since=1h`\n";
        return (StatusCode::BAD_REQUEST, told).into_response();
    };
    let shared = Arc::clone(&admin);
    let Ok(_permit) = admin.readers.try_acquire() else {
        let told = "another graph is being read\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], told).into_response();
    };
    let made = tokio::task::spawn_blocking(move || page(&shared.store, &parameters));
    match made.await {
        Ok(Ok(json)) => ([(CONTENT_TYPE, "application/json")], Body::from(json)).into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(error) => {
            tracing::error!(%error, "the graph could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refused(refusal: &GraphRefusal) -> Response {
    let (status, told) = match refusal {
        GraphRefusal::Question(told) => (StatusCode::BAD_REQUEST, told),
        GraphRefusal::Nothing(told) => (StatusCode::NOT_FOUND, told),
        GraphRefusal::Unreadable(told) => (StatusCode::SERVICE_UNAVAILABLE, told),
    };
    (status, format!("{told}\n")).into_response()
}

/// The parameters of a query by name; `None` when it is no such query.
fn parameters(query: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        found.insert(unescaped(name)?, unescaped(value)?);
    }
    (found.len() <= MAX_PARAMETERS).then_some(found)
}

/// Percent-escapes undone; a plus stays, because times have it.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                // A sign is a digit to nobody but the parser.
                let digits = (!digits.starts_with('+')).then_some(digits)?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_pairs_with_escapes() {
        let found = parameters("since=2026-11-08T08%3A00:00+02:00&until=1h").expect("it is one");
        assert_eq!(found["since"], "2026-11-08T08:00:00+02:00");
        assert_eq!(found["until"], "1h");
        for broken in ["since", "a=%", "a=%zz", "a=%ff", "a=%+1"] {
            assert_eq!(parameters(broken), None, "{broken}");
        }
    }
}
