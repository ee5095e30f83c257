//! Every byte of a store, read and judged.
//!
//! Place in the flow: every segment, whether it counts or not -> [`StoreCheck`] -> `tracemesh store check`. Nothing is changed. It
//! is the public format `tracemesh.store-check/v1`, so fields are added and never change.

use std::collections::BTreeSet;

use serde::Serialize;
use tracemesh_graph::segment::tables::{Assembly, Detail};

use super::gather::Job;
use super::manifest::{FileEntry, Manifest};
use super::place::Place;
use super::read::{Fault, SkippedSegment, read_manifest, survey};
use super::{CoverSet, LastRun, Location, Relation, StoreError, run};

/// Value of the `schema` field.
pub const CHECK_SCHEMA: &str = "tracemesh.store-check/v1";

/// What was found wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreCheck {
    /// Always [`CHECK_SCHEMA`].
    pub schema: &'static str,
    /// The store as it was named.
    pub store: String,
    /// Segments that are whole, superseded ones among them.
    pub segments: u64,
    /// Their tables.
    pub tables: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is foreign or damaged, by name.
    pub faults: Vec<SkippedSegment>,
    /// Those of the faults whose flushes are in another segment that is whole: nothing is lost with them.
    pub recovered: Vec<String>,
    /// Segments whose flushes others hold as well. That is no fault: compaction removes them.
    pub superseded: Vec<String>,
    /// Instances of which a run ended without a goodbye and none began since.
    pub killed: Vec<String>,
}

impl StoreCheck {
    /// True when nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads every file that a store's segments list.
///
/// # Errors
/// When the store is missing or cannot be listed.
pub fn check(location: &Location) -> Result<StoreCheck, StoreError> {
    let place = location.place()?;
    let found = survey(&*place)?;
    let mut check = StoreCheck {
        schema: CHECK_SCHEMA,
        store: location.to_string(),
        segments: 0,
        tables: 0,
        rows: 0,
        bytes: 0,
        faults: found.skipped,
        recovered: Vec::new(),
        superseded: found.superseded.clone(),
        killed: Vec::new(),
    };
    let instances = found.known.covers().into_iter();
    let instances: BTreeSet<String> = instances.map(|cover| cover.instance).collect();
    check.killed = instances
        .into_iter()
        .filter(|name| is_killed(&*place, name))
        .collect();
    let mut whole = CoverSet::default();
    let mut damaged = Vec::new();
    let superseded = found.superseded.into_iter().filter_map(|name| {
        // Gone since, or told already.
        let manifest = read_manifest(&*place, &name).ok()??;
        Some((name, manifest))
    });
    for (name, manifest) in found.segments.into_iter().chain(superseded) {
        match check.segment(&*place, &name, &manifest) {
            Ok(()) => whole.add(&manifest.covers),
            Err(Fault::Gone) => {}
            Err(Fault::Bad(reason)) => {
                check.faults.push(SkippedSegment {
                    name: name.clone(),
                    reason,
                });
                damaged.push((name, manifest.covers));
            }
        }
    }
    let recovered = damaged.into_iter();
    let recovered = recovered.filter(|(_, covers)| whole.relation(covers) == Relation::Known);
    check.recovered = recovered.map(|(name, _)| name).collect();
    check.recovered.sort_unstable();
    check.faults.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(check)
}

/// A note that nobody keeps any more.
fn is_killed(place: &dyn Place, instance: &str) -> bool {
    let has_note = run::last(place, instance) != LastRun::Complete;
    has_note && matches!(place.is_locked(instance), Ok(false))
}

impl StoreCheck {
    fn segment(&mut self, place: &dyn Place, name: &str, manifest: &Manifest) -> Result<(), Fault> {
        let files: Vec<&FileEntry> = manifest.files.iter().collect();
        let job = Job {
            name,
            manifest,
            with_waiting: true,
        };
        job.read(place, Detail::Everything, &mut Assembly::default())?;
        self.segments += 1;
        self.tables += files.len() as u64;
        // Compared with what is there, so they are true and small.
        self.rows += files.iter().map(|file| file.rows).sum::<u64>();
        self.bytes += files.iter().map(|file| file.bytes).sum::<u64>();
        Ok(())
    }
}
