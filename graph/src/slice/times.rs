//! Times that cannot be: spans that claim to have started more than a week before or after they arrived (rule 1.12).
//!
//! Nothing is dropped for its time. Such spans are moved to their arrival, together where a trace has several, because
//! their order among each other is all that is left of their times. What came from files has no arrival and stays as it
//! is. A replay of old traces over the network is moved as well: read those from files.

use super::{Event, SliceSink};
use crate::record::SpanRecord;

/// How far a start may be from the arrival of its span.
const FARTHEST_NS: u64 = 7 * 24 * 3_600 * 1_000_000_000;

/// Moves and counts the spans of a trace that are too far off.
pub(super) fn clamp(records: &mut [SpanRecord], sink: &mut impl SliceSink) {
    let off = || records.iter().filter(|record| is_off(record));
    let Some(first_ns) = off().map(|record| record.start_ns).min() else {
        return;
    };
    let arrived_ns = off().map(|record| record.arrived_ns).min().unwrap_or(0);
    for record in records.iter_mut().filter(|record| is_off(record)) {
        let since_ns = (record.start_ns - first_ns).min(FARTHEST_NS);
        record.start_ns = arrived_ns.saturating_add(since_ns);
        sink.event(record.node, Event::TimeClamped);
    }
}

/// True for a known arrival and a start far from it.
const fn is_off(record: &SpanRecord) -> bool {
    record.arrived_ns > 0 && record.start_ns.abs_diff(record.arrived_ns) > FARTHEST_NS
}
