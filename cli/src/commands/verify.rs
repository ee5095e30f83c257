//! `tracemesh verify`: would these files have served that traffic, or what did sidecars see that traces did not.

use std::path::Path;

use tracemesh_graph::verify::{Report, Verification};

use crate::args::{Percent, ReportFormat, VerifyArgs};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::verify as render;
use crate::selection::resolve;
use crate::text::{count_of, counted};
use crate::verify::{ReadFault, read_index, read_tables};

mod drift;

/// Faults of directories that are told; the rest is counted.
const FAULTS: usize = 5;

/// Loads what is needed, judges and prints.
pub(super) fn run(arguments: &VerifyArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    match (&arguments.drift_log, &arguments.config) {
        (Some(log), _) => drift::run(log, arguments, output),
        (None, Some(config)) => held_out(config, arguments, output),
        (None, None) => Err(
            CliError::new("neither `--config` nor `--drift-log` is given")
                .hint("`tracemesh help verify` explains both"),
        ),
    }
}

fn held_out(
    config: &Path,
    arguments: &VerifyArgs,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    let directories = read_index(config).map_err(|fault| unreadable(config, &[fault]))?;
    let snapshot = source::load_whole(&arguments.source, "to verify egress", output)?;
    let mut wanted = Vec::new();
    for name in &arguments.service {
        wanted.push(resolve(&snapshot, name)?.id.as_str());
    }
    let mut verification = Verification::new(&snapshot, false);
    let mut faults = Vec::new();
    for caller in verification.callers() {
        if !wanted.is_empty() && !wanted.contains(&caller) {
            verification.leave_out(caller);
            continue;
        }
        output.progress(&format!("verifying {caller}"));
        let tables = directories.get(caller);
        match tables
            .map(|directory| read_tables(config, directory))
            .transpose()
        {
            Ok(tables) => verification.judge(caller, tables.as_ref()),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(unreadable(config, &faults));
    }
    let report = verification.report();
    let answer = answer(&report, arguments.floor);
    let text = match arguments.format {
        ReportFormat::Table => render::table(
            &report,
            arguments.floor,
            answer,
            output.capabilities().stdout,
        ),
        ReportFormat::Json => render::json(&report, arguments.floor, answer)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(if answer { Outcome::Done } else { Outcome::No })
}

/// Whether enough is covered and nothing is harmed. Nothing to judge is no.
fn answer(report: &Report, floor: Percent) -> bool {
    let callers = report.callers.iter();
    let mut findings = callers.flat_map(|caller| &caller.findings);
    let is_harmed = findings.any(|finding| finding.harm);
    !is_harmed && floor.is_met(report.calls.covered, report.calls.base())
}

fn unreadable(config: &Path, faults: &[ReadFault]) -> CliError {
    let mut told: Vec<String> = faults
        .iter()
        .take(FAULTS)
        .map(ToString::to_string)
        .collect();
    if let Some(more @ 1..) = faults.len().checked_sub(FAULTS) {
        told.push(format!("and {}", counted(count_of(more), "more", "more")));
    }
    CliError::new(format!(
        "cannot verify `{}`: {}",
        config.display(),
        told.join("; ")
    ))
    .hint("`--config` takes a directory of `tracemesh egress`; repair what is named, or write it again")
}
