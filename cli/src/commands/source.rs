//! Where a reading command gets its graph: trace files, a snapshot file, or the store.

mod file;
mod store;
mod traces;

use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::SourceArgs;
use crate::error::CliError;
use crate::output::Output;
use crate::selection::require_whole;

pub(super) use traces::read as read_traces;

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

/// The graph that the arguments point to, whole or a part. What was passed over on the way is told as notes.
pub(super) fn load(
    arguments: &SourceArgs,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    if let Some(path) = &arguments.graph {
        return file::read(path);
    }
    if arguments.traces.is_empty() {
        return store::read(&arguments.store, output);
    }
    let traces = read_traces(&arguments.traces, arguments.reading, output)?;
    if let Some(note) = traces.skipped_note() {
        output.note(&note);
    }
    Ok(traces.snapshot)
}
