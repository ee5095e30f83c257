//! Parameters of two plans, as text by path.

use jiff::civil::Date;

use super::super::dates::{Freeze, Workday};
use super::super::options::{Goal, MeshMode, Order, PlanOptions};
use super::OptionChange;

/// Parameters that differ, in the order of [`PlanOptions`].
pub(super) fn changes(before: &PlanOptions, after: &PlanOptions) -> Vec<OptionChange> {
    let pairs = all(before).into_iter().zip(all(after));
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((option, before), (_, after))| OptionChange {
            option: option.to_owned(),
            before,
            after,
        })
        .collect()
}

type Named = (&'static str, String);

fn all(options: &PlanOptions) -> Vec<Named> {
    let mut named = vec![
        ("goal", goal(options.goal).to_owned()),
        ("order", order(options.order).to_owned()),
        ("mesh_mode", mode(options.mesh_mode).to_owned()),
    ];
    ramp(options, &mut named);
    search(options, &mut named);
    people(options, &mut named);
    calendar(options, &mut named);
    named
}

fn ramp(options: &PlanOptions, named: &mut Vec<Named>) {
    let (ramp, weights) = (&options.ramp, &options.weights);
    named.extend([
        ("ramp.first_size", ramp.first_size.to_string()),
        ("ramp.growth", ramp.growth.to_string()),
        ("ramp.size_cap", or_none(ramp.size_cap)),
        ("ramp.traffic_caps", list(&ramp.traffic_caps)),
        ("ramp.risk_ceilings", list(&ramp.risk_ceilings)),
        ("ramp.team_cap", ramp.team_cap.to_string()),
        ("weights.shed", weights.shed.to_string()),
        ("weights.client", weights.client.to_string()),
        ("weights.both", weights.both.to_string()),
        ("weights.exposure", weights.exposure.to_string()),
        ("weights.wave", weights.wave.to_string()),
    ]);
}

fn search(options: &PlanOptions, named: &mut Vec<Named>) {
    let replanning = options.replanning;
    named.extend([
        ("in_flight.ramp", options.in_flight.ramp.to_string()),
        ("in_flight.after", options.in_flight.after.to_string()),
        ("adjacent_share", options.adjacent_share.to_string()),
        ("waves_done", options.waves_done.to_string()),
        ("assumed_attempts", options.assumed_attempts.to_string()),
        ("retry_budget", or_none(options.retry_budget)),
        ("search.tries", options.search.tries.to_string()),
        (
            "replanning.frozen_waves",
            replanning.frozen_waves.to_string(),
        ),
        ("replanning.tolerance", replanning.tolerance.to_string()),
        (
            "replanning.full_replan_gap",
            replanning.full_replan_gap.to_string(),
        ),
    ]);
}

fn people(options: &PlanOptions, named: &mut Vec<Named>) {
    let groups = &options.groups;
    let before = groups.before.iter().map(|(a, b)| format!("{a} before {b}"));
    named.extend([
        ("groups.before", listed(before)),
        (
            "groups.together",
            listed(groups.together.iter().map(|group| group.join(" + "))),
        ),
        (
            "groups.apart",
            listed(groups.apart.iter().map(|group| group.join(" + "))),
        ),
        ("freezes", listed(options.freezes.iter().map(freeze))),
        ("team_attribute", or_none(options.team_attribute.as_ref())),
    ]);
}

fn calendar(options: &PlanOptions, named: &mut Vec<Named>) {
    let calendar = &options.calendar;
    let days = calendar
        .working_days
        .iter()
        .map(|day| weekday(*day).to_owned());
    named.extend([
        ("calendar.start", or_none(calendar.start)),
        ("calendar.prepare_days", calendar.prepare_days.to_string()),
        ("calendar.bake_days", calendar.bake_days.to_string()),
        ("calendar.rollout_days", calendar.rollout_days.to_string()),
        ("calendar.working_days", listed(days)),
        ("calendar.cells", listed(calendar.cells.iter().cloned())),
        ("calendar.cell_lag_days", calendar.cell_lag_days.to_string()),
    ]);
}

fn freeze(freeze: &Freeze) -> String {
    let span = |from: Date, to: Date| format!("{from} to {to}");
    let holds = listed(freeze.teams.iter().chain(&freeze.services).cloned());
    format!(
        "{} {} for {holds}",
        freeze.name,
        span(freeze.from, freeze.to)
    )
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn list(values: &[f64]) -> String {
    listed(values.iter().map(f64::to_string))
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        "none".to_owned()
    } else {
        values.join(", ")
    }
}

const fn goal(goal: Goal) -> &'static str {
    match goal {
        Goal::Balanced => "balanced",
        Goal::StrictMtls => "strict_mtls",
        Goal::RiskAverse => "risk_averse",
    }
}

const fn order(order: Order) -> &'static str {
    match order {
        Order::Soft => "soft",
        Order::CalleeFirst => "callee_first",
        Order::CallerFirst => "caller_first",
    }
}

const fn mode(mode: MeshMode) -> &'static str {
    match mode {
        MeshMode::Permissive => "permissive",
        MeshMode::StrictOnly => "strict_only",
    }
}

const fn weekday(day: Workday) -> &'static str {
    match day {
        Workday::Monday => "monday",
        Workday::Tuesday => "tuesday",
        Workday::Wednesday => "wednesday",
        Workday::Thursday => "thursday",
        Workday::Friday => "friday",
        Workday::Saturday => "saturday",
        Workday::Sunday => "sunday",
    }
}
