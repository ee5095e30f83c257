//! Trace files put into the store, one segment per window of span time.
//!
//! What names an import is its content: the files, whatever their order and names, and the options that change what they mean.
//! So importing the same files again adds nothing, and one that was cut short is completed by the next. A file that is part
//! of two imports counts twice: files of one stretch of time are best imported together.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sha2::{Digest as _, Sha256};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::span::RejectReason;

use super::cover::{Cover, CoverSet};
use super::manifest::Level;
use super::place::Place;
use super::write::Draft;
use super::{Location, StoreError, is_instance_name, read};
use crate::input::Input;
use crate::replay::{
    Digest, FileReport, Progress, ReadError, SkippedFile, WindowedReplay, replay_windows,
};

/// Bits of an epoch that tell reading options apart; those above tell contents apart. Together they fit the integers of JSON
/// readers that know floating point only.
const OPTION_BITS: u32 = 12;

/// Bits that tell contents apart: two of a thousand imports are taken for each other once in two million stores.
const CONTENT_BITS: u32 = 40;

/// What to import, and where to.
#[derive(Debug)]
pub struct Import<'a> {
    /// Trace files and directories of them.
    pub inputs: &'a [Input],
    /// The store; made when it is missing.
    pub store: &'a Location,
    /// The name under which it is written; one process at a time.
    pub instance: &'a str,
    /// Parameters of inference.
    pub settings: &'a Settings,
    /// The options among them that change what spans mean, in any spelling that is the same for the same options.
    pub options: &'a [String],
}

/// How far an import is.
#[derive(Debug)]
pub enum ImportProgress<'a> {
    /// Files are read.
    Reading(&'a Progress),
    /// Windows are inferred and written.
    Writing {
        /// Windows done.
        done: usize,
        /// Windows in all.
        of: usize,
    },
}

/// What came of an import.
#[derive(Debug)]
pub struct Imported {
    /// The files that held traces, in reading order.
    pub files: Vec<FileReport>,
    /// The files of directories that held none.
    pub skipped: Vec<SkippedFile>,
    /// Spans rejected by the decoders, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Windows of span time in which the files have traces.
    pub windows: usize,
    /// Segments written; the other windows were in the store.
    pub written: usize,
    /// From the start of the first window to the end of the last.
    pub window: Window,
}

/// Why files cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The same files are there, read in another way.
    #[error("`{0}` has these files already, imported with other reading options")]
    OtherOptions(String),
}

/// Reads trace files and adds what the store does not have of them. Nothing is touched before all files are read.
///
/// # Errors
/// See [`ImportError`]. Windows that were written before a failure stay, and count.
pub fn import(
    wanted: &Import<'_>,
    progress: &mut dyn FnMut(ImportProgress<'_>),
) -> Result<Imported, ImportError> {
    if !is_instance_name(wanted.instance) {
        let name = crate::decode::quote(wanted.instance);
        return Err(StoreError::Instance(name).into());
    }
    let mut replay = replay_windows(wanted.inputs, wanted.settings, &mut |read| {
        progress(ImportProgress::Reading(read));
    })?;
    let epoch = Epoch::of(&replay.digests, wanted.options);
    let place = wanted.store.place()?;
    let (_lock, _left) = place.lock(wanted.instance)?;
    let known = epoch.known(&read::survey(&*place)?.known);
    let Some(known) = known else {
        return Err(ImportError::OtherOptions(place.name()));
    };
    let of = replay.windows.len();
    let mut written = 0;
    for number in 0..of {
        progress(ImportProgress::Writing { done: number, of });
        let sequence = number as u64;
        if !known.iter().any(|range| range.contains(&sequence)) {
            let cover = epoch.cover(wanted.instance, sequence);
            write(&*place, cover, &mut replay, number)?;
            written += 1;
        }
    }
    Ok(Imported {
        window: Window {
            start: replay.windows.first().and_then(|window| window.start),
            end: replay.windows.last().and_then(|window| window.end),
        },
        files: replay.files,
        skipped: replay.skipped,
        rejected: replay.rejected,
        windows: of,
        written,
    })
}

fn write(
    place: &dyn Place,
    cover: Cover,
    replay: &mut WindowedReplay,
    number: usize,
) -> Result<(), StoreError> {
    let Some((window, segment)) = replay.take(number) else {
        return Ok(());
    };
    let instance = cover.instance.clone();
    let draft = Draft {
        level: Level::Flush,
        window,
        covers: vec![cover],
    };
    // Of files nothing waits: what they do not have does not come.
    draft.commit(place, &instance, &segment, &Segment::default())?;
    Ok(())
}

/// What names an import in place of the start of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Epoch(u64);

impl Epoch {
    fn of(digests: &[Digest], options: &[String]) -> Self {
        let mut content = Sha256::new();
        digests.iter().for_each(|digest| content.update(digest));
        let mut spelled = Sha256::new();
        for option in options {
            spelled.update((option.len() as u64).to_le_bytes());
            spelled.update(option);
        }
        let content = leading_bits(content, CONTENT_BITS);
        Self(content << OPTION_BITS | leading_bits(spelled, OPTION_BITS))
    }

    fn cover(self, instance: &str, sequence: u64) -> Cover {
        Cover {
            instance: instance.to_owned(),
            epoch: self.0,
            first: sequence,
            last: sequence,
        }
    }

    /// The windows that a store has of it, whoever wrote them; `None` when it has the same content under other options. Epochs
    /// of receivers are seconds since 1970, which are hardly the content of files.
    fn known(self, known: &CoverSet) -> Option<Vec<RangeInclusive<u64>>> {
        let content = |epoch: u64| epoch >> OPTION_BITS;
        let mut same = known.covers();
        same.retain(|cover| content(cover.epoch) == content(self.0));
        let is_mine = same.iter().all(|cover| cover.epoch == self.0);
        let ranges = same.into_iter().map(|cover| cover.first..=cover.last);
        is_mine.then(|| ranges.collect())
    }
}

fn leading_bits(hash: Sha256, bits: u32) -> u64 {
    let digest: Digest = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> (u64::BITS - bits)
}

#[cfg(test)]
mod tests;
