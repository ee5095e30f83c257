//! The head of the runbook: exceptions first, then what was asked for, how good the plan is, and the curves.

use tracemesh_graph::onboarding::{CurvePoint, Curves, Plan, PlanOptions};

use super::{Page, VOICE};
use crate::render::onboarding::words::{self, counted, percent, why};

pub(super) fn head(page: &mut Page, plan: &Plan) {
    let mesh = plan.mesh.as_ref();
    let mesh = mesh.map_or_else(String::new, |mesh| {
        format!(" of mesh {}", (VOICE.name)(mesh))
    });
    page.heading(1, &format!("Onboarding plan{mesh}"));
    page.line(&format!(
        "{} join the mesh in {}: each gets a sidecar, the proxy through which its calls go.",
        words::scope(plan),
        counted(plan.summary.waves, "wave"),
    ));
    if let Some(calendar) = &plan.calendar {
        page.line(&format!(
            "From {} to {}, {:.1} weeks; on average a unit of protection arrives after {:.1} weeks.",
            calendar.start, calendar.end, calendar.weeks, calendar.mean_weeks
        ));
    }
    exceptions(page, plan);
    contradictions(page, plan);
    moves(page, plan);
    made(page, plan);
    inverted(page, plan);
}

fn exceptions(page: &mut Page, plan: &Plan) {
    if plan.summary.exceptions == 0 {
        return;
    }
    page.heading(2, "Exceptions");
    for wave in &plan.waves {
        let services = VOICE.nodes(wave.services.iter().map(|service| &service.service));
        for exception in &wave.exceptions {
            let why = why::exception(exception, VOICE);
            page.item(&format!("**Wave {}** ({services}): {why}", wave.wave));
        }
    }
}

fn contradictions(page: &mut Page, plan: &Plan) {
    if plan.contradictions.is_empty() {
        return;
    }
    page.heading(2, "Sources of status disagree");
    for found in &plan.contradictions {
        page.task(&why::contradiction(found, VOICE));
    }
}

fn moves(page: &mut Page, plan: &Plan) {
    let Some(replan) = &plan.replan else {
        return;
    };
    page.heading(2, "Moved since the plan before");
    page.line(&words::replan::summary(plan, replan));
    if !replan.moves.is_empty() {
        page.line("");
    }
    for step in &replan.moves {
        page.item(&words::replan::moved(step, VOICE));
    }
}

fn made(page: &mut Page, plan: &Plan) {
    page.heading(2, "How it was made");
    if let Some(window) = words::window(plan) {
        page.item(&format!("Traces: {window}"));
    }
    if !plan.input.is_empty() {
        page.item(&format!("Made from: {}", (VOICE.name)(&plan.input)));
    }
    page.item(&format!("Goal: {}", words::goal(plan.options.goal)));
    page.item(&format!("Order: {}", words::order(&plan.options)));
    for line in words::bounds(plan) {
        page.item(&format!("Distance from the best possible: {line}"));
    }
    page.item(&format!(
        "A unit of protection arrives in wave {:.2} on average",
        plan.summary.mean_wave
    ));
    if let Some(rule) = words::rule(plan) {
        page.item(&format!("Rule: {}", (VOICE.name)(&rule)));
    }
    limits(page, &plan.options);
}

fn limits(page: &mut Page, options: &PlanOptions) {
    let ramp = &options.ramp;
    let cap = ramp.size_cap.map_or_else(
        || "the larger of 5 and a twentieth of the services".to_owned(),
        |cap| cap.to_string(),
    );
    page.item(&format!(
        "Size: {} at first, times {} per wave, up to {cap}; {} per team and wave",
        ramp.first_size, ramp.growth, ramp.team_cap
    ));
    let whole = |share: f64| format!("{:.0} %", 100.0 * share);
    page.item(&format!(
        "Touched traffic per wave: {}; a service above the last value goes alone",
        words::ramp(&ramp.traffic_caps, whole)
    ));
    page.item(&format!(
        "Risk of a service: {}",
        words::ramp(&ramp.risk_ceilings, |risk| format!("{risk:.2}"))
    ));
    let flight = options.in_flight;
    page.item(&format!(
        "No two services that call each other change at the same time; waves in flight: {} while the limits widen, then {}",
        flight.ramp.max(1),
        flight.after.max(1)
    ));
    let weights = &options.weights;
    page.item(&format!(
        "Weights: shed {}, client {}, both {}, exposure {}, wave {}",
        weights.shed, weights.client, weights.both, weights.exposure, weights.wave
    ));
    match words::budget(options) {
        Some(budget) => page.item(&format!("Retry budget of the mesh: {}", percent(budget))),
        None => page.item(
            "Retry budget of the mesh: none given, so retries wait for a callee that can shed load",
        ),
    }
}

fn inverted(page: &mut Page, plan: &Plan) {
    if plan.inverted.is_empty() {
        return;
    }
    page.heading(2, "Callers that join before their callees");
    page.line(&format!(
        "{}. They are {} of the calls by services.\n",
        why::inversions(&plan.inverted, words::budget(&plan.options)),
        percent(plan.summary.caller_first)
    ));
    let mut edges: Vec<_> = plan.inverted.iter().collect();
    edges.sort_by(|a, b| {
        let by_attempts = b.with_mesh_retries.total_cmp(&a.with_mesh_retries);
        by_attempts.then(b.share.total_cmp(&a.share))
    });
    for edge in edges.iter().take(VOICE.most) {
        page.item(&why::inverted(edge, VOICE));
    }
    let more = edges.len().saturating_sub(VOICE.most);
    if more > 0 {
        page.item(&format!(
            "and {more} more: the JSON of the plan has all of them"
        ));
    }
}

pub(super) fn protection(page: &mut Page, plan: &Plan) {
    page.heading(2, "Protection");
    page.line("| After wave | Canary | Services | Touched | Shed | Client | Both | Strict | Storms left |");
    page.line("|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    for point in &plan.curves {
        let wave = plan.waves.iter().find(|wave| wave.wave == point.wave);
        let (count, touched) = wave.map_or((plan.done.len(), String::new()), |wave| {
            (wave.services.len(), percent(wave.touched))
        });
        let canary = words::dates(plan, point.wave).map(|dates| dates.canary.to_string());
        page.line(&format!(
            "| {} | {} | {count} | {touched} | {} |",
            point.wave,
            canary.unwrap_or_default(),
            shares(point).join(" | ")
        ));
    }
    let most = CurvePoint {
        wave: 0,
        curves: plan.maximum,
        exposure: plan.curves.last().map_or(0.0, |last| last.exposure),
    };
    page.line(&format!(
        "| most |  |  |  | {} |",
        shares(&most).join(" | ")
    ));
    page.line("");
    for text in [
        "**Touched**: traffic that enters or leaves the services of the wave.",
        "**Shed**: the callee can refuse load before it fails (adaptive concurrency, rate limit). Share of all calls.",
        "**Client**: the caller has timeouts, outlier detection (hosts that fail are left out) and circuit breaking (limits on what is under way). Share of calls by services.",
        "**Both**: both ends have a sidecar, so calls are encrypted and each end knows the other (mTLS). Share of calls by services.",
        "**Strict**: the callee can refuse calls that are not encrypted, once none has arrived for the whole bake. Share of calls by services.",
        "**Storms left**: load that retries can add at services which cannot shed yet, as a share of what there was.",
    ] {
        page.item(text);
    }
}

/// Shares of a point in the order of the columns.
pub(super) fn shares(point: &CurvePoint) -> [String; 5] {
    let Curves {
        shed,
        client,
        both,
        strict,
    } = point.curves;
    [shed, client, both, strict, point.exposure].map(percent)
}
