//! Everything that is known of a planned service, as rows: the runbook makes a checklist of them, `onboard explain` a page.

use tracemesh_graph::onboarding::{Hazard, Plan, PlannedService, RetriesOff, RiskPart, Wave};

use super::{Voice, dates, hazards, number, percent, rollouts_text, rule, steps, watch, why};

/// A line about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Row {
    /// What it is about.
    pub(in super::super) label: &'static str,
    /// What is to know or to do; escaped.
    pub(in super::super) text: String,
    /// Whether somebody has to do it.
    pub(in super::super) is_task: bool,
    /// What it consists of, in order; `text` is empty then.
    pub(in super::super) steps: Vec<String>,
}

const fn fact(label: &'static str, text: String) -> Row {
    Row {
        label,
        text,
        is_task: false,
        steps: Vec::new(),
    }
}

const fn task(label: &'static str, text: String) -> Row {
    Row {
        label,
        text,
        is_task: true,
        steps: Vec::new(),
    }
}

/// The rows in the order in which a reviewer asks, and then the steps in the order in which they are done.
pub(in super::super) fn rows(
    plan: &Plan,
    wave: &Wave,
    service: &PlannedService,
    voice: Voice,
) -> Vec<Row> {
    let mut rows = vec![fact("Why here", why_here(plan, wave, service, voice))];
    if !service.blocked.is_empty() {
        rows.push(fact("Not earlier", why::blocked(&service.blocked, voice)));
    }
    rows.push(fact("Risk", risk(service)));
    rows.push(fact("Load", load(service)));
    rows.push(fact("Turns on", turns_on(service, voice)));
    if !service.retries_off.is_empty() {
        let text = retries_off(&service.retries_off, voice);
        rows.push(task("Keep mesh retries off", text));
    }
    rows.push(fact("Strict mTLS", why::strict(&service.strict, voice)));
    rows.push(fact("Evidence", evidence(service)));
    rows.extend(
        service
            .hazards
            .iter()
            .map(|found| task("Hazard", hazard(found, voice))),
    );
    rows.push(task("Canary", canary(plan, service)));
    rows.push(task("Watch", watched(service)));
    rows.push(task("Rolling update", rollout(plan, wave, voice)));
    rows.push(Row {
        label: "To roll back",
        text: String::new(),
        is_task: false,
        steps: steps::rollback(&service.service, &service.rollback, voice),
    });
    rows
}

fn why_here(plan: &Plan, wave: &Wave, service: &PlannedService, voice: Voice) -> String {
    let gain = &service.gain;
    let parts = [
        ("shedding", gain.shed),
        ("client features", gain.client),
        ("both ends in", gain.both),
        ("retry storms ended", gain.exposure),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, part)| *part >= 5e-5)
        .map(|(name, part)| format!("{name} {part:.4}"))
        .collect();
    let parts = if parts.is_empty() {
        "no protection of observed traffic".to_owned()
    } else {
        parts.join(" + ")
    };
    let mut text = format!("worth {:.4} now = {parts}", gain.total());
    if let Some(rule) = rule(plan) {
        text.push_str(&format!("; rule {}", (voice.name)(&rule)));
    }
    if wave.alone {
        text.push_str("; above the traffic cap, and therefore alone in its wave");
    }
    text
}

fn risk(service: &PlannedService) -> String {
    let mut parts: Vec<&RiskPart> = service.risk.parts.iter().collect();
    parts.sort_by(|a, b| b.points.total_cmp(&a.points));
    let parts: Vec<String> = parts
        .into_iter()
        .map(|part| format!("{} {:.3}", part.factor.label(), part.points))
        .collect();
    format!("{:.3} = {}", service.risk.score, parts.join(" + "))
}

fn load(service: &PlannedService) -> String {
    let load = &service.amplification;
    let about = if service.criticality_estimated {
        "about "
    } else {
        ""
    };
    let mut text = format!(
        "{about}{} of root requests pass through it; touches {} of the traffic; if it fails and all layers retry, x{} load, worst path x{}",
        percent(service.criticality),
        percent(service.touched),
        number(load.mean, 1),
        number(load.worst_path, 1)
    );
    text.push_str(if load.assumed {
        " (attempts assumed)"
    } else {
        " (attempts observed)"
    });
    if load.cycle {
        text.push_str(", may be higher: a cycle was cut above it");
    }
    text
}

fn turns_on(service: &PlannedService, voice: Voice) -> String {
    let on = &service.turns_on;
    let mut parts = vec![format!(
        "it can shed load, {} of the traffic",
        percent(on.shed)
    )];
    if !on.client.is_empty() {
        let text = voice.edges(&on.client, |edge| voice.node(&edge.callee));
        parts.push(format!(
            "timeouts, outlier detection and circuit breaking on calls to {text}"
        ));
    }
    if !on.both.is_empty() {
        let text = voice.edges(&on.both, |edge| {
            if edge.caller == service.service {
                format!("to {}", voice.node(&edge.callee))
            } else {
                format!("from {}", voice.node(&edge.caller))
            }
        });
        parts.push(format!("mTLS and peer identity {text}"));
    }
    parts.join("; ")
}

fn retries_off(off: &[RetriesOff], voice: Voice) -> String {
    let until = |off: &RetriesOff| match off.until {
        Some(wave) => format!("to {} until after wave {wave}", voice.node(&off.callee)),
        None => format!("to {} (never sheds in this plan)", voice.node(&off.callee)),
    };
    let items: Vec<String> = off.iter().map(until).collect();
    format!("{}; or set a retry budget", voice.some(&items))
}

fn evidence(service: &PlannedService) -> String {
    let (share, weakest) = service.evidence.weakest();
    let mut text = if share < 1.0 {
        let weakest = match weakest {
            "requests" => "the number of requests",
            "days" => "the days seen, of a week",
            "confidence" => "calls without a span of the callee",
            _ => "calls to unknown destinations",
        };
        format!("{share:.2} of 1, held down by {weakest}")
    } else {
        "1 of 1".to_owned()
    };
    if service.requests > 0 {
        let requests = crate::text::thousands(service.requests);
        let unseen = service.unseen.map_or_else(
            || "too few to tell which calls are unseen".to_owned(),
            |bound| {
                let bound = super::fine_percent(bound);
                format!("a call that less than {bound} of them make may be unseen")
            },
        );
        text.push_str(&format!("; {requests} requests seen: {unseen}"));
    }
    text
}

fn hazard(hazard: &Hazard, voice: Voice) -> String {
    format!(
        "{} ({}): {}",
        (voice.name)(&hazard.code),
        hazards::severity(hazard.severity),
        hazards::fix(hazard)
    )
}

fn canary(plan: &Plan, service: &PlannedService) -> String {
    let bake = plan.options.calendar.bake_days;
    watch::canary(&service.canary, service.health.instances, bake)
}

fn watched(service: &PlannedService) -> String {
    let limits: Vec<String> = service.canary.watch.iter().map(watch::limit).collect();
    limits.join(", ")
}

fn rollout(plan: &Plan, wave: &Wave, voice: Voice) -> String {
    match dates(plan, wave.wave) {
        Some(dates) => format!(
            "{}; nothing that needs both ends before {}",
            rollouts_text(dates, voice),
            dates.flips
        ),
        None => format!(
            "after the canary, over {} working days; nothing that needs both ends before it is over",
            plan.options.calendar.rollout_days
        ),
    }
}
