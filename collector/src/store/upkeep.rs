//! Upkeep: compaction and retention, by one process at a time.
//!
//! Place in the flow: `tracemesh collect` in the background, and `tracemesh store compact`, -> here -> [`compact`] and [`retain`].

use std::time::Duration;

use serde::Serialize;
use tracemesh_graph::time::Timestamp;

use super::compact::{self, Compacted, Runs, WRITER};
use super::manifest::{Level, Manifest};
use super::place::Place;
use super::read::{SkippedSegment, survey};
use super::retain::{self, Removal, Retention};
use super::{Location, StoreError};

/// What is done for a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upkeep {
    /// Segments of hours and days that are over are put together.
    pub compacts: bool,
    /// What goes.
    pub retention: Retention,
}

/// What was done for a store, or would be.
#[derive(Debug, Default, Serialize)]
pub struct UpkeepReport {
    /// Segments that were put together, in the order in which they were.
    pub compacted: Vec<Compacted>,
    /// Copies that an earlier compaction left behind; removed.
    pub copies: Vec<String>,
    /// What retention removed.
    pub removed: Vec<Removal>,
    /// What cannot be read or written, and stays as it is.
    pub left_alone: Vec<SkippedSegment>,
    /// True when it was told to stop before the end.
    pub is_cut_short: bool,
}

/// Asks before each step whether to go on, and may take its time to answer: work is to be spread out beside a receiver.
pub struct Pace<'a>(&'a dyn Fn() -> bool);

impl Upkeep {
    /// What a receiver does unless told otherwise: compaction, and 30 days of segments.
    pub const DEFAULT: Self = Self {
        compacts: true,
        retention: Retention {
            max_age: Some(Duration::from_secs(30 * 24 * 3_600)),
            max_bytes: None,
        },
    };

    /// True when there is nothing to do.
    #[must_use]
    pub fn is_idle(self) -> bool {
        !self.compacts && self.retention == Retention::default()
    }
}

impl<'a> Pace<'a> {
    /// False from `goes_on` ends the work before its next step.
    #[must_use]
    pub const fn new(goes_on: &'a dyn Fn() -> bool) -> Self {
        Self(goes_on)
    }

    pub(super) fn goes_on(&self) -> bool {
        (self.0)()
    }
}

/// Puts together what belongs to hours and days that are over, and removes what is to go. Doing it twice changes nothing.
///
/// # Errors
/// [`StoreError::Compacting`] when another process does it; else when the store is missing or the place refuses. What was done until then
/// stays done, and the next run goes on from there.
pub fn tend(
    location: &Location,
    upkeep: Upkeep,
    now: Timestamp,
    pace: &Pace<'_>,
) -> Result<UpkeepReport, StoreError> {
    tend_place(&*location.place()?, upkeep, now, pace)
}

/// [`tend`] for a place.
pub(super) fn tend_place(
    place: &dyn Place,
    upkeep: Upkeep,
    now: Timestamp,
    pace: &Pace<'_>,
) -> Result<UpkeepReport, StoreError> {
    // A lock would make a store where there is none.
    place.list()?;
    let (mut guard, _) = place.lock(WRITER).map_err(|error| match error {
        StoreError::InUse { path, .. } => StoreError::Compacting(path),
        other => other,
    })?;
    let mut report = UpkeepReport::default();
    let swept = compact::sweep(place, &survey(place)?, pace)?;
    report.copies = swept.removed;
    report.left_alone = swept.left_alone;
    if upkeep.compacts {
        let done = compact::compact(place, now, pace)?;
        report.compacted = done.made;
        report.left_alone.extend(done.left_alone);
        report.is_cut_short = done.is_cut_short;
    }
    guard.hold()?;
    if !report.is_cut_short && pace.goes_on() {
        let survey = survey(place)?;
        let runs = Runs::new(place, &survey, now)?;
        report.removed = retain::plan(&survey, &runs, upkeep.retention, now);
        retain::apply(place, &report.removed)?;
    }
    report.left_alone.sort_by(|a, b| a.name.cmp(&b.name));
    report.left_alone.dedup();
    Ok(report)
}

/// What [`tend`] would do, as far as manifests tell: sizes of what would be put together are not known.
///
/// # Errors
/// When the store is missing or cannot be listed.
pub fn plan_upkeep(
    location: &Location,
    upkeep: Upkeep,
    now: Timestamp,
) -> Result<UpkeepReport, StoreError> {
    let place = location.place()?;
    let mut survey = survey(&*place)?;
    let runs = Runs::new(&*place, &survey, now)?;
    let mut report = UpkeepReport {
        copies: survey.superseded.clone(),
        ..UpkeepReport::default()
    };
    survey.superseded.clear();
    for level in [Level::Hour, Level::Day] {
        if !upkeep.compacts {
            break;
        }
        for group in compact::plan(&survey, &runs, level, now) {
            if let Some(made) = compact::after(&mut survey, &group) {
                report.compacted.push(planned(&group, &made));
            }
        }
    }
    report.removed = retain::plan(&survey, &runs, upkeep.retention, now);
    Ok(report)
}

fn planned(group: &compact::Group, made: &Manifest) -> Compacted {
    Compacted {
        name: String::new(),
        level: group.level,
        window: made.window,
        sources: group.sources.len(),
        bytes_before: made.bytes(),
        bytes_after: 0,
    }
}
