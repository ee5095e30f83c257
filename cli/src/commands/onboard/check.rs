//! `tracemesh onboard check`: does a plan that people edited still keep to every rule?
//!
//! Only the waves of the file are trusted. What they have to keep to is what the policy and the flags say, or, without a policy, what
//! the file names as its options.

use std::collections::BTreeSet;

use tracemesh_graph::onboarding::{
    Plan, PlanInput, PlanOptions, Violation, ViolationCode, assignment, check, planned_before,
    revalidate_repair,
};

use super::{Gathered, Part, file, hash, load};
use crate::args::{CheckPlanArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::onboarding::violations::{self, Judgement};

/// Reads the plan, puts together what it is judged by, judges and prints.
pub(super) fn run(arguments: &CheckPlanArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let plan = file::read(&arguments.plan)?;
    let gathered = load(&arguments.planning, output)?;
    let part = gathered.part_of(&plan)?;
    let options = options(&plan, &gathered, part);
    let violations = violations(&part.input, &options, &plan);
    let stale = check(&part.input, &plan).into_iter();
    let stale = stale.filter(|found| !is_about_waves(found.code));
    let judgement = Judgement {
        plan: &plan,
        is_of_this_input: hash::of(&part.input, &plan.options) == plan.input,
        other_options: changed(&plan.options, &options),
        stale: stale.collect(),
        violations,
    };
    let text = match arguments.format {
        ReportFormat::Table => violations::table(&judgement, output.capabilities().stdout),
        ReportFormat::Json => violations::json(&judgement)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(if judgement.violations.is_empty() {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// What the waves have to keep to. Where the rollout stands (waves that are over, the first day) is what the plan says in any case,
/// unless a flag says it.
fn options(plan: &Plan, gathered: &Gathered, part: &Part) -> PlanOptions {
    let mut options = if gathered.has_policy {
        part.options.clone()
    } else {
        let mut options = plan.options.clone();
        gathered.lay_wishes_over(&mut options);
        options
    };
    options.facts.clear();
    if gathered.waves_said.is_none() {
        options.waves_done = plan.options.waves_done;
    }
    if gathered.start_said.is_none() {
        options.calendar.start = plan.options.calendar.start;
    }
    options
}

fn violations(input: &PlanInput, options: &PlanOptions, plan: &Plan) -> Vec<Violation> {
    let judged = revalidate_repair(input, options, &assignment(plan), &planned_before(plan));
    let mut found: BTreeSet<Violation> = judged.into_iter().collect();
    // An assignment has one wave per service: who stands in several shows in the file alone.
    let twice = check(input, plan).into_iter();
    found.extend(twice.filter(|found| found.code == ViolationCode::NotOnce));
    found.into_iter().collect()
}

/// Whether a rule is about who stands where, and not about numbers beside it.
const fn is_about_waves(code: ViolationCode) -> bool {
    !matches!(
        code,
        ViolationCode::BrokenArc
            | ViolationCode::FalseException
            | ViolationCode::WaveFacts
            | ViolationCode::ServiceFacts
            | ViolationCode::RiskParts
            | ViolationCode::Curve
            | ViolationCode::Strict
            | ViolationCode::Retries
            | ViolationCode::Rollback
            | ViolationCode::Summary
            | ViolationCode::Bound
            | ViolationCode::Dates
            | ViolationCode::ShortBake
            | ViolationCode::Moves
    )
}

/// Names of the options that the file has otherwise.
fn changed(file: &PlanOptions, asked: &PlanOptions) -> Vec<String> {
    let fields = |options: &PlanOptions| match serde_json::to_value(options) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (file, asked) = (fields(file), fields(asked));
    let differ = asked
        .iter()
        .filter(|(name, value)| file.get(*name) != Some(*value));
    differ.map(|(name, _)| name.clone()).collect()
}
