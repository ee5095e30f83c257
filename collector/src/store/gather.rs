//! Segments read and put together on all cores.
//!
//! Threads take one segment after the other, the largest first, and put what they read into an assembly of their own; these
//! are merged at the end. Merging commutes, so the outcome does not depend on who read what. At no time is more than one
//! segment per thread in memory beside what is merged.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::{Assembly, Detail};

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
        let mut parts = vec![read_tables(
            place,
            self.name,
            &self.files(Part::Settled),
            detail,
        )?];
        if self.with_waiting {
            let waiting = self.files(Part::Waiting);
            parts.push(read_tables(place, self.name, &waiting, detail)?);
        }
        let added = assembly.add_parts(parts);
        added.map_err(|error| Fault::Bad(error.to_string()))
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
    let work = || {
        let mut assembly = Assembly::default();
        let mut faults = BTreeMap::new();
        while !is_over.load(Ordering::Relaxed) {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            match job.read(place, detail, &mut assembly) {
                Ok(()) => {}
                Err(Fault::Bad(reason)) => drop(faults.insert(job.name.to_owned(), reason)),
                Err(Fault::Gone) => is_over.store(true, Ordering::Relaxed),
            }
        }
        (assembly.finish(), faults)
    };
    let shares = thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(jobs.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mut shares = vec![work()];
        for other in others {
            shares.push(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        shares
    });
    if is_over.into_inner() {
        return None;
    }
    let mut gathered = Gathered::default();
    for (segment, faults) in shares {
        match gathered.segment.is_empty() {
            true => gathered.segment = segment,
            false => gathered.segment.merge(segment),
        }
        gathered.faults.extend(faults);
    }
    Some(gathered)
}
