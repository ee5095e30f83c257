//! Decisions about onboarding that cannot all hold, as far as the file alone tells: what patterns mean is known only where a graph
//! is, and there the plan finds the rest.

mod circles;
mod times;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::hazards::HazardKind;
use tracemesh_graph::onboarding::Pins;
use tracemesh_graph::policy::ServicePattern;
use tracemesh_graph::policy::onboarding::{GroupRule, OnboardingPolicy, OnboardingRule};

use super::{Compare, Rule};
use crate::policy::faults::{did_you_mean, shown};

/// Reports what contradicts each other.
pub(super) fn contradictions(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    // A name decides before a pattern does, so only rules of one sort are compared.
    for is_exact in [true, false] {
        let rules = policy.services.iter();
        let rules = rules.filter(|rule| rule.service.is_exact() == is_exact);
        let rules: Vec<Rule<'_>> = rules.map(rule).collect();
        compare.rules(&rules);
    }
    unknown_hazards(policy, compare);
    names(policy, compare);
    meshes(policy, compare);
    for group in policy.together.iter().chain(&policy.apart) {
        repeated(group, compare);
    }
    together_and_apart(policy, compare);
    circles::circles(policy, compare);
    times::times(policy, compare);
}

fn rule(rule: &OnboardingRule) -> Rule<'_> {
    let said = [
        rule.team.is_some().then_some("`team`"),
        rule.tier.is_some().then_some("`tier`"),
        rule.effort.is_some().then_some("`effort`"),
        rule.criticality.is_some().then_some("`criticality`"),
        rule.attempts.is_some().then_some("`attempts`"),
        (rule.pins != Pins::NONE || rule.exclude.is_some()).then_some("when it may join"),
    ];
    let told = rule.hazards.iter().map(|hazard| &hazard.code);
    let hazards = told.chain(rule.fixed_hazards.iter().map(|fixed| &fixed.code));
    let hazards = hazards.map(|code| Cow::from(format!("the hazard `{code}`")));
    Rule {
        line: rule.line,
        patterns: vec![&rule.service],
        said: said
            .into_iter()
            .flatten()
            .map(Cow::from)
            .chain(hazards)
            .collect(),
    }
}

/// Hazards that are said to be fixed, and that nothing and nobody ever finds.
fn unknown_hazards(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    let seen = HazardKind::ALL.iter().map(|kind| kind.as_str());
    let rules = policy.services.iter();
    let told = rules.flat_map(|rule| rule.hazards.iter().map(|hazard| hazard.code.as_str()));
    let known: BTreeSet<&str> = seen.chain(told).collect();
    for rule in &policy.services {
        for fixed in &rule.fixed_hazards {
            if known.contains(fixed.code.as_str()) {
                continue;
            }
            let hint = did_you_mean(&fixed.code, known.iter().copied())
                .unwrap_or_else(|| "`docs/hazards.md` lists those that traces show".to_owned());
            let message = format!("no hazard is called {}", shown(&fixed.code));
            compare.faults.add(rule.line, message).hint(hint);
        }
    }
}

/// Freezes and meshes are told apart by their names.
fn names(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    let freezes = policy.freezes.iter();
    let meshes = policy.meshes.iter();
    let freezes: Vec<_> = freezes.map(|freeze| (&freeze.name, freeze.line)).collect();
    let meshes: Vec<_> = meshes.map(|mesh| (&mesh.name, mesh.line)).collect();
    for named in [freezes, meshes] {
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, line) in named {
            let first = *lines.entry(name).or_insert(line);
            if first != line {
                let message = format!("{} is the name of line {first} too", shown(name));
                compare
                    .faults
                    .add(line, message)
                    .hint("give every one a name of its own");
            }
        }
    }
}

/// Meshes that claim the same by name.
fn meshes(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    let mut claims: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for mesh in &policy.meshes {
        let namespaces = mesh.namespaces.iter().map(|name| ("namespace", name));
        let clusters = mesh.clusters.iter().map(|name| ("cluster", name));
        for (what, name) in namespaces.chain(clusters) {
            let first = *claims.entry((what, name)).or_insert(mesh.line);
            if first != mesh.line {
                claimed(name, (first, mesh.line), compare);
            }
        }
    }
    for (index, later) in policy.meshes.iter().enumerate() {
        for earlier in &policy.meshes[..index] {
            let ours = later.services.iter().filter(|one| one.is_exact());
            for one in ours {
                let mut theirs = earlier.services.iter().filter(|two| two.is_exact());
                if theirs.any(|two| compare.overlap(one, two)) {
                    claimed(&one.0, (earlier.line, later.line), compare);
                }
            }
            if compare.is_spent() {
                return;
            }
        }
    }
}

fn claimed(name: &str, (earlier, later): (usize, usize), compare: &mut Compare<'_>) {
    let message = format!("{} is also in the mesh of line {earlier}", shown(name));
    compare
        .faults
        .add(later, message)
        .hint("a service joins one mesh: leave it in one of the two");
}

/// A service that stands twice in its group.
fn repeated(group: &GroupRule, compare: &mut Compare<'_>) {
    let named: Vec<&ServicePattern> = exact(group).collect();
    for (index, later) in named.iter().enumerate() {
        if named[..index]
            .iter()
            .any(|earlier| compare.overlap(later, earlier))
        {
            let message = format!("{} is twice in this group", shown(&later.0));
            compare.faults.add(group.line, message).hint("name it once");
        }
    }
}

/// Two services that are to join together, and apart or one before the other.
fn together_and_apart(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    for together in &policy.together {
        if compare.is_spent() {
            return;
        }
        for apart in &policy.apart {
            let both: Vec<&str> = exact(apart)
                .filter(|other| exact(together).any(|one| compare.overlap(one, other)))
                .map(|pattern| pattern.0.as_str())
                .collect();
            if let [one, two, ..] = both.as_slice() {
                let message = format!(
                    "{} and {} are apart here and together in line {}",
                    shown(one),
                    shown(two),
                    together.line
                );
                let line = apart.line;
                compare
                    .faults
                    .add(line, message)
                    .hint("remove one of the two");
            }
        }
        for before in &policy.before {
            let mut is_in = |end: &ServicePattern| {
                end.is_exact() && exact(together).any(|one| compare.overlap(one, end))
            };
            if is_in(&before.first) && is_in(&before.then) {
                let message = format!("these two are together in line {}", together.line);
                let line = before.line;
                compare
                    .faults
                    .add(line, message)
                    .hint("remove one of the two");
            }
        }
    }
}

/// Services of a group that are named.
fn exact(group: &GroupRule) -> impl Iterator<Item = &ServicePattern> {
    group.services.iter().filter(|pattern| pattern.is_exact())
}
