//! The section `onboarding`: what arrives, and what is refused on which line.

use tracemesh_graph::onboarding::{Goal, MeshMode, Order, PlanOptions, Severity, Workday};
use tracemesh_graph::policy::onboarding::OnboardingPolicy;

use super::super::Checked;
use super::{TODAY, check_text, checked, date, fixture, refuses, told};

#[test]
fn every_key_arrives_in_the_policy() {
    let checked = check_text(&fixture("full.yaml"), TODAY);
    assert_eq!(told(&checked), [""; 0]);
    let onboarding = checked.policy.onboarding;
    let options = &onboarding.options;
    assert_eq!(options.ramp.traffic_caps, [0.05, 0.1, 0.2, 0.3]);
    assert_eq!(options.ramp.risk_ceilings, [0.25, 0.4, 0.4, 1.0]);
    assert_eq!(
        (options.ramp.size_cap, options.ramp.team_cap),
        (Some(20), 3)
    );
    assert_eq!((options.in_flight.ramp, options.in_flight.after), (1, 2));
    assert_eq!(options.adjacent_share, 0.001);
    assert_eq!(options.retry_budget, Some(0.2));
    assert_eq!(options.weights, PlanOptions::default().weights);
    assert_eq!(options.search.tries, 1_000_000);
    assert_eq!(options.replanning.frozen_waves, 3);
    assert_eq!(options.replanning.tolerance, 0.025);
    assert_eq!(options.replanning.full_replan_gap, 0.15);
    assert_eq!(options.calendar.start, Some(date(2027, 1, 11)));
    assert_eq!(options.calendar.working_days.len(), 4);
    assert_eq!(options.calendar.working_days[3], Workday::Thursday);
    assert_eq!(options.calendar.cells, ["cell-1", "cell-2"]);
    assert_eq!(onboarding.freezes.len(), 2);
    let frontend = &onboarding.services[1];
    assert_eq!(frontend.pins.not_before_day, Some(date(2027, 2, 15)));
    assert_eq!(frontend.hazards[0].severity, Severity::Medium);
    assert_eq!(frontend.fixed_hazards[0].code, "long-calls");
    assert_eq!(frontend.criticality, Some(0.95));
    assert_eq!((frontend.tier, frontend.effort), (Some(0), Some(2)));
    assert!(onboarding.services[2].pins.last);
    let checkout = &onboarding.services[3].pins;
    assert_eq!(
        (checkout.not_before, checkout.not_after),
        (Some(2), Some(6))
    );
    assert_eq!(onboarding.services[4].pins.wave, Some(3));
    let exclusion = onboarding.services[6].exclude.as_ref().unwrap();
    assert_eq!(
        exclusion.to_string(),
        "is replaced by a product this year (team-mail)"
    );
    assert_eq!(onboarding.before[0].then.0, "frontend");
    assert_eq!(onboarding.together[0].services.len(), 2);
    assert_eq!(onboarding.meshes[1].start_lag_days, 28);
    assert_eq!(onboarding.sidecars.containers, ["mesh-proxy"]);
}

#[test]
fn words_of_the_plan_are_told_from_each_other() {
    let body = "onboarding: {goal: strict-mtls, order: caller-first, mesh_mode: strict-only}\n";
    let checked = checked(body);
    assert_eq!(told(&checked), [""; 0]);
    let options = checked.policy.onboarding.options;
    assert_eq!(options.goal, Goal::StrictMtls);
    assert_eq!(options.order, Order::CallerFirst);
    assert_eq!(options.mesh_mode, MeshMode::StrictOnly);
    let empty = "onboarding: {services: []}\n";
    assert_eq!(
        super::checked(empty).policy.onboarding,
        OnboardingPolicy::default()
    );
}

/// What stands in the section, and what has to be told.
const WRONG: &[(&str, &str)] = &[
    ("goal: strict_mtls", "did you mean `strict-mtls`?"),
    (
        "gaol: balanced",
        "unknown key `gaol` in `onboarding` (hint: did you mean `goal`?)",
    ),
    (
        "order: callee-first, mesh_mode: strict-only",
        "callees cannot come first",
    ),
    (
        "ramp: {growth: 0.5}",
        "`growth` cannot be `0.5` (hint: give a number from 1 to 100",
    ),
    (
        "ramp: {traffic_caps: [0.05]}",
        "give a share from `0.01%` to `100%`",
    ),
    (
        "ramp: {traffic_caps: [10%, 5%]}",
        "`traffic_caps` falls after wave 1",
    ),
    ("ramp: {risk_ceilings: []}", "`risk_ceilings` has no items"),
    (
        "weights: {shed: 0, client: 0, both: 0, exposure: 0}",
        "no protection is worth anything",
    ),
    ("weights: {shed: -1}", "`shed` cannot be `-1`"),
    (
        "replanning: {tolerance: 60%}",
        "give a share from `0%` to `50%`",
    ),
    (
        "in_flight: 2",
        "`in_flight` is a single value, not a mapping",
    ),
    ("in_flight: {after: 0}", "give a whole number from 1 to 10"),
    ("retry_budget: 0.2", "give a share"),
    ("calendar: {start: 2027-02-30}", "give a day that exists"),
    (
        "calendar: {working_days: [monday, monday]}",
        "a working day is said twice",
    ),
    ("calendar: {working_days: [mon]}", "cannot be `mon`"),
    (
        "calendar: {rollout_days: 0}",
        "give a whole number from 1 to 3650",
    ),
    (
        "freezes: [{name: x, from: 2027-01-02, to: 2027-01-01}]",
        "before it begins",
    ),
    (
        "freezes: [{from: 2027-01-02, to: 2027-01-03}]",
        "needs `name`",
    ),
    ("services: [{service: a}]", "says nothing"),
    (
        "services: [{service: a, tier: 4}]",
        "give a whole number from 0 to 3",
    ),
    (
        "services: [{service: a, not_before: soon}]",
        "give a wave from 1 to 200, or a day",
    ),
    (
        "services: [{service: a, not_before: 0}]",
        "give a wave from 1 to 200, or a day",
    ),
    (
        "services: [{service: a, wave: 2, not_before: 3}]",
        "`wave` is before `not_before`",
    ),
    (
        "services: [{service: a, wave: 2, not_after: 1}]",
        "`wave` is after `not_after`",
    ),
    (
        "services: [{service: a, not_before: 4, not_after: 3}]",
        "`not_after` is before `not_before`",
    ),
    (
        "services: [{service: a, exclude: {reason: r}}]",
        "needs `owner`",
    ),
    (
        "services: [{service: a, wave: 1, exclude: {reason: r, owner: o}}]",
        "also pinned to a time",
    ),
    (
        "services: [{service: a, hazards: [{code: A B, severity: low}]}]",
        "the code of a hazard cannot be",
    ),
    (
        "services: [{service: a, hazards: [{code: x, severity: bad}]}]",
        "give `low`, `medium`, `high` or `blocker`",
    ),
    (
        "services: [{service: a, hazards: [{code: x, severity: low}], fixed_hazards: [x]}]",
        "said twice in a rule",
    ),
    (
        "services: [{service: a, fixed_hazards: [long-cals]}]",
        "no hazard is called `long-cals` (hint: did you mean `long-calls`?)",
    ),
    ("together: [[a]]", "a group needs two services"),
    (
        "together: [a, b]",
        "a group of services is a single value, not a list",
    ),
    (
        "before: [[a, b]]",
        "an item of `before` is a list, not a mapping",
    ),
    ("meshes: [{name: m}]", "a mesh has no services"),
];

#[test]
fn wrong_values_are_refused_with_what_would_be_right() {
    for (inside, message) in WRONG {
        refuses(&format!("onboarding: {{{inside}}}\n"), 2, message);
    }
}

/// The line that is told, and the other one in the message.
#[test]
fn contradictions_are_told_with_both_lines() {
    let body = |lines: &str| format!("onboarding:\n{lines}");
    for (lines, line, message) in [
        (
            "  services:\n  - {service: cart, wave: 3}\n  - {service: shop/cart, not_before: 2}\n",
            5,
            "when it may join is also decided in line 4",
        ),
        (
            "  services:\n  - {service: \"a*\", tier: 1}\n  - {service: \"*b\", tier: 2}\n",
            5,
            "`tier` is also decided in line 4",
        ),
        (
            "  before:\n  - {first: a, then: b}\n  - {first: b, then: c}\n  - {first: c, then: a}\n",
            6,
            "closes a circle with line 4",
        ),
        (
            "  before:\n  - {first: cart, then: shop/cart}\n",
            4,
            "cannot join before itself",
        ),
        (
            "  together:\n  - [a, b]\n  apart:\n  - [b, a, c]\n",
            6,
            "`b` and `a` are apart here and together in line 4",
        ),
        (
            "  together:\n  - [a, b]\n  before:\n  - {first: a, then: b}\n",
            6,
            "together in line 4",
        ),
        (
            "  together:\n  - [a, x, a]\n",
            4,
            "`a` is twice in this group",
        ),
        (
            "  services:\n  - {service: a, wave: 3}\n  - {service: b, wave: 2}\n  together:\n  - [a, b]\n",
            7,
            "line 4 and line 5 leave no wave for this group",
        ),
        (
            "  services:\n  - {service: a, not_before: 3}\n  - {service: b, not_after: 3}\n  before:\n  - {first: a, then: b}\n",
            7,
            "line 4 and line 5 leave no wave in which `a` is before `b`",
        ),
        (
            "  services:\n  - {service: a, pin: last}\n  before:\n  - {first: a, then: b}\n",
            6,
            "`a` is pinned last in line 4",
        ),
        (
            "  services:\n  - {service: a, pin: first}\n  before:\n  - {first: b, then: a}\n",
            6,
            "`a` is pinned first in line 4",
        ),
        (
            "  services:\n  - {service: a, exclude: {reason: r, owner: o}}\n  before:\n  - {first: b, then: a}\n",
            6,
            "`a` is excluded in line 4",
        ),
        (
            "  freezes:\n  - {name: x, from: 2027-01-01, to: 2027-01-01}\n  - {name: x, from: 2027-02-01, to: 2027-02-01}\n",
            5,
            "`x` is the name of line 4 too",
        ),
        (
            "  meshes:\n  - {name: x, namespaces: [a]}\n  - {name: z, namespaces: [b, a]}\n",
            5,
            "`a` is also in the mesh of line 4",
        ),
        (
            "  meshes:\n  - {name: x, services: [a]}\n  - {name: z, services: [b, shop/a]}\n",
            5,
            "`shop/a` is also in the mesh of line 4",
        ),
    ] {
        refuses(&body(lines), line, message);
    }
}

#[test]
fn what_only_looks_like_a_contradiction_is_accepted() {
    let lines = "  services:
  - {service: \"*\", tier: 2, not_before: 3}
  - {service: cart, tier: 0, wave: 1}
  - {service: pay, pin: last}
  - {service: mail, pin: last}
  before:
  - {first: cart, then: web}
  - {first: web, then: pay}
  - {first: pay, then: mail}
  - {first: \"*\", then: web}
  together:
  - [a, b]
  - [c, d]
  apart:
  - [a, c]
  - [b, d]
";
    assert_eq!(told(&checked(&format!("onboarding:\n{lines}"))), [""; 0]);
}

/// Hundreds of groups against hundreds of others, names that begin alike, and a chain of a thousand steps.
#[test]
fn hostile_sections_end_soon() {
    let group = |letter: char, n: usize| {
        let names: Vec<String> = (0..20).map(|k| format!("{letter}{n}x{k}")).collect();
        format!("  - [{}]\n", names.join(","))
    };
    let groups = |letter| (0..300).map(|n| group(letter, n)).collect::<String>();
    let both = format!(
        "onboarding:\n  together:\n{}  apart:\n{}",
        groups('a'),
        groups('b')
    );
    let chain: String = (0..1_000)
        .map(|n| format!("  - {{first: s{n}, then: s{}}}\n", n + 1))
        .collect();
    let chain = format!("onboarding:\n  before:\n{chain}");
    let Checked { faults, .. } = checked(&chain);
    assert_eq!(faults, []);
    let Checked { faults, .. } = checked(&both);
    assert!(faults.len() <= 1, "{faults:?}");
}
