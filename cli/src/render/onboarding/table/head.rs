//! The top of the plan: scope, exceptions, contradictions, moves, then how it was made and how good it can be.

use tracemesh_graph::onboarding::Plan;

use super::{Page, VOICE};
use crate::render::onboarding::text::cut;
use crate::render::onboarding::words::{self, counted, percent, why};

/// Where everything is.
const WHOLE: &str = "`--format json` has all of them";

pub(super) fn title(page: &mut Page, plan: &Plan) {
    let mesh = plan.mesh.as_ref();
    let mesh = mesh.map_or_else(String::new, |mesh| {
        format!(" of mesh {}", (VOICE.name)(mesh))
    });
    page.say(&format!(
        "Onboarding plan{mesh}: {} in {}",
        words::scope(plan),
        counted(plan.summary.waves, "wave")
    ));
    if let Some(calendar) = &plan.calendar {
        page.say(&format!(
            "{} to {}: {:.1} weeks, {:.1} on average until a unit of protection arrives",
            calendar.start, calendar.end, calendar.weeks, calendar.mean_weeks
        ));
    }
}

pub(super) fn exceptions(page: &mut Page, plan: &Plan) {
    let exceptions = plan.waves.iter().flat_map(|wave| {
        let of_wave = wave.exceptions.iter();
        of_wave.map(move |exception| (wave, exception))
    });
    let lines: Vec<String> = exceptions
        .map(|(wave, exception)| {
            let services = VOICE.nodes(wave.services.iter().map(|service| &service.service));
            let why = why::exception(exception, VOICE);
            format!("wave {} ({services}): {why}", wave.wave)
        })
        .collect();
    if !lines.is_empty() {
        page.heading(&format!("EXCEPTIONS ({})", lines.len()));
        page.list(lines.into_iter(), WHOLE);
    }
}

pub(super) fn contradictions(page: &mut Page, plan: &Plan) {
    let found = plan.contradictions.iter();
    if found.len() > 0 {
        page.heading(&format!("SOURCES OF STATUS DISAGREE ({})", found.len()));
        page.list(found.map(|found| why::contradiction(found, VOICE)), WHOLE);
    }
}

pub(super) fn moves(page: &mut Page, plan: &Plan) {
    let Some(replan) = &plan.replan else {
        return;
    };
    page.heading(&format!(
        "MOVED SINCE THE PLAN BEFORE ({})",
        replan.moves.len()
    ));
    page.say(&words::replan::summary(plan, replan));
    let moves = replan.moves.iter();
    page.list(moves.map(|step| words::replan::moved(step, VOICE)), WHOLE);
}

pub(super) fn facts(page: &mut Page, plan: &Plan) {
    page.line("");
    if let Some(window) = words::window(plan) {
        page.say(&format!("traces    {window}"));
    }
    if !plan.input.is_empty() {
        let input = format!("input     {}", (VOICE.name)(&plan.input));
        page.line(&cut(&input, page.width));
    }
    page.say(&format!("goal      {}", words::goal(plan.options.goal)));
    page.say(&format!("order     {}", words::order(&plan.options)));
    for line in words::bounds(plan) {
        page.say(&format!("bound     {line}"));
    }
    if let Some(rule) = words::rule(plan) {
        page.say(&format!("rule      {}", (VOICE.name)(&rule)));
    }
    page.say(&format!(
        "arrival   a unit of protection arrives in wave {:.2} on average",
        plan.summary.mean_wave
    ));
    if plan.traffic.to_outside > 0.0 {
        page.say(&format!(
            "traffic   {} of it ends at what cannot join",
            percent(plan.traffic.to_outside)
        ));
    }
}
