//! `collect`: the receiver, the pipeline and the store as one running process.
//!
//! ```text
//! bind -> report addresses -> serve ... flush every minute ... -> shutdown: refuse new requests, stop listening,
//!                                                                 finish requests in work, drain the pipeline,
//!                                                                 write the last segment, each in bounded time
//! ```
//! Nothing that was acknowledged is dropped on the way down; a segment that cannot be written now is merged into
//! the next one. Signals are the caller's business: it passes a future, made from [`Signals`] for example.

mod admin;
mod connections;
mod error;
mod flush;
mod guard;
mod health;
mod ledger;
mod schedule;
mod security;
mod servers;
mod signals;
mod upkeep;

use std::future::Future;
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
use crate::receiver::{Intake, ReceiverLimits, Totals, grpc, http, zipkin};
use crate::store::{DEFAULT_DIRECTORY, LastRun, Location, Store, Upkeep};
use crate::telemetry::Telemetry;
use admin::{Admin, AdminServer};
pub use admin::{GraphPage, GraphRefusal};
pub use connections::ConnectionTotals;
use connections::Terms;
pub use error::CollectError;
use flush::Flusher;
use health::Health;
use schedule::Schedule;
use security::Reloader;
pub use security::{SecurityFault, SecurityFiles, TlsFiles};
use servers::{Port, Servers};
pub use signals::Signals;
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
    /// Where Zipkin listens; port 0 takes a free one, none does not listen.
    pub zipkin_address: Option<SocketAddr>,
    /// Directory of the store; created when missing.
    pub store: Location,
    /// Name of this instance in the store.
    pub instance: String,
    /// Time between two segments.
    pub flush_interval: Duration,
    /// Longest wait for requests in work at shutdown.
    pub drain_timeout: Duration,
    /// Longest time after that to infer what is open and to write the last segment.
    pub finish_timeout: Duration,
    /// Shard threads.
    pub shards: NonZeroUsize,
    /// Records that may wait for the shards.
    pub queue_records: usize,
    /// Parameters of inference.
    pub settings: Settings,
    /// Bounds on requests and connections.
    pub limits: ReceiverLimits,
    /// Who may send, and how.
    pub security: SecurityFiles,
    /// How often the files of `security` are looked at.
    pub security_interval: Duration,
    /// What is done for the store meanwhile.
    pub upkeep: Upkeep,
    /// Told the bound addresses once all listen.
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
            zipkin_address: None,
            store: Location::from(Path::new(DEFAULT_DIRECTORY)),
            instance: "collector".to_owned(),
            flush_interval: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
            finish_timeout: Duration::from_secs(60),
            shards: NonZeroUsize::MIN,
            queue_records: 1_000_000,
            settings: Settings::default(),
            limits: ReceiverLimits::default(),
            security: SecurityFiles::default(),
            security_interval: Duration::from_secs(10),
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
    /// Zipkin, if asked for.
    pub zipkin: Option<SocketAddr>,
}

/// What a finished [`collect`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectSummary {
    /// Requests and spans.
    pub totals: Totals,
    /// Connections over both protocols.
    pub connections: ConnectionTotals,
    /// Segments written.
    pub segments: u64,
    /// True when requests were still in work at the end of the drain timeout and were cut off unanswered.
    pub cut_off: bool,
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
    let secrets = options.security.load().map_err(CollectError::Security)?;
    let store = Store::open(&options.store, &options.instance, clock::wall())?;
    tell_last_run(&store, &options.instance);
    let listeners = Listeners::bind(&options).await?;
    let bound = listeners.addresses(&options);
    tell_exposure(bound, &options.security);
    let pipeline = Pipeline::start(&options.settings, options.shards, options.queue_records)
        .map_err(CollectError::Threads)?;
    let pipeline = Arc::new(pipeline);
    let schedule = Schedule::new(options.flush_interval);
    let telemetry = Arc::new(Telemetry::new(options.settings.clone(), options.max_series));
    let shared = (Arc::clone(&pipeline), Arc::clone(&telemetry));
    let flusher = Flusher::new(store, shared, schedule)?;
    let intake = Arc::new(Intake::new(Arc::clone(&pipeline), options.limits.clone()));
    let (files, interval) = (options.security.clone(), options.security_interval);
    let reloader = Reloader::start(files, secrets, interval, Arc::clone(&intake));
    let (health, others) = Health::start()?;
    let grpc = Port {
        listener: listeners.grpc,
        router: grpc::router(Arc::clone(&intake), others),
    };
    let http = Port {
        listener: listeners.http,
        router: http::router(Arc::clone(&intake)),
    };
    let zipkin = listeners.zipkin.map(|listener| Port {
        listener,
        router: zipkin::router(Arc::clone(&intake)),
    });
    let terms = Terms::new(&options.limits, reloader.tls());
    let pages = Admin {
        telemetry,
        intake: Arc::clone(&intake),
        connections: Arc::clone(&terms.counters),
        pipeline,
        store: options.store.clone(),
        graph: options.graph_page,
        is_stopping: AtomicBool::new(false),
        readers: Semaphore::new(1),
    };
    let admin = listeners
        .admin
        .map(|listener| AdminServer::start(listener, pages, Terms::for_operators(&options.limits)));
    let servers = Servers::start(grpc, http, zipkin, terms);
    health.set(true).await;
    tracing::debug!(grpc = %bound.grpc, http = %bound.http, "receiving");
    if let Some(ready) = ready
        && ready.send(bound).is_err()
    {
        tracing::debug!("nobody waits for the addresses");
    }
    let keeper = Keeper::start(&options.store, options.upkeep);
    let running = Running {
        servers,
        flusher,
        intake,
        health,
        keeper,
        schedule,
        admin,
    };
    running.until(shutdown, &options).await
}

/// Everything that is listened on.
struct Listeners {
    grpc: TcpListener,
    http: TcpListener,
    zipkin: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    async fn bind(options: &CollectOptions) -> Result<Self, CollectError> {
        Ok(Self {
            grpc: bind("OTLP/gRPC", options.grpc_address).await?,
            http: bind("OTLP/HTTP", options.http_address).await?,
            zipkin: match options.zipkin_address {
                Some(address) => Some(bind("Zipkin", address).await?),
                None => None,
            },
            admin: match options.admin_address {
                Some(address) => Some(bind("metrics and health", address).await?),
                None => None,
            },
        })
    }

    fn addresses(&self, asked: &CollectOptions) -> BoundAddresses {
        let optional = |listener: &Option<TcpListener>, asked: Option<SocketAddr>| {
            let both = listener.as_ref().zip(asked);
            both.map(|(listener, asked)| address_of(listener, asked))
        };
        BoundAddresses {
            grpc: address_of(&self.grpc, asked.grpc_address),
            http: address_of(&self.http, asked.http_address),
            zipkin: optional(&self.zipkin, asked.zipkin_address),
            admin: optional(&self.admin, asked.admin_address),
        }
    }
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

/// Warns of what anybody on the network could do.
fn tell_exposure(bound: BoundAddresses, security: &SecurityFiles) {
    if let Some(exposure) = exposure(bound, security) {
        let (grpc, http) = (bound.grpc, bound.http);
        tracing::warn!(%grpc, %http, exposure, "receiving from beyond this machine");
    }
}

fn exposure(bound: BoundAddresses, security: &SecurityFiles) -> Option<&'static str> {
    let mut all = [Some(bound.grpc), Some(bound.http), bound.zipkin]
        .into_iter()
        .flatten();
    let is_local = all.all(|address| address.ip().is_loopback());
    if is_local || security.tls.is_some() {
        return None;
    }
    Some(match security.tokens {
        Some(_) => "tokens cross the network in clear text: give a certificate",
        None => {
            "whoever reaches these addresses can send spans: give a certificate, and tokens or client certificates"
        }
    })
}

/// A collector at work.
struct Running {
    servers: Servers,
    flusher: Flusher,
    intake: Arc<Intake>,
    health: Health,
    keeper: Option<Keeper>,
    schedule: Schedule,
    admin: Option<AdminServer>,
}

impl Running {
    /// Flushes on time until shutdown is asked for or a server ends, and then takes everything down in order.
    async fn until(
        mut self,
        shutdown: impl Future<Output = ()>,
        options: &CollectOptions,
    ) -> Result<CollectSummary, CollectError> {
        let failure = self.work(shutdown).await;
        // Nobody is sent here any more, and who comes all the same is told to try elsewhere.
        self.health.set(false).await;
        if let Some(admin) = &self.admin {
            admin.stopping();
        }
        self.intake.stop();
        let cut_off = self.servers.stop(options.drain_timeout, &self.intake).await;
        let finish = async {
            let segments = self.flusher.finish().await;
            if let Some(keeper) = self.keeper {
                keeper.stop().await;
            }
            segments
        };
        let segments = tokio::time::timeout(options.finish_timeout, finish)
            .await
            .unwrap_or(Err(CollectError::Unfinished(options.finish_timeout)))?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        Ok(CollectSummary {
            totals: self.intake.totals(),
            connections: self.servers.connections(),
            segments,
            cut_off,
        })
    }

    async fn work(&mut self, shutdown: impl Future<Output = ()>) -> Option<CollectError> {
        tokio::pin!(shutdown);
        loop {
            let due = tokio::time::sleep(self.schedule.wait(clock::wall()));
            tokio::select! {
                () = &mut shutdown => return None,
                failure = self.servers.failure() => return Some(failure),
                () = due => {
                    // A store that hangs must not keep a stop from being heard.
                    tokio::select! {
                        () = self.flusher.flush() => {}
                        () = &mut shutdown => return None,
                    }
                    let is_paused = self.flusher.failures() >= MAX_FAILED_FLUSHES;
                    if self.intake.pause(is_paused) {
                        self.health.set(!is_paused).await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_beyond_this_machine_without_tls_is_worth_a_warning() {
        let exposed = |grpc: &str, security: &SecurityFiles| {
            let bound = BoundAddresses {
                grpc: grpc.parse().unwrap(),
                http: "127.0.0.1:4318".parse().unwrap(),
                zipkin: None,
                admin: None,
            };
            exposure(bound, security).unwrap_or("no")
        };
        let open = SecurityFiles::default();
        let tokens = SecurityFiles {
            tokens: Some("tokens".into()),
            ..SecurityFiles::default()
        };
        let tls = SecurityFiles {
            tls: Some(TlsFiles {
                certificate: "crt".into(),
                key: "key".into(),
                client_ca: None,
            }),
            ..SecurityFiles::default()
        };
        for local in ["127.0.0.1:4317", "[::1]:4317"] {
            assert_eq!(exposed(local, &open), "no");
        }
        for far in ["0.0.0.0:4317", "[::]:4317", "10.0.0.1:4317"] {
            assert!(exposed(far, &open).contains("whoever"));
            assert!(exposed(far, &tokens).contains("clear text"));
            assert_eq!(exposed(far, &tls), "no");
        }
    }
}
