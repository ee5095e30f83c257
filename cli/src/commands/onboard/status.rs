//! `tracemesh onboard status`: is the rollout where its plan says?

use tracemesh_graph::onboarding::{Due, progress};

use super::{Told, file, gather};
use crate::args::{ReportFormat, StatusArgs, WishArgs};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::policy;
use crate::render::onboarding::progress as render;

/// Reads the plan and the fresh graph, compares and prints.
pub(super) fn run(arguments: &StatusArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let plan = file::read(&arguments.plan)?;
    let snapshot = source::load_whole(&arguments.source, "to compare with a plan", output)?;
    let told = Told {
        policy: arguments.told.policy.as_deref(),
        status: arguments.told.status.as_deref(),
        inventory: arguments.told.inventory.as_deref(),
        today: arguments.told.today,
    };
    let gathered = gather(&snapshot, told, &WishArgs::default(), output)?;
    drop(snapshot);
    let part = gathered.part_of(&plan)?;
    let due = match arguments.waves_done {
        Some(over) => Due::Waves { over },
        None => Due::Calendar {
            today: arguments.told.today.unwrap_or_else(policy::today),
        },
    };
    let mut found = progress(&plan, &part.input, due);
    found.contradictions = gathered.contradictions(part);
    let text = match arguments.format {
        ReportFormat::Table => render::table(&found, output.capabilities().stdout),
        ReportFormat::Json => render::json(&found)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(if found.is_behind {
        Outcome::No
    } else {
        Outcome::Done
    })
}
