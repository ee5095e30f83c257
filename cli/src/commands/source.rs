//! Where a reading command gets its graph: trace files, a snapshot file, or the store.

mod file;
mod store;
mod traces;
mod window;

use tracemesh_collector::store::Wanted;
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::SourceArgs;
use crate::commands::sampling;
use crate::error::CliError;
use crate::findings::bounds_reached;
use crate::output::Output;
use crate::selection::require_whole;

pub(super) use file::read as read_snapshot;
pub(super) use store::into_error as unusable;
pub(super) use traces::{
    inputs, into_error as unreadable, progress_line, read as read_traces, settings, skipped_note,
};
pub(super) use window::{now, told};

/// Against traces cut short in a store: the bound of `collect` is one per shard, not that of reading files.
const STORE_ADVICE: &str =
    "run `tracemesh collect` with more `--shards`: each holds so many open spans";

/// The whole graph that the arguments point to; a part is refused, because its gaps would be taken for the truth.
/// `purpose` says what for, such as `to derive egress`.
pub(super) fn load_whole(
    arguments: &SourceArgs,
    purpose: &str,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    let snapshot = load(arguments, output)?;
    require_whole(&snapshot, purpose)?;
    Ok(snapshot)
}

/// The graph that the arguments point to, whole or a part. What was passed over on the way is told as notes, bounds
/// that were reached as warnings.
pub(super) fn load(
    arguments: &SourceArgs,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    load_detail(arguments, Detail::Everything, output)
}

/// [`load`] for a command that does not need everything of a store.
pub(super) fn load_detail(
    arguments: &SourceArgs,
    detail: Detail,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    let snapshot = read(arguments, detail, output)?;
    let is_stored = arguments.graph.is_none() && arguments.traces.is_empty();
    for finding in bounds_reached(&snapshot) {
        let hint = match finding.rule {
            "traces_cut" if is_stored => STORE_ADVICE,
            _ => &finding.advice,
        };
        output.warning(&finding.text, hint);
    }
    Ok(snapshot)
}

fn read(
    arguments: &SourceArgs,
    detail: Detail,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    if arguments.traces.is_empty() {
        sampling::refuse(&arguments.reading.sampling)?;
    }
    if arguments.graph.is_some() || !arguments.traces.is_empty() {
        window::refuse(arguments)?;
    }
    if let Some(path) = &arguments.graph {
        return file::read(path);
    }
    if arguments.traces.is_empty() {
        let window = window::wanted(&arguments.window, now())?;
        return store::read(&arguments.store, &Wanted { window, detail }, output);
    }
    let traces = read_traces(&arguments.traces, &arguments.reading, output)?;
    if let Some(note) = traces.skipped_note() {
        output.note(&note);
    }
    Ok(traces.snapshot)
}
