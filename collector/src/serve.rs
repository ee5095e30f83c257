//! `collect`: the receiver, the pipeline and the store as one running process.
//!
//! ```text
//! bind -> report addresses -> serve ... flush every minute ... -> shutdown: stop listening, finish requests,
//!                                                                 drain the pipeline, write the last segment
//! ```
//! Nothing that was acknowledged is dropped on the way down; a segment that cannot be written now is merged into
//! the next one. Signals are the caller's business: it passes a future, for example [`termination`].

mod admin;
mod flush;
mod ledger;
mod schedule;
mod servers;
mod upkeep;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tracemesh_graph::settings::Settings;

use crate::clock;
use crate::pipeline::Pipeline;
use crate::receiver::{Intake, ReceiverLimits, Totals};
use crate::store::{DEFAULT_DIRECTORY, LastRun, Location, Store, StoreError, Upkeep};
use crate::telemetry::Telemetry;
use admin::{Admin, AdminServer};
pub use admin::{GraphPage, GraphRefusal};
use flush::Flusher;
use schedule::Schedule;
use servers::Servers;
use upkeep::Keeper;

/// Flushes that may fail in a row before requests are turned away: what cannot be written stays in memory.
const MAX_FAILED_FLUSHES: u32 = 10;

/// Parameters of [`collect`].
#[derive(Debug)]
pub struct CollectOptions {
    /// Where OTLP/gRPC listens; port 0 takes a free one.
    pub grpc_address: SocketAddr,
    /// Where OTLP/HTTP listens; port 0 takes a free one.
    pub http_address: SocketAddr,
    /// Where metrics, health and the graph are served; port 0 takes a free one, `None` serves none.
    pub admin_address: Option<SocketAddr>,
    /// What makes the graph for that.
    pub graph_page: Option<GraphPage>,
    /// Pairs of nodes that the service graph metrics tell apart.
    pub max_series: usize,
    /// Directory of the store; created when missing.
    pub store: Location,
    /// Name of this instance in the store.
    pub instance: String,
    /// Time between two segments.
    pub flush_interval: Duration,
    /// Longest wait for requests in work at shutdown.
    pub drain_timeout: Duration,
    /// Shard threads.
    pub shards: NonZeroUsize,
    /// Records that may wait for the shards.
    pub queue_records: usize,
    /// Parameters of inference.
    pub settings: Settings,
    /// Bounds on requests.
    pub limits: ReceiverLimits,
    /// What is done for the store meanwhile.
    pub upkeep: Upkeep,
    /// Told the bound addresses once both listen.
    pub ready: Option<oneshot::Sender<BoundAddresses>>,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self {
            grpc_address: SocketAddr::from(([127, 0, 0, 1], 4317)),
            http_address: SocketAddr::from(([127, 0, 0, 1], 4318)),
            admin_address: None,
            graph_page: None,
            max_series: 10_000,
            store: Location::from(Path::new(DEFAULT_DIRECTORY)),
            instance: "collector".to_owned(),
            flush_interval: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
            shards: NonZeroUsize::MIN,
            queue_records: 1_000_000,
            settings: Settings::default(),
            limits: ReceiverLimits::default(),
            upkeep: Upkeep::DEFAULT,
            ready: None,
        }
    }
}

/// The addresses that are listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundAddresses {
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// Metrics, health and the graph.
    pub admin: Option<SocketAddr>,
}

/// What a finished [`collect`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectSummary {
    /// Requests and spans.
    pub totals: Totals,
    /// Segments written.
    pub segments: u64,
    /// True when requests were still in work at the end of the drain timeout and were cut off unanswered.
    pub cut_off: bool,
}

/// Why [`collect`] failed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// An address cannot be listened on.
    #[error("cannot listen for {protocol} on `{address}`")]
    Bind {
        /// `OTLP/gRPC` or `OTLP/HTTP`.
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start the shard threads")]
    Threads(#[source] io::Error),
    /// The store cannot be opened, or the last segment not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug in the writing of segments; what it had in hand is gone.
    #[error("the last segment is lost to an internal error")]
    Lost,
    /// A server ended by itself.
    #[error("the {protocol} server failed: {cause}")]
    Server {
        /// `OTLP/gRPC` or `OTLP/HTTP`.
        protocol: &'static str,
        /// Why.
        cause: String,
    },
}

impl CollectError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Bind { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another process has this port: stop it, or choose another port")
                }
                io::ErrorKind::PermissionDenied => Some("ports below 1024 need privileges"),
                io::ErrorKind::AddrNotAvailable => Some("this machine does not have that address"),
                _ => None,
            },
            Self::Store(error) => error.hint(),
            Self::Threads(_) | Self::Lost | Self::Server { .. } => None,
        }
    }
}

/// Receives spans until `shutdown` completes, then drains and returns.
///
/// # Errors
/// When it cannot start, when a server fails, or when the last segment cannot be written. The pipeline
/// is drained into the store in every case but the first.
pub async fn collect(
    mut options: CollectOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<CollectSummary, CollectError> {
    let ready = options.ready.take();
    let store = Store::open(&options.store, &options.instance, clock::wall())?;
    tell_last_run(&store, &options.instance);
    let grpc = bind("OTLP/gRPC", options.grpc_address).await?;
    let http = bind("OTLP/HTTP", options.http_address).await?;
    let admin = match options.admin_address {
        Some(address) => Some((bind("metrics and health", address).await?, address)),
        None => None,
    };
    let bound = BoundAddresses {
        grpc: address_of(&grpc, options.grpc_address),
        http: address_of(&http, options.http_address),
        admin: admin
            .as_ref()
            .map(|(listener, asked)| address_of(listener, *asked)),
    };
    let pipeline = Pipeline::start(&options.settings, options.shards, options.queue_records)
        .map_err(CollectError::Threads)?;
    let pipeline = Arc::new(pipeline);
    let schedule = Schedule::new(options.flush_interval);
    let telemetry = Arc::new(Telemetry::new(options.settings.clone(), options.max_series));
    let shared = (Arc::clone(&pipeline), Arc::clone(&telemetry));
    let mut flusher = Flusher::new(store, shared, schedule)?;
    let intake = Arc::new(Intake::new(Arc::clone(&pipeline), options.limits.clone()));
    let admin = admin.map(|(listener, _)| {
        AdminServer::start(
            listener,
            Admin {
                telemetry,
                intake: Arc::clone(&intake),
                pipeline: Arc::clone(&pipeline),
                store: options.store.clone(),
                graph: options.graph_page,
                is_stopping: AtomicBool::new(false),
                readers: Semaphore::new(1),
            },
        )
    });
    let mut servers = Servers::start(grpc, http, &intake);
    tracing::debug!(grpc = %bound.grpc, http = %bound.http, "receiving");
    if let Some(ready) = ready
        && ready.send(bound).is_err()
    {
        tracing::debug!("nobody waits for the addresses");
    }
    let keeper = Keeper::start(&options.store, options.upkeep);
    let failure = run(&mut servers, &mut flusher, &intake, schedule, shutdown).await;
    if let Some(admin) = &admin {
        admin.stopping();
    }
    let cut_off = servers.stop(options.drain_timeout).await;
    let segments = flusher.finish().await;
    // To the end, so that whoever watches sees how it went.
    drop(admin);
    if let Some(keeper) = keeper {
        keeper.stop().await;
    }
    let segments = segments?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(CollectSummary {
        totals: intake.totals(),
        segments,
        cut_off,
    })
}

/// Completes on SIGTERM or SIGINT, once.
///
/// # Errors
/// When the system refuses the handlers.
pub fn termination() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says what a run before this one lost, if it was killed.
fn tell_last_run(store: &Store, instance: &str) {
    match store.last_run() {
        LastRun::Complete => {}
        LastRun::Broken(run) => {
            let (began, flushed) = (run.started, run.flushed);
            let flush_interval_ms = run.flush_interval_ms;
            tracing::warn!(
                instance,
                %began,
                last_flush = %flushed,
                flush_interval_ms,
                "the last run ended without a goodbye: spans that it received after its last flush are lost"
            );
        }
        LastRun::Unknown => tracing::warn!(
            instance,
            "the last run ended without a goodbye, and its note cannot be read: spans that it received after its last flush are lost"
        ),
    }
    let left_half_done = store.left_half_done();
    if left_half_done > 0 {
        tracing::warn!(
            instance,
            left_half_done,
            "what the last run left half written was removed"
        );
    }
}

async fn bind(protocol: &'static str, address: SocketAddr) -> Result<TcpListener, CollectError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| CollectError::Bind {
            protocol,
            address,
            source,
        })
}

/// A bound socket knows its address; the asked one stands in should the system not tell.
fn address_of(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Flushes on time until shutdown is asked for or a server ends, which is then returned.
async fn run(
    servers: &mut Servers,
    flusher: &mut Flusher,
    intake: &Intake,
    schedule: Schedule,
    shutdown: impl Future<Output = ()>,
) -> Option<CollectError> {
    tokio::pin!(shutdown);
    loop {
        let due = tokio::time::sleep(schedule.wait(clock::wall()));
        tokio::select! {
            () = &mut shutdown => return None,
            failure = servers.failure() => return Some(failure),
            () = due => {
                flusher.flush().await;
                intake.pause(flusher.failures() >= MAX_FAILED_FLUSHES);
            }
        }
    }
}
