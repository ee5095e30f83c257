//! Trace files in, one segment out: the whole path without servers, queues or clocks.
//!
//! Place in the flow: [`Input`]s -> requests -> records -> one shard -> [`Segment`]. Slices stay open to the end (or to
//! the shard's memory bound), so the order of files and of spans in them does not matter.

mod digest;
mod error;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::span::RejectReason;

use crate::input::directory::{Entry, walk};
use crate::input::reader::{Fault, Portion, TraceReader};
use crate::input::{Compression, Format, Input, ReadLimits, display_name};

pub(crate) use digest::Digest;
pub use error::{ReadCause, ReadError};
pub(crate) use windows::{WindowedReplay, replay_windows};

/// Progress is reported once per this many bytes of a file.
const PROGRESS_BYTES: u64 = 4 << 20;

/// What the files held.
#[derive(Debug)]
pub struct Replay {
    /// Everything inferred.
    pub segment: Segment,
    /// The files that held traces, in reading order.
    pub files: Vec<FileReport>,
    /// The files of directories that held none.
    pub skipped: Vec<SkippedFile>,
    /// Spans rejected by the decoders, by reason; the segment counts them too.
    pub rejected: BTreeMap<RejectReason, u64>,
}

/// One trace file that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Path as given or found, or `standard input`.
    pub name: String,
    /// Layout found.
    pub format: Format,
    /// Compression found.
    pub compression: Compression,
    /// Export requests.
    pub requests: u64,
    /// Spans decoded.
    pub spans: u64,
    /// Spans rejected.
    pub rejected: u64,
    /// JSON objects between the requests that are no trace requests.
    pub other_objects: u64,
    /// Size as stored, in bytes.
    pub bytes: u64,
}

/// A file of a directory that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Path as found.
    pub name: String,
    /// What it is instead of a trace file.
    pub reason: String,
}

/// How far a replay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The file being read.
    pub name: String,
    /// Files finished before it.
    pub files_done: usize,
    /// Files found so far, with those not yet read; standard input counts as one.
    pub files: usize,
    /// Bytes of this file read, as stored.
    pub bytes: u64,
    /// Size of this file as stored, when it has one.
    pub total_bytes: Option<u64>,
    /// Spans decoded from all files so far.
    pub spans: u64,
}

/// Reads all inputs into one segment.
///
/// # Errors
/// At the first input that cannot be read to its end: a file that was named and holds no traces, a directory without
/// any, a damaged trace file anywhere.
pub fn replay(
    inputs: &[Input],
    settings: &Settings,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Replay, ReadError> {
    replay_with_limits(inputs, settings, ReadLimits::default(), progress)
}

/// [`replay`] with other bounds on the size of one request.
///
/// # Errors
/// As [`replay`].
pub fn replay_with_limits(
    inputs: &[Input],
    settings: &Settings,
    limits: ReadLimits,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Replay, ReadError> {
    let names = Arc::new(Names::new(settings));
    let recorder = Recorder::new(Arc::clone(&names), settings);
    let shard = Shard::new(names, settings.clone());
    let mut run = Run::new(recorder, shard, limits, progress);
    run.read_all(inputs)?;
    run.shard.close_all();
    let mut segment = run.shard.take_segment();
    let rejected = run.recorder.take_rejected();
    segment.count_rejected(&rejected);
    Ok(Replay {
        segment,
        files: run.files,
        skipped: run.skipped,
        rejected,
    })
}

/// One thing to read.
struct Source {
    input: Input,
    /// Index of the input that is the directory it was found in; it may then turn out to be something else.
    directory: Option<usize>,
}

impl Source {
    fn name(&self) -> String {
        match &self.input {
            Input::Path(path) => display_name(path),
            Input::Stdin => "standard input".to_owned(),
        }
    }

    fn open(&self) -> io::Result<(Box<dyn Read>, Option<u64>)> {
        match &self.input {
            Input::Path(path) => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                let size = metadata.is_file().then_some(metadata.len());
                Ok((Box::new(file), size))
            }
            Input::Stdin => Ok((Box::new(io::stdin().lock()), None)),
        }
    }
}

fn expand(inputs: &[Input]) -> Result<(Vec<Source>, Vec<SkippedFile>), ReadError> {
    let (mut sources, mut skipped) = (Vec::new(), Vec::new());
    for (index, input) in inputs.iter().enumerate() {
        match input {
            Input::Path(path) if path.is_dir() => {
                for entry in entries(path)? {
                    match entry {
                        Entry::File(path) => sources.push(Source {
                            input: Input::Path(path),
                            directory: Some(index),
                        }),
                        Entry::Skipped(path, reason) => skipped.push(SkippedFile {
                            name: display_name(&path),
                            reason: reason.to_owned(),
                        }),
                    }
                }
            }
            _ => sources.push(Source {
                input: input.clone(),
                directory: None,
            }),
        }
    }
    Ok((sources, skipped))
}

fn entries(directory: &Path) -> Result<Vec<Entry>, ReadError> {
    walk(directory).map_err(|(path, error)| {
        let cause = ReadCause::Io(error);
        ReadError::new(display_name(&path), cause, Portion::default())
    })
}

struct Run<'p> {
    recorder: Recorder,
    shard: Shard,
    limits: ReadLimits,
    files: Vec<FileReport>,
    skipped: Vec<SkippedFile>,
    /// Indices of the directories that held traces.
    fruitful: BTreeSet<usize>,
    /// Files found, read or not.
    total: usize,
    spans: u64,
    /// Requests so far: files have no arrival times, so their order stands in, and over the memory bound of the shard
    /// the slices untouched for longest close first.
    arrival: u64,
    /// Of the files that held traces, where they are wanted.
    digests: Option<Vec<Digest>>,
    progress: &'p mut dyn FnMut(&Progress),
}

impl<'p> Run<'p> {
    fn new(
        recorder: Recorder,
        shard: Shard,
        limits: ReadLimits,
        progress: &'p mut dyn FnMut(&Progress),
    ) -> Self {
        Self {
            recorder,
            shard,
            limits,
            files: Vec::new(),
            skipped: Vec::new(),
            fruitful: BTreeSet::new(),
            total: 0,
            spans: 0,
            arrival: 0,
            digests: None,
            progress,
        }
    }

    /// Reads everything into open slices.
    fn read_all(&mut self, inputs: &[Input]) -> Result<(), ReadError> {
        let (sources, skipped) = expand(inputs)?;
        self.skipped = skipped;
        self.total = sources.len();
        for source in &sources {
            self.read(source)?;
        }
        self.check_directories(inputs)
    }

    fn read(&mut self, source: &Source) -> Result<(), ReadError> {
        let name = source.name();
        let mut done = Portion::default();
        match self.read_file(source, &name, &mut done) {
            Ok(report) => {
                self.files.push(report);
                self.fruitful.extend(source.directory);
            }
            Err(Fault::NotTraces(found)) if source.directory.is_some() => {
                self.skipped.push(SkippedFile {
                    name,
                    reason: found,
                })
            }
            Err(fault) => return Err(ReadError::new(name, fault.into(), done)),
        }
        Ok(())
    }

    fn read_file(
        &mut self,
        source: &Source,
        name: &str,
        done: &mut Portion,
    ) -> Result<FileReport, Fault> {
        let (raw, total_bytes) = source.open().map_err(Fault::Io)?;
        let (raw, tap) = match &self.digests {
            Some(_) => digest::tap(raw),
            None => (raw, None),
        };
        let mut reader = TraceReader::open(raw, self.limits)?;
        let mut next_report = 0;
        loop {
            if reader.raw_bytes() >= next_report {
                self.report(name, reader.raw_bytes(), total_bytes);
                next_report = reader.raw_bytes() + PROGRESS_BYTES;
            }
            let Some(portion) = reader.next(&mut self.recorder)? else {
                break;
            };
            done.requests += portion.requests;
            done.spans += portion.spans;
            done.rejected += portion.rejected;
            done.other_objects += portion.other_objects;
            self.spans += portion.spans;
            self.arrival += 1;
            for record in self.recorder.take_records() {
                self.shard.push(record, self.arrival);
            }
        }
        self.report(name, reader.raw_bytes(), total_bytes);
        if let (Some(digests), Some(tap)) = (&mut self.digests, tap) {
            digests.push(tap.finish().map_err(Fault::Io)?);
        }
        Ok(FileReport {
            name: name.to_owned(),
            format: reader.format(),
            compression: reader.compression(),
            requests: done.requests,
            spans: done.spans,
            rejected: done.rejected,
            other_objects: done.other_objects,
            bytes: reader.raw_bytes(),
        })
    }

    fn report(&mut self, name: &str, bytes: u64, total_bytes: Option<u64>) {
        (self.progress)(&Progress {
            name: name.to_owned(),
            files_done: self.files.len() + self.skipped.len(),
            files: self.total,
            bytes,
            total_bytes,
            spans: self.spans,
        });
    }

    /// A directory that was named must hold traces, just like a file.
    fn check_directories(&self, inputs: &[Input]) -> Result<(), ReadError> {
        for (index, input) in inputs.iter().enumerate() {
            let Input::Path(path) = input else { continue };
            if path.is_dir() && !self.fruitful.contains(&index) {
                let cause = ReadCause::EmptyDirectory {
                    skipped: self.skipped.len(),
                };
                return Err(ReadError::new(
                    display_name(path),
                    cause,
                    Portion::default(),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
