//! Compaction: segments of single flushes become segments of hours, those become segments of days.
//!
//! ```text
//! survey -> plan (pure: which segments belong to which hour or day) -> for each group: read, merge, write, read back, remove
//! ```
//! Place in the flow: the store's upkeep -> here. Readers may run at any time: the new segment covers the flushes of its sources, so that
//! a reader counts each once whether it finds the new one, the old ones, or all of them. That is also why a crash at any
//! point costs nothing but the work.
//!
//! It never touches the newest segment of a run that may go on, because what waits in it is still to be replaced, and it
//! never merges a part of a segment: what cannot be read as a whole stays where it is.

mod plan;
mod run;
mod runs;
mod sweep;

use serde::Serialize;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::StoreError;
use super::manifest::Level;
use super::place::Place;
use super::read::{SkippedSegment, survey};
use super::upkeep::Pace;

pub(super) use plan::{Group, after, plan};
pub(super) use run::add_whole;
pub(super) use runs::Runs;
pub(super) use sweep::sweep;

/// The name under which the process that compacts has its lock: no instance can have it.
pub(super) const WRITER: &str = "+compact";

/// A segment that was put together from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Its name; empty when it was only planned.
    pub name: String,
    /// Hour or day.
    pub level: Level,
    /// The time from the first to the last of its sources.
    pub window: Window,
    /// Segments that went into it.
    pub sources: usize,
    /// Their size in bytes.
    pub bytes_before: u64,
    /// Its size in bytes; 0 when it was only planned.
    pub bytes_after: u64,
}

/// What compaction did.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// What was put together.
    pub(super) made: Vec<Compacted>,
    /// What could not be, and stays as it is.
    pub(super) left_alone: Vec<SkippedSegment>,
    /// True when it was told to stop before the end.
    pub(super) is_cut_short: bool,
}

/// Puts together what belongs to hours that are over, then what belongs to days. The caller holds the lock of [`WRITER`].
///
/// # Errors
/// When the place refuses; what was done until then stays done.
pub(super) fn compact(
    place: &dyn Place,
    now: Timestamp,
    pace: &Pace<'_>,
) -> Result<Compaction, StoreError> {
    let mut done = Compaction::default();
    for level in [Level::Hour, Level::Day] {
        let survey = survey(place)?;
        let runs = Runs::new(place, &survey, now)?;
        for group in plan(&survey, &runs, level, now) {
            match run::execute(place, &survey, &group, pace, &mut done.left_alone)? {
                run::Outcome::Made(compacted) => done.made.push(compacted),
                run::Outcome::Nothing => {}
                run::Outcome::Stopped => {
                    done.is_cut_short = true;
                    return Ok(done);
                }
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
pub(super) mod tests;
