//! What a collector is started with, and what it tells of itself at its start and its end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use tracemesh_graph::settings::Settings;

use super::admin::GraphPage;
use super::connections::ConnectionTotals;
use super::security::SecurityFiles;
use crate::receiver::http::Origin;
use crate::receiver::{ReceiverLimits, Totals};
use crate::store::{DEFAULT_DIRECTORY, Location, Upkeep};

/// Parameters of [`collect`](super::collect).
#[derive(Debug)]
pub struct CollectOptions {
    /// Where OTLP/gRPC listens; port 0 takes a free one.
    pub grpc_address: SocketAddr,
    /// Where OTLP/HTTP listens; port 0 takes a free one.
    pub http_address: SocketAddr,
    /// Where metrics, health and the graph are served; port 0 takes a free one, `None` serves none.
    pub admin_address: Option<SocketAddr>,
    /// Who may ask there.
    pub admin_access: AdminAccess,
    /// Serve `/debug/..` there, too.
    pub debug_pages: bool,
    /// The options in force as text, for `/debug/config`; without secrets.
    pub configuration: String,
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
    /// Whose pages may send from browsers, to the HTTP port; nobody's when empty.
    pub cors_origins: Vec<Origin>,
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
            admin_access: AdminAccess::default(),
            debug_pages: false,
            configuration: String::new(),
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
            cors_origins: Vec::new(),
            security: SecurityFiles::default(),
            security_interval: Duration::from_secs(10),
            upkeep: Upkeep::DEFAULT,
            ready: None,
        }
    }
}

/// Who may ask for metrics, health and the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminAccess {
    /// Whoever is on this machine; an address that others reach is refused.
    #[default]
    Local,
    /// Whoever may send: the certificates and tokens of the receiver hold there, too, but health needs no token.
    Secured,
    /// Whoever reaches the address.
    Open,
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

/// What a finished [`collect`](super::collect) did.
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
