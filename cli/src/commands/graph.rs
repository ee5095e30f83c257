//! `tracemesh graph`: the service graph on standard output.

use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::{GraphArgs, GraphFormat};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::{dot, table};
use crate::selection::{neighbourhood, resolve};

/// Loads, narrows and prints the graph.
pub(super) fn run(arguments: &GraphArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let detail = match arguments.format {
        GraphFormat::Json => Detail::Everything,
        GraphFormat::Dot | GraphFormat::Table => Detail::Topology,
    };
    let mut snapshot = source::load_detail(&arguments.source, detail, output)?;
    if let Some(wanted) = &arguments.service {
        let id = resolve(&snapshot, wanted)?.id.clone();
        snapshot = neighbourhood(snapshot, &id, arguments.depth)?;
    }
    let text = match arguments.format {
        GraphFormat::Json => json(&snapshot)?,
        GraphFormat::Dot => dot::render(&snapshot),
        GraphFormat::Table => table::render(&snapshot),
    };
    output.data(&text)?;
    Ok(Outcome::Done)
}

/// A snapshot as JSON of the schema `tracemesh.graph/v1`.
pub(super) fn json(snapshot: &GraphSnapshot) -> Result<String, CliError> {
    let mut text = serde_json::to_string_pretty(snapshot)
        .map_err(|error| CliError::new("cannot write the graph as JSON").because(error))?;
    text.push('\n');
    Ok(text)
}
