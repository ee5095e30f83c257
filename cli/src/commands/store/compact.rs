//! `tracemesh store compact`: segments of hours and days put together, and what is too old removed.

use tracemesh_collector::store::{Pace, plan_upkeep, tend};

use super::{into_error, now};
use crate::args::{CompactArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::{store, upkeep};

/// Does it, or tells what would be done; "no" when something had to be left as it is.
pub(super) fn run(arguments: &CompactArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let (location, wanted) = (&arguments.store, arguments.upkeep());
    let report = match arguments.dry_run {
        true => plan_upkeep(location, wanted, now()),
        false => tend(location, wanted, now(), &Pace::new(&|| true)),
    };
    let report = upkeep::Compaction::new(report.map_err(into_error)?, arguments.dry_run);
    let text = match arguments.format {
        ReportFormat::Table => upkeep::compaction_table(&report, output.capabilities().stdout),
        ReportFormat::Json => store::json(&report)?,
    };
    output.data(&text)?;
    Ok(match report.is_complete() {
        true => Outcome::Done,
        false => Outcome::No,
    })
}
