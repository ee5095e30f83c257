//! `tracemesh store check`: is everything in a store whole?

use tracemesh_collector::store::check;

use super::into_error;
use crate::args::{InspectArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::store;

/// Reads everything. The answer is no when anything is foreign or damaged.
pub(super) fn run(arguments: &InspectArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    output.progress("reading every table of the store");
    let check = check(&arguments.store).map_err(into_error)?;
    let text = match arguments.format {
        ReportFormat::Table => store::check_table(&check, output.capabilities().stdout),
        ReportFormat::Json => store::json(&check)?,
    };
    output.data(&text)?;
    Ok(match check.is_sound() {
        true => Outcome::Done,
        false => Outcome::No,
    })
}
