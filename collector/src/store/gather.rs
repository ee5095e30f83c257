//! Segments read and put together on all cores.
//!
//! Threads take one segment after the other, the largest first, decode and check it, and put it into the one assembly that
//! they share: a second one would cost as much memory again, and merging the two more time than waiting does. Merging
//! commutes, so the outcome does not depend on who read what. At no time is more than one segment per thread in memory beside
//! what is merged.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::{Assembly, CheckedSegment, Detail};

use super::manifest::{FileEntry, Manifest, Part};
use super::place::Place;
use super::read::{Fault, read_tables};

/// A segment to read.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// What it says of itself.
    pub(super) manifest: &'a Manifest,
    /// What waits in it counts as well.
    pub(super) with_waiting: bool,
}

impl Job<'_> {
    fn files(&self, part: Part) -> Vec<&FileEntry> {
        let files = self.manifest.files.iter();
        files.filter(|file| file.part == part).collect()
    }

    fn bytes(&self) -> u64 {
        let files = self.manifest.files.iter();
        files.fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Adds all of the segment, or nothing.
    pub(super) fn read(
        &self,
        place: &dyn Place,
        detail: Detail,
        assembly: &mut Assembly,
    ) -> Result<(), Fault> {
        assembly.add_checked(&self.check(place, detail)?);
        Ok(())
    }

    /// All of the segment, checked.
    fn check(&self, place: &dyn Place, detail: Detail) -> Result<CheckedSegment, Fault> {
        let settled = self.files(Part::Settled);
        let mut parts = vec![read_tables(place, self.name, &settled, detail)?];
        if self.with_waiting {
            let waiting = self.files(Part::Waiting);
            parts.push(read_tables(place, self.name, &waiting, detail)?);
        }
        CheckedSegment::of(parts).map_err(|error| Fault::Bad(error.to_string()))
    }
}

/// What became of the jobs.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// All segments that could be read, merged.
    pub(super) segment: Segment,
    /// Those that could not, and why.
    pub(super) faults: BTreeMap<String, String>,
}

/// Reads and merges segments; `None` when one of them went away meanwhile.
pub(super) fn gather(
    place: &dyn Place,
    mut jobs: Vec<Job<'_>>,
    detail: Detail,
) -> Option<Gathered> {
    jobs.sort_by(|a, b| b.bytes().cmp(&a.bytes()).then_with(|| a.name.cmp(b.name)));
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let assembly = Mutex::new(Assembly::default());
    let work = || {
        let mut faults = BTreeMap::new();
        while !is_over.load(Ordering::Relaxed) {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            match job.check(place, detail) {
                // Who panicked while it held the lock is heard of when it is joined.
                Ok(segment) => assembly
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add_checked(&segment),
                Err(Fault::Bad(reason)) => drop(faults.insert(job.name.to_owned(), reason)),
                Err(Fault::Gone) => is_over.store(true, Ordering::Relaxed),
            }
        }
        faults
    };
    let faults = thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(jobs.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mut faults = work();
        for other in others {
            faults.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        faults
    });
    if is_over.into_inner() {
        return None;
    }
    let assembly = assembly.into_inner();
    Some(Gathered {
        segment: assembly.unwrap_or_else(PoisonError::into_inner).finish(),
        faults,
    })
}
