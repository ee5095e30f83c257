//! A wave of the runbook: dates, gate in, a checklist per service, what to switch afterwards, gate out.

use tracemesh_graph::onboarding::{CurvePoint, EdgeRef, Plan, PlannedService, Wave};

use super::head::shares;
use super::{Page, VOICE};
use crate::render::onboarding::words::sheet::{Row, rows};
use crate::render::onboarding::words::{self, counted, percent, why};

pub(super) fn wave(page: &mut Page, plan: &Plan, wave: &Wave, before: Option<&Wave>) {
    page.heading(2, &format!("Wave {}", wave.wave));
    summary(page, plan, wave);
    if wave.services.is_empty() {
        return;
    }
    gate_in(page, plan, wave, before);
    page.heading(3, &format!("Services of wave {}", wave.wave));
    for service in &wave.services {
        one(page, plan, wave, service);
    }
    flips(page, plan, wave);
    gate_out(page, plan, wave);
}

fn summary(page: &mut Page, plan: &Plan, wave: &Wave) {
    let limits = &wave.limits;
    page.line(&format!(
        "{} of at most {}, touching {} of the traffic (cap {}), risk up to {:.2}; {} of root requests pass through them.",
        counted(wave.services.len(), "service"),
        limits.size,
        percent(wave.touched),
        percent(limits.traffic),
        limits.risk,
        percent(wave.blast_radius)
    ));
    if let Some(dates) = words::dates(plan, wave.wave) {
        page.line(&format!("Dates: {}.", words::dates_text(dates, VOICE)));
    }
    if wave.alone {
        page.line("Its service is above the traffic cap and therefore alone.");
    }
    if wave.services.is_empty() {
        page.line(
            "Every service left is held back by a pin, a freeze, an order, or waves in flight.",
        );
    }
    for exception in &wave.exceptions {
        page.line(&format!(
            "**Exception**: {}.",
            why::exception(exception, VOICE)
        ));
    }
}

fn gate_in(page: &mut Page, plan: &Plan, wave: &Wave, before: Option<&Wave>) {
    page.heading(3, &format!("Before wave {} starts", wave.wave));
    if let Some(before) = before {
        page.task(&gate(plan, wave, before));
        page.task(
            "The protection that was planned until now has arrived: `tracemesh onboard status` on fresh traces is within 5 points of it",
        );
    }
    page.task("No incident is open at the services of this wave, or at who calls them");
    page.task("Egress files and label patches of the services below are generated from fresh traces and reviewed");
    let teams: Vec<String> = wave
        .team_load
        .iter()
        .map(|(team, load)| format!("{} ({load})", (VOICE.name)(team)))
        .collect();
    let teams = if teams.is_empty() {
        String::new()
    } else {
        format!(": {}", VOICE.some(&teams))
    };
    page.task(&format!("The owners know and agreed to the dates{teams}"));
}

/// With one wave at a time the bake before has to be over; with more, its canary has to have passed.
fn gate(plan: &Plan, wave: &Wave, before: &Wave) -> String {
    let in_flight = plan.options.in_flight;
    let at_once = if wave.limits.ramp {
        in_flight.ramp
    } else {
        in_flight.after
    };
    if at_once > 1 {
        let first = wave.wave.saturating_sub(at_once);
        let done = if first > 0 {
            format!(", and wave {first} is through")
        } else {
            String::new()
        };
        format!(
            "The canary of wave {} is within its limits{done}",
            before.wave
        )
    } else {
        format!(
            "Wave {} is through: its exit gate is ticked off",
            before.wave
        )
    }
}

fn one(page: &mut Page, plan: &Plan, wave: &Wave, service: &PlannedService) {
    let mut facts = Vec::new();
    if let Some(team) = &service.team {
        facts.push(format!("team {}", (VOICE.name)(team)));
    }
    if let Some(tier) = service.tier {
        facts.push(format!("tier {tier}"));
    }
    facts.push(format!("risk {:.2}", service.risk.score));
    facts.push(format!("touches {}", percent(service.touched)));
    let name = VOICE.node(&service.service);
    page.task(&format!("**{name}**: {}", facts.join(", ")));
    for Row {
        label,
        text,
        is_task,
        steps,
    } in rows(plan, wave, service, VOICE)
    {
        let mark = if is_task { "[ ] " } else { "" };
        page.line(format!("  - {mark}{label}: {text}").trim_end());
        for (number, step) in steps.iter().enumerate() {
            page.line(&format!("    {}. {step}", number + 1));
        }
    }
}

/// What to switch once every service of the wave is fully rolled out.
fn flips(page: &mut Page, plan: &Plan, wave: &Wave) {
    page.heading(
        3,
        &format!("After the rolling updates of wave {}", wave.wave),
    );
    let arrow = |edge: &EdgeRef| VOICE.arrow(&edge.caller, &edge.callee);
    let both: Vec<&EdgeRef> = wave
        .services
        .iter()
        .flat_map(|service| &service.turns_on.both)
        .collect();
    if both.is_empty() {
        page.item("No call has both ends in the mesh that had not before");
    } else {
        let text = VOICE.edges(both, arrow);
        page.task(&format!(
            "mTLS, peer identity and, because the callee can shed load, mesh retries can be used on {text}"
        ));
    }
    // Without a budget they are among those with both ends in.
    if words::budget(&plan.options).is_some() && !wave.retries_on.is_empty() {
        let text = VOICE.edges(&wave.retries_on, arrow);
        page.task(&format!(
            "Mesh retries can be used, held by the retry budget, on {text}"
        ));
    }
    if !wave.strict_ready.is_empty() {
        let ready = VOICE.nodes(&wave.strict_ready);
        page.task(&format!(
            "After the bake, and only if no call in plaintext arrived in all of it: strict mTLS on {ready}. From then on no caller of them can be rolled back first"
        ));
    }
}

fn gate_out(page: &mut Page, plan: &Plan, wave: &Wave) {
    page.heading(3, &format!("Wave {} is through when", wave.wave));
    let bake = plan.options.calendar.bake_days;
    page.task(&format!(
        "Every canary stayed within its limits for {bake} days, a weekly peak among them, and had the requests that it needs"
    ));
    let cells = &plan.options.calendar.cells;
    if cells.is_empty() {
        page.task("Every instance of every service above has a sidecar");
    } else {
        let cells: Vec<String> = cells.iter().map(|cell| (VOICE.name)(cell)).collect();
        page.task(&format!(
            "Every instance of every service above has a sidecar in {}",
            VOICE.some(&cells)
        ));
    }
    page.task("What could be switched above is switched, or somebody decided that it is not");
    let at = |wave: u32| plan.curves.iter().find(|point| point.wave == wave);
    let (before, after) = (at(wave.wave.saturating_sub(1)), at(wave.wave));
    if let (Some(before), Some(after)) = (before, after) {
        page.task(&format!(
            "Fresh traces show the planned protection: {}",
            change(before, after)
        ));
    }
    page.item("To roll back the wave: service by service, the last one first, with the steps that stand beside each");
}

fn change(before: &CurvePoint, after: &CurvePoint) -> String {
    let names = ["shed", "client", "both", "strict", "storms left"];
    let pairs = shares(before).into_iter().zip(shares(after));
    let changes: Vec<String> = names
        .iter()
        .zip(pairs)
        .map(|(name, (before, after))| format!("{name} {before} -> {after}"))
        .collect();
    changes.join(", ")
}
