//! The plan before: where it lies, and what of it goes on.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::Date;
use tracemesh_graph::onboarding::{Plan, PlanInput, PlanOptions, Status, waves_over};

use super::gather::Part;
use super::{file, set};
use crate::error::CliError;

/// The earlier plan of a part, from its file or from the directory of an `--out`. None when the directory has none for it.
pub(super) fn of(path: &Path, part: &Part, several: bool) -> Result<Option<Plan>, CliError> {
    if path.is_dir() {
        let directory = match &part.mesh {
            Some(mesh) => path.join(set::mesh_directory(mesh)),
            None => path.to_owned(),
        };
        let plan = directory.join(set::PLAN);
        if !plan.is_file() && part.mesh.is_some() {
            return Ok(None);
        }
        return file::read(&plan).map(Some);
    }
    let plan = file::read(path)?;
    if plan.mesh == part.mesh {
        return Ok(Some(plan));
    }
    let name = path.display();
    let is_of = match &plan.mesh {
        Some(mesh) => format!("of mesh `{mesh}`"),
        None => "of a whole graph".to_owned(),
    };
    let message = format!("`{name}` is a plan {is_of}, not of {}", part.title());
    let hint = if several {
        "give the directory that `--out` wrote, with the plans of all meshes, or one of them with `--mesh`"
    } else {
        "give the earlier plan of the same mesh"
    };
    Err(CliError::new(message).hint(hint))
}

/// Lets the ramp and the dates go on where the earlier plan left off. `waves_said` and `start_said` win: somebody knows better.
///
/// Without a day that was said, the first wave left keeps the day that it had.
pub(super) fn go_on(
    options: &mut PlanOptions,
    earlier: &Plan,
    part: &Part,
    waves_said: Option<u32>,
    start_said: Option<Date>,
) {
    options.waves_done = waves_said.unwrap_or_else(|| waves_over(earlier, &done(&part.input)));
    if start_said.is_some() {
        return;
    }
    if let Some(calendar) = &earlier.calendar {
        let first = options.waves_done.saturating_add(1);
        let dates = calendar.waves.iter().find(|dates| dates.wave == first);
        let start = dates.map_or_else(
            || calendar.end.saturating_add(1.day()),
            |dates| dates.canary,
        );
        options.calendar.start = Some(start);
    }
}

/// Services that are in.
fn done(input: &PlanInput) -> BTreeSet<String> {
    let services = input.services.iter();
    let done = services.filter(|(_, service)| service.status == Status::Done);
    done.map(|(id, _)| id.clone()).collect()
}
