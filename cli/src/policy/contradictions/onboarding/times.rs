//! Pins to waves and days that cannot hold beside each other.

use jiff::civil::Date;
use tracemesh_graph::onboarding::Pins;
use tracemesh_graph::policy::ServicePattern;
use tracemesh_graph::policy::onboarding::{OnboardingPolicy, OnboardingRule};

use super::{Compare, exact};
use crate::policy::faults::shown;

/// Reports services that have to be before, or together with, others and are pinned elsewhere.
pub(super) fn times(policy: &OnboardingPolicy, compare: &mut Compare<'_>) {
    let rules = policy.services.iter();
    let pinned = |rule: &&OnboardingRule| {
        let decides = rule.pins != Pins::NONE || rule.exclude.is_some();
        rule.service.is_exact() && decides
    };
    let pinned: Vec<&OnboardingRule> = rules.filter(pinned).collect();
    before(policy, &pinned, compare);
    together(policy, &pinned, compare);
}

/// The rule that pins a named service.
fn of<'p>(
    pinned: &[&'p OnboardingRule],
    service: &ServicePattern,
    compare: &mut Compare<'_>,
) -> Option<&'p OnboardingRule> {
    if !service.is_exact() {
        return None;
    }
    let mut rules = pinned.iter().copied();
    rules.find(|rule| compare.overlap(&rule.service, service))
}

fn before(policy: &OnboardingPolicy, pinned: &[&OnboardingRule], compare: &mut Compare<'_>) {
    for rule in &policy.before {
        let first = of(pinned, &rule.first, compare);
        let then = of(pinned, &rule.then, compare);
        let ends = [first, then].into_iter().flatten();
        excluded(ends, rule.line, compare);
        if let (Some(first), Some(then)) = (first, then)
            && is_never_before(&first.pins, &then.pins)
        {
            let message = format!(
                "line {} and line {} leave no wave in which {} is before {}",
                first.line,
                then.line,
                shown(&rule.first.0),
                shown(&rule.then.0)
            );
            let line = rule.line;
            compare
                .faults
                .add(line, message)
                .hint("remove one of the three");
            continue;
        }
        // First and last are first and last of all.
        let late =
            first.filter(|first| first.pins.last && !then.is_some_and(|then| then.pins.last));
        let early =
            then.filter(|then| then.pins.first && !first.is_some_and(|first| first.pins.first));
        if let Some(end) = late.or(early) {
            let word = if end.pins.last { "last" } else { "first" };
            let message = format!(
                "{} is pinned {word} in line {}",
                shown(&end.service.0),
                end.line
            );
            let line = rule.line;
            compare
                .faults
                .add(line, message)
                .hint("remove one of the two");
        }
    }
}

fn together(policy: &OnboardingPolicy, pinned: &[&OnboardingRule], compare: &mut Compare<'_>) {
    for group in &policy.together {
        let members: Vec<&OnboardingRule> = exact(group)
            .filter_map(|service| of(pinned, service, compare))
            .collect();
        excluded(members.iter().copied(), group.line, compare);
        let apart = members.iter().enumerate().find_map(|(index, later)| {
            let mut earlier = members[..index].iter();
            let other = earlier.find(|earlier| are_never_together(&earlier.pins, &later.pins));
            other.map(|other| (*other, *later))
        });
        if let Some((one, two)) = apart {
            let message = format!(
                "line {} and line {} leave no wave for this group",
                one.line, two.line
            );
            let line = group.line;
            compare
                .faults
                .add(line, message)
                .hint("remove one of the three");
        }
    }
}

fn excluded<'p>(
    rules: impl Iterator<Item = &'p OnboardingRule>,
    line: usize,
    compare: &mut Compare<'_>,
) {
    for rule in rules.filter(|rule| rule.exclude.is_some()) {
        let message = format!(
            "{} is excluded in line {}",
            shown(&rule.service.0),
            rule.line
        );
        compare
            .faults
            .add(line, message)
            .hint("what never joins has no order: remove one of the two");
    }
}

/// First and last wave that pins leave.
fn waves(pins: &Pins) -> (u32, u32) {
    let (first, last) = (
        pins.not_before.unwrap_or(1),
        pins.not_after.unwrap_or(u32::MAX),
    );
    pins.wave.map_or((first, last), |wave| (wave, wave))
}

/// First and last day that pins leave.
fn days(pins: &Pins) -> (Date, Date) {
    (
        pins.not_before_day.unwrap_or(Date::MIN),
        pins.not_after_day.unwrap_or(Date::MAX),
    )
}

fn is_never_before(first: &Pins, then: &Pins) -> bool {
    waves(first).0 >= waves(then).1 || days(first).0 >= days(then).1
}

fn are_never_together(one: &Pins, two: &Pins) -> bool {
    let (ours, theirs) = (waves(one), waves(two));
    let (our_days, their_days) = (days(one), days(two));
    ours.0.max(theirs.0) > ours.1.min(theirs.1)
        || our_days.0.max(their_days.0) > our_days.1.min(their_days.1)
        || (one.first && two.last)
        || (one.last && two.first)
}
