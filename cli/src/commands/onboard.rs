//! `tracemesh onboard`: in which order and waves services join the mesh, and what becomes of such a plan.
//!
//! ```text
//! graph + policy + status + flags -> gather -> one part per mesh -> plan -> one format, or a directory of all
//!                       PLAN.json -> file  -> explain, check, diff, status
//! ```

use std::path::Path;

use tracemesh_graph::onboarding::{Plan, PlanInput};

use crate::args::{OnboardArgs, OnboardCommand, PlanFormat, PlanningArgs};
use crate::commands::{files, source};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding;
use crate::render::table::WIDTH;
use crate::text::{count_of, counted};

mod check;
mod diff;
mod explain;
mod file;
mod gather;
mod hash;
mod packs;
mod pins;
mod previous;
mod set;
mod status;

use gather::Part;
pub(super) use gather::{Gathered, Told, gather};
pub(super) use packs::Packs;
pub(super) use set::{PlanFiles, plan_files};

/// Makes a plan, or runs the command that asks about one.
pub(super) fn run(arguments: &OnboardArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    match &arguments.command {
        None => make(arguments, output),
        Some(OnboardCommand::Explain(arguments)) => explain::run(arguments, output),
        Some(OnboardCommand::Check(arguments)) => check::run(arguments, output),
        Some(OnboardCommand::Diff(arguments)) => diff::run(arguments, output),
        Some(OnboardCommand::Status(arguments)) => status::run(arguments, output),
    }
}

fn make(arguments: &OnboardArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    if let Some(out) = &arguments.out {
        files::check_out(out)?;
    }
    let packs = arguments.packs.as_deref().map(Packs::read).transpose()?;
    let gathered = load(&arguments.planning, output)?;
    let plans = plans(&gathered, arguments.previous.as_deref(), output)?;
    match &arguments.out {
        Some(out) => write(out, &plans, packs.as_ref(), output),
        None => print(arguments.format, &plans, output),
    }
}

/// A plan, and what it was made from.
#[derive(Debug)]
pub(super) struct Made<'a> {
    /// The plan.
    pub(super) plan: Plan,
    /// Its graph.
    pub(super) input: &'a PlanInput,
}

/// Everything that is said about the services of the graph that planning is asked for.
fn load(arguments: &PlanningArgs, output: &mut Output<'_>) -> Result<Gathered, CliError> {
    let snapshot = source::load_whole(&arguments.source, "to plan onboarding", output)?;
    let told = Told {
        policy: arguments.told.policy.as_deref(),
        status: arguments.told.status.as_deref(),
        inventory: arguments.told.inventory.as_deref(),
        today: arguments.told.today,
    };
    gather(&snapshot, told, &arguments.wishes, output)
}

/// One plan per part, each a repair of its earlier one where there is one.
pub(super) fn plans<'a>(
    gathered: &'a Gathered,
    previous: Option<&Path>,
    output: &mut Output<'_>,
) -> Result<Vec<Made<'a>>, CliError> {
    let mut plans = Vec::new();
    for part in &gathered.parts {
        output.progress(&format!("planning {}", part.title()));
        let earlier = previous.map(|path| previous::of(path, part, gathered.parts.len() > 1));
        let earlier = earlier.transpose()?.flatten();
        if previous.is_some() && earlier.is_none() {
            output.note(&format!(
                "{} has no earlier plan there: this is its first",
                part.title()
            ));
        }
        plans.push(Made {
            plan: gathered.plan(part, earlier.as_ref())?,
            input: &part.input,
        });
    }
    Ok(plans)
}

fn write(
    out: &Path,
    plans: &[Made<'_>],
    packs: Option<&Packs>,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    let set = plan_files(out, plans, packs)?;
    files::write(out, &set.files)?;
    for note in &set.stale {
        output.note(note);
    }
    if set.without_pack > 0 {
        let count = counted(count_of(set.without_pack), "service has", "services have");
        output.note(&format!(
            "{count} no pack with a workload, and so stand in no kustomization"
        ));
    }
    let (waves, services) = plans.iter().fold((0, 0), |(waves, services), made| {
        (
            waves + made.plan.summary.waves,
            services + made.plan.summary.planned,
        )
    });
    let mut text = format!(
        "plan of {} in {}, in {}\n",
        counted(count_of(services), "service", "services"),
        counted(count_of(waves), "wave", "waves"),
        crate::text::printable(&out.display().to_string()),
    );
    let width = set.told.iter().map(|(path, _)| path.len()).max();
    let width = width.unwrap_or(0);
    for (path, what) in &set.told {
        text.push_str(&format!("  {path:<width$}  {what}\n"));
    }
    output.data(&text)?;
    Ok(Outcome::Done)
}

fn print(
    format: PlanFormat,
    plans: &[Made<'_>],
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    let is_for_people = matches!(format, PlanFormat::Table | PlanFormat::Markdown);
    if !is_for_people && plans.len() > 1 {
        let names: Vec<&str> = plans
            .iter()
            .filter_map(|made| made.plan.mesh.as_deref())
            .collect();
        return Err(CliError::new(format!(
            "the policy has {} meshes, and this format holds one plan",
            plans.len()
        ))
        .hint(format!(
            "name one with `--mesh`, or write all with `--out`: {}",
            names.join(", ")
        )));
    }
    let mut text = String::new();
    for made in plans {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&rendered(format, made)?);
    }
    output.data(&text)?;
    Ok(Outcome::Done)
}

fn rendered(format: PlanFormat, made: &Made<'_>) -> Result<String, CliError> {
    let plan = &made.plan;
    let undated = || {
        CliError::new("the plan has no dates").hint(
            "give the first day with `--start`, or as `start` under `onboarding.calendar` in the policy",
        )
    };
    match format {
        PlanFormat::Table => Ok(onboarding::table(plan, WIDTH)),
        PlanFormat::Markdown => Ok(onboarding::markdown(plan)),
        PlanFormat::Json => Ok(onboarding::json(plan)),
        PlanFormat::Csv => Ok(onboarding::csv(plan)),
        PlanFormat::Ics => onboarding::ics(plan).ok_or_else(undated),
        PlanFormat::SvgCurves => Ok(onboarding::protection_svg(plan)),
        PlanFormat::SvgGantt => onboarding::gantt_svg(plan).ok_or_else(undated),
        PlanFormat::Dot => Ok(onboarding::dot(plan, made.input)),
    }
}
