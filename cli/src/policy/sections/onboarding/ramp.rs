//! The ramp: limits that widen from wave to wave.

use tracemesh_graph::onboarding::Ramp;

use super::{count, each, number};
use crate::policy::faults::Faults;
use crate::policy::fields::Fields;
use crate::policy::tree::Node;

const KEYS: [&str; 6] = [
    "first_size",
    "growth",
    "size_cap",
    "traffic_caps",
    "risk_ceilings",
    "team_cap",
];

/// Services of one wave; more is no wave.
const MAX_SIZE: u64 = 100_000;

/// Reads the mapping.
pub(super) fn ramp(node: &Node, faults: &mut Faults) -> Ramp {
    let mut read = Ramp::default();
    let Some(fields) = Fields::read(node, "`ramp`", &KEYS, faults) else {
        return read;
    };
    number(
        &fields,
        "first_size",
        (1.0, 10_000.0),
        &mut read.first_size,
        faults,
    );
    number(&fields, "growth", (1.0, 100.0), &mut read.growth, faults);
    if fields.has("size_cap") {
        let mut cap = 0_usize;
        count(&fields, "size_cap", (1, MAX_SIZE), &mut cap, faults);
        read.size_cap = (cap > 0).then_some(cap);
    }
    count(
        &fields,
        "team_cap",
        (1, MAX_SIZE),
        &mut read.team_cap,
        faults,
    );
    let caps = each(&fields, "traffic_caps", faults, |at, faults| {
        at.share((0.01, 100.0), faults)
    });
    let ceilings = each(&fields, "risk_ceilings", faults, |at, faults| {
        at.number((0.0, 1.0), faults)
    });
    for (key, given, value) in [
        ("traffic_caps", caps, &mut read.traffic_caps),
        ("risk_ceilings", ceilings, &mut read.risk_ceilings),
    ] {
        if let Some(pair) = given.windows(2).position(|pair| pair[1] < pair[0]) {
            let message = format!("`{key}` falls after wave {}", pair + 1);
            faults
                .add(fields.line_of(key), message)
                .hint("a ramp widens: give each wave at least what the one before has");
        }
        if !given.is_empty() {
            *value = given;
        }
    }
    read
}
