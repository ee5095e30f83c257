//! One service of the runbook: a checklist item with everything its owner and a reviewer ask for.

use tracemesh_graph::onboarding::{PlannedService, RetriesOff, RiskPart, Severity};

use super::super::text::markdown as escaped;
use super::super::words;
use super::{edges, name};

/// The item with its sub-items, one per line.
pub(super) fn item(service: &PlannedService) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let mut facts = vec![
        format!("risk {:.2}", service.risk.score),
        format!("touches {}", words::percent(service.touched)),
    ];
    if let Some(team) = &service.team {
        facts.push(format!("team {}", escaped(team)));
    }
    if let Some(tier) = service.tier {
        facts.push(format!("tier {tier}"));
    }
    let title = name(&service.service);
    line(&format!("- [ ] **{title}**: {}", facts.join(", ")));
    let gain = &service.gain;
    line(&format!(
        "  - Gain {:.4}: shed {:.4}, client {:.4}, both {:.4}, retry exposure {:.4}",
        gain.total(),
        gain.shed,
        gain.client,
        gain.both,
        gain.exposure
    ));
    if !service.blocked.is_empty() {
        line(&format!("  - Not earlier: {}", blocked(service)));
    }
    line(&format!("  - Risk: {}", risk(service)));
    line(&format!("  - {}", amplification(service)));
    for hazard in &service.hazards {
        line(&format!(
            "  - Hazard ({}): {}",
            severity(hazard.severity),
            escaped(&hazard.code)
        ));
    }
    line(&format!("  - Turns on: {}", turns_on(service)));
    if !service.retries_off.is_empty() {
        let retries = retries_off(&service.retries_off);
        line(&format!("  - Keep mesh retries off: {retries}"));
    }
    let strict = words::strict(&service.strict, name);
    line(&format!("  - Strict mTLS: {strict}"));
    line(&format!("  - {}", evidence(service)));
    text
}

fn blocked(service: &PlannedService) -> String {
    let runs = service.blocked.iter().map(|blocked| {
        let reason = words::reason(&blocked.reason, name);
        format!("{} ({reason})", words::run(blocked))
    });
    runs.collect::<Vec<_>>().join(", ")
}

fn risk(service: &PlannedService) -> String {
    let mut parts: Vec<&RiskPart> = service.risk.parts.iter().collect();
    parts.retain(|part| part.points >= 0.0005);
    parts.sort_by(|a, b| b.points.total_cmp(&a.points));
    let parts: Vec<String> = parts
        .into_iter()
        .map(|part| format!("{} {:.3}", part.factor.label(), part.points))
        .collect();
    let of = service.risk.score;
    format!(
        "{of:.3} = {}",
        if parts.is_empty() {
            "0".to_owned()
        } else {
            parts.join(" + ")
        }
    )
}

fn amplification(service: &PlannedService) -> String {
    let load = &service.amplification;
    let mut text = format!(
        "Load if it fails and all layers retry: x{:.1}, worst path x{:.1}",
        load.mean, load.worst_path
    );
    if load.assumed {
        text.push_str(" (attempts assumed)");
    }
    if load.cycle {
        text.push_str(" (may be higher: cycle)");
    }
    let estimated = if service.criticality_estimated {
        "about "
    } else {
        ""
    };
    let critical = words::percent(service.criticality);
    text.push_str(&format!(
        "; {estimated}{critical} of root requests pass through it"
    ));
    text
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Blocker => "blocker",
    }
}

fn turns_on(service: &PlannedService) -> String {
    let on = &service.turns_on;
    let mut parts = vec![format!(
        "load shedding for {} of the traffic",
        words::percent(on.shed)
    )];
    if !on.client.is_empty() {
        let text = edges(on.client.iter().collect(), |edge| name(&edge.callee));
        parts.push(format!("client features on calls to {text}"));
    }
    if !on.both.is_empty() {
        let text = edges(on.both.iter().collect(), |edge| {
            if edge.caller == service.service {
                format!("to {}", name(&edge.callee))
            } else {
                format!("from {}", name(&edge.caller))
            }
        });
        parts.push(format!("mTLS {text}"));
    }
    parts.join("; ")
}

fn retries_off(off: &[RetriesOff]) -> String {
    let until = |off: &RetriesOff| match off.until {
        Some(wave) => format!("to {} until wave {wave}", name(&off.callee)),
        None => format!("to {} (never sheds in this plan)", name(&off.callee)),
    };
    let items: Vec<String> = off.iter().map(until).collect();
    format!("{}; or set a retry budget", words::some(&items))
}

fn evidence(service: &PlannedService) -> String {
    let (share, weakest) = service.evidence.weakest();
    let mut text = if share < 1.0 {
        format!(
            "Evidence {share:.2}, limited by {}",
            weakest.replace('_', " ")
        )
    } else {
        "Evidence 1.00".to_owned()
    };
    if service.requests > 0 {
        let bound = 3.0 / service.requests as f64;
        let unseen = if bound < 1.0 {
            let bound = 100.0 * bound;
            format!("calls made by less than {bound:.3} % of them may be unseen")
        } else {
            "too few to tell which calls are unseen".to_owned()
        };
        text.push_str(&format!("; {} requests seen: {unseen}", service.requests));
    }
    text
}
