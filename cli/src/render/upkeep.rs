//! What `tracemesh store compact` and `merge` print.
//!
//! Place in the flow: reports of the collector -> text. Names in a store are as hostile as names from spans.

use std::collections::BTreeMap;

use serde::Serialize;
use tracemesh_collector::store::{
    Adopted, Compacted, LeftBehind, Level, Removal, SkippedSegment, UpkeepReport,
};

use crate::render::page::Page;
use crate::render::store::{list, size, times};
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable};

/// Schema of the JSON of `store compact`.
const COMPACT_SCHEMA: &str = "tracemesh.store-compact/v1";

/// Schema of the JSON of `store merge`.
const MERGE_SCHEMA: &str = "tracemesh.store-merge/v1";

/// What compaction and retention did, or would do: `schema`, `is_dry_run`, and
///
/// - `compacted`: `name` (empty when planned), `level` (`hour` or `day`), `window`, `sources` (segments), `bytes_before`, `bytes_after`
///   (0 when planned);
/// - `copies`: names of removed segments that an interrupted compaction had left;
/// - `removed`: `name`, `window`, `bytes`, `reason` (`age` or `size`);
/// - `left_alone`: `name`, `reason`; these could not be read or written;
/// - `is_cut_short`: true when it was told to stop.
#[derive(Debug, Serialize)]
pub struct Compaction {
    schema: &'static str,
    is_dry_run: bool,
    #[serde(flatten)]
    report: UpkeepReport,
}

impl Compaction {
    /// A report of what was done or planned.
    #[must_use]
    pub const fn new(report: UpkeepReport, is_dry_run: bool) -> Self {
        Self {
            schema: COMPACT_SCHEMA,
            is_dry_run,
            report,
        }
    }

    /// False when something had to be left as it is.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.report.left_alone.is_empty() && !self.report.is_cut_short
    }
}

/// The report for a terminal of 80 columns.
#[must_use]
pub fn compaction_table(compaction: &Compaction, palette: Palette) -> String {
    let report = &compaction.report;
    let mut page = Page::new(palette);
    page.heading(match compaction.is_dry_run {
        true => "Compaction, planned: nothing was changed",
        false => "Compaction",
    });
    for (level, one, many) in [(Level::Hour, "hour", "hours"), (Level::Day, "day", "days")] {
        let of_level = report.compacted.iter().filter(|made| made.level == level);
        let of_level: Vec<&Compacted> = of_level.collect();
        page.fact(many, &made(&of_level, (one, many), compaction.is_dry_run));
    }
    let removed = counted(count_of(report.removed.len()), "segment", "segments");
    let bytes = sum(report.removed.iter().map(|it| it.bytes));
    page.fact("retention", &format!("{removed} removed, {}", size(bytes)));
    if !report.copies.is_empty() {
        let copies = counted(count_of(report.copies.len()), "copy", "copies");
        let told = format!("{copies} that an interrupted compaction had left removed");
        page.fact("copies", &told);
    }
    list(&mut page, "Removed", report.removed.iter().map(removal));
    let left = report.left_alone.iter().map(skipped);
    list(&mut page, "Left as they are", left);
    page.finish()
}

fn made(made: &[&Compacted], (one, many): (&str, &str), is_planned: bool) -> String {
    if made.is_empty() {
        return "nothing to put together".to_owned();
    }
    let sources = sum(made.iter().map(|it| count_of(it.sources)));
    let before = size(sum(made.iter().map(|it| it.bytes_before)));
    let after = size(sum(made.iter().map(|it| it.bytes_after)));
    let number = counted(count_of(made.len()), one, many);
    let sources = counted(sources, "segment", "segments");
    match is_planned {
        true => format!("{number} from {sources} of {before}"),
        false => format!("{number} from {sources}; {before} became {after}"),
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn removal(removal: &Removal) -> String {
    let (time, size) = (times(removal.window), size(removal.bytes));
    format!("{time}, {size}, for its {}", removal.reason.as_str())
}

fn skipped(skipped: &SkippedSegment) -> String {
    format!(
        "{}: {}",
        printable(&skipped.name),
        printable(&skipped.reason)
    )
}

/// What was added from other stores: `schema`, and `sources` by the name of each store, with
///
/// - `copied`: names of segments; `bytes`: their size;
/// - `left`: names of segments that were not, and why: `known`, `growing`, `written` or `conflict`;
/// - `skipped`: `name`, `reason`; these cannot be read;
/// - `is_cut_short`: true when it was told to stop.
#[derive(Debug, Serialize)]
pub struct Merges {
    schema: &'static str,
    sources: BTreeMap<String, Adopted>,
}

impl Default for Merges {
    fn default() -> Self {
        Self {
            schema: MERGE_SCHEMA,
            sources: BTreeMap::new(),
        }
    }
}

impl Merges {
    /// Adds what came from a store. One that was given twice is told of once, as the first time found it.
    pub fn add(&mut self, source: String, adopted: Adopted) {
        self.sources.entry(source).or_insert(adopted);
    }

    /// False when segments were refused or cannot be read. Those that are to grow are neither.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sources.values().all(|adopted| {
            let mut left = adopted.left.values();
            let is_fine = left.all(|why| matches!(why, LeftBehind::Known | LeftBehind::Growing));
            is_fine && adopted.skipped.is_empty() && !adopted.is_cut_short
        })
    }
}

/// The report for a terminal of 80 columns.
#[must_use]
pub fn merge_table(merges: &Merges, palette: Palette) -> String {
    let mut page = Page::new(palette);
    for (source, adopted) in &merges.sources {
        page.heading(&printable(source));
        let copied = counted(count_of(adopted.copied.len()), "segment", "segments");
        page.fact("added", &format!("{copied}, {}", size(adopted.bytes)));
        for (why, name, words) in REASONS {
            let number = adopted.left.values().filter(|left| **left == why).count();
            if number > 0 {
                let segments = counted(count_of(number), "segment", "segments");
                page.fact(name, &format!("{segments} {words}"));
            }
        }
        let unreadable = adopted.skipped.iter().map(skipped);
        list(&mut page, "Cannot be read", unreadable);
    }
    page.finish()
}

/// Why segments are left behind, in words.
const REASONS: [(LeftBehind, &str, &str); 4] = [
    (LeftBehind::Known, "known", "there already"),
    (
        LeftBehind::Growing,
        "growing",
        "left for later: the newest of a collector that may still run; merge again when it wrote more, or a day after its end",
    ),
    (
        LeftBehind::Written,
        "refused",
        "refused: a collector of the same name writes to this store now; stop it and merge again, and give it a name of its own with `--instance`",
    ),
    (
        LeftBehind::Conflict,
        "conflict",
        "refused: a part of each is in this store together with other things; merge stores before they are compacted",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_told_with_what_to_do() {
        let mut merges = Merges::default();
        let adopted = Adopted {
            copied: vec!["a".to_owned()],
            bytes: 2048,
            left: BTreeMap::from([
                ("b\u{1b}[2J".to_owned(), LeftBehind::Conflict),
                ("c".to_owned(), LeftBehind::Growing),
            ]),
            ..Adopted::default()
        };
        merges.add("./other\u{1b}[2J".to_owned(), adopted);
        assert!(!merges.is_complete());
        let text = merge_table(&merges, Palette::Plain);
        assert!(!text.contains('\u{1b}'), "{text}");
        for words in ["1 segment, 2.0 KiB", "conflict", "growing"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn a_plan_says_that_nothing_was_changed() {
        let report = UpkeepReport::default();
        let text = compaction_table(&Compaction::new(report, true), Palette::Plain);
        assert!(text.contains("nothing was changed"), "{text}");
        assert!(text.contains("nothing to put together"), "{text}");
    }
}
