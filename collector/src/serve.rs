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
mod exposure;
mod flush;
mod guard;
mod health;
mod ledger;
mod options;
mod schedule;
mod security;
mod servers;
mod signals;
mod upkeep;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use crate::clock::Clocks;
use crate::pipeline::Pipeline;
use crate::receiver::{Intake, grpc, http, zipkin};
use crate::store::{LastRun, Store};
use crate::telemetry::Telemetry;
use admin::{Admin, AdminServer};
pub use admin::{GraphPage, GraphRefusal};
pub use connections::ConnectionTotals;
use connections::Terms;
pub use error::CollectError;
use exposure::{check_admin, tell_exposure};
use flush::Flusher;
use health::Health;
pub use options::{AdminAccess, BoundAddresses, CollectOptions, CollectSummary};
use schedule::Schedule;
use security::Reloader;
pub use security::{SecurityFault, SecurityFiles, TlsFiles};
use servers::{Port, Servers};
pub use signals::Signals;
use upkeep::Keeper;

/// Flushes that may fail in a row before requests are turned away: what cannot be written stays in memory.
const MAX_FAILED_FLUSHES: u32 = 10;

/// Receives spans until `shutdown` completes, then drains and returns.
///
/// # Errors
/// When it cannot start, when a server fails, or when the last segment cannot be written. The pipeline
/// is drained into the store in every case but the first.
pub async fn collect(
    options: CollectOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<CollectSummary, CollectError> {
    collect_by(Clocks::system(), options, shutdown).await
}

async fn collect_by(
    clocks: Clocks,
    mut options: CollectOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<CollectSummary, CollectError> {
    let ready = options.ready.take();
    check_admin(&options)?;
    let secrets = options.security.load().map_err(CollectError::Security)?;
    let store = Store::open(&options.store, &options.instance, (clocks.wall)())?;
    tell_last_run(&store, &options.instance);
    let listeners = Listeners::bind(&options).await?;
    let bound = listeners.addresses(&options);
    tell_exposure(bound, options.admin_access, &options.security);
    let pipeline = start_pipeline(&options, &clocks)?;
    let schedule = Schedule::new(options.flush_interval);
    let telemetry = Arc::new(Telemetry::new(options.settings.clone(), options.max_series));
    let shared = (Arc::clone(&pipeline), Arc::clone(&telemetry));
    let flusher = Flusher::new(store, shared, schedule, clocks.clone())?;
    let (limits, also) = (options.limits.clone(), clocks.clone());
    let intake = Arc::new(Intake::new(Arc::clone(&pipeline), limits, also));
    let (files, interval) = (options.security.clone(), options.security_interval);
    let reloader = Reloader::start(files, secrets, interval, Arc::clone(&intake));
    let (health, others) = Health::start()?;
    let grpc = Port {
        listener: listeners.grpc,
        router: grpc::router(Arc::clone(&intake), others),
    };
    let http = Port {
        listener: listeners.http,
        router: http::open_to(&options.cors_origins, http::router(Arc::clone(&intake))),
    };
    let zipkin = listeners.zipkin.map(|listener| Port {
        listener,
        router: zipkin::router(Arc::clone(&intake)),
    });
    let terms = Terms::new(&options.limits, reloader.tls());
    let operators = Terms::for_operators(&options.limits, operators_tls(&options, &reloader));
    let pages = Admin::new(
        &mut options,
        (telemetry, pipeline),
        (Arc::clone(&intake), Arc::clone(&terms.counters)),
        clocks.clone(),
    );
    let admin = listeners
        .admin
        .map(|listener| AdminServer::start(listener, pages, operators));
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
        clocks,
        admin,
    };
    running.until(shutdown, &options).await
}

fn start_pipeline(
    options: &CollectOptions,
    clocks: &Clocks,
) -> Result<Arc<Pipeline>, CollectError> {
    let clock = Arc::clone(&clocks.monotonic);
    let queue = options.queue_records;
    Pipeline::start_with_clock(&options.settings, options.shards, queue, clock)
        .map(Arc::new)
        .map_err(CollectError::Threads)
}

/// The TLS that operators meet.
fn operators_tls(
    options: &CollectOptions,
    reloader: &Reloader,
) -> Option<watch::Receiver<Arc<ServerConfig>>> {
    match options.admin_access {
        AdminAccess::Secured => reloader.tls(),
        AdminAccess::Local | AdminAccess::Open => None,
    }
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

/// A collector at work.
struct Running {
    servers: Servers,
    flusher: Flusher,
    intake: Arc<Intake>,
    health: Health,
    keeper: Option<Keeper>,
    schedule: Schedule,
    clocks: Clocks,
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
            // To the end, so that whoever watches sees how it went.
            drop(self.admin);
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
            let due = tokio::time::sleep(self.schedule.wait((self.clocks.wall)()));
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
mod tests;
