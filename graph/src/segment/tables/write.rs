//! From a segment to its tables. Rows are in the order of the names that they stand for, so that equal segments give
//! equal tables.

mod destinations;
mod edges;
mod nodes;
mod rest;

use super::ids::Directory;
use super::sheets::Sheets;
use crate::segment::Segment;
use crate::tabular::Table;

/// What the writers of single tables share.
struct Writer<'a> {
    segment: &'a Segment,
    directory: Directory<'a>,
    sheets: Sheets,
}

/// The tables of a segment; those without rows are left out.
pub(super) fn tables(segment: &Segment) -> Vec<Table> {
    if segment.is_empty() {
        return Vec::new();
    }
    let mut writer = Writer {
        segment,
        directory: Directory::of(segment),
        sheets: Sheets::default(),
    };
    writer.nodes();
    writer.targets();
    writer.edges();
    writer.destinations();
    writer.rest();
    writer.sheets.into_tables()
}

/// High and low half of a number.
#[expect(clippy::cast_possible_truncation, reason = "halves")]
const fn halves(number: u128) -> (u64, u64) {
    ((number >> 64) as u64, number as u64)
}

/// A trace id, as every tracing UI wants it.
fn hex(trace: u128) -> String {
    format!("{trace:032x}")
}
