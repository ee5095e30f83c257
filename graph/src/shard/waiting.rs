//! The second tier: closed slices that wait for late spans (inference rule 1.3).
//!
//! Slices of about the same age wait together, as a cohort, and settle together: until then their counts can be taken
//! back as a whole. A late span takes its slice out of the cohort; the counts of the others are then made again, once, when
//! somebody asks for them. A slice in which nothing is missing waits for a short while only, and only while there is
//! plenty of room: a late span of it is possible, but nothing says that there is one.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Infer;
use super::open::OpenSlices;
use crate::record::SpanRecord;
use crate::segment::Segment;
use crate::settings::Settings;
use crate::tally::Tally;

/// Cohorts that one wait is divided into: more of them keep fewer slices waiting longer than they must, and cost more
/// merging at every flush.
const COHORTS: u64 = 8;

/// Slices that wait, oldest cohort first.
#[derive(Debug)]
pub(super) struct Waiting {
    complete: Line,
    incomplete: Line,
    /// Cohort of each slice.
    cohorts: HashMap<u64, u64>,
    next_number: u64,
    records: usize,
    max_records: usize,
}

/// Cohorts that wait equally long.
#[derive(Debug)]
struct Line {
    wait_ms: u64,
    cohorts: VecDeque<Cohort>,
}

/// Slices that settle together.
#[derive(Debug)]
pub(super) struct Cohort {
    number: u64,
    /// Takes further slices until then.
    closes_ms: u64,
    /// Settles then.
    settles_ms: u64,
    slices: HashMap<u64, Vec<SpanRecord>>,
    records: usize,
    /// Counts of slices since the segment was last brought up to date.
    tally: Tally,
    segment: Segment,
    /// A slice left or changed: segment and tally are no longer its sum.
    is_stale: bool,
    is_cut: bool,
}

/// A slice that has closed.
pub(super) struct Arrived {
    pub(super) key: u64,
    pub(super) records: Vec<SpanRecord>,
    pub(super) is_complete: bool,
    /// The cohort in which its earlier spans waited.
    pub(super) cohort: Option<u64>,
}

impl Waiting {
    pub(super) fn new(settings: &Settings) -> Self {
        let line = |wait_ms| Line {
            wait_ms,
            cohorts: VecDeque::new(),
        };
        Self {
            complete: line(settings.dedupe_window_ms),
            incomplete: line(settings.late_wait_ms),
            cohorts: HashMap::new(),
            next_number: 0,
            records: 0,
            max_records: settings.max_waiting_records,
        }
    }

    /// Records in all slices.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Takes a slice out, adds its records to those that came late, and returns the cohort it waited in.
    pub(super) fn rejoin(&mut self, key: u64, late: &mut Vec<SpanRecord>) -> Option<u64> {
        let number = self.cohorts.remove(&key)?;
        let cohort = self.cohort(number)?;
        let earlier = cohort.slices.remove(&key)?;
        cohort.records -= earlier.len();
        cohort.is_stale = true;
        self.records -= earlier.len();
        late.extend(earlier);
        Some(number)
    }

    /// Lets a slice wait; gives its records back when there is no room for it. A slice that is still incomplete
    /// waits on where it waited before, so that nothing waits for ever.
    pub(super) fn admit(
        &mut self,
        arrived: Arrived,
        now_ms: u64,
        infer: Infer<'_>,
    ) -> Option<Vec<SpanRecord>> {
        let count = arrived.records.len();
        let room = match arrived.is_complete {
            true => self.max_records / 2,
            false => self.max_records,
        };
        let is_room = if arrived.is_complete {
            self.records + count <= room
        } else {
            count <= room
        };
        if !is_room || count == 0 {
            return Some(arrived.records);
        }
        let number = match arrived.cohort {
            Some(number) if !arrived.is_complete && self.cohort(number).is_some() => number,
            _ => self.current(arrived.is_complete, now_ms),
        };
        self.cohorts.insert(arrived.key, number);
        self.records += count;
        if let Some(cohort) = self.cohort(number) {
            cohort.add(arrived.key, arrived.records, infer);
        }
        None
    }

    /// The next cohort whose wait is over.
    pub(super) fn next_over(&mut self, now_ms: u64) -> Option<Cohort> {
        let is_over = |line: &Line| {
            let front = line.cohorts.front();
            front.is_some_and(|cohort| cohort.settles_ms <= now_ms)
        };
        let line = self.lines().into_iter().find(|line| is_over(line))?;
        let cohort = line.cohorts.pop_front();
        self.forget(cohort)
    }

    /// The cohort that has to make room, if the budget is exceeded: what lacks nothing goes first.
    pub(super) fn next_excess(&mut self) -> Option<Cohort> {
        if self.records <= self.max_records {
            return None;
        }
        let mut cohort = self.next_cohort()?;
        cohort.is_cut = true;
        Some(cohort)
    }

    /// Any cohort: complete ones first, the oldest first.
    pub(super) fn next_cohort(&mut self) -> Option<Cohort> {
        let lines = self.lines();
        let cohort = lines.into_iter().find_map(|line| line.cohorts.pop_front());
        self.forget(cohort)
    }

    /// The counts of all that waits, as it stands, and of what is still open, as if nothing more came.
    pub(super) fn segment(&mut self, open: &OpenSlices, infer: Infer<'_>) -> Segment {
        let mut tally = Tally::default();
        let mut late: BTreeMap<u64, BTreeMap<u64, Vec<SpanRecord>>> = BTreeMap::new();
        for (key, records) in open.slices() {
            let mut records = records.clone();
            let mut sink = infer.sink(&mut tally);
            infer.seen.drop_repeats(key, &mut records, &mut sink);
            match self.cohorts.get(&key) {
                Some(cohort) => {
                    late.entry(*cohort).or_default().insert(key, records);
                }
                None => infer.slice(key, records, &mut tally),
            }
        }
        let mut all = tally.into_segment(infer.names, infer.settings);
        for line in self.lines() {
            for cohort in &mut line.cohorts {
                all.merge(match late.remove(&cohort.number) {
                    Some(late) => cohort.with(late, infer),
                    None => cohort.segment(infer).clone(),
                });
            }
        }
        all
    }

    fn lines(&mut self) -> [&mut Line; 2] {
        [&mut self.complete, &mut self.incomplete]
    }

    fn cohort(&mut self, number: u64) -> Option<&mut Cohort> {
        let lines = self.lines().into_iter();
        let mut cohorts = lines.flat_map(|line| &mut line.cohorts);
        cohorts.find(|cohort| cohort.number == number)
    }

    fn forget(&mut self, cohort: Option<Cohort>) -> Option<Cohort> {
        let cohort = cohort?;
        self.records -= cohort.records;
        let keys = cohort.slices.keys();
        keys.for_each(|key| {
            self.cohorts.remove(key);
        });
        Some(cohort)
    }

    /// The number of the cohort that takes slices now; a new one if the last has closed or is large.
    fn current(&mut self, is_complete: bool, now_ms: u64) -> u64 {
        let share = self.max_records / usize::try_from(COHORTS).unwrap_or(1);
        let number = self.next_number;
        let line = if is_complete {
            &mut self.complete
        } else {
            &mut self.incomplete
        };
        if let Some(last) = line.cohorts.back()
            && now_ms < last.closes_ms
            && last.records <= share
        {
            return last.number;
        }
        let closes_ms = now_ms.saturating_add(line.wait_ms / COHORTS + 1);
        line.cohorts.push_back(Cohort {
            number,
            closes_ms,
            settles_ms: closes_ms.saturating_add(line.wait_ms),
            slices: HashMap::new(),
            records: 0,
            tally: Tally::default(),
            segment: Segment::default(),
            is_stale: false,
            is_cut: false,
        });
        self.next_number += 1;
        number
    }
}

impl Cohort {
    fn add(&mut self, key: u64, records: Vec<SpanRecord>, infer: Infer<'_>) {
        self.records += records.len();
        if !self.is_stale {
            infer.slice(key, records.clone(), &mut self.tally);
        }
        self.slices.insert(key, records);
    }

    /// The counts of its slices.
    pub(super) fn segment(&mut self, infer: Infer<'_>) -> &Segment {
        if self.is_stale {
            self.is_stale = false;
            self.segment = Segment::default();
            // In order, so that caps cut the same whenever this is done.
            let mut tally = Tally::default();
            for (key, records) in self.slices() {
                infer.slice(key, records.clone(), &mut tally);
            }
            self.tally = tally;
        }
        let tally = std::mem::take(&mut self.tally);
        self.segment
            .merge(tally.into_segment(infer.names, infer.settings));
        &self.segment
    }

    /// The counts of its slices together with what came since, and may yet be followed by more.
    fn with(&self, mut late: BTreeMap<u64, Vec<SpanRecord>>, infer: Infer<'_>) -> Segment {
        let mut tally = Tally::default();
        for (key, records) in self.slices() {
            let mut records = records.clone();
            records.extend(late.remove(&key).into_iter().flatten());
            infer.slice(key, records, &mut tally);
        }
        tally.into_segment(infer.names, infer.settings)
    }

    /// Its slices by key, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = (u64, &Vec<SpanRecord>)> {
        let mut keys: Vec<u64> = self.slices.keys().copied().collect();
        keys.sort_unstable();
        keys.into_iter()
            .filter_map(|key| Some((key, self.slices.get(&key)?)))
    }

    /// True when it settles before its time, for want of room.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}
