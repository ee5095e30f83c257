//! What is decided for the services that a pattern means.

use jiff::civil::Date;
use tracemesh_graph::onboarding::{Hazard, Pins, Severity};
use tracemesh_graph::policy::onboarding::{Exclusion, FixedHazard, OnboardingRule};

use super::super::{pattern, required, says_nothing, text};
use super::{MAX_WAVE, count};
use crate::policy::faults::{Faults, shown};
use crate::policy::fields::{Fields, list};
use crate::policy::tree::{Node, Value};
use crate::policy::values::{At, day};

const KEYS: [&str; 13] = [
    "service",
    "team",
    "tier",
    "effort",
    "exclude",
    "pin",
    "wave",
    "not_before",
    "not_after",
    "hazards",
    "fixed_hazards",
    "criticality",
    "attempts",
];

const SEVERITIES: [(&str, Severity); 4] = [
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("blocker", Severity::Blocker),
];

/// Hazards of one rule.
const MAX_HAZARDS: usize = 100;

/// Reads a rule.
pub(super) fn rule(node: &Node, faults: &mut Faults) -> Option<OnboardingRule> {
    let place = "a rule of `onboarding.services`";
    let fields = Fields::read(node, place, &KEYS, faults)?;
    let service = pattern(&fields, "service", faults);
    let mut tier = fields.has("tier").then_some(3_u8);
    if let Some(tier) = &mut tier {
        count(&fields, "tier", (0, 3), tier, faults);
    }
    let mut effort = fields.has("effort").then_some(1_u32);
    if let Some(effort) = &mut effort {
        count(&fields, "effort", (1, 1_000), effort, faults);
    }
    let criticality = fields.get("criticality", faults).and_then(|node| {
        let place = "`criticality`";
        At { node, place }.share((0.0, 100.0), faults)
    });
    let attempts = fields.get("attempts", faults).and_then(|node| {
        let place = "`attempts`";
        At { node, place }.number((1.0, 10.0), faults)
    });
    let exclude = fields
        .get("exclude", faults)
        .and_then(|node| exclusion(node, faults));
    let pins = pins(&fields, faults);
    if exclude.is_some() && pins != Pins::NONE {
        faults
            .add(
                node.line,
                "a service that is excluded is also pinned to a time",
            )
            .hint("keep `exclude`, or when it may join");
    }
    let team = text(&fields, "team", faults);
    let (hazards, fixed_hazards) = hazards(&fields, faults);
    if !KEYS[1..].iter().any(|key| fields.has(key)) {
        says_nothing(&fields, place, &KEYS[1..], faults);
    }
    Some(OnboardingRule {
        service: service?,
        team,
        tier,
        effort,
        exclude,
        pins,
        hazards,
        fixed_hazards,
        criticality,
        attempts,
        line: node.line,
    })
}

fn exclusion(node: &Node, faults: &mut Faults) -> Option<Exclusion> {
    let fields = Fields::read(node, "`exclude`", &["reason", "owner"], faults)?;
    let reason = required(&fields, "reason", faults);
    let owner = required(&fields, "owner", faults);
    Some(Exclusion {
        reason: reason?,
        owner: owner?,
    })
}

/// A wave or a day.
enum When {
    Wave(u32),
    Day(Date),
}

fn pins(fields: &Fields<'_>, faults: &mut Faults) -> Pins {
    let mut pins = Pins::NONE;
    if let Some(node) = fields.get("pin", faults) {
        let place = "`pin`";
        let words = [("first", true), ("last", false)];
        let is_first = At { node, place }.word(&words, faults);
        (pins.first, pins.last) = (is_first == Some(true), is_first == Some(false));
    }
    if fields.has("wave") {
        let mut wave = 0;
        count(fields, "wave", (1, MAX_WAVE), &mut wave, faults);
        pins.wave = (wave > 0).then_some(wave);
    }
    match when(fields, "not_before", faults) {
        Some(When::Wave(wave)) => pins.not_before = Some(wave),
        Some(When::Day(day)) => pins.not_before_day = Some(day),
        None => {}
    }
    match when(fields, "not_after", faults) {
        Some(When::Wave(wave)) => pins.not_after = Some(wave),
        Some(When::Day(day)) => pins.not_after_day = Some(day),
        None => {}
    }
    contradict(fields, &pins, faults);
    pins
}

fn when(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<When> {
    let node = fields.get(key, faults)?;
    let place = format!("`{key}`");
    let place = &place;
    let at = At { node, place };
    let Value::Scalar { text, .. } = &node.value else {
        // Says what is wrong with it.
        at.text(faults);
        return None;
    };
    if let Some(day) = day(text) {
        return Some(When::Day(day));
    }
    let wave = text
        .parse()
        .ok()
        .filter(|wave| (1..=MAX_WAVE).contains(&u64::from(*wave)) && !text.starts_with(['+', '0']));
    if wave.is_none() {
        faults
            .add(node.line, format!("{place} cannot be {}", shown(text)))
            .hint(format!(
                "give a wave from 1 to {MAX_WAVE}, or a day that exists: `2026-12-31`"
            ));
    }
    wave.map(When::Wave)
}

/// Pins of one rule that leave no wave.
fn contradict(fields: &Fields<'_>, pins: &Pins, faults: &mut Faults) {
    let mut refuse = |key: &str, message: &str| {
        faults
            .add(fields.line_of(key), message)
            .hint("no wave is left: remove one of the two");
    };
    if let (Some(wave), Some(first)) = (pins.wave, pins.not_before)
        && wave < first
    {
        refuse("wave", "`wave` is before `not_before`");
    }
    if let (Some(wave), Some(last)) = (pins.wave, pins.not_after)
        && wave > last
    {
        refuse("wave", "`wave` is after `not_after`");
    }
    let waves = pins.not_before.zip(pins.not_after);
    let days = pins.not_before_day.zip(pins.not_after_day);
    if waves.is_some_and(|(first, last)| first > last)
        || days.is_some_and(|(first, last)| first > last)
    {
        refuse("not_after", "`not_after` is before `not_before`");
    }
}

fn hazards(fields: &Fields<'_>, faults: &mut Faults) -> (Vec<Hazard>, Vec<FixedHazard>) {
    let hazards: Vec<Hazard> = nodes(fields, "hazards", faults)
        .iter()
        .filter_map(|node| hazard(node, faults))
        .collect();
    let fixed: Vec<FixedHazard> = nodes(fields, "fixed_hazards", faults)
        .iter()
        .filter_map(|node| fixed_hazard(node, faults))
        .collect();
    let told = hazards.iter().map(|hazard| &hazard.code);
    let mut codes: Vec<&String> = told.chain(fixed.iter().map(|fixed| &fixed.code)).collect();
    codes.sort_unstable();
    if let Some(twice) = codes.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("the hazard {} is said twice in a rule", shown(twice[0]));
        faults
            .add(fields.line, message)
            .hint("say once how bad it is, or that it is fixed");
    }
    (hazards, fixed)
}

fn nodes<'n>(fields: &Fields<'n>, key: &str, faults: &mut Faults) -> &'n [Node] {
    let Some(node) = fields.get(key, faults) else {
        return &[];
    };
    let nodes = list(node, &format!("`{key}`"), faults);
    if let Some(first) = nodes.get(MAX_HAZARDS) {
        let message = format!(
            "`{key}` has {} items; {MAX_HAZARDS} are allowed",
            nodes.len()
        );
        faults.add(first.line, message);
    }
    &nodes[..nodes.len().min(MAX_HAZARDS)]
}

fn hazard(node: &Node, faults: &mut Faults) -> Option<Hazard> {
    let fields = Fields::read(node, "a hazard", &["code", "severity"], faults)?;
    let code = fields
        .require("code", faults)
        .and_then(|node| code(node, faults));
    let severity = fields.require("severity", faults).and_then(|node| {
        let place = "`severity`";
        At { node, place }.word(&SEVERITIES, faults)
    });
    Some(Hazard {
        code: code?,
        severity: severity?,
    })
}

/// A code, or a code and how it was fixed.
fn fixed_hazard(node: &Node, faults: &mut Faults) -> Option<FixedHazard> {
    if let Value::Map(_) = &node.value {
        let fields = Fields::read(node, "a fixed hazard", &["code", "reason"], faults)?;
        let code = fields
            .require("code", faults)
            .and_then(|node| code(node, faults));
        let reason = text(&fields, "reason", faults);
        return code.map(|code| FixedHazard { code, reason });
    }
    let code = code(node, faults)?;
    Some(FixedHazard { code, reason: None })
}

/// Codes of people may be others than those that spans show, but look like them.
fn code(node: &Node, faults: &mut Faults) -> Option<String> {
    let place = "the code of a hazard";
    let code = At { node, place }.text(faults)?;
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    if code.len() > 60 || !code.bytes().all(is_plain) {
        faults
            .add(node.line, format!("{place} cannot be {}", shown(code)))
            .hint("write small letters, digits and `-`, as in `server-speaks-first`; 60 at most");
        return None;
    }
    Some(code.to_owned())
}
