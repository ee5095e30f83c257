//! Settings as people write them: keys, units and ranges, and what contradicts itself within one block.

use std::collections::BTreeMap;

use tracemesh_graph::egress::{Phase, SettingName, SettingValue};

use super::faults::Faults;
use super::fields::Fields;
use super::tree::Node;
use super::values::{At, written_ms};

/// What a value looks like, and from where to where it goes.
enum Shape {
    Flag,
    Count((u64, u64)),
    Percent((u64, u64)),
    Duration((u64, u64)),
}

/// The key of a setting: a time loses its unit, which stands in the value.
pub(super) fn key(name: SettingName) -> &'static str {
    let name = name.as_str();
    name.strip_suffix("_ms").unwrap_or(name)
}

fn shape(name: SettingName) -> Shape {
    match name.range() {
        None => Shape::Flag,
        Some(range) if name.as_str().ends_with("_ms") => Shape::Duration(range),
        Some(range) if name.as_str().ends_with("_percent") => Shape::Percent(range),
        Some(range) => Shape::Count(range),
    }
}

/// Where a block of settings stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// For services: their destinations and their inbound traffic.
    Service,
    /// For calls from some services to others.
    Edge,
}

/// Settings with the lines of their keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub values: BTreeMap<SettingName, SettingValue>,
    pub lines: BTreeMap<SettingName, usize>,
}

/// Reads a block of settings.
pub(super) fn settings(node: &Node, place: &str, scope: Scope, faults: &mut Faults) -> Settings {
    let mut read = Settings::default();
    let keys: Vec<&str> = SettingName::ALL.iter().map(|name| key(*name)).collect();
    let Some(fields) = Fields::read(node, place, &keys, faults) else {
        return read;
    };
    for entry in fields.iter() {
        let Some(name) = SettingName::ALL
            .iter()
            .find(|name| key(**name) == entry.key)
        else {
            continue;
        };
        if scope == Scope::Edge && name.is_inbound() {
            faults
                .add(
                    entry.line,
                    format!("`{}` means nothing for an edge", entry.key),
                )
                .hint("it is about calls that come in: give it to the service that they come to");
            continue;
        }
        let place = format!("`{}`", entry.key);
        if let Some(value) = value(*name, &entry.node, &place, faults) {
            read.values.insert(*name, value);
            read.lines.insert(*name, entry.line);
        }
    }
    read
}

fn value(name: SettingName, node: &Node, place: &str, faults: &mut Faults) -> Option<SettingValue> {
    let at = At { node, place };
    let number = match shape(name) {
        Shape::Flag => return at.flag(faults).map(SettingValue::Flag),
        Shape::Count(range) => at.count(range, faults),
        Shape::Percent(range) => at.percent(range, faults),
        Shape::Duration(range) => at.duration_ms(range, faults),
    };
    number.map(SettingValue::Number)
}

/// A value that must not be larger than another, and whether 0 in the other means that there is no bound.
const ORDERED: [(SettingName, SettingName, bool); 3] = [
    (SettingName::PerTryTimeout, SettingName::RouteTimeout, true),
    (SettingName::BaseEjection, SettingName::MaxEjection, false),
    (
        SettingName::MinConcurrency,
        SettingName::MaxConcurrency,
        false,
    ),
];

/// Reports pairs of values that contradict each other, among the settings of a block and those of the defaults that it
/// leaves as they are. Pairs of the defaults alone are reported with them.
pub(super) fn check_pairs(own: &Settings, defaults: &Settings, faults: &mut Faults) {
    let number = |name| match own.values.get(name).or_else(|| defaults.values.get(name)) {
        Some(SettingValue::Number(number)) => Some(*number),
        _ => None,
    };
    for (less, more, zero_is_none) in &ORDERED {
        let line = [less, more]
            .into_iter()
            .filter_map(|name| own.lines.get(name));
        let (Some(line), Some(small), Some(large)) = (line.min(), number(less), number(more))
        else {
            continue;
        };
        if small <= large || (*zero_is_none && large == 0) {
            continue;
        }
        let message = format!(
            "`{}` ({}) is above `{}` ({})",
            key(*less),
            written(*less, small),
            key(*more),
            written(*more, large)
        );
        let faults = faults.add(*line, message);
        let elsewhere = [less, more]
            .into_iter()
            .find(|name| !own.lines.contains_key(name));
        if let Some(line) = elsewhere.and_then(|name| defaults.lines.get(name)) {
            faults.hint(format!("the other value is a default, from line {line}"));
        }
    }
}

/// Reports settings in a block that says itself that it has none.
pub(super) fn check_phase(
    phase: Option<Phase>,
    settings: &Settings,
    place: &str,
    faults: &mut Faults,
) {
    let first = settings.lines.values().min();
    if let (Some(Phase::Transparent), Some(line)) = (phase, first) {
        faults
            .add(
                *line,
                format!("settings mean nothing in the phase `transparent` of {place}"),
            )
            .hint("say `phase: tuned`, or remove them");
    }
}

fn written(name: SettingName, number: u64) -> String {
    if name.as_str().ends_with("_ms") {
        written_ms(number)
    } else {
        number.to_string()
    }
}
