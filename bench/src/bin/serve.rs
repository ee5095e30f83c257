//! The receiver as its senders load it: `tracemesh collect` beside servers that throw everything away.
//!
//! ```text
//! cargo build --release -p tracemesh -p tracemesh-bench
//! target/release/serve target/release/tracemesh [SPANS] [ROUNDS]
//! ```
//! The server runs on one core and this process, its client, on another. Each round starts every server anew and sends it the same
//! requests, so that what else the machine does falls on all of them. Processor time is that of the server's process from when
//! it listens: until the last answer, and until it has ended well, which for tracemesh is with every trace inferred and the
//! segment written. Fails when a span is not acknowledged, or tracemesh counts other spans than were sent.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tracemesh_bench::corpus::Corpus;
use tracemesh_bench::wire::Fault;
use tracemesh_bench::wire::client::{Pace, Sent, send};
use tracemesh_bench::wire::load::{Load, Protocol};
use tracemesh_bench::wire::metrics::{scrape, sum};
use tracemesh_bench::wire::process::{Server, Usage, free_address, stay_on};
use tracemesh_bench::wire::recording::{Recording, now_ns};

const SERVICES: usize = 20;
const CONNECTIONS: [usize; 3] = [1, 4, 16];
const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tracemesh,
    /// Throws bytes away.
    Raw,
    /// Decodes, and throws that away.
    Prost,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Tracemesh => "tracemesh",
            Self::Raw => "discard",
            Self::Prost => "tonic + prost",
        }
    }
}

/// One kind of server under one load, and what each round measured.
struct Row {
    kind: Kind,
    load: Arc<Load>,
    connections: usize,
    runs: Vec<Run>,
}

/// Nanoseconds are per span.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall_ns: f64,
    answered_ns: f64,
    all_ns: f64,
    peak_bytes: u64,
    turned_away: u64,
}

/// Where things are.
struct Place {
    tracemesh: PathBuf,
    discard: PathBuf,
    directory: TempDir,
}

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let usage = "serve TRACEMESH [SPANS] [ROUNDS]";
    let tracemesh = PathBuf::from(arguments.next().ok_or(usage)?);
    let mut number = |default| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (spans, rounds) = (number(524_288)?, number(5)?.max(1));
    stay_on(CLIENT_CORE)?;
    let place = Place {
        tracemesh,
        discard: std::env::current_exe()?.with_file_name("discard"),
        directory: tempfile::tempdir()?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut rows = rows(spans)?;
    for _ in 0..rounds {
        for row in &mut rows {
            let run = run(row, &place, &runtime)?;
            row.runs.push(run);
        }
    }
    print(&rows);
    Ok(())
}

/// Those that are compared with each other stand together, so that they run one after the other.
fn rows(spans: usize) -> Result<Vec<Row>, Fault> {
    let corpus = Corpus::usual(SERVICES, spans);
    println!("{SERVICES} services, {}", corpus.told());
    let recording = Recording::of_corpus(&corpus, now_ns())?;
    drop(corpus);
    let mut rows = Vec::new();
    for protocol in [Protocol::Grpc, Protocol::GrpcGzip, Protocol::HttpGzip] {
        let load = Arc::new(Load::new(&recording, protocol)?);
        let kinds: &[Kind] = match protocol.is_grpc() {
            true => &[Kind::Tracemesh, Kind::Raw, Kind::Prost],
            false => &[Kind::Tracemesh, Kind::Raw],
        };
        for connections in CONNECTIONS {
            rows.extend(kinds.iter().map(|kind| Row {
                kind: *kind,
                load: Arc::clone(&load),
                connections,
                runs: Vec::new(),
            }));
        }
    }
    Ok(rows)
}

fn run(row: &Row, place: &Place, runtime: &Runtime) -> Result<Run, Fault> {
    let [grpc, http, admin] = [free_address()?, free_address()?, free_address()?];
    let store = place.directory.path().join("store");
    let (program, arguments): (&Path, Vec<String>) = match row.kind {
        Kind::Tracemesh => (&place.tracemesh, collect(&store, [grpc, http, admin])),
        Kind::Raw | Kind::Prost => {
            let name = match row.kind {
                Kind::Raw => "raw",
                _ => "prost",
            };
            let arguments = [name.to_owned(), grpc.to_string(), http.to_string()];
            (&place.discard, arguments.to_vec())
        }
    };
    let to = match row.load.protocol.is_grpc() {
        true => grpc,
        false => http,
    };
    let log = place.directory.path().join("log");
    let server = Server::start(program, &arguments, Some(SERVER_CORE), (to, &log))?;
    let began = server.at_start;
    let sent = runtime.block_on(send(&row.load, to, row.connections, Pace::AtOnce))?;
    let answered = server.usage();
    if sent.spans != row.load.spans {
        return Err(format!("{} of {} acknowledged", sent.spans, row.load.spans).into());
    }
    if row.kind == Kind::Tracemesh {
        check(admin, &sent)?;
    }
    let ended = server.finish()?;
    if store.exists() {
        std::fs::remove_dir_all(&store)?;
    }
    Ok(Run::of(&sent, [began, answered, ended]))
}

/// As a user would start it, but for the addresses and the place of the store.
fn collect(store: &Path, [grpc, http, admin]: [SocketAddr; 3]) -> Vec<String> {
    let store = store.display();
    [
        "collect".to_owned(),
        format!("--grpc={grpc}"),
        format!("--http={http}"),
        format!("--admin={admin}"),
        format!("--store={store}"),
    ]
    .to_vec()
}

/// tracemesh must have counted what was acknowledged, and nothing else.
fn check(admin: SocketAddr, sent: &Sent) -> Result<(), Fault> {
    let samples = scrape(admin)?;
    let spans = |outcome| {
        let name = "tracemesh_received_spans_total";
        sum(&samples, name, &[("outcome", outcome)])
    };
    let (accepted, rejected) = (spans("accepted"), spans("rejected"));
    let requests = sum(
        &samples,
        "tracemesh_requests_total",
        &[("outcome", "accepted")],
    );
    let is_same = accepted.total_cmp(&(sent.spans as f64)).is_eq()
        && rejected.total_cmp(&0.0).is_eq()
        && requests.total_cmp(&(sent.requests as f64)).is_eq();
    match is_same {
        true => Ok(()),
        false => Err(format!(
            "{} spans in {} requests were acknowledged, tracemesh counts {accepted} in {requests}, and {rejected} rejected",
            sent.spans, sent.requests
        )
        .into()),
    }
}

impl Run {
    fn of(sent: &Sent, [began, answered, ended]: [Usage; 3]) -> Self {
        let per_span = |time: Duration| time.as_nanos() as f64 / sent.spans as f64;
        Self {
            wall_ns: per_span(sent.wall),
            answered_ns: per_span(answered.cpu - began.cpu),
            all_ns: per_span(ended.cpu - began.cpu),
            peak_bytes: ended.peak_bytes.max(answered.peak_bytes),
            turned_away: sent.turned_away,
        }
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:10} {:>5} {:14} {:>12} {:>9} {:>9} {:>9} {:>15} {:>18} {:>9} {:>7}",
        "protocol",
        "conns",
        "server",
        "M spans/s",
        "CPU ns",
        "in all",
        "least",
        "M spans/core s",
        "vs tonic + prost",
        "peak MiB",
        "refused"
    );
    for row in rows {
        let median = |value: fn(&Run) -> f64| sorted(row, value)[row.runs.len() / 2];
        let all_ns = median(|run| run.all_ns);
        let peak = row.runs.iter().map(|run| run.peak_bytes).max();
        let refused: u64 = row.runs.iter().map(|run| run.turned_away).sum();
        println!(
            "{:10} {:>5} {:14} {:>12.2} {:>9.0} {:>9.0} {:>9.0} {:>15.2} {:>18} {:>9} {refused:>7}",
            row.load.protocol.name(),
            row.connections,
            row.kind.name(),
            1e3 / median(|run| run.wall_ns),
            median(|run| run.answered_ns),
            all_ns,
            sorted(row, |run| run.all_ns)[0],
            1e3 / all_ns,
            ratios(row, rows),
            peak.unwrap_or_default() >> 20,
        );
    }
}

fn sorted(row: &Row, value: fn(&Run) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = row.runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// How many times the processor time of the row the baseline took: median of the rounds, least and most.
fn ratios(row: &Row, rows: &[Row]) -> String {
    let baseline = rows.iter().find(|other| {
        let is_alike =
            other.load.protocol == row.load.protocol && other.connections == row.connections;
        is_alike && other.kind == Kind::Prost
    });
    let Some(baseline) = baseline else {
        return "-".to_owned();
    };
    let rounds = row.runs.iter().zip(&baseline.runs);
    let mut ratios: Vec<f64> = rounds.map(|(own, its)| its.all_ns / own.all_ns).collect();
    ratios.sort_by(f64::total_cmp);
    let (median, last) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    format!("{median:.1} ({:.1}-{last:.1})", ratios[0])
}
