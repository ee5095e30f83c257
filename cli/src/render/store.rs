//! What `tracemesh store info` and `check` print: reports of the collector for people and for programs.
//!
//! Place in the flow: [`StoreInfo`], [`StoreCheck`] -> text. Names in a store are as hostile as names from spans.

use serde::Serialize;
use tracemesh_collector::store::{InstanceInfo, Part, StoreCheck, StoreInfo};
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::error::CliError;
use crate::render::page::Page;
use crate::render::seconds;
use crate::render::table::WIDTH;
use crate::render::table::layout::{Align, Column, Grid};
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable, thousands};

/// Gaps, superseded and skipped entries that are listed one by one; JSON has all.
const LISTED: usize = 5;

/// A report as JSON.
///
/// # Errors
/// When it cannot be written, which no input is known to cause.
pub fn json(report: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(report)
        .map(|text| text + "\n")
        .map_err(|error| CliError::new("cannot write the report as JSON").because(error))
}

/// The report for a terminal of 80 columns.
#[must_use]
pub fn info_table(info: &StoreInfo, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let segments = counted(info.segments, "segment", "segments");
    page.heading(&format!("{}: {segments}", printable(&info.store)));
    page.fact("time", &times(info.window));
    page.fact("tables", &size(info.bytes));
    if let Some(bytes) = info.bytes_per_edge_window {
        let edges = counted(info.edge_windows, "row", "rows");
        page.fact(
            "per edge",
            &format!("{bytes:.1} bytes per edge and segment ({edges} of edges)"),
        );
    }
    levels(&mut page, info);
    for instance in &info.instances {
        self::instance(&mut page, instance);
    }
    tables(&mut page, info);
    let superseded = info
        .superseded
        .iter()
        .map(|name| printable(name).into_owned());
    list(
        &mut page,
        "Superseded, to be removed by compaction",
        superseded,
    );
    let skipped = info.skipped.iter();
    let skipped = skipped.map(|s| format!("{}: {}", printable(&s.name), printable(&s.reason)));
    list(&mut page, "Passed over", skipped);
    page.finish()
}

/// What is wrong with a store, for a terminal of 80 columns.
#[must_use]
pub fn check_table(check: &StoreCheck, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let verdict = match check.faults.len() {
        0 => "nothing is wrong".to_owned(),
        many => counted(count_of(many), "fault", "faults"),
    };
    page.heading(&format!("{}: {verdict}", printable(&check.store)));
    let segments = counted(check.segments, "segment", "segments");
    let tables = counted(check.tables, "table", "tables");
    let rows = counted(check.rows, "row", "rows");
    page.fact(
        "whole",
        &format!("{segments}: {tables}, {rows}, {}", size(check.bytes)),
    );
    if !check.superseded.is_empty() {
        let superseded = counted(
            count_of(check.superseded.len()),
            "segment is",
            "segments are",
        );
        page.fact(
            "superseded",
            &format!("{superseded} in others as well; compaction removes them"),
        );
    }
    for instance in &check.killed {
        let told = format!(
            "the last run of {} ended without a goodbye: what it received after its last flush is lost",
            printable(instance)
        );
        page.fact("killed", &told);
    }
    for fault in &check.faults {
        page.raw("\n");
        page.wrapped("  ", &printable(&fault.name));
        page.wrapped("    ", &printable(&fault.reason));
        let advice = match check.recovered.contains(&fault.name) {
            true => "nothing is lost: its flushes are in other segments; it can be removed",
            false => "it counts nowhere: restore it from a copy, or move it out of the store",
        };
        page.wrapped("    hint: ", advice);
    }
    page.finish()
}

fn levels(page: &mut Page, info: &StoreInfo) {
    if info.levels.is_empty() {
        return;
    }
    page.heading("Segments");
    let mut grid = Grid::new(vec![
        Column::new("LEVEL", Align::Left),
        Column::new("SEGMENTS", Align::Right),
        Column::new("SIZE", Align::Right),
        Column::new("TIME", Align::Left).shrinking(),
    ]);
    for level in &info.levels {
        grid.row(vec![
            level.level.as_str().to_owned(),
            thousands(level.segments),
            size(level.bytes),
            times(level.window),
        ]);
    }
    page.raw(&grid.finish(WIDTH).0);
}

fn instance(page: &mut Page, instance: &InstanceInfo) {
    let state = match instance.may_be_running {
        true => "",
        false => ", not running",
    };
    page.heading(&format!(
        "Instance {}{state}",
        printable(&instance.instance)
    ));
    page.fact("time", &times(instance.window));
    let runs = counted(count_of(instance.runs.len()), "run", "runs");
    let sum = |number: fn(&_) -> u64| {
        let numbers = instance.runs.iter().map(number);
        numbers.fold(0, u64::saturating_add)
    };
    let flushes = counted(sum(|run| run.flushes), "flush", "flushes");
    let segments = counted(instance.segments, "segment", "segments");
    let mut runs = format!("{runs}, {flushes} in {segments}");
    let missing = sum(|run| run.missing);
    if missing > 0 {
        let missing = counted(missing, "flush is", "flushes are");
        runs.push_str(&format!("; {missing} missing between others"));
    }
    page.fact("runs", &runs);
    if instance.gaps.is_empty() {
        return;
    }
    let length = |gap: &Window| {
        let (start, end) = (gap.start.unwrap_or_default(), gap.end.unwrap_or_default());
        end.0.saturating_sub(start.0)
    };
    let mut gaps: Vec<&Window> = instance.gaps.iter().collect();
    gaps.sort_by_key(|gap| (std::cmp::Reverse(length(gap)), gap.start));
    let total = gaps.iter().map(|gap| length(gap));
    let total = total.fold(0, u64::saturating_add);
    let number = counted(count_of(gaps.len()), "gap", "gaps");
    let mut told = format!("{number}, {} in all", duration(total));
    let longest: Vec<String> = gaps.iter().take(LISTED).map(|gap| times(**gap)).collect();
    told.push_str(&format!("; the longest: {}", longest.join(", ")));
    page.fact("gaps", &told);
}

fn tables(page: &mut Page, info: &StoreInfo) {
    if info.tables.is_empty() {
        return;
    }
    page.heading("Tables");
    let mut grid = Grid::new(vec![
        Column::new("TABLE", Align::Left).shrinking(),
        Column::new("PART", Align::Left),
        Column::new("FILES", Align::Right),
        Column::new("ROWS", Align::Right),
        Column::new("SIZE", Align::Right),
    ]);
    for table in &info.tables {
        let part = match table.part {
            Part::Settled => "settled",
            Part::Waiting => "waiting",
        };
        grid.row(vec![
            printable(&table.table).into_owned(),
            part.to_owned(),
            thousands(table.files),
            thousands(table.rows),
            size(table.bytes),
        ]);
    }
    page.raw(&grid.finish(WIDTH).0);
}

/// The first lines of a list, and how many there are. Nothing when it is empty.
pub(super) fn list(page: &mut Page, title: &str, lines: impl ExactSizeIterator<Item = String>) {
    let number = lines.len();
    if number == 0 {
        return;
    }
    page.heading(&format!("{title}: {}", thousands(count_of(number))));
    for line in lines.take(LISTED) {
        page.wrapped("  ", &line);
    }
    if number > LISTED {
        let rest = thousands(count_of(number - LISTED));
        page.wrapped("  ", &format!("and {rest} more: see `--format json`"));
    }
}

pub(super) fn times(window: Window) -> String {
    let point = |time: Option<Timestamp>| time.map_or_else(|| "?".to_owned(), seconds);
    match (window.start, window.end) {
        (None, None) => "none".to_owned(),
        (start, end) => format!("{} to {}", point(start), point(end)),
    }
}

/// `3 d 4 h`, `5 min 7 s`: the two largest units.
fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = ns / 1_000_000_000;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if rest >= unit && parts.len() < 2 {
            parts.push(format!("{} {name}", thousands(rest / unit)));
            rest %= unit;
        }
    }
    match parts.is_empty() {
        true => "less than 1 s".to_owned(),
        false => parts.join(" "),
    }
}

/// `999 B`, `1.5 KiB`, `3.2 GiB`: cut to a tenth.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, name) in UNITS {
        let unit = 1_u64 << shift;
        if bytes >= unit {
            let tenth = bytes % unit / (unit / 10);
            return format!("{}.{} {name}", thousands(bytes / unit), tenth.min(9));
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_cut_to_what_can_be_read() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(1_048_575), "1,023.9 KiB");
        assert_eq!(size(u64::MAX), "16,777,215.9 TiB");
        assert_eq!(duration(0), "less than 1 s");
        assert_eq!(duration(307_000_000_000), "5 min 7 s");
        assert_eq!(duration(273_600_000_000_000 + 59_000_000_000), "3 d 4 h");
    }
}
