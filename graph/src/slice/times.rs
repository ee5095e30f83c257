//! Times that cannot be: spans that claim to have started long before or after they arrived (rule 1.12).
//!
//! Nothing is dropped for its time. Such spans are moved to their arrival, together where a trace has several, because
//! their order among each other is all that is left of their times. What came from files has no arrival and stays as it
//! is. A replay of old traces over the network would be moved as well: the bound is a setting.

use super::{Event, SliceSink};
use crate::record::{Marks, SpanRecord};

/// How far apart the spans that are moved may end up: a time of 1970 beside one of 2500 must not take the others along.
const SPREAD_NS: u64 = 7 * 24 * 3_600 * 1_000_000_000;

/// The spans of a trace, those that are too far off moved and counted; `moved` has room for copies of them, because nearly no
/// trace needs one.
pub(super) fn clamp<'a>(
    records: &'a [SpanRecord],
    moved: &'a mut Vec<SpanRecord>,
    sink: &mut impl SliceSink,
) -> &'a [SpanRecord] {
    moved.clear();
    let off = || {
        records
            .iter()
            .filter(|record| record.marks.has(Marks::TIME_OFF))
    };
    let Some(first_ns) = off().map(|record| record.start_ns).min() else {
        return records;
    };
    let arrived_ns = off().map(|record| record.arrived_ns).min().unwrap_or(0);
    moved.extend_from_slice(records);
    let off = moved.iter_mut();
    for record in off.filter(|record| record.marks.has(Marks::TIME_OFF)) {
        let since_ns = record.start_ns.saturating_sub(first_ns).min(SPREAD_NS);
        record.start_ns = arrived_ns.saturating_add(since_ns);
        sink.event(record.node, Event::TimeClamped);
    }
    moved
}
