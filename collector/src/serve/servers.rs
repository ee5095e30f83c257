//! The gRPC and HTTP servers as tasks that can be watched and stopped together.

use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;

use super::CollectError;
use crate::receiver::grpc::TraceService;
use crate::receiver::{Intake, http};

/// HTTP/2 windows: the defaults of the protocol make a sender wait for every 64 KiB.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
const MAX_STREAMS: u32 = 256;

/// Peers that vanished without a word are found out after this long.
const KEEPALIVE: Duration = Duration::from_secs(60);

type Server = JoinHandle<Result<(), String>>;

/// The two running servers.
pub(super) struct Servers {
    grpc: Server,
    http: Server,
    stop: watch::Sender<bool>,
}

impl Servers {
    pub(super) fn start(grpc: TcpListener, http: TcpListener, intake: &Arc<Intake>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            grpc: tokio::spawn(serve_grpc(grpc, Arc::clone(intake), stopped.clone())),
            http: tokio::spawn(serve_http(http, Arc::clone(intake), stopped)),
            stop,
        }
    }

    /// Completes when a server ends although nobody asked it to.
    pub(super) async fn failure(&mut self) -> CollectError {
        let (protocol, outcome) = tokio::select! {
            outcome = &mut self.grpc => ("OTLP/gRPC", outcome),
            outcome = &mut self.http => ("OTLP/HTTP", outcome),
        };
        let cause = match outcome {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(cause)) => cause,
            Err(error) => error.to_string(),
        };
        CollectError::Server { protocol, cause }
    }

    /// Stops listening and waits for requests in work; true when some had to be cut off.
    pub(super) async fn stop(mut self, timeout: Duration) -> bool {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + timeout;
        let mut cut_off = false;
        for server in [&mut self.grpc, &mut self.http] {
            if server.is_finished() {
                continue;
            }
            if tokio::time::timeout_at(deadline, &mut *server)
                .await
                .is_err()
            {
                server.abort();
                cut_off = true;
            }
        }
        cut_off
    }
}

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

async fn serve_grpc(
    listener: TcpListener,
    intake: Arc<Intake>,
    stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(TraceService::new(intake))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            until_stopped(stopped),
        )
        .await
        .map_err(|error| error.to_string())
}

async fn serve_http(
    listener: TcpListener,
    intake: Arc<Intake>,
    stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay refused");
        }
    });
    axum::serve(listener, http::router(intake))
        .with_graceful_shutdown(until_stopped(stopped))
        .await
        .map_err(|error| error.to_string())
}
