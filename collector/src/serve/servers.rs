//! The gRPC and HTTP servers as tasks that can be watched and stopped together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::CollectError;
use super::connections::{ConnectionTotals, Terms, serve};
use crate::receiver::Intake;

/// How often a stop looks whether requests are still in work.
const LOOK: Duration = Duration::from_millis(20);

/// How often it must find none: time for the last answers to be written.
const LINGER_LOOKS: u32 = 25;

type Server = JoinHandle<Result<(), String>>;

/// A port and what is served on it.
pub(super) struct Port {
    pub(super) listener: TcpListener,
    pub(super) router: Router,
}

/// The running servers, of which that of Zipkin may have no port.
pub(super) struct Servers {
    grpc: Server,
    http: Server,
    zipkin: Server,
    stop: watch::Sender<bool>,
    terms: Arc<Terms>,
}

impl Servers {
    pub(super) fn start(grpc: Port, http: Port, zipkin: Option<Port>, terms: Terms) -> Self {
        let (stop, stopped) = watch::channel(false);
        let start = |port: Port, stopped| {
            tokio::spawn(serve(port.listener, port.router, terms.clone(), stopped))
        };
        Self {
            grpc: start(grpc, stopped.clone()),
            http: start(http, stopped.clone()),
            zipkin: match zipkin {
                Some(port) => start(port, stopped),
                None => tokio::spawn(until_stopped(stopped)),
            },
            stop,
            terms: Arc::new(terms),
        }
    }

    /// Connections of all ports.
    pub(super) fn connections(&self) -> ConnectionTotals {
        self.terms.counters.totals()
    }

    /// Completes when a server ends although nobody asked it to.
    pub(super) async fn failure(&mut self) -> CollectError {
        let (protocol, outcome) = tokio::select! {
            outcome = &mut self.grpc => ("OTLP/gRPC", outcome),
            outcome = &mut self.http => ("OTLP/HTTP", outcome),
            outcome = &mut self.zipkin => ("Zipkin", outcome),
        };
        let cause = match outcome {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(cause)) => cause,
            Err(error) => error.to_string(),
        };
        CollectError::Server { protocol, cause }
    }

    /// Stops listening and waits for requests in work; true when some had to be cut off. Connections that only watch
    /// (health) have no end of their own and are not waited for.
    pub(super) async fn stop(&mut self, timeout: Duration, intake: &Intake) -> bool {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + timeout;
        let mut idle = 0;
        while [&self.grpc, &self.http, &self.zipkin]
            .iter()
            .any(|server| !server.is_finished())
        {
            idle = if intake.in_work() == 0 { idle + 1 } else { 0 };
            if idle > LINGER_LOOKS || tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let is_cut_off = intake.in_work() > 0;
        self.grpc.abort();
        self.http.abort();
        self.zipkin.abort();
        is_cut_off
    }
}

/// Stands for a server that is not wanted.
async fn until_stopped(mut stopped: watch::Receiver<bool>) -> Result<(), String> {
    // An error means that the sender is gone, which is a stop as well.
    drop(stopped.wait_for(|stopped| *stopped).await);
    Ok(())
}
