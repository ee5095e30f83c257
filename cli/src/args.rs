//! What the user can type: clap types and help texts. No files are touched here and nothing is decided.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use tracemesh_collector::store::Location;
use tracemesh_graph::egress::Host;
use tracemesh_graph::settings::Settings;

mod admin;
mod bytes;
mod clock;
mod diff;
mod graph;
mod help;
mod import;
mod onboard;
mod policy;
mod receiver;
mod sampling;
mod store;
mod upkeep;
mod verify;
mod window;

pub use admin::{AdminAccessArg, AdminAddress, AdminArgs};
pub use bytes::ByteSize;
pub use clock::StartOff;
pub use diff::{DiffArgs, DiffFormat, Stretch};
pub use graph::{CollapseBy, FilterArgs, GraphArgs, GraphFormat, GraphRelation};
pub use import::ImportArgs;
pub use onboard::{
    CheckPlanArgs, DiffPlansArgs, ExplainPlanArgs, InFlightWish, OnboardArgs, OnboardCommand,
    PlanFormat, PlanGoal, PlanMeshMode, PlanOrder, PlanningArgs, StatusArgs, ToldArgs, WishArgs,
};
pub use policy::{PolicyArgs, PolicyCheckArgs, PolicyCommand};
pub use receiver::{ReceiverArgs, SecurityArgs};
pub use sampling::SamplingArgs;
pub use store::{InspectArgs, StoreArgs, StoreCommand};
pub use upkeep::{AgeLimit, CompactArgs, MergeArgs, SizeLimit, UpkeepArgs};
pub use verify::{Percent, VerifyArgs};
pub use window::{Moment, WindowArgs};

use crate::text::unit_ms;

/// Turns distributed traces into what a service mesh needs.
#[derive(Debug, Parser)]
#[command(
    name = "tracemesh",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = help::top()
)]
pub struct Cli {
    /// When to use colour; NO_COLOR is respected
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Graph, egress definitions and onboarding plan from trace files, in one go
    #[command(after_help = help::analyze())]
    Analyze(AnalyzeArgs),
    /// Receive OTLP traces and keep what they say in a store
    #[command(after_help = help::collect())]
    Collect(Box<CollectArgs>),
    /// Add trace files to a store
    #[command(after_help = help::import())]
    Import(ImportArgs),
    /// Print or export the service graph, whole or narrowed
    #[command(after_help = help::graph())]
    Graph(GraphArgs),
    /// Write egress definitions for services
    #[command(after_help = help::egress())]
    Egress(EgressArgs),
    /// Plan in which order and waves to onboard services; explain, check and compare plans
    #[command(after_help = help::onboard())]
    Onboard(Box<OnboardArgs>),
    /// Tell what changed between two windows, snapshots, stores or recordings
    #[command(after_help = help::diff())]
    Diff(Box<DiffArgs>),
    /// Tell why an edge is in the graph, or what was seen and made none
    #[command(after_help = help::explain())]
    Explain(ExplainArgs),
    /// Judge the trace data: what is wrong with it, per service, and how to fix it
    #[command(after_help = help::doctor())]
    Doctor(DoctorArgs),
    /// Check the policy file: what the company decided beside what was seen
    #[command(after_help = help::policy())]
    Policy(PolicyArgs),
    /// Look after a store: tell what it holds, check it
    #[command(after_help = help::store())]
    Store(StoreArgs),
    /// Would these egress files have served that traffic? Or: what did sidecars see that traces did not?
    #[command(after_help = help::verify())]
    Verify(VerifyArgs),
}

/// Arguments of `tracemesh analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Trace files or directories of them: OTLP, Zipkin v2 JSON or Jaeger JSON; `-` is standard input
    #[arg(required = true, value_name = "TRACES")]
    pub traces: Vec<PathBuf>,
    /// Directory to write; files of an earlier run are replaced, others are left alone
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How trace files are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// How names are understood.
    #[command(flatten)]
    pub names: NameArgs,
}

/// How dialled names are understood.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// DNS domain that completes Kubernetes names, such as `cluster.local`; learnt from complete names in the traces when
    /// not given
    #[arg(long, value_name = "DOMAIN", value_parser = parse_domain)]
    pub cluster_domain: Option<String>,
    /// What the company decided: overrides, pins, labels, thresholds; `tracemesh policy check` checks it
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Day on which pins of the policy are judged, such as 2026-12-31; today in UTC when not given
    #[arg(long, value_name = "DATE", value_parser = crate::policy::parse_day)]
    pub today: Option<Date>,
    /// What the cluster says: `kubectl get services,endpointslices,deployments,statefulsets,daemonsets,pods,nodes
    /// -A -o json`
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
}

fn parse_domain(text: &str) -> Result<String, String> {
    match Host::parse(text, false) {
        Ok(Host::Name(name)) => Ok(name),
        _ => Err("give a DNS name such as `cluster.local`".to_owned()),
    }
}

/// How trace files are read.
#[derive(Debug, Clone, Args)]
pub struct ReadingArgs {
    /// Spans held until their trace is complete; above it traces are cut early, and counted
    #[arg(
        long,
        value_name = "N",
        default_value_t = NonZeroUsize::new(Settings::FILE_OPEN_RECORDS).expect("not zero"),
        help_heading = "Limits"
    )]
    pub max_open_spans: NonZeroUsize,
    /// How the traces were sampled.
    #[command(flatten)]
    pub sampling: SamplingArgs,
}

/// Arguments of `tracemesh collect`.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// YAML file of options, such as `flush-interval: 60s`; flags and TRACEMESH_* variables come before it
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    /// Print every option in force with its origin, as such a file, and do nothing else
    #[arg(long, help_heading = "Configuration")]
    pub print_config: bool,
    /// Address of the OTLP/gRPC receiver
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317", value_parser = parse_address)]
    pub grpc: SocketAddr,
    /// Address of the OTLP/HTTP receiver (protobuf and JSON)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318", value_parser = parse_address)]
    pub http: SocketAddr,
    /// What operators may ask, and where.
    #[command(flatten)]
    pub operators: AdminArgs,
    /// Receive Zipkin v2 JSON (`POST /api/v2/spans`), on 127.0.0.1:9411 unless another address follows; off unless given
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:9411",
        value_parser = parse_address
    )]
    pub zipkin: Option<SocketAddr>,
    /// The store: a directory, or a URL such as `s3://BUCKET/PREFIX`, `gs://..`, `az://..`
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE)]
    pub store: Location,
    /// How often a segment is written: `500ms`, `60s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub flush_interval: Duration,
    /// Name of this instance in the store: several may share one
    #[arg(long, value_name = "NAME", default_value = "collector")]
    pub instance: String,
    /// A trace is inferred when none of its spans came for this long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = "Traces")]
    pub trace_idle: Duration,
    /// A trace is inferred at this age, idle or not
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration, help_heading = "Traces")]
    pub trace_max_age: Duration,
    /// A trace that lacks something can still be completed for this long: late spans move its calls, and add none
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_duration, help_heading = "Traces")]
    pub late_wait: Duration,
    /// Spans that come again within this time of their trace count once
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_duration, help_heading = "Traces")]
    pub dedupe_window: Duration,
    /// Spans held until their trace is inferred, per shard, as far as the memory budget has room for them
    #[arg(
        long,
        value_name = "N",
        default_value = "10000000",
        help_heading = "Limits"
    )]
    pub max_open_spans: NonZeroUsize,
    /// Spans held in traces that wait for late ones, per shard; 0 waits for none
    #[arg(
        long,
        value_name = "N",
        default_value = "500000",
        help_heading = "Limits"
    )]
    pub max_waiting_spans: usize,
    /// Memory for spans of open and of waiting traces, over all shards: `512MiB`, `1GiB`. Above it what waited longest
    /// settles early, then traces are cut early, and counted
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1GiB",
        help_heading = "Limits"
    )]
    pub memory_budget: ByteSize,
    /// Threads that infer; one per core when not given
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub shards: Option<NonZeroUsize>,
    /// Spans that may wait to be sorted into traces; senders are told to come back when it is full
    #[arg(
        long,
        value_name = "N",
        default_value = "1000000",
        help_heading = "Limits"
    )]
    pub queue_spans: NonZeroUsize,
    /// How much senders can make the receiver hold.
    #[command(flatten)]
    pub receiver: ReceiverArgs,
    /// How far from its arrival a span may claim to have started; what claims more is moved to its arrival and counted.
    /// `none` keeps all times, for replays of old traces
    #[arg(
        long,
        value_name = "TIME",
        default_value = "7d",
        help_heading = "Limits"
    )]
    pub max_start_off: StartOff,
    /// How the traces were sampled.
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// Who may send.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// What is done for the store meanwhile.
    #[command(flatten)]
    pub upkeep: UpkeepArgs,
}

/// A size of 1 to 1024 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mebibytes(u16);

impl Mebibytes {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        (self.0 as usize) << 20
    }
}

impl FromStr for Mebibytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().filter(|mib| (1..=1024).contains(mib));
        number
            .map(Self)
            .ok_or_else(|| "give a whole number from 1 to 1024".to_owned())
    }
}

/// Where the store is unless told otherwise.
const DEFAULT_STORE: &str = "./tracemesh-data";

/// Where a reading command finds its graph: one of three.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Read trace files or directories of them: OTLP (JSON, protobuf), Zipkin v2 JSON, Jaeger JSON, plain, gzip or zstd,
    /// recognised by content; `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["graph", "store"], help_heading = "Input")]
    pub traces: Vec<PathBuf>,
    /// Read a snapshot written by `analyze` or `graph --format json`
    #[arg(
        long,
        value_name = "SNAPSHOT.json",
        conflicts_with = "store",
        help_heading = "Input"
    )]
    pub graph: Option<PathBuf>,
    /// How trace files are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Read the store of `tracemesh collect` and `tracemesh import`: a directory, or a URL such as `s3://..`
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE, help_heading = "Input")]
    pub store: Location,
    /// Which time of the store is read.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// Arguments of `tracemesh egress`.
#[derive(Debug, Args)]
pub struct EgressArgs {
    /// Services to write: node ids, `namespace/name`, or unique names; all when none is given
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Where the graph comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// For which mesh
    #[arg(long, value_name = "TARGET", default_value = "envoy")]
    pub target: EgressTarget,
    /// How much the files do
    #[arg(long, value_name = "PHASE", default_value = "transparent")]
    pub phase: Phase,
    /// An agent keeps `xds/eds` of every sidecar fresh: destinations that are tuned and whose endpoints the inventory
    /// knows take them from there, without DNS. Addresses of pods are true for minutes only
    #[arg(long, requires = "inventory")]
    pub endpoint_files: bool,
    /// Sidecars read this very directory: switch them to new clusters first and to new routes after this time, so that no
    /// call is lost
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub hand_over: Option<u64>,
    /// Directory to write; what it has of other services is left alone and stays in its index
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Let go of what the last run into this directory proposed for removal (`removals.md`), unless it was seen again
    #[arg(long)]
    pub accept_removals: bool,
    /// How names are understood.
    #[command(flatten)]
    pub names: NameArgs,
    /// How the report about the written services is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// Meshes that egress can be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EgressTarget {
    /// Envoy with file-based discovery
    Envoy,
}

/// How much generated egress does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Calls keep working as they do without a mesh; only metrics are added
    Transparent,
    /// Timeouts, retries, limits and ejection from observed facts, for each destination whose evidence suffices
    Tuned,
}

/// Reads `127.0.0.1:4317`, `[::1]:4317` or `localhost:4317`, which is the first of these. No other name is looked up:
/// where a receiver listens must not depend on who answers for a name.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.split_once(':') {
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    let address = numeric.parse().ok();
    address.ok_or_else(|| "give IP:PORT, such as 127.0.0.1:4317 or 0.0.0.0:4317".to_owned())
}

/// Arguments of `tracemesh explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Where the calls come from: a node id, `namespace/name`, or a unique name
    #[arg(value_name = "CALLER")]
    pub caller: String,
    /// Where they go; all edges of the caller in short when not given
    #[arg(value_name = "CALLEE")]
    pub callee: Option<String>,
    /// Tell what was seen from or to them that made no edge, and why
    #[arg(long)]
    pub missing: bool,
    /// Where the graph comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How the explanation is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// Arguments of `tracemesh doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Where the graph comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Only this service: a node id, `namespace/name`, or a unique name
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// How the report is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// Formats of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal of 80 columns
    Table,
    /// For programs
    Json,
}

/// Reads `500ms`, `60s`, `5m` or `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let Some(unit_ms) = unit_ms(unit) else {
        return Err("give a whole number and a unit: `500ms`, `60s`, `5m`, `1h`".to_owned());
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_ms))
        .filter(|&ms| (100..=86_400_000).contains(&ms))
        .map(Duration::from_millis)
        .ok_or_else(|| "give a time from 100ms to 24h".to_owned())
}

#[cfg(test)]
mod tests;
