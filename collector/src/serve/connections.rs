//! One listening port: takes connections, and speaks TLS and HTTP on them.
//!
//! ```text
//! accept -> [place free?] -> Guarded -> [TLS] -> HTTP/1 or HTTP/2 -> router
//! ```
//! Both ports are served by this, so that what a peer can do to a connection is bounded in one place: how many there are,
//! how long they may be silent or not read, how much a head may hold, how many streams run. What goes wrong on a
//! connection ends that connection only, and is counted.

mod fault;
mod places;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::guard::{Guarded, Patience};
use crate::clock::{self, MonotonicMs};
use crate::receiver::{LogGate, ReceiverLimits};
pub use fault::ConnectionTotals;
pub(super) use fault::{ConnectionCounters, Fault};

/// HTTP/2 windows: the defaults of the protocol make a sender wait for every 64 KiB.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
const FRAME_BYTES: u32 = 1 << 20;

/// Requests at the same time on one connection.
const MAX_STREAMS: u32 = 256;

/// What the head of a request may hold.
const MAX_HEAD_BYTES: u32 = 16 << 10;
const MAX_HEADERS: usize = 100;

/// Connections of scrapers, probes and people.
const OPERATOR_CONNECTIONS: usize = 64;

/// Read buffer of HTTP/1, which also bounds a head there.
const READ_BUFFER_BYTES: usize = 128 << 10;

/// Rest after the system refused a connection, such as for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The terms on which both ports serve.
#[derive(Clone)]
pub(super) struct Terms {
    places: Arc<Semaphore>,
    patience: Patience,
    pub(super) counters: Arc<ConnectionCounters>,
    log: Arc<LogGate>,
    clock: MonotonicMs,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
}

impl Terms {
    pub(super) fn new(
        limits: &ReceiverLimits,
        tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    ) -> Self {
        let places = places::available(limits.max_connections);
        Self {
            places: Arc::new(Semaphore::new(places)),
            patience: Patience {
                first_byte: limits.handshake_timeout,
                read: limits.idle_timeout,
                write: limits.idle_timeout,
            },
            counters: Arc::default(),
            log: Arc::default(),
            clock: clock::monotonic(),
            tls,
        }
    }

    /// The terms of a port for operators: few connections, counted apart.
    pub(super) fn for_operators(
        limits: &ReceiverLimits,
        tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    ) -> Self {
        let limits = ReceiverLimits {
            max_connections: OPERATOR_CONNECTIONS,
            ..limits.clone()
        };
        Self::new(&limits, tls)
    }

    /// Logs some of the connections that were not served at all, which their operators cannot see otherwise.
    fn tell(&self, peer: SocketAddr, reason: &str) {
        if let Some(held_back) = self.log.pass((self.clock)()) {
            let also_refused_since_last_line = (held_back > 0).then_some(held_back);
            tracing::warn!(%peer, reason, also_refused_since_last_line, "connection refused");
        }
    }

    /// HTTP as it is spoken on a connection.
    fn http(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.read)
            .max_headers(MAX_HEADERS)
            .max_buf_size(READ_BUFFER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES)
            // Answers keep an idle connection from looking like a dead one.
            .keep_alive_interval(self.patience.read / 4)
            .keep_alive_timeout(self.patience.read / 4);
        builder
    }
}

/// Serves a port until it is told to stop, and then until the last connection has ended.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    terms: Terms,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut connections = JoinSet::new();
    let told = stopped.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = Connection {
                        peer,
                        router: router.clone(),
                        terms: terms.clone(),
                        stopped: told.clone(),
                    };
                    connection.start(stream, &mut connections);
                }
                Err(error) => rest_after(&error).await,
            },
            Some(ended) = connections.join_next() => tell_panic(ended),
            () = until_stopped(&mut stopped) => break,
        }
    }
    // Refused by the system from here on: a load balancer sees that sooner than any answer.
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        tell_panic(ended);
    }
    Ok(())
}

async fn rest_after(error: &io::Error) {
    tracing::debug!(%error, "connection not accepted");
    // A peer that went away again costs nothing; a lack of file handles would be asked for without end.
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn tell_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "connection failed");
    }
}

/// Completes when the receiver is told to stop, or nobody is left who could tell it.
async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// What a connection is served with.
struct Connection {
    peer: SocketAddr,
    router: Router,
    terms: Terms,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    fn start(self, stream: TcpStream, connections: &mut JoinSet<()>) {
        let Ok(place) = Arc::clone(&self.terms.places).try_acquire_owned() else {
            // Closed at once: the peer learns of it now, and may find another instance.
            self.terms.counters.count(Fault::OverLimit);
            self.terms.tell(self.peer, "too many connections");
            return;
        };
        self.terms.counters.open();
        connections.spawn(async move {
            let counters = Arc::clone(&self.terms.counters);
            if let Err(fault) = self.run(stream).await {
                counters.count(fault);
            }
            counters.close();
            drop(place);
        });
    }

    async fn run(self, stream: TcpStream) -> Result<(), Fault> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay refused");
        }
        let stream = Guarded::new(stream, self.terms.patience);
        let Some(tls) = &self.terms.tls else {
            return self.speak(stream).await;
        };
        // The certificate of this moment: files may be replaced while connections live.
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
        let handshake =
            tokio::time::timeout(self.terms.patience.first_byte, acceptor.accept(stream));
        match handshake.await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => {
                self.terms
                    .tell(self.peer, &format!("TLS handshake failed: {error}"));
                Err(Fault::Tls)
            }
            Err(_) => Err(Fault::Stalled),
        }
    }

    async fn speak<S>(mut self, stream: S) -> Result<(), Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let http = self.terms.http();
        let service = TowerToHyperService::new(self.router);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let outcome = tokio::select! {
            outcome = &mut connection => outcome,
            () = until_stopped(&mut self.stopped) => {
                // Ends an idle connection, and another after the answers that it waits for.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        outcome.or_else(|error| {
            tracing::debug!(error = &*error, "connection ended early");
            Fault::of(&*error).map_or(Ok(()), Err)
        })
    }
}
