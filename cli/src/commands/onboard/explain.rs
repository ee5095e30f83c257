//! `tracemesh onboard explain`: everything that a plan says about one service.

use tracemesh_graph::onboarding::Plan;

use super::{file, load, plans};
use crate::args::ExplainPlanArgs;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding;
use crate::render::table::WIDTH;
use crate::selection::resolve_id;

/// Reads or makes the plan, finds the service and tells.
pub(super) fn run(
    arguments: &ExplainPlanArgs,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    let plans = match &arguments.plan {
        Some(path) => vec![file::read(path)?],
        None => {
            let gathered = load(&arguments.planning, output)?;
            let made = plans(&gathered, arguments.previous.as_deref(), output)?;
            made.into_iter().map(|made| made.plan).collect()
        }
    };
    let ids: Vec<&str> = plans.iter().flat_map(services).collect();
    let id = resolve_id(&ids, &arguments.service)?.to_owned();
    let plan = plans
        .iter()
        .find(|plan| services(plan).any(|known| known == id));
    let plan = plan.expect("an id of these plans is in one of them");
    let text = onboarding::explain(plan, &id, WIDTH).map_err(CliError::from_cause)?;
    output.data(&text)?;
    Ok(Outcome::Done)
}

/// Every service that a plan speaks of.
fn services(plan: &Plan) -> impl Iterator<Item = &str> {
    let waves = plan.waves.iter().flat_map(|wave| &wave.services);
    let planned = waves.map(|service| service.service.as_str());
    let done = plan.done.iter().map(String::as_str);
    let unplanned = plan
        .unplanned
        .iter()
        .map(|service| service.service.as_str());
    planned.chain(done).chain(unplanned)
}
