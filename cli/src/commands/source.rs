//! Where a reading command gets its graph: trace files, a snapshot file, or the store.

mod file;
mod store;
mod traces;

use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::SourceArgs;
use crate::error::CliError;
use crate::output::Output;

pub(super) use traces::read as read_traces;

/// The graph that the arguments point to. What was passed over on the way is told as notes.
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
