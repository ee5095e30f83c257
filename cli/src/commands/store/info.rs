//! `tracemesh store info`: what a store holds.

use tracemesh_collector::store::info;

use super::into_error;
use crate::args::{InspectArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::store;

/// Reads names and manifests, and tells what they say.
pub(super) fn run(arguments: &InspectArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let info = info(&arguments.store).map_err(into_error)?;
    let text = match arguments.format {
        ReportFormat::Table => store::info_table(&info, output.capabilities().stdout),
        ReportFormat::Json => store::json(&info)?,
    };
    output.data(&text)?;
    Ok(Outcome::Done)
}
