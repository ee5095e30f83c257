//! `tracemesh onboard`: in which order and waves services join the mesh.

use tracemesh_graph::onboarding::{Plan, PlanInput, PlanOptions, plan};
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::{OnboardArgs, PlanFormat};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding;
use crate::render::table::WIDTH;

/// Loads the graph, plans and prints.
pub(super) fn run(arguments: &OnboardArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let snapshot = source::load_whole(&arguments.source, "to plan onboarding", output)?;
    let plan = plan_of(&snapshot)?;
    let text = match arguments.format {
        PlanFormat::Table => onboarding::table(&plan, WIDTH),
        PlanFormat::Markdown => onboarding::markdown(&plan),
        PlanFormat::Json => onboarding::json(&plan),
    };
    output.data(&text)?;
    Ok(Outcome::Done)
}

/// The plan of a graph with default parameters.
pub(super) fn plan_of(snapshot: &GraphSnapshot) -> Result<Plan, CliError> {
    let options = PlanOptions::default();
    let input = PlanInput::from_snapshot(snapshot, &options);
    plan(&input, &options, None).map_err(CliError::from_cause)
}
