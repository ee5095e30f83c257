//! `tracemesh collect`: the OTLP receiver in the foreground, until it is told to stop.

mod page;

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::oneshot;
use tracemesh_collector::ReceiverLimits;
use tracemesh_collector::serve::{
    AdminAccess, BoundAddresses, CollectError, CollectOptions, CollectSummary, SecurityFiles,
    Signals, TlsFiles, collect,
};
use tracemesh_graph::sampling::SamplingRules;
use tracemesh_graph::settings::Settings;
use tracing::Level;

use crate::args::{AdminAccessArg, CollectArgs, ReceiverArgs, SecurityArgs};
use crate::commands::sampling;
use crate::config::Effective;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::terminal::Palette;
use crate::text::{counted, thousands};

/// Receives until SIGINT or SIGTERM, then tells what was received.
pub(super) fn run(
    arguments: CollectArgs,
    effective: Option<&Effective>,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    check_room(&arguments.receiver)?;
    let in_force = effective.map(Effective::lines).unwrap_or_default();
    if arguments.print_config {
        let lines: String = in_force.iter().map(|line| format!("{line}\n")).collect();
        output.data(&lines)?;
        return Ok(Outcome::Done);
    }
    let sampling = sampling::rules(&arguments.sampling)?;
    start_log(output.capabilities().stderr);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CliError::new("cannot start the receiver's threads")
                .because(error)
                .hint("the limit on threads or open files may be reached: see `ulimit -a`")
        })?;
    let (ready, bound) = oneshot::channel();
    let options = CollectOptions {
        configuration: in_force.iter().map(|line| format!("{line}\n")).collect(),
        ..options(arguments, sampling, ready)
    };
    let summary = runtime.block_on(receive(options, (bound, &in_force), output));
    // A store that hangs must not hold up the end: what it was to write is given up by now, or written.
    runtime.shutdown_background();
    let summary = summary?;
    output.note(&last_words(&summary));
    Ok(Outcome::Done)
}

async fn receive(
    options: CollectOptions,
    (bound, in_force): (oneshot::Receiver<BoundAddresses>, &[String]),
    output: &mut Output<'_>,
) -> Result<CollectSummary, CliError> {
    let mut signals = Signals::listen().map_err(|error| {
        CliError::new("cannot listen for signals")
            .because(error)
            .hint("without them the receiver could not be stopped cleanly: check the sandbox it runs in")
    })?;
    let store = options.store.to_string();
    let announce = async {
        if let Ok(bound) = bound.await {
            in_force.iter().for_each(|line| output.note(line));
            let zipkin = bound.zipkin.map(|address| format!(" Zipkin on {address},"));
            let admin = bound.admin.map_or_else(String::new, |admin| {
                format!("metrics and health on http://{admin}; ")
            });
            output.note(&format!(
                "receiving OTLP/gRPC on {}, OTLP/HTTP on {},{} into `{store}`; {admin}stop with Ctrl-C",
                bound.grpc,
                bound.http,
                zipkin.unwrap_or_default()
            ));
        }
    };
    let (stop, stopped) = oneshot::channel();
    let collected = async {
        let shutdown = async { drop(stopped.await) };
        tokio::join!(collect(options, shutdown), announce).0
    };
    let impatience = async {
        signals.next().await;
        if stop.send(()).is_err() {
            tracing::debug!("the receiver ends by itself");
        }
        signals.next().await;
    };
    tokio::select! {
        summary = collected => summary.map_err(into_error),
        () = impatience => Err(CliError::new("stopped at once by a second signal")
            .hint("spans received since the last flush are lost; one signal is enough to stop without loss")),
    }
}

fn options(
    arguments: CollectArgs,
    sampling: SamplingRules,
    ready: oneshot::Sender<BoundAddresses>,
) -> CollectOptions {
    let shards = arguments.shards.unwrap_or_else(all_cores);
    CollectOptions {
        grpc_address: arguments.grpc,
        http_address: arguments.http,
        admin_address: arguments.operators.admin.get(),
        admin_access: match arguments.operators.admin_access {
            AdminAccessArg::Local => AdminAccess::Local,
            AdminAccessArg::Secured => AdminAccess::Secured,
            AdminAccessArg::Open => AdminAccess::Open,
        },
        debug_pages: arguments.operators.debug_pages,
        graph_page: Some(page::graph),
        max_series: arguments.operators.max_series,
        zipkin_address: arguments.zipkin,
        store: arguments.store,
        instance: arguments.instance,
        flush_interval: arguments.flush_interval,
        upkeep: arguments.upkeep.upkeep(),
        shards,
        queue_records: arguments.queue_spans.get(),
        drain_timeout: arguments.receiver.drain_timeout,
        finish_timeout: arguments.receiver.finish_timeout,
        limits: limits(&arguments.receiver),
        cors_origins: arguments.security.cors_origin.clone(),
        security: security(arguments.security),
        settings: Settings {
            sampling,
            max_start_off_ms: arguments.max_start_off.ms(),
            slice_idle_ms: millis(arguments.trace_idle),
            slice_max_ms: millis(arguments.trace_max_age),
            late_wait_ms: millis(arguments.late_wait),
            dedupe_window_ms: millis(arguments.dedupe_window),
            max_open_records: arguments.max_open_spans.get(),
            max_waiting_records: arguments.max_waiting_spans,
            max_buffered_bytes: arguments.memory_budget.bytes() / shards,
            ..Settings::default()
        },
        ready: Some(ready),
        ..CollectOptions::default()
    }
}

/// A request of full length must find room when it comes alone.
fn check_room(arguments: &ReceiverArgs) -> Result<(), CliError> {
    let limits = limits(arguments);
    let least = limits.least_in_flight_bytes();
    if limits.max_in_flight_bytes >= least {
        return Ok(());
    }
    let least_mib = least.div_ceil(1 << 20);
    Err(CliError::new(format!(
        "`--max-in-flight-mib {}` has no room for one request of `--max-request-mib {}`, which may take {least_mib} MiB while it is taken in",
        arguments.max_in_flight_mib,
        limits.max_body_bytes >> 20,
    ))
    .hint(format!(
        "set `--max-in-flight-mib` to {least_mib} or more, or lower `--max-request-mib`"
    )))
}

fn limits(arguments: &ReceiverArgs) -> ReceiverLimits {
    let limits = ReceiverLimits::default();
    let max_body_bytes = arguments.max_request_mib.bytes();
    ReceiverLimits {
        max_body_bytes,
        // Compressed requests may grow, within the same proportion as by default.
        max_decompressed_bytes: max_body_bytes
            .saturating_mul(limits.max_decompressed_bytes / limits.max_body_bytes),
        max_in_flight_bytes: (arguments.max_in_flight_mib as usize).saturating_mul(1 << 20),
        max_connections: arguments.max_connections.get(),
        read_timeout: arguments.read_timeout,
        idle_timeout: arguments.idle_timeout,
        handshake_timeout: limits.handshake_timeout.min(arguments.idle_timeout),
        ..limits
    }
}

fn security(arguments: SecurityArgs) -> SecurityFiles {
    let SecurityArgs {
        tls_cert,
        tls_key,
        tls_client_ca,
        token_file,
        cors_origin: _,
    } = arguments;
    SecurityFiles {
        tls: tls_cert.zip(tls_key).map(|(certificate, key)| TlsFiles {
            certificate,
            key,
            client_ca: tls_client_ca,
        }),
        tokens: token_file,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A shard for every core that the process may use; one when the system does not tell.
fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Log lines go to standard error. A second call in one process, as in tests, keeps the first log.
fn start_log(palette: Palette) {
    let started = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(palette == Palette::Ansi)
        .with_target(false)
        .with_max_level(Level::INFO)
        .try_init();
    if let Err(error) = started {
        tracing::debug!(%error, "log already started");
    }
}

fn last_words(summary: &CollectSummary) -> String {
    let totals = &summary.totals;
    let mut words = format!(
        "received {} in {}, {} rejected; {} refused, {} turned away for a while; wrote {}",
        counted(totals.spans, "span", "spans"),
        counted(totals.requests, "request", "requests"),
        thousands(totals.rejected_spans),
        counted(totals.refused, "request", "requests"),
        thousands(totals.turned_away),
        counted(summary.segments, "segment", "segments"),
    );
    if !totals.refused_by.is_empty() {
        let reasons = totals.refused_by.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{reason}: {}", thousands(*count)))
            .collect();
        words.push_str("; requests not taken by reason: ");
        words.push_str(&reasons.join(", "));
    }
    if summary.cut_off {
        words.push_str("; requests still in work were cut off unanswered");
    }
    words
}

fn into_error(error: CollectError) -> CliError {
    let hint = error.hint().unwrap_or(match &error {
        CollectError::Store(_) => {
            "`--store` takes a directory that can be made and written: check the path, its permissions and the free space"
        }
        CollectError::Bind { .. } => {
            "`--grpc`, `--http`, `--zipkin` and `--admin` take an address of this machine, such as 127.0.0.1:4317"
        }
        CollectError::Threads(_) => {
            "pass fewer `--shards`, or raise the limit on threads: see `ulimit -u`"
        }
        CollectError::AdminExposed(_)
        | CollectError::AdminUnsecured
        | CollectError::Security(_)
        | CollectError::Unfinished(_)
        | CollectError::Lost
        | CollectError::Server { .. } => {
            "start it again; if it stays, report it with all that was printed"
        }
    });
    CliError::from_cause(error).hint(hint)
}
