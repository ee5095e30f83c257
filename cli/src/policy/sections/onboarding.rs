//! The section `onboarding`: parameters of the plan, and what is decided for services, waves, days and meshes.

mod calendar;
mod groups;
mod meshes;
mod ramp;
mod rules;
mod sidecars;

use tracemesh_graph::onboarding::{
    Goal, InFlight, MeshMode, Order, PlanOptions, Replanning, Search, Weights,
};
use tracemesh_graph::policy::ServicePattern;
use tracemesh_graph::policy::onboarding::OnboardingPolicy;

use super::{Located, MAX_ITEMS, items, text};
use crate::policy::faults::Faults;
use crate::policy::fields::{Fields, list};
use crate::policy::tree::Node;
use crate::policy::values::At;

const KEYS: [&str; 20] = [
    "goal",
    "order",
    "mesh_mode",
    "ramp",
    "weights",
    "in_flight",
    "adjacent_share",
    "assumed_attempts",
    "retry_budget",
    "team_attribute",
    "search",
    "replanning",
    "calendar",
    "freezes",
    "services",
    "before",
    "together",
    "apart",
    "meshes",
    "sidecars",
];

const GOALS: [(&str, Goal); 3] = [
    ("balanced", Goal::Balanced),
    ("strict-mtls", Goal::StrictMtls),
    ("risk-averse", Goal::RiskAverse),
];

const ORDERS: [(&str, Order); 3] = [
    ("soft", Order::Soft),
    ("callee-first", Order::CalleeFirst),
    ("caller-first", Order::CallerFirst),
];

const MODES: [(&str, MeshMode); 2] = [
    ("permissive", MeshMode::Permissive),
    ("strict-only", MeshMode::StrictOnly),
];

/// Goal, order and mode of a mesh, as the file says them.
pub(in crate::policy) fn words(options: &PlanOptions) -> [&'static str; 3] {
    fn name<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
        let found = words.iter().find(|(_, known)| known == value);
        found.map_or("", |(name, _)| *name)
    }
    [
        name(&GOALS, &options.goal),
        name(&ORDERS, &options.order),
        name(&MODES, &options.mesh_mode),
    ]
}

/// Largest weight of a kind of protection; what counts is how they compare.
const MAX_WEIGHT: f64 = 100.0;

/// Largest number of waves that a policy can speak of; a plan has no more empty ones than that.
const MAX_WAVE: u64 = 200;

/// Most days of a step.
const MAX_DAYS: u64 = 3_650;

/// Reads the section.
pub(super) fn onboarding(node: &Node, faults: &mut Faults) -> OnboardingPolicy {
    let Some(fields) = Fields::read(node, "`onboarding`", &KEYS, faults) else {
        return OnboardingPolicy::default();
    };
    let options = options(&fields, faults);
    let rules = items(&fields, "services", faults, rules::rule);
    OnboardingPolicy {
        options,
        services: all(rules),
        freezes: all(items(&fields, "freezes", faults, calendar::freeze)),
        before: all(items(&fields, "before", faults, groups::before)),
        together: all(items(&fields, "together", faults, groups::group)),
        apart: all(items(&fields, "apart", faults, groups::group)),
        meshes: all(items(&fields, "meshes", faults, meshes::mesh)),
        sidecars: fields
            .get("sidecars", faults)
            .map(|node| sidecars::sidecars(node, faults))
            .unwrap_or_default(),
    }
}

/// The rules know their lines themselves.
fn all<T>(items: Vec<Located<T>>) -> Vec<T> {
    items.into_iter().map(|item| item.item).collect()
}

fn options(fields: &Fields<'_>, faults: &mut Faults) -> PlanOptions {
    let mut read = PlanOptions::default();
    word(fields, "goal", &GOALS, &mut read.goal, faults);
    word(fields, "order", &ORDERS, &mut read.order, faults);
    word(fields, "mesh_mode", &MODES, &mut read.mesh_mode, faults);
    if read.mesh_mode == MeshMode::StrictOnly && read.order == Order::CalleeFirst {
        faults
            .add(
                fields.line_of("order"),
                "callees cannot come first in a mesh without a permissive mode",
            )
            .hint("remove `order`, or say `mesh_mode: permissive`");
    }
    if let Some(node) = fields.get("ramp", faults) {
        read.ramp = ramp::ramp(node, faults);
    }
    if let Some(node) = fields.get("weights", faults) {
        read.weights = weights(node, faults);
    }
    if let Some(node) = fields.get("in_flight", faults) {
        read.in_flight = in_flight(node, faults);
    }
    if let Some(node) = fields.get("search", faults) {
        read.search = search(node, faults);
    }
    if let Some(node) = fields.get("replanning", faults) {
        read.replanning = replanning(node, faults);
    }
    if let Some(node) = fields.get("calendar", faults) {
        read.calendar = calendar::calendar(node, faults);
    }
    let adjacent = &mut read.adjacent_share;
    share(fields, "adjacent_share", (0.0, 100.0), adjacent, faults);
    let attempts = &mut read.assumed_attempts;
    number(fields, "assumed_attempts", (1.0, 10.0), attempts, faults);
    if let Some(node) = fields.get("retry_budget", faults) {
        let place = "`retry_budget`";
        read.retry_budget = At { node, place }.share((0.0, 100.0), faults);
    }
    read.team_attribute = text(fields, "team_attribute", faults);
    read
}

fn word<T: Copy>(
    fields: &Fields<'_>,
    key: &str,
    words: &[(&str, T)],
    value: &mut T,
    faults: &mut Faults,
) {
    let Some(node) = fields.get(key, faults) else {
        return;
    };
    let place = format!("`{key}`");
    let place = &place;
    *value = At { node, place }.word(words, faults).unwrap_or(*value);
}

fn weights(node: &Node, faults: &mut Faults) -> Weights {
    let mut read = Weights::default();
    let keys = ["shed", "client", "both", "exposure", "wave"];
    let Some(fields) = Fields::read(node, "`weights`", &keys, faults) else {
        return read;
    };
    for (key, value) in keys.into_iter().zip([
        &mut read.shed,
        &mut read.client,
        &mut read.both,
        &mut read.exposure,
        &mut read.wave,
    ]) {
        number(&fields, key, (0.0, MAX_WEIGHT), value, faults);
    }
    let worth = [read.shed, read.client, read.both, read.exposure];
    if worth.iter().all(|weight| *weight <= 0.0) {
        faults
            .add(
                fields.line,
                "by these `weights` no protection is worth anything",
            )
            .hint("give `shed`, `client`, `both` or `exposure` more than 0");
    }
    read
}

fn in_flight(node: &Node, faults: &mut Faults) -> InFlight {
    let mut read = InFlight::default();
    let keys = ["ramp", "after"];
    let Some(fields) = Fields::read(node, "`in_flight`", &keys, faults) else {
        return read;
    };
    for (key, value) in keys.into_iter().zip([&mut read.ramp, &mut read.after]) {
        count(&fields, key, (1, 10), value, faults);
    }
    read
}

fn search(node: &Node, faults: &mut Faults) -> Search {
    let mut read = Search::default();
    if let Some(fields) = Fields::read(node, "`search`", &["tries"], faults) {
        count(
            &fields,
            "tries",
            (0, 1_000_000_000_000),
            &mut read.tries,
            faults,
        );
    }
    read
}

fn replanning(node: &Node, faults: &mut Faults) -> Replanning {
    let mut read = Replanning::default();
    let keys = ["frozen_waves", "tolerance", "full_replan_gap"];
    let Some(fields) = Fields::read(node, "`replanning`", &keys, faults) else {
        return read;
    };
    count(
        &fields,
        keys[0],
        (0, MAX_WAVE),
        &mut read.frozen_waves,
        faults,
    );
    for (key, most, value) in [
        (keys[1], 50.0, &mut read.tolerance),
        (keys[2], 100.0, &mut read.full_replan_gap),
    ] {
        share(&fields, key, (0.0, most), value, faults);
    }
    read
}

/// A share of a key that may be missing; the range is in percent.
fn share(fields: &Fields<'_>, key: &str, range: (f64, f64), value: &mut f64, faults: &mut Faults) {
    let Some(node) = fields.get(key, faults) else {
        return;
    };
    let place = format!("`{key}`");
    let place = &place;
    *value = At { node, place }.share(range, faults).unwrap_or(*value);
}

/// A number of a key that may be missing.
fn number(fields: &Fields<'_>, key: &str, range: (f64, f64), value: &mut f64, faults: &mut Faults) {
    let Some(node) = fields.get(key, faults) else {
        return;
    };
    let place = format!("`{key}`");
    let place = &place;
    *value = At { node, place }.number(range, faults).unwrap_or(*value);
}

/// A whole number of a key that may be missing.
fn count<T: TryFrom<u64>>(
    fields: &Fields<'_>,
    key: &str,
    range: (u64, u64),
    value: &mut T,
    faults: &mut Faults,
) {
    let Some(node) = fields.get(key, faults) else {
        return;
    };
    let place = format!("`{key}`");
    let place = &place;
    let read = At { node, place }.count(range, faults);
    if let Some(read) = read.and_then(|number| T::try_from(number).ok()) {
        *value = read;
    }
}

/// Patterns of a key that may be missing; a list of none is a fault.
fn patterns(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Vec<ServicePattern> {
    each(fields, key, faults, |at, faults| at.pattern(faults))
}

/// Texts of a key that may be missing; a list of none is a fault.
fn texts(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Vec<String> {
    each(fields, key, faults, |at, faults| {
        at.text(faults).map(str::to_owned)
    })
}

fn each<T>(
    fields: &Fields<'_>,
    key: &str,
    faults: &mut Faults,
    read: impl Fn(&At<'_, '_>, &mut Faults) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.get(key, faults) else {
        return Vec::new();
    };
    let nodes = list(node, &format!("`{key}`"), faults);
    if nodes.is_empty() {
        faults
            .add(node.line, format!("`{key}` has no items"))
            .hint("give one, or remove the key");
    }
    if let Some(first) = nodes.get(MAX_ITEMS) {
        let message = format!("`{key}` has {} items; {MAX_ITEMS} are allowed", nodes.len());
        faults.add(first.line, message);
    }
    let place = format!("an item of `{key}`");
    let place = &place;
    let nodes = nodes.iter().take(MAX_ITEMS);
    nodes
        .filter_map(|node| read(&At { node, place }, faults))
        .collect()
}
