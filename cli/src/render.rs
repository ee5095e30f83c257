//! Models to text. Every renderer is a pure function: same model, same bytes.

use tracemesh_graph::snapshot::{Edge, EvidenceCounts};
use tracemesh_graph::time::Timestamp;

use crate::text::thousands;

pub mod csv;
pub mod diff;
pub mod doctor;
pub mod dot;
pub mod egress_report;
pub mod envoy;
pub mod explain;
pub mod findings;
pub mod graphml;
mod group;
pub mod mermaid;
pub mod observability;
pub mod onboarding;
pub mod pack;
mod page;
pub mod policy;
pub mod removals;
pub mod store;
pub mod summary;
pub mod table;
pub mod upkeep;
pub mod verify;

#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
pub(crate) mod sample;

/// The evidence classes with their counts, strongest first.
#[must_use]
pub const fn evidence_classes(counts: EvidenceCounts) -> [(&'static str, u64); 6] {
    [
        ("paired", counts.paired),
        ("link", counts.link),
        ("parent", counts.parent),
        ("address", counts.address),
        ("alias", counts.alias),
        ("named", counts.named),
    ]
}

/// What the calls of an edge stand for, with the standard error where that is known; `None` when they stand for
/// themselves.
#[must_use]
pub fn estimate(edge: &Edge) -> Option<String> {
    let calls = thousands(edge.calls);
    let stand_for = whole(edge.weighted_calls);
    if edge.weighted_calls <= 0.0 || stand_for == calls {
        return None;
    }
    let error = edge.facts.sampling?.standard_error;
    Some(match error {
        Some(error) => format!("{stand_for} +/- {}", whole(error.ceil())),
        None => stand_for,
    })
}

/// A number from outside, rounded, with separators; what no count can be is the largest or 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, which is what is wanted"
)]
pub fn whole(number: f64) -> String {
    thousands(number.round() as u64)
}

/// One component of a path from any name: plain when it can be, else a readable stem and a hash, so that different names stay
/// different.
#[must_use]
pub fn path_component(name: &str) -> String {
    envoy::path_component(name, "unnamed")
}

/// A point in time cut to whole seconds: `2026-01-31T12:00:00Z`.
#[must_use]
pub fn seconds(point: Timestamp) -> String {
    let text = point.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}
