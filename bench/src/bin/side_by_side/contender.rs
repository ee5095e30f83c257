//! What is compared: how each server is started, waited for, and read.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tracemesh_bench::wire::Fault;
use tracemesh_bench::wire::client::{Pace, Sent, send};
use tracemesh_bench::wire::load::Load;
use tracemesh_bench::wire::metrics::{Sample, scrape};
use tracemesh_bench::wire::process::{Server, Usage, free_address};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `tracemesh collect` with its defaults.
    Tracemesh,
    /// The OpenTelemetry Collector with more room and time than it needs.
    Generous,
    /// The same with the store that the connector has by default.
    AsShipped,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Tracemesh, Self::Generous, Self::AsShipped];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tracemesh => "tracemesh",
            Self::Generous => "otelcol, generous store",
            Self::AsShipped => "otelcol, default store",
        }
    }
}

/// Programs under comparison.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) tracemesh: PathBuf,
    pub(crate) otelcol: PathBuf,
}

/// How one is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) core: Option<usize>,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

/// What a server said at its end.
#[derive(Debug)]
pub(crate) enum Graph {
    /// A snapshot in JSON.
    Snapshot(String),
    /// Metrics of the connector.
    Metrics(Vec<Sample>),
}

/// What one run measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: Sent,
    /// When it listened, when it was done with the requests, and at its end.
    pub(crate) usage: [Usage; 3],
    pub(crate) graph: Graph,
}

/// Time for what was answered to go through the batch processor.
const QUIET: Duration = Duration::from_secs(2);

/// Beyond the life of an edge: two rounds of its expiry, one of the flush, and a little.
const MARGIN: Duration = Duration::from_secs(22);

/// The life of an edge in the two stores, in seconds.
const GENEROUS_TTL_S: u64 = 30;
const DEFAULT_TTL_S: u64 = 2;

/// The connector's part of the settings.
pub(crate) fn settings(contender: Contender) -> String {
    let (items, ttl) = match contender {
        Contender::AsShipped => (1_000, DEFAULT_TTL_S),
        _ => (10_000_000, GENEROUS_TTL_S),
    };
    format!(
        "connectors:
  servicegraph:
    store: {{max_items: {items}, ttl: {ttl}s}}
    metrics_flush_interval: 15s
    virtual_node_peer_attributes: [peer.service, server.address, net.peer.name, db.system.name, db.system]
"
    )
}

fn config(contender: Contender, grpc: SocketAddr, metrics: SocketAddr) -> String {
    let connector = settings(contender);
    format!(
        "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '{grpc}'}}
processors:
  batch: {{}}
{connector}exporters:
  prometheus: {{endpoint: '{metrics}'}}
service:
  telemetry:
    logs: {{level: warn}}
    metrics: {{level: none}}
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [servicegraph]
    metrics:
      receivers: [servicegraph]
      exporters: [prometheus]
"
    )
}

/// Starts a server, sends everything, waits until it has told all, and stops it.
pub(crate) fn run(
    contender: Contender,
    binaries: &Binaries,
    load: &Arc<Load>,
    stage: Stage,
) -> Result<Outcome, Fault> {
    let directory = tempfile::tempdir()?;
    let [grpc, http, metrics] = [free_address()?, free_address()?, free_address()?];
    let store = directory.path().join("store");
    let (program, arguments) = match contender {
        Contender::Tracemesh => {
            let arguments = vec![
                "collect".to_owned(),
                format!("--grpc={grpc}"),
                format!("--http={http}"),
                format!("--admin={metrics}"),
                format!("--store={}", store.display()),
            ];
            (&binaries.tracemesh, arguments)
        }
        Contender::Generous | Contender::AsShipped => {
            let file = directory.path().join("otelcol.yaml");
            fs::write(&file, config(contender, grpc, metrics))?;
            (
                &binaries.otelcol,
                vec![format!("--config=file:{}", file.display())],
            )
        }
    };
    let log = directory.path().join("log");
    let server = Server::start(program, &arguments, stage.core, (grpc, &log))?;
    let began = server.at_start;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sent = runtime.block_on(send(load, grpc, stage.connections, stage.pace))?;
    if sent.spans != load.spans {
        return Err(format!("{} of {} acknowledged", sent.spans, load.spans).into());
    }
    sleep(QUIET);
    let quiet = server.usage();
    let (ended, graph) = match contender {
        Contender::Tracemesh => {
            let ended = server.finish()?;
            let mut read = Command::new(&binaries.tracemesh);
            read.args(["graph", "--format", "json", "--store"])
                .arg(&store);
            let read = read.output()?;
            if !read.status.success() {
                return Err(String::from_utf8_lossy(&read.stderr).into());
            }
            (ended, Graph::Snapshot(String::from_utf8(read.stdout)?))
        }
        Contender::Generous | Contender::AsShipped => {
            let ttl = match contender {
                Contender::AsShipped => DEFAULT_TTL_S,
                _ => GENEROUS_TTL_S,
            };
            sleep(Duration::from_secs(ttl) + MARGIN);
            let samples = scrape(metrics)?;
            (server.finish()?, Graph::Metrics(samples))
        }
    };
    Ok(Outcome {
        sent,
        usage: [began, quiet, ended],
        graph,
    })
}
