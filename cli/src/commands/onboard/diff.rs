//! `tracemesh onboard diff`: what changed from one plan to another.

use tracemesh_graph::onboarding::difference;

use super::file;
use crate::args::{DiffPlansArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding::{difference_json, difference_table};
use crate::render::table::WIDTH;

/// Reads both plans, compares and prints. The answer is no when they ask for different things.
pub(super) fn run(arguments: &DiffPlansArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let before = file::read(&arguments.before)?;
    let after = file::read(&arguments.after)?;
    if before.mesh != after.mesh {
        let hint = "services are compared one by one all the same";
        output.warning("the plans are of different meshes", hint);
    }
    let found = difference(&before, &after);
    let text = match arguments.format {
        ReportFormat::Table => difference_table(&found, WIDTH),
        ReportFormat::Json => difference_json(&found),
    };
    output.data(&text)?;
    Ok(if found.is_empty() {
        Outcome::Done
    } else {
        Outcome::No
    })
}
