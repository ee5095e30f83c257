//! What the section `onboarding` says, in short, and what deserves a look in it.

use std::fmt;

use serde::Serialize;
use tracemesh_graph::policy::onboarding::{OnboardingPolicy, Unmatched, Unmet};
use tracemesh_graph::snapshot::GraphSnapshot;

use super::{Remark, warning};
use crate::policy::sections::onboarding::words;
use crate::text::{clip, count_of, counted};

/// What a policy says of onboarding, in short.
#[derive(Debug, Serialize)]
pub struct OnboardingSays {
    /// What the plan is best at.
    pub goal: &'static str,
    /// Whether callers or callees come first.
    pub order: &'static str,
    /// What the mesh accepts on one port.
    pub mesh_mode: &'static str,
    /// First day on which a canary may start.
    pub start: Option<String>,
    /// Rules for services.
    pub services: u64,
    /// Of these, rules that exclude.
    pub excluding: u64,
    /// Freezes.
    pub freezes: u64,
    /// Rules by which services join before, together with or apart from others.
    pub groups: u64,
    /// Meshes that are planned apart.
    pub meshes: u64,
}

impl fmt::Display for OnboardingSays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "goal {}, order {}, {}",
            self.goal, self.order, self.mesh_mode
        )?;
        if let Some(start) = &self.start {
            write!(f, ", from {start}")?;
        }
        for (count, one, many) in [
            (self.services, "rule", "rules"),
            (self.excluding, "exclusion", "exclusions"),
            (self.freezes, "freeze", "freezes"),
            (self.groups, "group", "groups"),
            (self.meshes, "mesh", "meshes"),
        ] {
            if count > 0 {
                write!(f, ", {}", counted(count, one, many))?;
            }
        }
        Ok(())
    }
}

pub(super) fn says(policy: &OnboardingPolicy) -> Option<OnboardingSays> {
    if *policy == OnboardingPolicy::default() {
        return None;
    }
    let [goal, order, mesh_mode] = words(&policy.options);
    let rules = policy.services.iter();
    let groups = [
        policy.before.len(),
        policy.together.len(),
        policy.apart.len(),
    ];
    Some(OnboardingSays {
        goal,
        order,
        mesh_mode,
        start: policy.options.calendar.start.map(|day| day.to_string()),
        services: count_of(policy.services.len()),
        excluding: count_of(rules.filter(|rule| rule.exclude.is_some()).count()),
        freezes: count_of(policy.freezes.len()),
        groups: count_of(groups.into_iter().sum()),
        meshes: count_of(policy.meshes.len()),
    })
}

/// Days that mean nothing because the plan has none.
pub(super) fn undated(policy: &OnboardingPolicy) -> Vec<Remark> {
    if policy.options.calendar.start.is_some() {
        return Vec::new();
    }
    let hint = "give `start` in `calendar`, or `--start` to `tracemesh onboard`";
    let rules = policy.services.iter();
    let dated = rules.filter(|rule| {
        let pins = &rule.pins;
        pins.not_before_day.is_some() || pins.not_after_day.is_some()
    });
    let pins = dated.map(|rule| {
        let message = "a pin to a day means nothing without a first day";
        warning(rule.line, message.to_owned(), hint)
    });
    let freezes = policy.freezes.iter().map(|freeze| {
        let name = clip(&freeze.name, 60);
        let message = format!("the freeze `{name}` means nothing without a first day");
        warning(freeze.line, message, hint)
    });
    pins.chain(freezes).collect()
}

/// What means nothing in a graph.
pub(super) fn unmatched(policy: &OnboardingPolicy, graph: &GraphSnapshot) -> Vec<Remark> {
    let (_, unmatched) = policy.plan_options(graph);
    unmatched.iter().map(remark).collect()
}

fn remark(unmatched: &Unmatched) -> Remark {
    let told = Unmatched {
        pattern: clip(&unmatched.pattern, 60),
        ..*unmatched
    };
    let hint = match told.why {
        Unmet::NoService | Unmet::NoNamespace | Unmet::NoCluster => {
            "was it renamed? `tracemesh graph --format table` lists the nodes"
        }
        Unmet::NoTeam => "give services this `team`, or `team_attribute`",
        Unmet::TooMany => "say it with patterns that mean fewer services",
    };
    warning(told.line, told.to_string(), hint)
}
