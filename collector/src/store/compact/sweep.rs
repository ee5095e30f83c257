//! Removes copies: segments whose flushes others hold as well, left behind where a compaction was cut short.
//!
//! A copy goes only when what holds its flushes can be read as a whole. Else it is the other that goes, when everything in
//! it is in copies that can be read: what was put together is worth nothing without its tables.

use tracemesh_graph::segment::tables::Assembly;

use super::plan::covers_of;
use super::{WRITER, run};
use crate::store::StoreError;
use crate::store::cover::{CoverSet, Relation};
use crate::store::manifest::Manifest;
use crate::store::place::Place;
use crate::store::read::{SkippedSegment, Survey, read_manifest};
use crate::store::upkeep::Pace;

/// What went and what had to stay.
#[derive(Debug, Default)]
pub(in crate::store) struct Sweep {
    /// Names of segments that were removed.
    pub(in crate::store) removed: Vec<String>,
    /// Segments that cannot be read.
    pub(in crate::store) left_alone: Vec<SkippedSegment>,
}

/// Removes copies. The caller holds the lock of [`WRITER`].
///
/// # Errors
/// When the place refuses.
pub(in crate::store) fn sweep(
    place: &dyn Place,
    survey: &Survey,
    pace: &Pace<'_>,
) -> Result<Sweep, StoreError> {
    let mut done = Sweep::default();
    let mut copies: Vec<(&String, Manifest)> = Vec::new();
    for name in &survey.superseded {
        if let Ok(Some(manifest)) = read_manifest(place, name) {
            copies.push((name, manifest));
        }
    }
    if copies.is_empty() {
        return Ok(done);
    }
    let copied = covers_of(copies.iter().map(|(_, manifest)| manifest));
    let mut sound = CoverSet::default();
    for (name, manifest) in &survey.segments {
        if !meets(&copied, manifest) {
            continue;
        }
        if !pace.goes_on() {
            return Ok(done);
        }
        match check(place, name, manifest) {
            Ok(()) => sound.add(&manifest.covers),
            Err(reason) => done.left_alone.push(SkippedSegment {
                name: name.clone(),
                reason,
            }),
        }
    }
    for (name, manifest) in &copies {
        if sound.relation(&manifest.covers) == Relation::Known {
            place.remove(WRITER, name)?;
            done.removed.push((*name).clone());
        }
    }
    heal(place, survey, &copies, &mut done)?;
    Ok(done)
}

fn meets(copied: &CoverSet, manifest: &Manifest) -> bool {
    copied.relation(&manifest.covers) != Relation::New
}

/// Removes what cannot be read and is in copies as a whole.
fn heal(
    place: &dyn Place,
    survey: &Survey,
    copies: &[(&String, Manifest)],
    done: &mut Sweep,
) -> Result<(), StoreError> {
    if done.left_alone.is_empty() {
        return Ok(());
    }
    let mut sound = CoverSet::default();
    for (name, manifest) in copies {
        if !done.removed.contains(name) && check(place, name, manifest).is_ok() {
            sound.add(&manifest.covers);
        }
    }
    let mut kept = Vec::new();
    for left in std::mem::take(&mut done.left_alone) {
        let manifest = survey.segments.get(&left.name);
        if manifest.is_some_and(|it| sound.relation(&it.covers) == Relation::Known) {
            place.remove(WRITER, &left.name)?;
            done.removed.push(left.name);
        } else {
            kept.push(left);
        }
    }
    done.left_alone = kept;
    Ok(())
}

/// Reads a segment as a whole.
fn check(place: &dyn Place, name: &str, manifest: &Manifest) -> Result<(), String> {
    run::add_whole(place, (name, manifest), true, &mut Assembly::default())
}
