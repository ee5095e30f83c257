//! `tracemesh policy`: what is wrong with a policy file, and what it says.

use crate::args::{PolicyArgs, PolicyCheckArgs, PolicyCommand, ReportFormat};
use crate::commands::source::read_snapshot;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::policy::report::report;
use crate::policy::{check, today};
use crate::render::policy;

/// Runs the command that was given.
pub(super) fn run(arguments: &PolicyArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let PolicyCommand::Check(arguments) = &arguments.command;
    run_check(arguments, output)
}

/// Reads, judges and prints. The answer is no when there is any fault.
fn run_check(arguments: &PolicyCheckArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let today = arguments.today.unwrap_or_else(today);
    let checked = check(&arguments.file, today)?;
    let graph = arguments.graph.as_deref().map(read_snapshot).transpose()?;
    let file = arguments.file.display().to_string();
    let report = report(file, &checked, today, graph.as_ref());
    let text = match arguments.format {
        ReportFormat::Table => policy::table(&report, output.capabilities().stdout),
        ReportFormat::Json => policy::json(&report)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(if report.valid {
        Outcome::Done
    } else {
        Outcome::No
    })
}
