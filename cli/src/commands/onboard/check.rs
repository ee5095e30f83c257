//! `tracemesh onboard check`: does a plan that people edited still keep to every rule?

use tracemesh_graph::onboarding::check;

use super::{file, hash, load};
use crate::args::{CheckPlanArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding::violations;

/// Reads the plan, puts together what it is judged by, judges and prints.
pub(super) fn run(arguments: &CheckPlanArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let plan = file::read(&arguments.plan)?;
    let gathered = load(&arguments.planning, output)?;
    let part = gathered.part_of(&plan)?;
    let is_of_this_graph = hash::of(&part.input, &plan.options) == plan.input;
    let found = check(&part.input, &plan);
    let text = match arguments.format {
        ReportFormat::Table => violations::table(
            &plan,
            &found,
            is_of_this_graph,
            output.capabilities().stdout,
        ),
        ReportFormat::Json => violations::json(&plan, &found, is_of_this_graph)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(if found.is_empty() {
        Outcome::Done
    } else {
        Outcome::No
    })
}
