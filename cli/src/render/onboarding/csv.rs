//! The plan as CSV for trackers and spreadsheets: one line for each service, those that are not planned included.
//!
//! Quoting is that of [`crate::render::csv`]: cells are no formulas, and one line each.

use tracemesh_graph::onboarding::{LimitName, Plan, PlannedService, Strict, Wave, WaveDates};

use super::words::{dates, hazards, short};
use crate::render::csv::push;

const HEADER: [&str; 21] = [
    "wave",
    "prepare",
    "canary",
    "bake_until",
    "rollout_from",
    "rollout_to",
    "flips",
    "service",
    "namespace",
    "team",
    "tier",
    "risk",
    "touched",
    "criticality",
    "gain",
    "hazards",
    "strict_from_wave",
    "canary_instances",
    "exceptions",
    "status",
    "id",
];

/// The plan as CSV with a header line. Shares are fractions of 1; what is not known is empty. `status` is `planned`, `done`, `excluded`
/// or `blocked`.
#[must_use]
pub fn csv(plan: &Plan) -> String {
    let mut text = String::new();
    push(&mut text, &HEADER.map(str::to_owned));
    for wave in &plan.waves {
        for service in &wave.services {
            push(&mut text, &planned(plan, wave, service));
        }
    }
    for id in &plan.done {
        push(&mut text, &other(id, "done", ""));
    }
    for service in &plan.unplanned {
        let status = if service.blockers.is_empty() {
            "excluded"
        } else {
            "blocked"
        };
        push(
            &mut text,
            &other(&service.service, status, &service.blockers.join("; ")),
        );
    }
    text
}

fn planned(plan: &Plan, wave: &Wave, service: &PlannedService) -> [String; HEADER.len()] {
    let dates = dates(plan, wave.wave);
    let day =
        |pick: &dyn Fn(&WaveDates) -> Option<String>| dates.and_then(pick).unwrap_or_default();
    let (namespace, name) = split(&service.service);
    let hazards: Vec<String> = service
        .hazards
        .iter()
        .map(|hazard| format!("{} ({})", hazard.code, hazards::severity(hazard.severity)))
        .collect();
    let exceptions: Vec<String> = wave
        .exceptions
        .iter()
        .map(|exception| limit(exception.limit).to_owned())
        .collect();
    [
        wave.wave.to_string(),
        day(&|dates| Some(dates.prepare.to_string())),
        day(&|dates| Some(dates.canary.to_string())),
        day(&|dates| Some(dates.bake_until.to_string())),
        day(&|dates| {
            dates
                .rollouts
                .first()
                .map(|rollout| rollout.from.to_string())
        }),
        day(&|dates| dates.rollouts.last().map(|rollout| rollout.to.to_string())),
        day(&|dates| Some(dates.flips.to_string())),
        name,
        namespace,
        service.team.clone().unwrap_or_default(),
        service
            .tier
            .map(|tier| tier.to_string())
            .unwrap_or_default(),
        format!("{:.4}", service.risk.score),
        format!("{:.6}", service.touched),
        format!("{:.6}", service.criticality),
        format!("{:.6}", service.gain.total()),
        hazards.join("; "),
        match service.strict {
            Strict::Ready { wave, .. } => wave.to_string(),
            Strict::Never { .. } => "never".to_owned(),
        },
        service.canary.instances.to_string(),
        exceptions.join("; "),
        "planned".to_owned(),
        service.service.clone(),
    ]
}

fn other(id: &str, status: &str, hazards: &str) -> [String; HEADER.len()] {
    let (namespace, name) = split(id);
    HEADER.map(|column| match column {
        "service" => name.clone(),
        "namespace" => namespace.clone(),
        "hazards" => hazards.to_owned(),
        "status" => status.to_owned(),
        "id" => id.to_owned(),
        _ => String::new(),
    })
}

/// As in the JSON of the plan.
const fn limit(limit: LimitName) -> &'static str {
    match limit {
        LimitName::Size => "size",
        LimitName::Team => "team",
        LimitName::Traffic => "traffic",
        LimitName::Risk => "risk",
        LimitName::Adjacent => "adjacent",
    }
}

/// Namespace, empty where there is none, and name of a service.
fn split(id: &str) -> (String, String) {
    let id = short(id);
    let (namespace, name) = id.split_once('/').unwrap_or(("", id));
    (namespace.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_their_namespace_beside_their_name() {
        let split = |id| {
            let (namespace, name) = split(id);
            format!("{namespace}|{name}")
        };
        assert_eq!(split("service/shop/cart"), "shop|cart");
        assert_eq!(split("service/cart"), "|cart");
        assert_eq!(split("cart"), "|cart");
    }
}
