//! `tracemesh doctor`: is this trace data good enough, and what to fix where it is not.

use tracemesh_graph::doctor::{Grade, Report, examine};
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::{DoctorArgs, ReportFormat};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::doctor;
use crate::selection::resolve;

/// Loads the graph, judges and prints. The answer is no from grade D on.
pub(super) fn run(arguments: &DoctorArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let snapshot = source::load_detail(&arguments.source, Detail::Topology, output)?;
    let report = match &arguments.service {
        Some(wanted) => narrowed(&snapshot, wanted)?,
        None => examine(&snapshot),
    };
    let text = match arguments.format {
        ReportFormat::Table => doctor::table(&report, output.capabilities().stdout),
        ReportFormat::Json => doctor::json(&report)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(match report.grade {
        Grade::A | Grade::B | Grade::C => Outcome::Done,
        Grade::D => Outcome::No,
    })
}

/// The report about one service alone: its grade is the grade.
fn narrowed(snapshot: &GraphSnapshot, wanted: &str) -> Result<Report, CliError> {
    let node = resolve(snapshot, wanted)?;
    let mut report = examine(snapshot);
    report.services.retain(|service| service.service == node.id);
    report.blind.retain(|service| *service == node.id);
    report.reasons.clear();
    let Some(service) = report.services.first() else {
        return Err(CliError::new(format!(
            "`{}` emits no spans, so there is nothing to judge",
            node.id
        ))
        .hint(format!(
            "`tracemesh explain {wanted} --missing` tells what others say about it"
        )));
    };
    report.grade = service.grade;
    report.unseen = service.unseen;
    Ok(report)
}
