//! Services that would have to join before themselves.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::policy::ServicePattern;
use tracemesh_graph::policy::onboarding::OnboardingPolicy;

use super::Compare;

/// Reports rules that close a circle, each with a line of the circle. Only names count: of patterns, what they mean decides.
pub(super) fn circles(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    let mut names: Vec<&ServicePattern> = Vec::new();
    let mut number = |pattern, compare: &mut Compare<'_>| {
        let known = names.iter().position(|name| compare.overlap(name, pattern));
        known.unwrap_or_else(|| {
            names.push(pattern);
            names.len() - 1
        })
    };
    let mut arcs = Arcs::new();
    for rule in &policy.before {
        if !rule.first.is_exact() || !rule.then.is_exact() {
            continue;
        }
        let (first, then) = (number(&rule.first, compare), number(&rule.then, compare));
        let line = rule.line;
        if first == then {
            compare
                .faults
                .add(line, "a service cannot join before itself")
                .hint("remove this line");
            continue;
        }
        if let Some(other) = way(&arcs, then, first) {
            let message = format!("this closes a circle with line {other}");
            compare
                .faults
                .add(line, message)
                .hint("no order keeps to all of them: remove one");
            continue;
        }
        arcs.entry(first).or_default().push((then, line));
    }
}

/// Service -> services that come later, with the lines that say so.
type Arcs = BTreeMap<usize, Vec<(usize, usize)>>;

/// Line of the first arc of a way from one service to another, when there is one.
fn way(arcs: &Arcs, from: usize, to: usize) -> Option<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![(from, None)];
    while let Some((at, line)) = open.pop() {
        for (then, own) in arcs.get(&at).into_iter().flatten() {
            let begun = line.unwrap_or(*own);
            if *then == to {
                return Some(begun);
            }
            if reached.insert(*then) {
                open.push((*then, Some(begun)));
            }
        }
    }
    None
}
