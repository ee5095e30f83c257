//! Days: how long the steps of a wave take, and when nothing may change.

use tracemesh_graph::onboarding::{CalendarOptions, Workday};
use tracemesh_graph::policy::onboarding::FreezeRule;

use super::super::required;
use super::{MAX_DAYS, count, each, patterns, texts};
use crate::policy::faults::Faults;
use crate::policy::fields::Fields;
use crate::policy::tree::Node;
use crate::policy::values::At;

const KEYS: [&str; 7] = [
    "start",
    "prepare_days",
    "bake_days",
    "rollout_days",
    "working_days",
    "cells",
    "cell_lag_days",
];

const DAYS: [(&str, Workday); 7] = [
    ("monday", Workday::Monday),
    ("tuesday", Workday::Tuesday),
    ("wednesday", Workday::Wednesday),
    ("thursday", Workday::Thursday),
    ("friday", Workday::Friday),
    ("saturday", Workday::Saturday),
    ("sunday", Workday::Sunday),
];

/// Reads the mapping.
pub(super) fn calendar(node: &Node, faults: &mut Faults) -> CalendarOptions {
    let mut read = CalendarOptions::default();
    let Some(fields) = Fields::read(node, "`calendar`", &KEYS, faults) else {
        return read;
    };
    if let Some(node) = fields.get("start", faults) {
        let place = "`start`";
        read.start = At { node, place }.date(faults);
    }
    for (key, least, value) in [
        ("prepare_days", 0, &mut read.prepare_days),
        ("bake_days", 0, &mut read.bake_days),
        ("rollout_days", 1, &mut read.rollout_days),
        ("cell_lag_days", 0, &mut read.cell_lag_days),
    ] {
        count(&fields, key, (least, MAX_DAYS), value, faults);
    }
    let mut days = each(&fields, "working_days", faults, |at, faults| {
        at.word(&DAYS, faults)
    });
    days.sort_unstable();
    let given = days.len();
    days.dedup();
    if days.len() < given {
        faults
            .add(
                fields.line_of("working_days"),
                "a working day is said twice",
            )
            .hint("say every day once");
    }
    if !days.is_empty() {
        read.working_days = days;
    }
    read.cells = texts(&fields, "cells", faults);
    let mut sorted = read.cells.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        faults
            .add(fields.line_of("cells"), "a cell is said twice")
            .hint("list every cell once, in the order in which they are changed");
    }
    read
}

/// Reads a freeze.
pub(super) fn freeze(node: &Node, faults: &mut Faults) -> Option<FreezeRule> {
    let keys = ["name", "from", "to", "services", "teams"];
    let fields = Fields::read(node, "a freeze", &keys, faults)?;
    let name = required(&fields, "name", faults);
    let day = |key: &str, faults: &mut Faults| {
        let node = fields.require(key, faults)?;
        let place = format!("`{key}` of a freeze");
        let place = &place;
        At { node, place }.date(faults)
    };
    let (from, to) = (day("from", faults), day("to", faults));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        faults
            .add(
                fields.line_of("to"),
                format!("this freeze ends on {to}, before it begins on {from}"),
            )
            .hint("both days are part of it: the last one is the same or later");
    }
    let services = patterns(&fields, "services", faults);
    let teams = texts(&fields, "teams", faults);
    Some(FreezeRule {
        name: name?,
        from: from?,
        to: to?,
        services,
        teams,
        line: node.line,
    })
}
