//! Pins that contradict each other, with the lines of the policy that say so.

use tracemesh_graph::onboarding::{Pins, PlanError};
use tracemesh_graph::policy::ServicePattern;
use tracemesh_graph::policy::onboarding::OnboardingPolicy;
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use crate::error::CliError;

/// Lines of the policy that are told.
const TOLD: usize = 10;

/// What a pattern of the policy can mean.
#[derive(Debug)]
pub(super) struct ServiceName {
    id: String,
    namespace: String,
    name: String,
}

/// The services of a graph.
pub(super) fn names(snapshot: &GraphSnapshot) -> Vec<ServiceName> {
    let services = snapshot.nodes.iter();
    let services = services.filter(|node| node.kind == NodeKind::Service);
    let name = |node: &tracemesh_graph::snapshot::Node| ServiceName {
        id: node.id.clone(),
        namespace: node.namespace.clone(),
        name: node.name.clone(),
    };
    services.map(name).collect()
}

/// Why no plan can be made, with every line of the policy that restricts a service which the planner names.
pub(super) fn contradiction(
    error: &PlanError,
    policy: &OnboardingPolicy,
    names: &[ServiceName],
) -> CliError {
    let told = error.to_string();
    let is_named = |name: &&ServiceName| told.contains(&format!("`{}`", name.id));
    let named: Vec<&ServiceName> = names.iter().filter(is_named).collect();
    let is_meant = |pattern: &ServicePattern| {
        let mut named = named.iter();
        named.any(|name| pattern.matches(&name.id, &name.namespace, &name.name))
    };
    let mut lines: Vec<(usize, String)> = Vec::new();
    let pinned = policy
        .services
        .iter()
        .filter(|rule| rule.pins != Pins::NONE);
    for rule in pinned.filter(|rule| is_meant(&rule.service)) {
        lines.push((
            rule.line,
            format!("says when `{}` may join", rule.service.0),
        ));
    }
    for rule in &policy.before {
        if is_meant(&rule.first) || is_meant(&rule.then) {
            let text = format!("puts `{}` before `{}`", rule.first.0, rule.then.0);
            lines.push((rule.line, text));
        }
    }
    for (rules, what) in [(&policy.together, "together"), (&policy.apart, "apart")] {
        for rule in rules
            .iter()
            .filter(|rule| rule.services.iter().any(is_meant))
        {
            lines.push((rule.line, format!("keeps services {what}")));
        }
    }
    for freeze in &policy.freezes {
        let is_named = told.contains(&format!("freeze `{}`", freeze.name));
        if is_named || freeze.services.iter().any(is_meant) {
            lines.push((freeze.line, format!("is the freeze `{}`", freeze.name)));
        }
    }
    lines.sort();
    let lines = lines.into_iter().take(TOLD);
    let lines = lines.map(|(line, text)| format!("line {line} of the policy {text}"));
    CliError::from_cause(error)
        .details(lines.collect())
        .hint("take one of them back in the section `onboarding` of the policy, or let it hold for other waves")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::{node, snapshot};
    use tracemesh_graph::policy::onboarding::{BeforeRule, OnboardingRule};

    #[test]
    fn the_lines_that_restrict_the_named_services_are_told_in_order() {
        let pattern = |text: &str| ServicePattern(text.to_owned());
        let pinned = |name: &str, line: usize| OnboardingRule {
            pins: Pins {
                wave: Some(3),
                ..Pins::NONE
            },
            ..OnboardingRule::new(pattern(name), line)
        };
        let policy = OnboardingPolicy {
            services: vec![
                pinned("shop/*", 20),
                pinned("other", 21),
                OnboardingRule::new(pattern("cart"), 22),
            ],
            before: vec![BeforeRule {
                first: pattern("cart"),
                then: pattern("web"),
                line: 9,
            }],
            ..OnboardingPolicy::default()
        };
        let services = [("shop", "cart"), ("shop", "web"), ("", "other")];
        let services = services.map(|(namespace, name)| node(NodeKind::Service, namespace, name));
        let names = names(&snapshot(services.to_vec(), Vec::new()));
        let error = PlanError::Pins {
            first: "`service/shop/cart` not after wave 3".to_owned(),
            second: "the limits of the waves before".to_owned(),
        };
        let told = contradiction(&error, &policy, &names).lines();
        assert_eq!(told.len(), 4, "{told:#?}");
        assert_eq!(told[1], "line 9 of the policy puts `cart` before `web`");
        assert_eq!(told[2], "line 20 of the policy says when `shop/*` may join");
        assert!(told[3].starts_with("hint: "));
    }
}
