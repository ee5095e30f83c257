//! `tracemesh explain`: the evidence for an edge, or what was seen and made none.

use tracemesh_graph::explain::{explain, missing};
use tracemesh_graph::segment::tables::Detail;

use crate::args::{ExplainArgs, ReportFormat};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::explain as render;
use crate::selection::resolve;

/// Loads the graph, explains and prints. The answer is no when two ends were named and no edge joins them; then what is
/// missing on both sides is told, asked or not.
pub(super) fn run(arguments: &ExplainArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    // JSON has every fact of an edge.
    let detail = match arguments.format {
        ReportFormat::Table => Detail::Topology,
        ReportFormat::Json => Detail::Everything,
    };
    let snapshot = source::load_detail(&arguments.source, detail, output)?;
    let caller = &resolve(&snapshot, &arguments.caller)?.id;
    let callee = match &arguments.callee {
        Some(wanted) => Some(resolve(&snapshot, wanted)?.id.as_str()),
        None => None,
    };
    let mut explanation = explain(&snapshot, caller, callee);
    let is_joined = callee.is_none() || !explanation.edges.is_empty();
    if arguments.missing || explanation.edges.is_empty() {
        let ends = [
            Some(caller.as_str()),
            callee.filter(|callee| callee != caller),
        ];
        let ends = ends.into_iter().flatten();
        explanation.missing = ends.map(|id| missing(&snapshot, id)).collect();
    }
    let text = match arguments.format {
        ReportFormat::Table => render::table(&explanation, output.capabilities().stdout),
        ReportFormat::Json => render::json(&explanation).map_err(|error| {
            CliError::new("cannot write the explanation as JSON").because(error)
        })?,
    };
    output.data(&text)?;
    Ok(if is_joined {
        Outcome::Done
    } else {
        Outcome::No
    })
}
