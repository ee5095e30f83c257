//! Counts kept apart by windows of span time, for traces from files, which have no arrival times.
//!
//! ```text
//! slice --earliest span--> window of an hour (or more) --> one segment each
//! ```
//! A trace counts as a whole in the window of its earliest span, so that windows add up to what the files give in one piece.
//! Files may tell any time from 1970 to 2554: past a bound on their number windows grow, all at once, to the smallest width that
//! keeps it, which depends on the traces alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::gather;
use super::{Counters, Infer, Shard};
use crate::names::Names;
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::settings::Settings;
use crate::snapshot::Window;
use crate::tally::Tally;
use crate::time::Timestamp;

const HOUR_NS: u64 = 3_600_000_000_000;

/// Widths of windows in hours, each a multiple of the one before: the last covers all 64-bit times with fewer windows than the bound.
const WIDTHS_H: [u64; 6] = [1, 6, 24, 7 * 24, 28 * 24, 364 * 24];

/// Windows that are kept apart: six weeks of hours.
const MAX_WINDOWS: usize = 1_000;

/// Counts by window.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Index into [`WIDTHS_H`].
    width: usize,
    /// Counts of slices that are closed, by start of their window.
    parts: BTreeMap<u64, Part>,
    /// Slices that are still open, likewise; known at the end.
    open: BTreeMap<u64, Vec<u64>>,
}

/// Counts of one window.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) tally: Tally,
    pub(super) counters: Counters,
    /// What was counted before windows grew.
    earlier: Segment,
}

impl Windows {
    /// Where a slice is counted.
    pub(super) fn part(&mut self, records: &[SpanRecord], infer: Infer<'_>) -> &mut Part {
        let start = self.start(earliest(records));
        self.parts.entry(start).or_default();
        if self.parts.len() > MAX_WINDOWS {
            self.grow(infer);
        }
        let start = self.start(start);
        self.parts.entry(start).or_default()
    }

    fn width_ns(&self) -> u64 {
        WIDTHS_H[self.width] * HOUR_NS
    }

    fn start(&self, time_ns: u64) -> u64 {
        time_ns / self.width_ns() * self.width_ns()
    }

    fn grow(&mut self, infer: Infer<'_>) {
        self.width = (self.width + 1).min(WIDTHS_H.len() - 1);
        for (start, part) in std::mem::take(&mut self.parts) {
            let wider = self.start(start);
            let segment = part.into_segment(infer);
            let into = self.parts.entry(wider).or_default();
            into.earlier.merge(segment);
        }
    }

    /// Sorts open slices, given with the start of their earliest span, into windows.
    fn close(&mut self, slices: &[(u64, u64)], infer: Infer<'_>) {
        loop {
            let starts = slices.iter().map(|(_, earliest)| self.start(*earliest));
            let starts: BTreeSet<u64> = starts.chain(self.parts.keys().copied()).collect();
            if starts.len() <= MAX_WINDOWS || self.width + 1 == WIDTHS_H.len() {
                break;
            }
            self.grow(infer);
        }
        self.open.clear();
        for (key, earliest) in slices {
            let start = self.start(*earliest);
            self.open.entry(start).or_default().push(*key);
        }
    }
}

impl Part {
    fn into_segment(self, infer: Infer<'_>) -> Segment {
        let mut segment = self.earlier;
        segment.merge(self.tally.into_segment(infer.names, infer.settings));
        super::add_counters(&mut segment, self.counters);
        segment
    }
}

/// Start of the earliest span.
fn earliest(records: &[SpanRecord]) -> u64 {
    let starts = records.iter().map(|record| record.start_ns);
    starts.min().unwrap_or_default()
}

impl Shard {
    /// An empty shard that keeps windows of span time apart. Slices stay open to the end or to the bound on memory, and none
    /// waits for late spans.
    #[must_use]
    pub fn windowed(names: Arc<Names>, settings: Settings) -> Self {
        let settings = Settings {
            max_waiting_records: 0,
            ..settings
        };
        Self {
            windows: Some(Windows::default()),
            ..Self::new(names, settings)
        }
    }

    /// The windows in which there are traces, oldest first, once everything was pushed. They are aligned, do not overlap and
    /// have the same width. None when the shard keeps no windows apart.
    pub fn windows(&mut self) -> Vec<Window> {
        let slices = self.starts();
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        let Some(windows) = &mut self.windows else {
            return Vec::new();
        };
        windows.close(&slices, infer);
        let starts: BTreeSet<u64> = windows
            .parts
            .keys()
            .chain(windows.open.keys())
            .copied()
            .collect();
        let width_ns = windows.width_ns();
        let window = |start: u64| Window {
            start: Some(Timestamp(start)),
            end: Some(Timestamp(start.saturating_add(width_ns))),
        };
        starts.into_iter().map(window).collect()
    }

    /// Keys of all open slices, in order, each with the start of its earliest span.
    fn starts(&self) -> Vec<(u64, u64)> {
        let (mut group, mut records) = (Vec::new(), Vec::new());
        let mut starts = Vec::new();
        let keys = self.open.keys().into_iter();
        let mut slices = keys.filter_map(|key| self.open.slice(key));
        while gather(&mut group, &mut slices, &self.chains) {
            for slice in group.drain(..) {
                records.clear();
                self.chains.read(&slice, &mut records);
                starts.push((slice.key, earliest(&records)));
            }
        }
        starts
    }

    /// Closes the slices of a window that [`windows`](Self::windows) told, and takes its counts; again, it has none.
    pub fn take_window(&mut self, window: &Window) -> Segment {
        let start = window.start.unwrap_or_default().0;
        let open = self.windows.as_mut();
        let keys = open.and_then(|w| w.open.remove(&start));
        self.close_keys(&keys.unwrap_or_default(), super::Cause::End);
        let names = self.names.read();
        let infer = Infer {
            names: &names,
            settings: &self.settings,
            seen: &self.seen,
        };
        let part = self.windows.as_mut().and_then(|w| w.parts.remove(&start));
        part.map_or_else(Segment::default, |part| part.into_segment(infer))
    }
}

#[cfg(test)]
mod tests;
