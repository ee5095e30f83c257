//! `tracemesh verify --drift-log`: the log of a sidecar, summed up.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tracemesh_collector::input::decompressed;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::verify::drift::DriftReport;

use crate::args::{ReportFormat, VerifyArgs};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::verify as render;
use crate::selection::resolve;
use crate::verify::drift;

/// Reads, names and prints. The answer is no when an edge is missing.
pub(super) fn run(
    log: &Path,
    arguments: &VerifyArgs,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    let is_stdin = log.as_os_str() == "-";
    let reads_traces_from_stdin = arguments
        .source
        .traces
        .iter()
        .any(|path| path.as_os_str() == "-");
    if is_stdin && reads_traces_from_stdin {
        return Err(
            CliError::new("standard input cannot be the log and traces at once")
                .hint("write one of them to a file"),
        );
    }
    let snapshot = graph(arguments, output)?;
    let service = service(arguments, snapshot.as_ref())?;
    let report = read(log, is_stdin, service.as_deref(), snapshot.as_ref())?;
    if report.input.drift == 0 {
        output.warning(
            "the log has no line about what is not defined",
            "give standard output of Envoy in a pod, such as `kubectl logs POD -c CONTAINER`; if there was no such \
             traffic, there is nothing to tell",
        );
    }
    let text = match arguments.format {
        ReportFormat::Table => render::drift_table(&report, output.capabilities().stdout),
        ReportFormat::Json => render::drift_json(&report)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    let is_complete = report.missing().next().is_none();
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// The graph that names nodes, when one is given or the store is there.
fn graph(
    arguments: &VerifyArgs,
    output: &mut Output<'_>,
) -> Result<Option<GraphSnapshot>, CliError> {
    let source = &arguments.source;
    let is_given = source.graph.is_some() || !source.traces.is_empty() || source.store.is_there();
    if !is_given {
        output.note(
            "no traces, graph or store: nobody can be named; `--traces` or `--graph` give names",
        );
        return Ok(None);
    }
    source::load(source, output).map(Some)
}

/// Node id of the service whose log it is; as typed when there is no graph to look it up in.
fn service(
    arguments: &VerifyArgs,
    snapshot: Option<&GraphSnapshot>,
) -> Result<Option<String>, CliError> {
    match (arguments.service.as_slice(), snapshot) {
        ([], _) => Ok(None),
        ([name], Some(snapshot)) => Ok(Some(resolve(snapshot, name)?.id.clone())),
        ([name], None) => Ok(Some(name.clone())),
        _ => Err(
            CliError::new("a log is of one service, and several are given")
                .hint("give each log on its own"),
        ),
    }
}

fn read(
    log: &Path,
    is_stdin: bool,
    service: Option<&str>,
    snapshot: Option<&GraphSnapshot>,
) -> Result<DriftReport, CliError> {
    let unreadable = |error: std::io::Error| {
        CliError::file("cannot read", log, error)
            .hint("give standard output of Envoy, plain, gzip or zstd; `-` is standard input")
    };
    let raw: Box<dyn Read> = if is_stdin {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(log).map_err(unreadable)?)
    };
    let reader = decompressed(raw).map_err(unreadable)?;
    let (log, input) = drift::read(reader, service).map_err(unreadable)?;
    Ok(log.report(input, snapshot))
}
