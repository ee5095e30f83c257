//! One group becomes one segment.
//!
//! ```text
//! read every source as a whole -> merge -> join halves of calls -> write -> read back and compare -> remove the sources
//! ```

use tracemesh_graph::segment::Segment;
use tracemesh_graph::segment::tables::{Assembly, Detail};

use super::plan::{Group, covers_of, whole_window};
use super::{Compacted, WRITER};
use crate::store::StoreError;
use crate::store::gather::Job;
use crate::store::manifest::Manifest;
use crate::store::place::Place;
use crate::store::read::{Fault, SkippedSegment, Survey, is_newest_of_its_run, read_manifest};
use crate::store::upkeep::Pace;
use crate::store::write::Draft;

/// How the work on a group ended.
pub(super) enum Outcome {
    /// The group is one segment now.
    Made(Compacted),
    /// There was nothing to do, or too little could be read.
    Nothing,
    /// It was told to stop; nothing was changed.
    Stopped,
}

/// The sources of a group that could be read.
#[derive(Default)]
struct Gathered<'a> {
    sources: Vec<(&'a String, &'a Manifest)>,
    assembly: Assembly,
}

/// Puts a group together. What could not be read or written is added to `left_alone`.
///
/// # Errors
/// When the place refuses. Either the new segment is there and whole, or it is not there.
pub(super) fn execute(
    place: &dyn Place,
    survey: &Survey,
    group: &Group,
    pace: &Pace<'_>,
    left_alone: &mut Vec<SkippedSegment>,
) -> Result<Outcome, StoreError> {
    let Some(gathered) = gather(place, survey, group, pace, left_alone) else {
        return Ok(Outcome::Stopped);
    };
    let Gathered { sources, assembly } = gathered;
    let has_loose = sources.iter().any(|(_, source)| source.level < group.level);
    if sources.len() < 2 && !has_loose {
        return Ok(Outcome::Nothing);
    }
    let mut merged = assembly.finish();
    merged.join_halves();
    if !pace.goes_on() {
        return Ok(Outcome::Stopped);
    }
    let manifests = || sources.iter().map(|(_, manifest)| *manifest);
    let draft = Draft {
        level: group.level,
        window: whole_window(manifests()),
        covers: covers_of(manifests()).covers(),
    };
    let name = draft.commit(place, WRITER, &merged, &Segment::default())?;
    let made = match read_back(place, &name, &merged) {
        Ok(manifest) => manifest,
        Err(reason) => {
            place.remove(WRITER, &name)?;
            left_alone.push(SkippedSegment { name, reason });
            return Ok(Outcome::Nothing);
        }
    };
    for (source, _) in &sources {
        place.remove(WRITER, source)?;
    }
    Ok(Outcome::Made(Compacted {
        name,
        level: made.level,
        window: made.window,
        sources: sources.len(),
        bytes_before: manifests().map(Manifest::bytes).sum(),
        bytes_after: made.bytes(),
    }))
}

/// Reads the sources of a group; `None` when told to stop.
fn gather<'a>(
    place: &dyn Place,
    survey: &'a Survey,
    group: &Group,
    pace: &Pace<'_>,
    left_alone: &mut Vec<SkippedSegment>,
) -> Option<Gathered<'a>> {
    let named = group.sources.iter();
    let named: Vec<_> = named
        .filter_map(|name| survey.segments.get_key_value(name))
        .collect();
    let is_done = |manifest: &Manifest| manifest.level == group.level;
    let done = named
        .iter()
        .filter(|(_, manifest)| is_done(manifest))
        .count();
    let mut gathered = Gathered::default();
    for (name, manifest) in named {
        // Nothing could be read that is not put together already.
        if is_done(manifest) && done == 1 && gathered.sources.is_empty() {
            break;
        }
        if !pace.goes_on() {
            return None;
        }
        match add(place, survey, (name, manifest), &mut gathered.assembly) {
            Ok(()) => gathered.sources.push((name, manifest)),
            Err(reason) => left_alone.push(SkippedSegment {
                name: name.clone(),
                reason,
            }),
        }
    }
    Some(gathered)
}

/// Adds a source: what settled, and what waited when nothing can replace it any more.
fn add(
    place: &dyn Place,
    survey: &Survey,
    (name, manifest): (&str, &Manifest),
    assembly: &mut Assembly,
) -> Result<(), String> {
    let with_waiting = is_newest_of_its_run(manifest, &survey.known);
    add_whole(place, (name, manifest), with_waiting, assembly)
}

/// Adds all of a segment, or nothing.
pub(in crate::store) fn add_whole(
    place: &dyn Place,
    (name, manifest): (&str, &Manifest),
    with_waiting: bool,
    assembly: &mut Assembly,
) -> Result<(), String> {
    let job = Job {
        name,
        manifest,
        with_waiting,
    };
    job.read(place, Detail::Everything, assembly)
        .map_err(|fault| match fault {
            Fault::Gone => "it went away while it was read".to_owned(),
            Fault::Bad(reason) => reason,
        })
}

/// The manifest of a segment that was just written, if the segment says what it should.
fn read_back(place: &dyn Place, name: &str, wanted: &Segment) -> Result<Manifest, String> {
    let manifest = read_manifest(place, name)?.ok_or("it is gone after it was written")?;
    let mut assembly = Assembly::default();
    add_whole(place, (name, &manifest), true, &mut assembly)?;
    match assembly.finish() == *wanted {
        true => Ok(manifest),
        false => Err("it does not say what its sources say, and was taken back".to_owned()),
    }
}
