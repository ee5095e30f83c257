//! What `tracemesh policy check` answers: faults, warnings, and what the file says. Its JSON is `tracemesh.policy-check/v1`.

mod onboarding;

use jiff::civil::Date;
use serde::Serialize;
use tracemesh_graph::egress::{Phase, TargetProtocol};
use tracemesh_graph::policy::{Overrides, Pin, PinAction, PinDestination, Policy, ServicePattern};
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use super::values::PROTOCOLS;
use super::{Checked, Fault, FaultKind};
use crate::text::{clip, count_of};
pub use onboarding::OnboardingSays;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.policy-check/v1";

/// Days before its last one from which on a pin is warned of.
const WARNED_DAYS: i32 = 30;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The file, as it was given.
    pub file: String,
    /// Day on which pins were judged.
    pub today: String,
    /// Whether there are no faults.
    pub valid: bool,
    /// Everything that is wrong, by line.
    pub faults: Vec<Remark>,
    /// What is right and deserves a look, by line.
    pub warnings: Vec<Remark>,
    /// What the file says, as far as it could be understood.
    pub says: Says,
}

/// A fault or a warning.
#[derive(Debug, Serialize)]
pub struct Remark {
    /// Line in the file, from 1; 0 when it is about none.
    pub line: usize,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is about a pin that has expired: it has no effect, and `egress` goes on without it.
    pub expired: bool,
}

/// What a policy says, in short.
#[derive(Debug, Serialize)]
pub struct Says {
    /// Phase of everything that no rule is for.
    pub default_phase: Option<&'static str>,
    /// Settings for everything.
    pub default_settings: u64,
    /// Rules for services.
    pub services: u64,
    /// Rules for edges.
    pub edges: u64,
    /// Destinations that services get unseen.
    pub infra: u64,
    /// Pins, in the order of the file.
    pub pins: Vec<PinLine>,
    /// Label of workloads, `key=value`.
    pub workload_label: String,
    /// Label of namespaces, `key=value`.
    pub namespace_label: Option<String>,
    /// How the address of a service is assumed, `host:port`.
    pub naming: Option<String>,
    /// What it says of onboarding; absent when it says nothing.
    pub onboarding: Option<OnboardingSays>,
}

/// A pin, in short.
#[derive(Debug, Serialize)]
pub struct PinLine {
    /// Line in the file.
    pub line: usize,
    /// `include` or `exclude`.
    pub action: &'static str,
    /// Pattern of callers.
    pub caller: String,
    /// Pattern of callees, or `host:port` with the protocol.
    pub destination: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Last day.
    pub expires: String,
    /// Whether it has effect.
    pub in_force: bool,
}

/// Makes the answer; with a graph it also tells which patterns mean nothing in it.
#[must_use]
pub fn report(
    file: String,
    checked: &Checked,
    today: Date,
    graph: Option<&GraphSnapshot>,
) -> Report {
    let policy = &checked.policy;
    let mut warnings: Vec<Remark> = policy
        .pins
        .iter()
        .filter_map(|pin| expiring(pin, today))
        .collect();
    warnings.extend(onboarding::undated(&policy.onboarding));
    if let Some(graph) = graph {
        warnings.extend(unmatched(checked, graph));
        warnings.extend(onboarding::unmatched(&policy.onboarding, graph));
    }
    warnings.sort_by_key(|warning| warning.line);
    Report {
        schema: SCHEMA,
        file,
        today: today.to_string(),
        valid: checked.faults.is_empty(),
        faults: checked.faults.iter().map(remark).collect(),
        warnings,
        says: says(policy, today),
    }
}

fn remark(fault: &Fault) -> Remark {
    Remark {
        line: fault.line,
        message: fault.message.clone(),
        hint: fault.hint.clone(),
        expired: fault.kind == FaultKind::ExpiredPin,
    }
}

fn warning(line: usize, message: String, hint: &str) -> Remark {
    Remark {
        line,
        message,
        hint: Some(hint.to_owned()),
        expired: false,
    }
}

/// What has expired is a fault, not a warning.
fn expiring(pin: &Pin, today: Date) -> Option<Remark> {
    let left = today.until(pin.expires).ok()?.get_days();
    if !(0..=WARNED_DAYS).contains(&left) {
        return None;
    }
    let message = match left {
        0 => "this pin has effect today for the last time".to_owned(),
        1 => format!("this pin expires tomorrow, after {}", pin.expires),
        days => format!("this pin expires in {days} days, after {}", pin.expires),
    };
    let owner = clip(&pin.owner, 60);
    let hint = format!("ask its owner, {owner}, whether to remove it or to decide again");
    Some(warning(pin.line, message, &hint))
}

/// Patterns that no node of a graph fits: mostly a service that was renamed.
fn unmatched(checked: &Checked, graph: &GraphSnapshot) -> Vec<Remark> {
    let Checked { policy, lines, .. } = checked;
    let is_met = |pattern: &ServicePattern, callers: bool| {
        let mut nodes = graph.nodes.iter();
        let may = |kind| !callers || kind == NodeKind::Service;
        nodes.any(|node| may(node.kind) && pattern.matches(&node.id, &node.namespace, &node.name))
    };
    let services = policy.services.iter().zip(&lines.services);
    let services = services.map(|(rule, line)| (*line, &rule.service, true));
    let edges = policy.edges.iter().zip(&lines.edges);
    let edges =
        edges.flat_map(|(rule, line)| [(*line, &rule.caller, true), (*line, &rule.callee, false)]);
    let pins = policy.pins.iter().flat_map(|pin| {
        let callee = match &pin.destination {
            PinDestination::Node(pattern) => Some((pin.line, pattern, false)),
            PinDestination::Address(_) => None,
        };
        [Some((pin.line, &pin.caller, true)), callee]
            .into_iter()
            .flatten()
    });
    let infra = policy.infra.iter().zip(&lines.infra);
    let infra = infra.flat_map(|(infra, line)| {
        let callers = infra.callers.iter();
        callers.map(move |caller| (*line, caller, true))
    });
    let patterns = services.chain(edges).chain(pins).chain(infra);
    patterns
        .filter(|(_, pattern, callers)| !is_met(pattern, *callers))
        .map(|(line, pattern, callers)| {
            let what = if callers { "service" } else { "node" };
            let message = format!(
                "no {what} of the graph is meant by `{}`",
                clip(&pattern.0, 60)
            );
            warning(
                line,
                message,
                "was it renamed? `tracemesh graph --format table` lists the nodes",
            )
        })
        .collect()
}

fn says(policy: &Policy, today: Date) -> Says {
    let Overrides { phase, settings } = &policy.defaults;
    let label = |label: &tracemesh_graph::policy::Label| format!("{}={}", label.key, label.value);
    Says {
        default_phase: phase.map(|phase| match phase {
            Phase::Transparent => "transparent",
            Phase::Tuned => "tuned",
        }),
        default_settings: count_of(settings.len()),
        services: count_of(policy.services.len()),
        edges: count_of(policy.edges.len()),
        infra: count_of(policy.infra.len()),
        pins: policy.pins.iter().map(|pin| pin_line(pin, today)).collect(),
        workload_label: label(&policy.labels.workload),
        namespace_label: policy.labels.namespace.as_ref().map(label),
        naming: policy
            .naming
            .as_ref()
            .map(|naming| format!("{}:{}", naming.host, naming.port)),
        onboarding: onboarding::says(&policy.onboarding),
    }
}

fn pin_line(pin: &Pin, today: Date) -> PinLine {
    PinLine {
        line: pin.line,
        action: match pin.action {
            PinAction::Include => "include",
            PinAction::Exclude => "exclude",
        },
        caller: pin.caller.0.clone(),
        destination: match &pin.destination {
            PinDestination::Node(pattern) => pattern.0.clone(),
            PinDestination::Address(address) => {
                let spoken = address.protocol.map_or_else(String::new, |protocol| {
                    format!(" {}", protocol_name(protocol))
                });
                format!("{}:{}{spoken}", address.host, address.port)
            }
        },
        owner: pin.owner.clone(),
        reason: pin.reason.clone(),
        expires: pin.expires.to_string(),
        in_force: pin.holds_on(Some(today)),
    }
}

fn protocol_name(protocol: TargetProtocol) -> &'static str {
    let found = PROTOCOLS.iter().find(|(_, known)| *known == protocol);
    found.map_or("", |(name, _)| *name)
}
