//! Models to text. Every renderer is a pure function: same model, same bytes.

use tracemesh_graph::snapshot::EvidenceCounts;
use tracemesh_graph::time::Timestamp;

pub mod doctor;
pub mod dot;
pub mod envoy;
pub mod explain;
pub mod findings;
pub mod onboarding;
mod page;
pub mod summary;
pub mod table;

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

/// A point in time cut to whole seconds: `2026-01-31T12:00:00Z`.
#[must_use]
pub fn seconds(point: Timestamp) -> String {
    let text = point.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}
